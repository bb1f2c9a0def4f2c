#include "server/service/decode_calls.h"

#include <utility>

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/spec/validate.h"
#include "server/service/decode.h"
#include "server/service/decode_start.h"
#include "server/translate/checks.h"
#include "server/translate/spec_from_proto.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;
using translate::Checks;

constexpr int64_t kDefaultSyncBytes = 1 << 20;
constexpr int64_t kMaxSyncBytes = 3 << 20;
constexpr size_t kMaxSyncInput = 1 << 20;
constexpr int kMaxAuditPage = 10'000;
constexpr int kDefaultAuditPage = 1000;
constexpr size_t kMaxTokenBytes = 1024;
constexpr int kMaxPort = 65535;

core::WaitCondition DecodeCondition(pb::WaitCondition condition,
                                    Checks* checks) {
  switch (condition) {
    case pb::WAIT_CONDITION_UNSPECIFIED:
    case pb::WAIT_CONDITION_EXITED:
      return core::WaitCondition::kExited;
    case pb::WAIT_CONDITION_NEXT_EXIT:
      return core::WaitCondition::kNextExit;
    case pb::WAIT_CONDITION_RUNNING:
      return core::WaitCondition::kRunning;
    case pb::WAIT_CONDITION_DELETED:
      return core::WaitCondition::kDeleted;
    default:
      checks->Add("condition", "is no known condition");
      return core::WaitCondition::kExited;
  }
}

}  // namespace

absl::StatusOr<core::CreateArgs> DecodeCreate(
    const Door& door, const pb::CreateContainerRequest& request) {
  Checks checks;
  core::CreateArgs args;
  std::string id = checks.RequestId(request.request_id(), "request_id");
  auto spec = DecodeSpec(door, request.spec(), "spec");
  CAISSON_RETURN_IF_ERROR(FinishWithSpec(&checks, spec.status()));
  args.spec = *std::move(spec);
  args.validate_only = request.validate_only();
  // Nothing is done that could be replayed.
  if (args.validate_only) return args;
  args.request = KeyOf(std::move(id), "CreateContainer", request);
  return args;
}

absl::StatusOr<core::DeleteArgs> DecodeDelete(
    const pb::DeleteContainerRequest& request) {
  Checks checks;
  core::DeleteArgs args;
  args.container = checks.Container(request.container(), "container");
  args.force = request.force();
  args.allow_missing = request.allow_missing();
  if (request.has_expected_revision()) {
    args.expected_revision = checks.Range(request.expected_revision(), 1,
                                          INT64_MAX, "expected_revision");
  }
  std::string id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  args.request = KeyOf(std::move(id), "DeleteContainer", request);
  return args;
}

absl::StatusOr<core::StartArgs> DecodeStart(
    const pb::StartContainerRequest& request) {
  Checks checks;
  core::StartArgs args;
  args.container = checks.Container(request.container(), "container");
  std::string id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  args.request = KeyOf(std::move(id), "StartContainer", request);
  return args;
}

absl::StatusOr<core::StopArgs> DecodeStop(
    const pb::StopContainerRequest& request) {
  Checks checks;
  core::StopArgs args;
  args.container = checks.Container(request.container(), "container");
  checks.Signal(request.signal(), "signal");
  args.signal = request.signal();
  if (request.has_timeout()) {
    args.timeout = checks.Span(request.timeout(), absl::ZeroDuration(),
                               translate::kMaxGrace, "timeout");
  }
  args.request_id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  return args;
}

absl::StatusOr<core::KillArgs> DecodeKill(
    const pb::KillContainerRequest& request) {
  Checks checks;
  core::KillArgs args;
  args.container = checks.Container(request.container(), "container");
  args.signal = DecodeSignal(request.signal(), request.scope(), "", &checks);
  std::string id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  args.request = KeyOf(std::move(id), "KillContainer", request);
  return args;
}

absl::StatusOr<core::WaitArgs> DecodeWait(
    const pb::WaitContainerRequest& request) {
  Checks checks;
  core::WaitArgs args;
  args.container = checks.Container(request.container(), "container");
  args.condition = DecodeCondition(request.condition(), &checks);
  if (request.has_run()) {
    args.run = checks.Range(request.run(), 1, INT64_MAX, "run");
  }
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  return args;
}

