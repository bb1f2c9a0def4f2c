#include "server/translate/spec_from_proto.h"

#include <string>
#include <utility>

#include "absl/strings/strip.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/spec/validate.h"
#include "server/translate/message.h"
#include "server/translate/network_from_proto.h"
#include "server/translate/process_from_proto.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;

// What every path of a violation begins with until it is known where in the
// request the spec sits.
constexpr std::string_view kRoot = "spec";

spec::Rootfs RootfsFromProto(const pb::Rootfs& proto) {
  spec::Rootfs out;
  if (proto.has_host_directory()) {
    out.host_directory.emplace();
    out.host_directory->path = proto.host_directory().path();
    if (proto.host_directory().has_writable_layer()) {
      out.host_directory->writable_layer =
          proto.host_directory().writable_layer();
    }
  }
  out.read_only = proto.read_only();
  return out;
}

spec::Mount MountFromProto(const pb::Mount& proto) {
  spec::Mount out;
  out.target = proto.target();
  if (proto.has_bind()) {
    out.bind = {.source = proto.bind().source(),
                .create_source = proto.bind().create_source(),
                .non_recursive = proto.bind().non_recursive()};
  }
  if (proto.has_tmpfs()) {
    out.tmpfs.emplace();
    if (proto.tmpfs().has_size_bytes()) {
      out.tmpfs->size_bytes = proto.tmpfs().size_bytes();
    }
    if (proto.tmpfs().has_mode()) out.tmpfs->mode = proto.tmpfs().mode();
  }
  if (proto.source_case() == pb::Mount::kSpecial) {
    out.special = proto.special();
  }
  out.read_only = proto.read_only();
  out.recursive_read_only = proto.recursive_read_only();
  out.propagation = proto.propagation();
  out.options = ListFromProto(proto.options());
  return out;
}

spec::Device DeviceFromProto(const pb::Device& proto) {
  return {.host_path = proto.host_path(),
          .container_path = proto.container_path(),
          .permissions = proto.permissions(),
          .optional = proto.optional()};
}

spec::Cpu CpuFromProto(const pb::Cpu& proto) {
  spec::Cpu out;
  if (proto.has_limit_millis()) out.limit_millis = proto.limit_millis();
  if (proto.has_quota_micros()) out.quota_micros = proto.quota_micros();
  if (proto.has_period_micros()) out.period_micros = proto.period_micros();
  if (proto.has_weight()) out.weight = proto.weight();
  if (proto.has_shares()) out.shares = proto.shares();
  if (proto.has_burst_micros()) out.burst_micros = proto.burst_micros();
  out.cpuset_cpus = proto.cpuset_cpus();
  out.cpuset_mems = proto.cpuset_mems();
  out.idle = proto.idle();
  return out;
}

spec::Memory MemoryFromProto(const pb::Memory& proto) {
  spec::Memory out;
  if (proto.has_limit_bytes()) out.limit_bytes = proto.limit_bytes();
  if (proto.has_swap_limit_bytes()) {
    out.swap_limit_bytes = proto.swap_limit_bytes();
  }
  if (proto.has_high_bytes()) out.high_bytes = proto.high_bytes();
  if (proto.has_low_bytes()) out.low_bytes = proto.low_bytes();
  if (proto.has_min_bytes()) out.min_bytes = proto.min_bytes();
  if (proto.has_kill_group()) out.kill_group = proto.kill_group();
  return out;
}

spec::Resources ResourcesFromProto(const pb::Resources& proto) {
  spec::Resources out;
  out.cpu = CpuFromProto(proto.cpu());
  out.memory = MemoryFromProto(proto.memory());
  if (proto.has_pids_limit()) out.pids_limit = proto.pids_limit();
  return out;
}

spec::Limits LimitsFromProto(const pb::Limits& proto, Violations* violations) {
  spec::Limits out;
  if (proto.has_wall_time()) {
    out.wall_time =
        DurationField(proto.wall_time(), "spec.limits.wall_time", violations);
  }
  if (proto.has_cpu_time()) {
    out.cpu_time =
        DurationField(proto.cpu_time(), "spec.limits.cpu_time", violations);
  }
  if (proto.has_output_bytes()) out.output_bytes = proto.output_bytes();
  out.output_action = static_cast<spec::OutputAction>(proto.output_action());
  if (proto.has_grace()) {
    out.grace = DurationField(proto.grace(), "spec.limits.grace", violations);
  }
  return out;
}

