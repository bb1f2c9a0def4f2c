#include "server/translate/spec_to_proto.h"

#include <string_view>

#include "server/translate/network_to_proto.h"
#include "server/translate/process_to_proto.h"
#include "server/translate/time.h"
#include "server/translate/utf8.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;

void RootfsToProto(const spec::Rootfs& rootfs, pb::Rootfs* out) {
  if (rootfs.host_directory) {
    pb::HostDirectory* directory = out->mutable_host_directory();
    directory->set_path(SanitizeUtf8(rootfs.host_directory->path));
    if (rootfs.host_directory->writable_layer) {
      directory->set_writable_layer(*rootfs.host_directory->writable_layer);
    }
  }
  out->set_read_only(rootfs.read_only);
}

void MountToProto(const spec::Mount& mount, pb::Mount* out) {
  out->set_target(SanitizeUtf8(mount.target));
  if (mount.bind) {
    out->mutable_bind()->set_source(SanitizeUtf8(mount.bind->source));
    out->mutable_bind()->set_create_source(mount.bind->create_source);
    out->mutable_bind()->set_non_recursive(mount.bind->non_recursive);
  }
  if (mount.tmpfs) {
    pb::TmpfsMount* tmpfs = out->mutable_tmpfs();
    if (mount.tmpfs->size_bytes)
      tmpfs->set_size_bytes(*mount.tmpfs->size_bytes);
    if (mount.tmpfs->mode) tmpfs->set_mode(*mount.tmpfs->mode);
  }
  if (mount.special) out->set_special(SanitizeUtf8(*mount.special));
  out->set_read_only(mount.read_only);
  out->set_recursive_read_only(mount.recursive_read_only);
  out->set_propagation(SanitizeUtf8(mount.propagation));
  ListToProto(mount.options, out->mutable_options());
}

void DeviceToProto(const spec::Device& device, pb::Device* out) {
  out->set_host_path(SanitizeUtf8(device.host_path));
  out->set_container_path(SanitizeUtf8(device.container_path));
  out->set_permissions(SanitizeUtf8(device.permissions));
  out->set_optional(device.optional);
}

void CpuToProto(const spec::Cpu& cpu, pb::Cpu* out) {
  if (cpu.limit_millis) out->set_limit_millis(*cpu.limit_millis);
  if (cpu.quota_micros) out->set_quota_micros(*cpu.quota_micros);
  if (cpu.period_micros) out->set_period_micros(*cpu.period_micros);
  if (cpu.weight) out->set_weight(*cpu.weight);
  if (cpu.shares) out->set_shares(*cpu.shares);
  if (cpu.burst_micros) out->set_burst_micros(*cpu.burst_micros);
  out->set_cpuset_cpus(SanitizeUtf8(cpu.cpuset_cpus));
  out->set_cpuset_mems(SanitizeUtf8(cpu.cpuset_mems));
  out->set_idle(cpu.idle);
}

void MemoryToProto(const spec::Memory& memory, pb::Memory* out) {
  if (memory.limit_bytes) out->set_limit_bytes(*memory.limit_bytes);
  if (memory.swap_limit_bytes) {
    out->set_swap_limit_bytes(*memory.swap_limit_bytes);
  }
  if (memory.high_bytes) out->set_high_bytes(*memory.high_bytes);
  if (memory.low_bytes) out->set_low_bytes(*memory.low_bytes);
  if (memory.min_bytes) out->set_min_bytes(*memory.min_bytes);
  if (memory.kill_group) out->set_kill_group(*memory.kill_group);
}

void ResourcesToProto(const spec::Resources& resources, pb::Resources* out) {
  if (resources.cpu != spec::Cpu()) {
    CpuToProto(resources.cpu, out->mutable_cpu());
  }
  if (resources.memory != spec::Memory()) {
    MemoryToProto(resources.memory, out->mutable_memory());
  }
  if (resources.pids_limit) out->set_pids_limit(*resources.pids_limit);
}

void LimitsToProto(const spec::Limits& limits, pb::Limits* out) {
  if (limits.wall_time) {
    DurationToProto(*limits.wall_time, out->mutable_wall_time());
  }
  if (limits.cpu_time) {
    DurationToProto(*limits.cpu_time, out->mutable_cpu_time());
  }
  if (limits.output_bytes) out->set_output_bytes(*limits.output_bytes);
  out->set_output_action(static_cast<pb::OutputAction>(limits.output_action));
  if (limits.grace) DurationToProto(*limits.grace, out->mutable_grace());
}

void NamespaceToProto(const spec::Namespace& ns, pb::Namespace* out) {
  switch (ns.mode) {
    case spec::NamespaceMode::kDefault:
      break;
    case spec::NamespaceMode::kPrivate:
      out->set_private_(true);
      break;
    case spec::NamespaceMode::kHost:
      out->set_host(true);
      break;
    case spec::NamespaceMode::kContainer:
      out->set_container(SanitizeUtf8(ns.target));
      break;
    case spec::NamespaceMode::kPath:
      out->set_path(SanitizeUtf8(ns.target));
      break;
  }
}

void NamespacesToProto(const spec::Namespaces& all, pb::Namespaces* out) {
  const spec::Namespace unset;
  if (all.pid != unset) NamespaceToProto(all.pid, out->mutable_pid());
  if (all.ipc != unset) NamespaceToProto(all.ipc, out->mutable_ipc());
  if (all.uts != unset) NamespaceToProto(all.uts, out->mutable_uts());
  if (all.cgroup != unset) NamespaceToProto(all.cgroup, out->mutable_cgroup());
  if (all.time != unset) NamespaceToProto(all.time, out->mutable_time());
}

