#include "server/translate/record_to_proto.h"

#include <algorithm>

#include "runtime/base/str_cat.h"
#include "runtime/spec/signal.h"
#include "server/translate/network_to_proto.h"
#include "server/translate/process_to_proto.h"
#include "server/translate/time.h"
#include "server/translate/utf8.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;

bool IsSet(absl::Time time) {
  return time != absl::InfinitePast() && time != absl::InfiniteFuture();
}

pb::ContainerState StateToProto(store::ContainerState state) {
  switch (state) {
    case store::ContainerState::kCreated:
      return pb::CONTAINER_STATE_CREATED;
    case store::ContainerState::kRunning:
      return pb::CONTAINER_STATE_RUNNING;
    case store::ContainerState::kPaused:
      return pb::CONTAINER_STATE_PAUSED;
    case store::ContainerState::kRestarting:
      return pb::CONTAINER_STATE_RESTARTING;
    case store::ContainerState::kExited:
      return pb::CONTAINER_STATE_EXITED;
    case store::ContainerState::kDeleted:
      return pb::CONTAINER_STATE_DELETED;
  }
  return pb::CONTAINER_STATE_UNSPECIFIED;
}

pb::ExitReason ReasonToProto(store::ExitReason reason) {
  switch (reason) {
    case store::ExitReason::kUnknown:
      return pb::EXIT_REASON_UNKNOWN;
    case store::ExitReason::kExited:
      return pb::EXIT_REASON_EXITED;
    case store::ExitReason::kSignaled:
      return pb::EXIT_REASON_SIGNALED;
    case store::ExitReason::kStopped:
      return pb::EXIT_REASON_STOPPED;
    case store::ExitReason::kKilled:
      return pb::EXIT_REASON_KILLED;
    case store::ExitReason::kOomKilled:
      return pb::EXIT_REASON_OOM_KILLED;
    case store::ExitReason::kWallTime:
      return pb::EXIT_REASON_WALL_TIME;
    case store::ExitReason::kCpuTime:
      return pb::EXIT_REASON_CPU_TIME;
    case store::ExitReason::kOutputLimit:
      return pb::EXIT_REASON_OUTPUT_LIMIT;
    case store::ExitReason::kDisconnected:
      return pb::EXIT_REASON_DISCONNECTED;
    case store::ExitReason::kShimLost:
      return pb::EXIT_REASON_SHIM_LOST;
    case store::ExitReason::kHostReboot:
      return pb::EXIT_REASON_HOST_REBOOT;
  }
  return pb::EXIT_REASON_UNKNOWN;
}

pb::Completeness CompletenessToProto(store::Completeness completeness) {
  switch (completeness) {
    case store::Completeness::kComplete:
      return pb::COMPLETENESS_COMPLETE;
    case store::Completeness::kHeldOpen:
      return pb::COMPLETENESS_HELD_OPEN;
    case store::Completeness::kCut:
      return pb::COMPLETENESS_CUT;
  }
  return pb::COMPLETENESS_UNSPECIFIED;
}

void OutcomeToProto(const store::ExitInfo& exit, pb::Exited* out) {
  switch (exit.kind) {
    case store::ExitInfo::Kind::kCode:
      out->set_exit_code(exit.code);
      out->set_status(exit.code & 0xFF);
      return;
    case store::ExitInfo::Kind::kSignal:
      out->set_signal(spec::SignalName(exit.code));
      out->set_status((128 + exit.code) & 0xFF);
      return;
    case store::ExitInfo::Kind::kUnknown:
      out->set_unknown(true);
      return;
  }
}

void OomToProto(const store::OomInfo& oom, pb::Oom* out) {
  out->set_level(SanitizeUtf8(oom.level));
  out->set_victim_pid(oom.victim_pid);
  out->set_victim_comm(SanitizeUtf8(oom.victim_comm));
  if (oom.limit_bytes) out->set_limit_bytes(*oom.limit_bytes);
  if (oom.peak_bytes) out->set_peak_bytes(*oom.peak_bytes);
  out->set_kills(oom.kills);
}

void UsageToProto(const store::Usage& usage, pb::Usage* out) {
  if (usage.cpu) DurationToProto(*usage.cpu, out->mutable_cpu());
  if (usage.user_cpu) {
    DurationToProto(*usage.user_cpu, out->mutable_user_cpu());
  }
  if (usage.system_cpu) {
    DurationToProto(*usage.system_cpu, out->mutable_system_cpu());
  }
  if (usage.memory_peak_bytes) {
    out->set_memory_peak_bytes(*usage.memory_peak_bytes);
  }
  if (usage.io_read_bytes) out->set_io_read_bytes(*usage.io_read_bytes);
  if (usage.io_write_bytes) out->set_io_write_bytes(*usage.io_write_bytes);
  if (usage.pids_peak) out->set_pids_peak(*usage.pids_peak);
  if (usage.throttled) {
    DurationToProto(*usage.throttled, out->mutable_throttled());
  }
  if (usage.wall) DurationToProto(*usage.wall, out->mutable_wall());
}