spec::Namespace NamespaceFromProto(const pb::Namespace& proto,
                                   std::string_view name,
                                   Violations* violations) {
  const std::string field = base::StrCat("spec.namespaces.", name);
  switch (proto.owner_case()) {
    case pb::Namespace::kPrivate:
      RequireTrue(proto.private_(), base::StrCat(field, ".private"),
                  violations);
      return {.mode = spec::NamespaceMode::kPrivate, .target = ""};
    case pb::Namespace::kHost:
      RequireTrue(proto.host(), base::StrCat(field, ".host"), violations);
      return {.mode = spec::NamespaceMode::kHost, .target = ""};
    case pb::Namespace::kContainer:
      return {.mode = spec::NamespaceMode::kContainer,
              .target = proto.container()};
    case pb::Namespace::kPath:
      return {.mode = spec::NamespaceMode::kPath, .target = proto.path()};
    case pb::Namespace::OWNER_NOT_SET:
      break;
  }
  return {};
}

spec::Namespaces NamespacesFromProto(const pb::Namespaces& proto,
                                     Violations* violations) {
  return {.pid = NamespaceFromProto(proto.pid(), "pid", violations),
          .ipc = NamespaceFromProto(proto.ipc(), "ipc", violations),
          .uts = NamespaceFromProto(proto.uts(), "uts", violations),
          .cgroup = NamespaceFromProto(proto.cgroup(), "cgroup", violations),
          .time = NamespaceFromProto(proto.time(), "time", violations)};
}

std::vector<spec::IdMap> IdMapsFromProto(
    const google::protobuf::RepeatedPtrField<pb::IdMap>& proto) {
  std::vector<spec::IdMap> out;
  for (const pb::IdMap& map : proto) {
    out.push_back({.container_id = map.container_id(),
                   .host_id = map.host_id(),
                   .size = map.size()});
  }
  return out;
}

spec::UserNamespace UserNamespaceFromProto(const pb::UserNamespace& proto,
                                           Violations* violations) {
  spec::UserNamespace out;
  if (proto.kind_case() == pb::UserNamespace::kHost) {
    RequireTrue(proto.host(), "spec.user_namespace.host", violations);
    out.host = true;
  }
  if (proto.has_explicit_()) {
    out.explicit_maps = {.uids = IdMapsFromProto(proto.explicit_().uids()),
                         .gids = IdMapsFromProto(proto.explicit_().gids())};
  }
  return out;
}

spec::Seccomp SeccompFromProto(const pb::Seccomp& proto,
                               Violations* violations) {
  spec::Seccomp out;
  switch (proto.kind_case()) {
    case pb::Seccomp::kProfile:
      out.profile = proto.profile();
      break;
    case pb::Seccomp::kOciJson:
      out.oci_json = proto.oci_json();
      break;
    case pb::Seccomp::kUnconfined:
      RequireTrue(proto.unconfined(), "spec.security.seccomp.unconfined",
                  violations);
      out.unconfined = true;
      break;
    case pb::Seccomp::KIND_NOT_SET:
      break;
  }
  return out;
}

spec::SecurityOptions SecurityFromProto(const pb::SecurityOptions& proto,
                                        Violations* violations) {
  spec::SecurityOptions out;
  out.seccomp = SeccompFromProto(proto.seccomp(), violations);
  out.privileged = proto.privileged();
  if (proto.has_masked_paths()) {
    out.masked_paths = ListFromProto(proto.masked_paths().paths());
  }
  if (proto.has_readonly_paths()) {
    out.readonly_paths = ListFromProto(proto.readonly_paths().paths());
  }
  return out;
}

// Puts all that is wrong into one error, below the right field.
absl::Status InvalidSpec(Violations violations, std::string_view path) {
  for (base::FieldViolation& violation : violations) {
    violation.field = base::StrCat(
        path, std::string_view(violation.field).substr(kRoot.size()));
  }
  return base::InvalidFields(std::move(violations));
}