void IdMapsToProto(const std::vector<spec::IdMap>& maps,
                   google::protobuf::RepeatedPtrField<pb::IdMap>* out) {
  for (const spec::IdMap& map : maps) {
    pb::IdMap* added = out->Add();
    added->set_container_id(map.container_id);
    added->set_host_id(map.host_id);
    added->set_size(map.size);
  }
}

void UserNamespaceToProto(const spec::UserNamespace& user,
                          pb::UserNamespace* out) {
  if (user.host) out->set_host(true);
  if (user.explicit_maps) {
    IdMapsToProto(user.explicit_maps->uids,
                  out->mutable_explicit_()->mutable_uids());
    IdMapsToProto(user.explicit_maps->gids,
                  out->mutable_explicit_()->mutable_gids());
  }
}

void SecurityToProto(const spec::SecurityOptions& security,
                     pb::SecurityOptions* out) {
  const spec::Seccomp& seccomp = security.seccomp;
  if (seccomp.profile) {
    out->mutable_seccomp()->set_profile(SanitizeUtf8(*seccomp.profile));
  }
  if (seccomp.oci_json) {
    out->mutable_seccomp()->set_oci_json(SanitizeUtf8(*seccomp.oci_json));
  }
  if (seccomp.unconfined) out->mutable_seccomp()->set_unconfined(true);
  out->set_privileged(security.privileged);
  if (security.masked_paths) {
    ListToProto(*security.masked_paths,
                out->mutable_masked_paths()->mutable_paths());
  }
  if (security.readonly_paths) {
    ListToProto(*security.readonly_paths,
                out->mutable_readonly_paths()->mutable_paths());
  }
}

void LogToProto(const spec::LogConfig& log, pb::LogConfig* out) {
  out->set_driver(static_cast<pb::LogDriver>(log.driver));
  out->set_max_file_bytes(log.max_file_bytes);
  out->set_max_files(log.max_files);
}

// What only the FULL view has. Messages that would be empty stay unset, so
// that a spec comes back as it was sent.
void RestToProto(const spec::ContainerSpec& spec, pb::ContainerSpec* out) {
  out->set_hostname(SanitizeUtf8(spec.hostname));
  out->set_domainname(SanitizeUtf8(spec.domainname));
  for (const auto& mount : spec.mounts) MountToProto(mount, out->add_mounts());
  for (const auto& device : spec.devices) {
    DeviceToProto(device, out->add_devices());
  }
  if (spec.resources != spec::Resources()) {
    ResourcesToProto(spec.resources, out->mutable_resources());
  }
  if (spec.limits != spec::Limits()) {
    LimitsToProto(spec.limits, out->mutable_limits());
  }
  if (spec.namespaces != spec::Namespaces()) {
    NamespacesToProto(spec.namespaces, out->mutable_namespaces());
  }
  if (spec.user_namespace != spec::UserNamespace()) {
    UserNamespaceToProto(spec.user_namespace, out->mutable_user_namespace());
  }
  if (spec.network != spec::Network()) {
    NetworkToProto(spec.network, out->mutable_network());
  }
  if (spec.security != spec::SecurityOptions()) {
    SecurityToProto(spec.security, out->mutable_security());
  }
  MapToProto(spec.sysctls, out->mutable_sysctls());
  if (spec.log != spec::LogConfig()) LogToProto(spec.log, out->mutable_log());
  out->set_stop_signal(SanitizeUtf8(spec.stop_signal));
  if (spec.stop_timeout) {
    DurationToProto(*spec.stop_timeout, out->mutable_stop_timeout());
  }
  if (spec.delete_after_exit) {
    DurationToProto(*spec.delete_after_exit, out->mutable_delete_after_exit());
  }
}

}  // namespace

void SpecToProto(const spec::ContainerSpec& spec, ViewKind view,
                 pb::ContainerSpec* out) {
  out->set_name(SanitizeUtf8(spec.name));
  MapToProto(spec.labels, out->mutable_labels());
  MapToProto(spec.annotations, out->mutable_annotations());
  RootfsToProto(spec.rootfs, out->mutable_rootfs());
  ProcessToProto(spec.process, view, out->mutable_process());
  if (view == ViewKind::kFull) RestToProto(spec, out);
}

void SpecToProto(const spec::ExecSpec& spec, ViewKind view, pb::ExecSpec* out) {
  ProcessToProto(spec.process, view, out->mutable_process());
  MapToProto(spec.labels, out->mutable_labels());
  if (view == ViewKind::kBasic) return;
  if (spec.limits != spec::Limits()) {
    LimitsToProto(spec.limits, out->mutable_limits());
  }
  if (spec.on_disconnect != spec::OnDisconnect()) {
    pb::OnDisconnect* action = out->mutable_on_disconnect();
    action->set_action(
        static_cast<pb::DisconnectAction>(spec.on_disconnect.action));
    if (spec.on_disconnect.grace) {
      DurationToProto(*spec.on_disconnect.grace, action->mutable_grace());
    }
  }
  out->set_spool_bytes(spec.spool_bytes);
  if (spec.retention) {
    DurationToProto(*spec.retention, out->mutable_retention());
  }
}

}  // namespace caisson::translate
