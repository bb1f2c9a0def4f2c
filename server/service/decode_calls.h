// The requests of unary calls that change something or wait -> arguments of
// core.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_SERVICE_DECODE_CALLS_H_
#define CAISSON_SERVER_SERVICE_DECODE_CALLS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "caisson/v1/container_service.pb.h"
#include "caisson/v1/exec_service.pb.h"
#include "caisson/v1/network_service.pb.h"
#include "caisson/v1/system_service.pb.h"
#include "server/core/container_manager.h"
#include "server/core/exec_manager.h"
#include "server/core/network_manager.h"
#include "server/core/system.h"
#include "server/service/door.h"

namespace caisson::service {

absl::StatusOr<core::CreateArgs> DecodeCreate(
    const Door& door, const caisson::v1::CreateContainerRequest& request);
absl::StatusOr<core::DeleteArgs> DecodeDelete(
    const caisson::v1::DeleteContainerRequest& request);
absl::StatusOr<core::StartArgs> DecodeStart(
    const caisson::v1::StartContainerRequest& request);
absl::StatusOr<core::StopArgs> DecodeStop(
    const caisson::v1::StopContainerRequest& request);
absl::StatusOr<core::KillArgs> DecodeKill(
    const caisson::v1::KillContainerRequest& request);
absl::StatusOr<core::WaitArgs> DecodeWait(
    const caisson::v1::WaitContainerRequest& request);

// A spec, or a container that exists.
struct ExplainSubject {
  std::optional<spec::ContainerSpec> spec;
  std::string container;
};
absl::StatusOr<ExplainSubject> DecodeExplain(
    const Door& door, const caisson::v1::ExplainContainerRequest& request);

absl::StatusOr<core::KillExecArgs> DecodeKillExec(
    const caisson::v1::KillExecRequest& request);
absl::StatusOr<std::string> DecodeWaitExec(
    const caisson::v1::WaitExecRequest& request);

// What ExecSync does besides the exec itself.
struct SyncArgs {
  core::ExecArgs exec;
  std::optional<std::string> input;  // unset: no stdin
  int64_t max_output_bytes = 0;
  bool text = false;
};
absl::StatusOr<SyncArgs> DecodeExecSync(
    const Door& door, const caisson::v1::ExecSyncRequest& request);

absl::StatusOr<core::CreateNetworkArgs> DecodeCreateNetwork(
    const Door& door, const caisson::v1::CreateNetworkRequest& request);
absl::StatusOr<core::ExplainNetworkArgs> DecodeExplainNetwork(
    const Door& door, const caisson::v1::ExplainNetworkRequest& request);
absl::StatusOr<core::DeleteNetworkArgs> DecodeDeleteNetwork(
    const caisson::v1::DeleteNetworkRequest& request);
absl::StatusOr<core::ConnectArgs> DecodeConnect(
    const caisson::v1::ConnectContainerRequest& request);
absl::StatusOr<core::DisconnectArgs> DecodeDisconnect(
    const caisson::v1::DisconnectContainerRequest& request);
absl::StatusOr<core::PublishArgs> DecodePublish(
    const caisson::v1::PublishPortRequest& request);
absl::StatusOr<core::UnpublishArgs> DecodeUnpublish(
    const caisson::v1::UnpublishPortRequest& request);

absl::StatusOr<core::CreateNetworkNamespaceArgs> DecodeCreateNamespace(
    const caisson::v1::CreateNetworkNamespaceRequest& request);
absl::StatusOr<core::DeleteNetworkNamespaceArgs> DecodeDeleteNamespace(
    const caisson::v1::DeleteNetworkNamespaceRequest& request);

absl::StatusOr<core::AuditArgs> DecodeAudit(
    const caisson::v1::AuditRequest& request);
absl::StatusOr<core::RepairArgs> DecodeRepair(
    const caisson::v1::RepairHostRequest& request);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_DECODE_CALLS_H_