absl::StatusOr<ExplainSubject> DecodeExplain(
    const Door& door, const pb::ExplainContainerRequest& request) {
  ExplainSubject subject;
  if (request.has_spec()) {
    CAISSON_ASSIGN_OR_RETURN(subject.spec,
                             DecodeSpec(door, request.spec(), "spec"));
    return subject;
  }
  Checks checks;
  subject.container = checks.Container(request.container(), "container");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  return subject;
}

absl::StatusOr<core::KillExecArgs> DecodeKillExec(
    const pb::KillExecRequest& request) {
  Checks checks;
  core::KillExecArgs args;
  args.exec = checks.Exec(request.exec(), "exec");
  args.signal = DecodeSignal(request.signal(), request.scope(), "", &checks);
  std::string id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  args.request = KeyOf(std::move(id), "KillExec", request);
  return args;
}

absl::StatusOr<std::string> DecodeWaitExec(const pb::WaitExecRequest& request) {
  Checks checks;
  std::string exec = checks.Exec(request.exec(), "exec");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  return exec;
}

absl::StatusOr<SyncArgs> DecodeExecSync(const Door& door,
                                        const pb::ExecSyncRequest& request) {
  Checks checks;
  SyncArgs args;
  args.exec.container = checks.Container(request.container(), "container");
  std::string id = checks.RequestId(request.request_id(), "request_id");
  const bool has_text = request.stdin_case() == pb::ExecSyncRequest::kStdinText;
  if (request.stdin_case() != pb::ExecSyncRequest::STDIN_NOT_SET) {
    args.input = has_text ? request.stdin_text() : request.stdin_data();
    if (args.input->size() > kMaxSyncInput) {
      checks.Add(has_text ? "stdin_text" : "stdin_data",
                 base::StrCat("is longer than ", kMaxSyncInput, " bytes"));
    }
  }
  args.max_output_bytes = kDefaultSyncBytes;
  if (request.max_output_bytes() != 0) {
    args.max_output_bytes = checks.Range(request.max_output_bytes(), 1,
                                         kMaxSyncBytes, "max_output_bytes");
  }
  args.text = request.text();
  if (request.spec().process().stdin() != pb::STDIN_MODE_UNSPECIFIED) {
    checks.Add("spec.process.stdin", "must not be set: the call decides");
  }
  if (request.spec().has_on_disconnect()) {
    checks.Add("spec.on_disconnect", "must not be set: the call decides");
  }
  auto spec = DecodeSpec(door, request.spec(), "spec");
  CAISSON_RETURN_IF_ERROR(FinishWithSpec(&checks, spec.status()));
  args.exec.spec = *std::move(spec);
  args.exec.spec.process.stdin_mode =
      args.input ? spec::StdinMode::kOpen : spec::StdinMode::kNone;
  args.exec.request = KeyOf(std::move(id), "ExecSync", request);
  return args;
}

absl::StatusOr<core::CreateNetworkArgs> DecodeCreateNetwork(
    const Door& door, const pb::CreateNetworkRequest& request) {
  Checks checks;
  core::CreateNetworkArgs args;
  std::string id = checks.RequestId(request.request_id(), "request_id");
  auto spec = DecodeSpec(door, request.spec(), "spec");
  CAISSON_RETURN_IF_ERROR(FinishWithSpec(&checks, spec.status()));
  args.spec = *std::move(spec);
  args.validate_only = request.validate_only();
  // Nothing is done that could be replayed.
  if (args.validate_only) return args;
  args.request = KeyOf(std::move(id), "CreateNetwork", request);
  return args;
}

absl::StatusOr<core::ExplainNetworkArgs> DecodeExplainNetwork(
    const Door& door, const pb::ExplainNetworkRequest& request) {
  core::ExplainNetworkArgs args;
  if (request.has_spec()) {
    CAISSON_ASSIGN_OR_RETURN(args.spec,
                             DecodeSpec(door, request.spec(), "spec"));
    return args;
  }
  Checks checks;
  args.network = checks.Network(request.network(), "network");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  return args;
}

absl::StatusOr<core::DeleteNetworkArgs> DecodeDeleteNetwork(
    const pb::DeleteNetworkRequest& request) {
  Checks checks;
  core::DeleteNetworkArgs args;
  args.network = checks.Network(request.network(), "network");
  args.allow_missing = request.allow_missing();
  if (request.has_expected_revision()) {
    args.expected_revision = checks.Range(request.expected_revision(), 1,
                                          INT64_MAX, "expected_revision");
  }
  std::string id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  args.request = KeyOf(std::move(id), "DeleteNetwork", request);
  return args;
}