template <typename Spec, typename Proto>
absl::StatusOr<Spec> FromProto(const Proto& proto, std::string_view path) {
  if (proto.ByteSizeLong() > kMaxSpecBytes) {
    return base::InvalidFields(
        {{std::string(path),
          base::StrCat("is larger than ", kMaxSpecBytes, " bytes")}});
  }
  CAISSON_RETURN_IF_ERROR(RejectUnknownFields(proto, path));
  Violations violations;
  Spec spec = TranslateSpec(proto, &violations);
  for (base::FieldViolation& found : spec::Validate(spec)) {
    violations.push_back(std::move(found));
  }
  if (!violations.empty()) return InvalidSpec(std::move(violations), path);
  return spec;
}

}  // namespace

spec::OnDisconnect OnDisconnectFromProto(const pb::OnDisconnect& proto,
                                         std::string_view path,
                                         Violations* violations) {
  spec::OnDisconnect out;
  out.action = static_cast<spec::DisconnectAction>(proto.action());
  if (proto.has_grace()) {
    out.grace =
        DurationField(proto.grace(), base::StrCat(path, ".grace"), violations);
  }
  return out;
}

spec::ContainerSpec TranslateSpec(const pb::ContainerSpec& proto,
                                  Violations* violations) {
  spec::ContainerSpec out;
  out.name = proto.name();
  out.labels = MapFromProto(proto.labels());
  out.annotations = MapFromProto(proto.annotations());
  out.rootfs = RootfsFromProto(proto.rootfs());
  out.process = ProcessFromProto(proto.process());
  out.hostname = proto.hostname();
  out.domainname = proto.domainname();
  for (const auto& mount : proto.mounts()) {
    out.mounts.push_back(MountFromProto(mount));
  }
  for (const auto& device : proto.devices()) {
    out.devices.push_back(DeviceFromProto(device));
  }
  out.resources = ResourcesFromProto(proto.resources());
  out.limits = LimitsFromProto(proto.limits(), violations);
  out.namespaces = NamespacesFromProto(proto.namespaces(), violations);
  out.user_namespace =
      UserNamespaceFromProto(proto.user_namespace(), violations);
  out.network = NetworkFromProto(proto.network(), violations);
  out.security = SecurityFromProto(proto.security(), violations);
  out.sysctls = MapFromProto(proto.sysctls());
  out.log = {.driver = static_cast<spec::LogDriver>(proto.log().driver()),
             .max_file_bytes = proto.log().max_file_bytes(),
             .max_files = proto.log().max_files()};
  out.stop_signal = proto.stop_signal();
  if (proto.has_stop_timeout()) {
    out.stop_timeout =
        DurationField(proto.stop_timeout(), "spec.stop_timeout", violations);
  }
  if (proto.has_delete_after_exit()) {
    out.delete_after_exit = DurationField(proto.delete_after_exit(),
                                          "spec.delete_after_exit", violations);
  }
  return out;
}

spec::ExecSpec TranslateSpec(const pb::ExecSpec& proto,
                             Violations* violations) {
  spec::ExecSpec out;
  out.process = ProcessFromProto(proto.process());
  out.limits = LimitsFromProto(proto.limits(), violations);
  out.on_disconnect = OnDisconnectFromProto(proto.on_disconnect(),
                                            "spec.on_disconnect", violations);
  out.labels = MapFromProto(proto.labels());
  out.spool_bytes = proto.spool_bytes();
  if (proto.has_retention()) {
    out.retention =
        DurationField(proto.retention(), "spec.retention", violations);
  }
  return out;
}

absl::StatusOr<spec::ContainerSpec> ContainerSpecFromProto(
    const pb::ContainerSpec& proto, std::string_view path) {
  return FromProto<spec::ContainerSpec>(proto, path);
}

absl::StatusOr<spec::ExecSpec> ExecSpecFromProto(const pb::ExecSpec& proto,
                                                 std::string_view path) {
  return FromProto<spec::ExecSpec>(proto, path);
}

absl::StatusOr<spec::NetworkSpec> NetworkSpecFromProto(
    const pb::NetworkSpec& proto, std::string_view path) {
  return FromProto<spec::NetworkSpec>(proto, path);
}

}  // namespace caisson::translate
