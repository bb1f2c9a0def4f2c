// The first requests of streams, and the specs in requests, -> arguments of
// core.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_SERVICE_DECODE_START_H_
#define CAISSON_SERVER_SERVICE_DECODE_START_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

#include "caisson/v1/container_service.pb.h"
#include "caisson/v1/exec_service.pb.h"
#include "caisson/v1/network_service.pb.h"
#include "server/core/container_manager.h"
#include "server/core/exec_manager.h"
#include "server/service/decode.h"
#include "server/service/door.h"

namespace caisson::service {

// INVALID_ARGUMENT MISSING_START.
absl::Status MissingStart();

// The key of a call with a request_id; `request` is fingerprinted only when
// there is one. `id` must have passed Checks::RequestId.
core::RequestKey KeyOf(std::string id, std::string_view method,
                       const google::protobuf::Message& request);

// The spec at `path` of a request, checked. INVALID_ARGUMENT, or
// PERMISSION_DENIED FIELD_NEEDS_ADMIN when the role may not use a field.
absl::StatusOr<spec::ContainerSpec> DecodeSpec(
    const Door& door, const caisson::v1::ContainerSpec& proto,
    std::string_view path);
absl::StatusOr<spec::ExecSpec> DecodeSpec(const Door& door,
                                          const caisson::v1::ExecSpec& proto,
                                          std::string_view path);
absl::StatusOr<spec::NetworkSpec> DecodeSpec(
    const Door& door, const caisson::v1::NetworkSpec& proto,
    std::string_view path);

// Ends the checks of a request with a spec: the violations in the spec are told
// together with those beside it.
absl::Status FinishWithSpec(translate::Checks* checks,
                            const absl::Status& of_spec);

absl::StatusOr<core::RunArgs> DecodeRun(const Door& door,
                                        const caisson::v1::RunStart& start,
                                        Delivery* delivery);
absl::StatusOr<core::ExecArgs> DecodeExec(const Door& door,
                                          const caisson::v1::ExecStart& start,
                                          Delivery* delivery);
absl::StatusOr<core::AttachArgs> DecodeAttach(
    const caisson::v1::AttachStart& start, Delivery* delivery);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_DECODE_START_H_
