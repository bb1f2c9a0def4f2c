#include "server/service/decode_start.h"

#include <utility>
#include <vector>

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/spec/validate.h"
#include "server/translate/message.h"
#include "server/translate/spec_from_proto.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;
using translate::Checks;

core::OutputFrom FromFirst() {
  return {};
}

core::OutputFrom FromNow() {
  core::OutputFrom from;
  from.kind = core::OutputFrom::Kind::kNow;
  return from;
}

// `fields` begin with "spec", wherever in the request the spec is.
absl::Status CheckAdminFields(const Door& door,
                              const std::vector<std::string>& fields,
                              std::string_view path) {
  if (fields.empty() || door.role() >= Role::kAdmin) return absl::OkStatus();
  constexpr std::string_view kRoot = "spec";
  base::ErrorDetail detail;
  detail.reason = "FIELD_NEEDS_ADMIN";
  detail.metadata = {{"role", std::string(RoleName(door.role()))}};
  for (const std::string& field : fields) {
    detail.violations.push_back(
        {base::StrCat(path, std::string_view(field).substr(kRoot.size())),
         "is for administrators"});
  }
  return base::WithDetail(
      absl::PermissionDeniedError(
          base::StrCat(detail.violations[0].field, ": is for administrators")),
      detail);
}

spec::OnDisconnect DecodeOnDisconnect(const pb::OnDisconnect& proto,
                                      std::string_view path, Checks* checks) {
  spec::OnDisconnect out =
      translate::OnDisconnectFromProto(proto, path, checks->violations());
  if (!pb::DisconnectAction_IsValid(proto.action())) {
    checks->Add(base::StrCat(path, ".action"), "is no known action");
  }
  if (out.grace && (*out.grace < absl::ZeroDuration() ||
                    *out.grace > translate::kMaxGrace)) {
    checks->Add(base::StrCat(path, ".grace"), "is not within 0 s..24 h");
  }
  return out;
}

void RefuseStopAtEnd(const pb::OutputOptions& output, Checks* checks) {
  if (output.stop_at_end()) {
    checks->Add("start.output.stop_at_end", "is only for AttachContainer");
  }
}

}  // namespace

absl::Status MissingStart() {
  return base::MakeError(absl::StatusCode::kInvalidArgument, "MISSING_START",
                         "the first message must be `start`");
}

core::RequestKey KeyOf(std::string id, std::string_view method,
                       const google::protobuf::Message& request) {
  core::RequestKey key;
  if (id.empty()) return key;
  key.id = std::move(id);
  key.method = std::string(method);
  key.fingerprint = translate::Fingerprint(request);
  key.fingerprint_version = translate::kFingerprintVersion;
  return key;
}

absl::StatusOr<spec::ContainerSpec> DecodeSpec(const Door& door,
                                               const pb::ContainerSpec& proto,
                                               std::string_view path) {
  CAISSON_ASSIGN_OR_RETURN(spec::ContainerSpec spec,
                           translate::ContainerSpecFromProto(proto, path));
  CAISSON_RETURN_IF_ERROR(
      CheckAdminFields(door, spec::AdminFields(spec), path));
  return spec;
}

absl::StatusOr<spec::ExecSpec> DecodeSpec(const Door& door,
                                          const pb::ExecSpec& proto,
                                          std::string_view path) {
  CAISSON_ASSIGN_OR_RETURN(spec::ExecSpec spec,
                           translate::ExecSpecFromProto(proto, path));
  CAISSON_RETURN_IF_ERROR(
      CheckAdminFields(door, spec::AdminFields(spec), path));
  return spec;
}

absl::StatusOr<spec::NetworkSpec> DecodeSpec(const Door& door,
                                             const pb::NetworkSpec& proto,
                                             std::string_view path) {
  CAISSON_ASSIGN_OR_RETURN(spec::NetworkSpec spec,
                           translate::NetworkSpecFromProto(proto, path));
  CAISSON_RETURN_IF_ERROR(
      CheckAdminFields(door, spec::AdminFields(spec), path));
  return spec;
}

absl::Status FinishWithSpec(Checks* checks, const absl::Status& of_spec) {
  base::ErrorDetail detail = base::DetailOf(of_spec);
  if (!of_spec.ok() && detail.reason != "INVALID_FIELD") return of_spec;
  checks->Add(std::move(detail.violations));
  return checks->Finish();
}

absl::StatusOr<core::RunArgs> DecodeRun(const Door& door,
                                        const pb::RunStart& start,
                                        Delivery* delivery) {
  Checks checks;
  core::RunArgs args;
  std::string id = checks.RequestId(start.request_id(), "start.request_id");
  args.on_disconnect =
      DecodeOnDisconnect(start.on_disconnect(), "start.on_disconnect", &checks);
  *delivery =
      DecodeOutput(start.output(), FromFirst(), "start.output", &checks);
  RefuseStopAtEnd(start.output(), &checks);
  auto spec = DecodeSpec(door, start.spec(), "start.spec");
  CAISSON_RETURN_IF_ERROR(FinishWithSpec(&checks, spec.status()));
  args.spec = *std::move(spec);
  args.request = KeyOf(std::move(id), "Run", start);
  return args;
}

absl::StatusOr<core::ExecArgs> DecodeExec(const Door& door,
                                          const pb::ExecStart& start,
                                          Delivery* delivery) {
  Checks checks;
  core::ExecArgs args;
  args.container = checks.Container(start.container(), "start.container");
  std::string id = checks.RequestId(start.request_id(), "start.request_id");
  *delivery =
      DecodeOutput(start.output(), FromFirst(), "start.output", &checks);
  RefuseStopAtEnd(start.output(), &checks);
  auto spec = DecodeSpec(door, start.spec(), "start.spec");
  CAISSON_RETURN_IF_ERROR(FinishWithSpec(&checks, spec.status()));
  args.spec = *std::move(spec);
  args.request = KeyOf(std::move(id), "Exec", start);
  return args;
}

absl::StatusOr<core::AttachArgs> DecodeAttach(const pb::AttachStart& start,
                                              Delivery* delivery) {
  Checks checks;
  core::AttachArgs args;
  args.container = checks.Container(start.container(), "start.container");
  args.no_stdin = start.no_stdin();
  *delivery = DecodeOutput(start.output(), FromNow(), "start.output", &checks);
  if (start.output().stop_at_end()) {
    delivery->options.end = core::OutputOptions::End::kCaughtUp;
  }
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  return args;
}

}  // namespace caisson::service
