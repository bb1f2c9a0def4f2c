// The fields of every struct of a spec, once: the writer and the reader walk
// the same list, so what is written can be read. Internal to json.cc.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_JSON_FIELDS_H_
#define CAISSON_RUNTIME_SPEC_JSON_FIELDS_H_

#include "runtime/spec/network_json_fields.h"
#include "runtime/spec/spec.h"

namespace caisson::spec {

template <Is<HostDirectory> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("path", s.path);
  visit("writable_layer", s.writable_layer);
}
template <Is<Rootfs> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("host_directory", s.host_directory);
  visit("read_only", s.read_only);
}
template <Is<BindMount> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("source", s.source);
  visit("create_source", s.create_source);
  visit("non_recursive", s.non_recursive);
}
template <Is<TmpfsMount> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("size_bytes", s.size_bytes);
  visit("mode", s.mode);
}
template <Is<Mount> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("target", s.target);
  visit("bind", s.bind);
  visit("tmpfs", s.tmpfs);
  visit("special", s.special);
  visit("read_only", s.read_only);
  visit("recursive_read_only", s.recursive_read_only);
  visit("propagation", s.propagation);
  visit("options", s.options);
}
template <Is<Device> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("host_path", s.host_path);
  visit("container_path", s.container_path);
  visit("permissions", s.permissions);
  visit("optional", s.optional);
}
template <Is<Cpu> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("limit_millis", s.limit_millis);
  visit("quota_micros", s.quota_micros);
  visit("period_micros", s.period_micros);
  visit("weight", s.weight);
  visit("shares", s.shares);
  visit("burst_micros", s.burst_micros);
  visit("cpuset_cpus", s.cpuset_cpus);
  visit("cpuset_mems", s.cpuset_mems);
  visit("idle", s.idle);
}
template <Is<Memory> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("limit_bytes", s.limit_bytes);
  visit("swap_limit_bytes", s.swap_limit_bytes);
  visit("high_bytes", s.high_bytes);
  visit("low_bytes", s.low_bytes);
  visit("min_bytes", s.min_bytes);
  visit("kill_group", s.kill_group);
}
template <Is<Resources> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("cpu", s.cpu);
  visit("memory", s.memory);
  visit("pids_limit", s.pids_limit);
}
template <Is<Limits> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("wall_time", s.wall_time);
  visit("cpu_time", s.cpu_time);
  visit("output_bytes", s.output_bytes);
  visit("output_action", s.output_action);
  visit("grace", s.grace);
}
template <Is<Namespace> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("mode", s.mode);
  visit("target", s.target);
}
template <Is<Namespaces> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("pid", s.pid);
  visit("ipc", s.ipc);
  visit("uts", s.uts);
  visit("cgroup", s.cgroup);
  visit("time", s.time);
}
template <Is<IdMap> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("container_id", s.container_id);
  visit("host_id", s.host_id);
  visit("size", s.size);
}
template <Is<IdMapping> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("uids", s.uids);
  visit("gids", s.gids);
}
template <Is<UserNamespace> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("host", s.host);
  visit("explicit", s.explicit_maps);
}
template <Is<Seccomp> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("profile", s.profile);
  visit("oci_json", s.oci_json);
  visit("unconfined", s.unconfined);
}
template <Is<SecurityOptions> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("seccomp", s.seccomp);
  visit("privileged", s.privileged);
  visit("masked_paths", s.masked_paths);
  visit("readonly_paths", s.readonly_paths);
}
template <Is<LogConfig> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("driver", s.driver);
  visit("max_file_bytes", s.max_file_bytes);
  visit("max_files", s.max_files);
}
template <Is<TerminalSize> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("rows", s.rows);
  visit("cols", s.cols);
}
template <Is<CapabilitySets> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("bounding", s.bounding);
  visit("effective", s.effective);
  visit("permitted", s.permitted);
  visit("inheritable", s.inheritable);
  visit("ambient", s.ambient);
}
template <Is<Capabilities> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("add", s.add);
  visit("drop", s.drop);
  visit("ambient", s.ambient);
  visit("exact", s.exact);
}
template <Is<Rlimit> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("name", s.name);
  visit("soft", s.soft);
  visit("hard", s.hard);
  visit("from_default", s.from_default);
}
template <Is<Process> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("command", s.command);
  visit("args", s.args);
  visit("args_raw", s.args_raw);
  visit("env", s.env);
  visit("env_raw", s.env_raw);
  visit("working_dir", s.working_dir);
  visit("user", s.user);
  visit("extra_groups", s.extra_groups);
  visit("strict_groups", s.strict_groups);
  visit("tty", s.tty);
  visit("terminal_size", s.terminal_size);
  visit("stdin", s.stdin_mode);
  visit("capabilities", s.capabilities);
  visit("allow_new_privileges", s.allow_new_privileges);
  visit("rlimits", s.rlimits);
  visit("umask", s.umask);
  visit("oom_score_adj", s.oom_score_adj);
}
template <Is<OnDisconnect> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("action", s.action);
  visit("grace", s.grace);
}
template <Is<ExecSpec> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("process", s.process);
  visit("limits", s.limits);
  visit("on_disconnect", s.on_disconnect);
  visit("labels", s.labels);
  visit("spool_bytes", s.spool_bytes);
  visit("retention", s.retention);
}
template <Is<ContainerSpec> T, typename V>
void VisitFields(T& s, V&& visit) {
  visit("name", s.name);
  visit("labels", s.labels);
  visit("annotations", s.annotations);
  visit("rootfs", s.rootfs);
  visit("process", s.process);
  visit("hostname", s.hostname);
  visit("domainname", s.domainname);
  visit("mounts", s.mounts);
  visit("devices", s.devices);
  visit("resources", s.resources);
  visit("limits", s.limits);
  visit("namespaces", s.namespaces);
  visit("user_namespace", s.user_namespace);
  visit("network", s.network);
  visit("security", s.security);
  visit("sysctls", s.sysctls);
  visit("log", s.log);
  visit("stop_signal", s.stop_signal);
  visit("stop_timeout", s.stop_timeout);
  visit("delete_after_exit", s.delete_after_exit);
}

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_JSON_FIELDS_H_