void EffectiveToProto(const store::Effective& effective, pb::Effective* out) {
  out->set_seccomp(SanitizeUtf8(effective.seccomp));
  ListToProto(effective.capabilities, out->mutable_capabilities());
  out->set_pids_limit(effective.pids_limit);
  out->set_user(SanitizeUtf8(effective.user));
  out->set_cgroup_path(SanitizeUtf8(effective.cgroup_path));
}

void EndpointToProto(const store::Endpoint& endpoint,
                     pb::ContainerStatus* out) {
  pb::NetworkEndpoint* added = out->add_networks();
  added->set_network(SanitizeUtf8(endpoint.network_id));
  added->set_name(SanitizeUtf8(endpoint.network_name));
  added->set_interface(SanitizeUtf8(endpoint.interface));
  ListToProto(endpoint.addresses, added->mutable_addresses());
  ListToProto(endpoint.gateways, added->mutable_gateways());
  added->set_mac(SanitizeUtf8(endpoint.mac));
  added->set_host_link(SanitizeUtf8(endpoint.host_link));
  ListToProto(endpoint.aliases, added->mutable_aliases());
  for (const store::PublishedPort& port : endpoint.ports) {
    pb::PortMapping* mapping = out->add_ports();
    mapping->set_container_port(port.container_port);
    mapping->set_host_port(port.host_port);
    mapping->set_host_ip(SanitizeUtf8(port.host_ip));
    mapping->set_protocol(SanitizeUtf8(port.protocol));
    mapping->set_count(port.count);
    mapping->set_network(SanitizeUtf8(endpoint.network_name));
  }
}

void StatusToProto(const store::ContainerStatus& status,
                   pb::ContainerStatus* out) {
  out->set_state(StateToProto(status.state));
  out->set_run(status.run);
  out->set_pid(status.pid);
  if (IsSet(status.start_time)) {
    TimeToProto(status.start_time, out->mutable_start_time());
  }
  if (status.exit) ExitToProto(*status.exit, out->mutable_exit());
  out->set_output_end_offset(status.output_end_offset);
  for (const store::Endpoint& endpoint : status.networks) {
    // Not one that was about to be attached, or to be detached.
    if (endpoint.attached) EndpointToProto(endpoint, out);
  }
  if (status.run > 0) {
    EffectiveToProto(status.effective, out->mutable_effective());
  }
  if (IsSet(status.delete_time)) {
    TimeToProto(status.delete_time, out->mutable_delete_time());
  }
  if (IsSet(status.expire_time)) {
    TimeToProto(status.expire_time, out->mutable_expire_time());
  }
}

template <typename Proto, typename Record>
size_t SizeOf(const Record& record, ViewKind view,
              void (*convert)(const Record&, ViewKind, Proto*)) {
  Proto proto;
  convert(record, view, &proto);
  return proto.ByteSizeLong();
}

}  // namespace

void ExitToProto(const store::ExitInfo& exit, pb::Exited* out) {
  OutcomeToProto(exit, out);
  out->set_reason(ReasonToProto(exit.reason));
  out->set_message(SanitizeUtf8(exit.message));
  out->set_run(exit.run);
  out->set_core_dumped(exit.core_dumped);
  if (exit.oom) OomToProto(*exit.oom, out->mutable_oom());
  out->set_completeness(CompletenessToProto(exit.completeness));
  for (const store::HeldBy& holder : exit.held_by) {
    pb::HeldBy* added = out->add_held_by();
    added->set_pid(holder.pid);
    added->set_name(SanitizeUtf8(holder.name));
  }
  out->set_cut_reason(SanitizeUtf8(exit.cut_reason));
  if (exit.cut_bytes) out->set_cut_bytes(*exit.cut_bytes);
  if (exit.stdout_bytes) out->set_stdout_bytes(*exit.stdout_bytes);
  if (exit.stderr_bytes) out->set_stderr_bytes(*exit.stderr_bytes);
  if (exit.end_offset) out->set_end_offset(*exit.end_offset);
  if (exit.stdout_crc32c) out->set_stdout_crc32c(*exit.stdout_crc32c);
  if (exit.stderr_crc32c) out->set_stderr_crc32c(*exit.stderr_crc32c);
  out->set_tree_running(exit.tree_running);
  UsageToProto(exit.usage, out->mutable_usage());
  if (IsSet(exit.start_time)) {
    TimeToProto(exit.start_time, out->mutable_start_time());
  }
  if (IsSet(exit.exit_time)) {
    TimeToProto(exit.exit_time, out->mutable_exit_time());
  }
}

void ContainerToProto(const store::ContainerRecord& record, ViewKind view,
                      pb::Container* out) {
  out->set_id(record.id);
  if (record.spec != nullptr) {
    SpecToProto(*record.spec, view, out->mutable_spec());
  }
  out->mutable_spec()->set_name(SanitizeUtf8(record.name));
  StatusToProto(record.status, out->mutable_status());
  if (IsSet(record.create_time)) {
    TimeToProto(record.create_time, out->mutable_create_time());
  }
  out->set_revision(record.revision);
}