absl::StatusOr<core::ConnectArgs> DecodeConnect(
    const pb::ConnectContainerRequest& request) {
  Checks checks;
  core::ConnectArgs args;
  args.container = checks.Container(request.container(), "container");
  std::string id = checks.RequestId(request.request_id(), "request_id");
  auto wanted =
      translate::AttachmentFromProto(request.attachment(), "attachment");
  CAISSON_RETURN_IF_ERROR(FinishWithSpec(&checks, wanted.status()));
  args.attachment = *std::move(wanted);
  args.request = KeyOf(std::move(id), "ConnectContainer", request);
  return args;
}

absl::StatusOr<core::DisconnectArgs> DecodeDisconnect(
    const pb::DisconnectContainerRequest& request) {
  Checks checks;
  core::DisconnectArgs args;
  args.container = checks.Container(request.container(), "container");
  args.network = checks.Network(request.network(), "network");
  std::string id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  args.request = KeyOf(std::move(id), "DisconnectContainer", request);
  return args;
}

absl::StatusOr<core::PublishArgs> DecodePublish(
    const pb::PublishPortRequest& request) {
  Checks checks;
  core::PublishArgs args;
  args.container = checks.Container(request.container(), "container");
  std::string id = checks.RequestId(request.request_id(), "request_id");
  auto port = translate::PortFromProto(request.port(), "port");
  CAISSON_RETURN_IF_ERROR(FinishWithSpec(&checks, port.status()));
  args.port = *std::move(port);
  args.request = KeyOf(std::move(id), "PublishPort", request);
  return args;
}

absl::StatusOr<core::UnpublishArgs> DecodeUnpublish(
    const pb::UnpublishPortRequest& request) {
  Checks checks;
  core::UnpublishArgs args;
  args.container = checks.Container(request.container(), "container");
  args.host_port = static_cast<int32_t>(
      checks.Range(request.host_port(), 1, kMaxPort, "host_port"));
  args.host_ip = request.host_ip();
  args.protocol = request.protocol();
  if (const std::string why = spec::HostIpProblem(args.host_ip); !why.empty()) {
    checks.Add("host_ip", why);
  }
  if (const std::string why = spec::ProtocolProblem(args.protocol);
      !why.empty()) {
    checks.Add("protocol", why);
  }
  std::string id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  args.request = KeyOf(std::move(id), "UnpublishPort", request);
  return args;
}

absl::StatusOr<core::CreateNetworkNamespaceArgs> DecodeCreateNamespace(
    const pb::CreateNetworkNamespaceRequest& request) {
  Checks checks;
  core::CreateNetworkNamespaceArgs args;
  args.name = checks.NetworkNamespace(request.name(), "name");
  std::string id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  args.request = KeyOf(std::move(id), "CreateNetworkNamespace", request);
  return args;
}

absl::StatusOr<core::DeleteNetworkNamespaceArgs> DecodeDeleteNamespace(
    const pb::DeleteNetworkNamespaceRequest& request) {
  Checks checks;
  core::DeleteNetworkNamespaceArgs args;
  args.name = checks.NetworkNamespace(request.name(), "name");
  args.allow_missing = request.allow_missing();
  if (request.has_expected_revision()) {
    args.expected_revision = checks.Range(request.expected_revision(), 1,
                                          INT64_MAX, "expected_revision");
  }
  std::string id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  args.request = KeyOf(std::move(id), "DeleteNetworkNamespace", request);
  return args;
}

absl::StatusOr<core::AuditArgs> DecodeAudit(const pb::AuditRequest& request) {
  Checks checks;
  core::AuditArgs args;
  args.page_size = kDefaultAuditPage;
  if (request.page_size() != 0) {
    args.page_size = static_cast<size_t>(
        checks.Range(request.page_size(), 1, kMaxAuditPage, "page_size"));
  }
  if (request.page_token().size() > kMaxTokenBytes) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, "BAD_PAGE_TOKEN",
                           "the page_token is not ours");
  }
  args.page_token = request.page_token();
  args.only_problems = request.only_problems();
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  return args;
}

absl::StatusOr<core::RepairArgs> DecodeRepair(
    const pb::RepairHostRequest& request) {
  Checks checks;
  core::RepairArgs args;
  args.dry_run = request.dry_run();
  args.request_id = checks.RequestId(request.request_id(), "request_id");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  return args;
}

}  // namespace caisson::service