void ExecToProto(const store::ExecRecord& record, ViewKind view,
                 pb::Exec* out) {
  out->set_id(record.id);
  out->set_container(record.container_id);
  if (record.spec != nullptr) {
    SpecToProto(*record.spec, view, out->mutable_spec());
  }
  out->set_state(record.state == store::ExecState::kRunning
                     ? pb::EXEC_STATE_RUNNING
                     : pb::EXEC_STATE_EXITED);
  out->set_tree_running(record.tree_running);
  out->set_pid(record.pid);
  if (record.exit) ExitToProto(*record.exit, out->mutable_exit());
  out->set_output_end_offset(record.output_end_offset);
  if (IsSet(record.create_time)) {
    TimeToProto(record.create_time, out->mutable_create_time());
  }
  if (IsSet(record.expire_time)) {
    TimeToProto(record.expire_time, out->mutable_expire_time());
  }
  out->set_revision(record.revision);
}

void NetworkToProto(const store::NetworkRecord& record,
                    std::optional<int32_t> endpoints, pb::ManagedNetwork* out) {
  out->set_id(record.id);
  if (record.spec != nullptr) SpecToProto(*record.spec, out->mutable_spec());
  out->mutable_spec()->set_name(SanitizeUtf8(record.name));
  pb::NetworkStatus* status = out->mutable_status();
  for (const spec::Subnet& subnet : record.subnets) {
    SubnetToProto(subnet, status->add_subnets());
  }
  if (endpoints) status->set_endpoints(*endpoints);
  status->set_up(record.up);
  if (IsSet(record.create_time)) {
    TimeToProto(record.create_time, out->mutable_create_time());
  }
  out->set_revision(record.revision);
}

void NetworkNamespaceToProto(const store::NetworkNamespaceRecord& record,
                             pb::NetworkNamespace* out) {
  out->set_id(record.id);
  out->set_name(SanitizeUtf8(record.name));
  out->set_path(base::StrCat("/run/netns/", out->name()));
  out->set_inode(record.inode);
  if (IsSet(record.create_time)) {
    TimeToProto(record.create_time, out->mutable_create_time());
  }
  out->set_revision(record.revision);
}

void EventToProto(const store::Event& event, ViewKind view, pb::Event* out) {
  out->set_revision(event.revision);
  if (IsSet(event.time)) TimeToProto(event.time, out->mutable_time());
  out->set_type(SanitizeUtf8(event.type));
  if (event.exec != nullptr) {
    ExecToProto(*event.exec, view, out->mutable_exec());
  } else if (event.container != nullptr) {
    ContainerToProto(*event.container, view, out->mutable_container());
  } else if (event.network != nullptr) {
    NetworkToProto(*event.network, std::nullopt, out->mutable_network());
  } else if (event.network_namespace != nullptr) {
    NetworkNamespaceToProto(*event.network_namespace,
                            out->mutable_network_namespace());
  }
  for (const auto& [key, value] : event.attributes) {
    (*out->mutable_attributes())[SanitizeUtf8(key)] = SanitizeUtf8(value);
  }
  out->set_request_id(SanitizeUtf8(event.request_id));
}

std::optional<store::ContainerState> StateFromProto(pb::ContainerState state) {
  switch (state) {
    case pb::CONTAINER_STATE_CREATED:
      return store::ContainerState::kCreated;
    case pb::CONTAINER_STATE_RUNNING:
      return store::ContainerState::kRunning;
    case pb::CONTAINER_STATE_PAUSED:
      return store::ContainerState::kPaused;
    case pb::CONTAINER_STATE_RESTARTING:
      return store::ContainerState::kRestarting;
    case pb::CONTAINER_STATE_EXITED:
      return store::ContainerState::kExited;
    case pb::CONTAINER_STATE_DELETED:
      return store::ContainerState::kDeleted;
    default:
      return std::nullopt;
  }
}

std::optional<store::ExecState> StateFromProto(pb::ExecState state) {
  switch (state) {
    case pb::EXEC_STATE_RUNNING:
      return store::ExecState::kRunning;
    case pb::EXEC_STATE_EXITED:
      return store::ExecState::kExited;
    default:
      return std::nullopt;
  }
}

size_t BasicSize(const store::ContainerRecord& record) {
  return SizeOf<pb::Container>(record, ViewKind::kBasic, ContainerToProto);
}
size_t FullSize(const store::ContainerRecord& record) {
  return SizeOf<pb::Container>(record, ViewKind::kFull, ContainerToProto);
}
size_t BasicSize(const store::ExecRecord& record) {
  return SizeOf<pb::Exec>(record, ViewKind::kBasic, ExecToProto);
}
size_t FullSize(const store::ExecRecord& record) {
  return SizeOf<pb::Exec>(record, ViewKind::kFull, ExecToProto);
}

size_t FullSize(const store::NetworkRecord& record) {
  pb::ManagedNetwork proto;
  NetworkToProto(record, 0, &proto);
  return proto.ByteSizeLong();
}

}  // namespace caisson::translate
