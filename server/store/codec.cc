#include "server/store/codec.h"

#include <limits>
#include <utility>

#include "absl/strings/escaping.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "server/store/json_fields.h"
#include "server/store/network_codec.h"

namespace caisson::store {
namespace {

Json EncodeUsage(const Usage& usage) {
  Json json = Json::object();
  Put(&json, "cpu", usage.cpu);
  Put(&json, "user", usage.user_cpu);
  Put(&json, "system", usage.system_cpu);
  Put(&json, "throttled", usage.throttled);
  Put(&json, "wall", usage.wall);
  Put(&json, "memory_peak", usage.memory_peak_bytes);
  Put(&json, "io_read", usage.io_read_bytes);
  Put(&json, "io_write", usage.io_write_bytes);
  Put(&json, "pids_peak", usage.pids_peak);
  return json;
}

Usage DecodeUsage(const Json& json) {
  Usage usage;
  Get(json, "cpu", &usage.cpu);
  Get(json, "user", &usage.user_cpu);
  Get(json, "system", &usage.system_cpu);
  Get(json, "throttled", &usage.throttled);
  Get(json, "wall", &usage.wall);
  Get(json, "memory_peak", &usage.memory_peak_bytes);
  Get(json, "io_read", &usage.io_read_bytes);
  Get(json, "io_write", &usage.io_write_bytes);
  Get(json, "pids_peak", &usage.pids_peak);
  return usage;
}

Json EncodeOom(const OomInfo& oom) {
  Json json = Json::object();
  Put(&json, "level", oom.level);
  Put(&json, "pid", oom.victim_pid);
  Put(&json, "comm", oom.victim_comm);
  Put(&json, "limit", oom.limit_bytes);
  Put(&json, "peak", oom.peak_bytes);
  Put(&json, "kills", oom.kills);
  return json;
}

OomInfo DecodeOom(const Json& json) {
  OomInfo oom;
  Get(json, "level", &oom.level);
  Get(json, "pid", &oom.victim_pid);
  Get(json, "comm", &oom.victim_comm);
  Get(json, "limit", &oom.limit_bytes);
  Get(json, "peak", &oom.peak_bytes);
  Get(json, "kills", &oom.kills);
  return oom;
}

Json EncodeExit(const ExitInfo& exit) {
  Json json = Json::object();
  Put(&json, "kind", Number(exit.kind));
  Put(&json, "code", exit.code);
  Put(&json, "reason", Number(exit.reason));
  Put(&json, "message", exit.message);
  Put(&json, "run", exit.run);
  Put(&json, "core", exit.core_dumped ? 1 : 0);
  if (exit.oom.has_value()) json["oom"] = EncodeOom(*exit.oom);
  Put(&json, "completeness", Number(exit.completeness));
  for (const HeldBy& holder : exit.held_by) {
    json["held_by"].push_back({{"pid", holder.pid}, {"name", holder.name}});
  }
  Put(&json, "cut_reason", exit.cut_reason);
  Put(&json, "cut_bytes", exit.cut_bytes);
  Put(&json, "stdout", exit.stdout_bytes);
  Put(&json, "stderr", exit.stderr_bytes);
  Put(&json, "end", exit.end_offset);
  Put(&json, "stdout_crc", exit.stdout_crc32c);
  Put(&json, "stderr_crc", exit.stderr_crc32c);
  Put(&json, "tree", exit.tree_running ? 1 : 0);
  Json usage = EncodeUsage(exit.usage);
  if (!usage.empty()) json["usage"] = std::move(usage);
  Put(&json, "start_time", exit.start_time);
  Put(&json, "exit_time", exit.exit_time);
  return json;
}

void DecodeHeldBy(const Json& json, ExitInfo* exit) {
  ForEachItem(json, "held_by", [&](const Json& item) {
    HeldBy holder;
    Get(item, "pid", &holder.pid);
    Get(item, "name", &holder.name);
    exit->held_by.push_back(std::move(holder));
  });
}

ExitInfo DecodeExit(const Json& json) {
  ExitInfo exit;
  GetEnum(json, "kind", ExitInfo::Kind::kSignal, ExitInfo::Kind::kUnknown,
          &exit.kind);
  Get(json, "code", &exit.code);
  GetEnum(json, "reason", ExitReason::kHostReboot, ExitReason::kUnknown,
          &exit.reason);
  Get(json, "message", &exit.message);
  Get(json, "run", &exit.run);
  Get(json, "core", &exit.core_dumped);
  const Json* oom = Member(json, "oom");
  if (oom != nullptr) exit.oom = DecodeOom(*oom);
  GetEnum(json, "completeness", Completeness::kCut, Completeness::kCut,
          &exit.completeness);
  DecodeHeldBy(json, &exit);
  Get(json, "cut_reason", &exit.cut_reason);
  Get(json, "cut_bytes", &exit.cut_bytes);
  Get(json, "stdout", &exit.stdout_bytes);
  Get(json, "stderr", &exit.stderr_bytes);
  Get(json, "end", &exit.end_offset);
  Get(json, "stdout_crc", &exit.stdout_crc32c);
  Get(json, "stderr_crc", &exit.stderr_crc32c);
  Get(json, "tree", &exit.tree_running);
  const Json* usage = Member(json, "usage");
  if (usage != nullptr) exit.usage = DecodeUsage(*usage);
  Get(json, "start_time", &exit.start_time);
  Get(json, "exit_time", &exit.exit_time);
  return exit;
}

Json EncodeEffective(const Effective& effective) {
  Json json = Json::object();
  Put(&json, "seccomp", effective.seccomp);
  Put(&json, "capabilities", effective.capabilities);
  Put(&json, "pids", effective.pids_limit);
  Put(&json, "user", effective.user);
  Put(&json, "cgroup", effective.cgroup_path);
  return json;
}

Effective DecodeEffective(const Json& json) {
  Effective effective;
  Get(json, "seccomp", &effective.seccomp);
  Get(json, "capabilities", &effective.capabilities);
  Get(json, "pids", &effective.pids_limit);
  Get(json, "user", &effective.user);
  Get(json, "cgroup", &effective.cgroup_path);
  return effective;
}

Json EncodeDetail(const base::ErrorDetail& detail) {
  Json json = Json::object();
  Put(&json, "reason", detail.reason);
  for (const auto& [key, value] : detail.metadata) {
    json["metadata"].push_back({key, value});
  }
  for (const base::FieldViolation& violation : detail.violations) {
    json["violations"].push_back({violation.field, violation.description});
  }
  Put(&json, "retry_after", absl::ToInt64Nanoseconds(detail.retry_after));
  return json;
}

// [["a","b"],...]: calls `add` for each well-formed pair.
template <typename Add>
void ForEachPair(const Json& object, const char* key, Add add) {
  ForEachItem(object, key, [&](const Json& item) {
    if (!item.is_array() || item.size() != 2) return;
    if (!item[0].is_string() || !item[1].is_string()) return;
    add(item[0].get<std::string>(), item[1].get<std::string>());
  });
}

base::ErrorDetail DecodeDetail(const Json& json) {
  base::ErrorDetail detail;
  Get(json, "reason", &detail.reason);
  ForEachPair(json, "metadata", [&](std::string a, std::string b) {
    detail.metadata.emplace_back(std::move(a), std::move(b));
  });
  ForEachPair(json, "violations", [&](std::string a, std::string b) {
    detail.violations.push_back({std::move(a), std::move(b)});
  });
  int64_t retry_after = 0;
  Get(json, "retry_after", &retry_after);
  detail.retry_after = absl::Nanoseconds(retry_after);
  return detail;
}

}  // namespace

int64_t EncodeTime(absl::Time time) {
  return absl::ToUnixNanos(time);
}

absl::Time DecodeTime(int64_t nanoseconds) {
  if (nanoseconds == std::numeric_limits<int64_t>::min()) {
    return absl::InfinitePast();
  }
  if (nanoseconds == std::numeric_limits<int64_t>::max()) {
    return absl::InfiniteFuture();
  }
  return absl::FromUnixNanos(nanoseconds);
}

std::string EncodeContainer(const ContainerRecord& record) {
  const ContainerStatus& status = record.status;
  Json json = Json::object();
  json["name"] = record.name;
  Put(&json, "state", Number(status.state));
  Put(&json, "run", status.run);
  Put(&json, "pid", status.pid);
  Put(&json, "start_time", status.start_time);
  if (status.exit.has_value()) json["exit"] = EncodeExit(*status.exit);
  Put(&json, "end", status.output_end_offset);
  Json effective = EncodeEffective(status.effective);
  if (!effective.empty()) json["effective"] = std::move(effective);
  for (const Endpoint& endpoint : status.networks) {
    json["networks"].push_back(EncodeEndpoint(endpoint));
  }
  Put(&json, "delete_time", status.delete_time);
  Put(&json, "expire_time", status.expire_time);
  Put(&json, "intent", Number(record.intent));
  Put(&json, "boot_id", record.kernel.boot_id);
  Put(&json, "shim_pid", record.kernel.shim_pid);
  Put(&json, "cgroup", record.kernel.cgroup_path);
  Put(&json, "request", record.request_id);
  Put(&json, "start_request", record.start_request);
  Put(&json, "create_time", record.create_time);
  Put(&json, "create_revision", record.create_revision);
  Put(&json, "revision", record.revision);
  return DumpJson(json);
}

absl::Status DecodeContainer(std::string_view text, ContainerRecord* record) {
  CAISSON_ASSIGN_OR_RETURN(const Json json, ParseObject(text, "container"));
  ContainerStatus& status = record->status;
  Get(json, "name", &record->name);
  GetEnum(json, "state", ContainerState::kDeleted, ContainerState::kExited,
          &status.state);
  Get(json, "run", &status.run);
  Get(json, "pid", &status.pid);
  Get(json, "start_time", &status.start_time);
  const Json* exit = Member(json, "exit");
  if (exit != nullptr) status.exit = DecodeExit(*exit);
  Get(json, "end", &status.output_end_offset);
  const Json* effective = Member(json, "effective");
  if (effective != nullptr) status.effective = DecodeEffective(*effective);
  ForEachItem(json, "networks", [&](const Json& item) {
    status.networks.push_back(DecodeEndpoint(item));
  });
  Get(json, "delete_time", &status.delete_time);
  Get(json, "expire_time", &status.expire_time);
  GetEnum(json, "intent", Intent::kDelete, Intent::kNone, &record->intent);
  Get(json, "boot_id", &record->kernel.boot_id);
  Get(json, "shim_pid", &record->kernel.shim_pid);
  Get(json, "cgroup", &record->kernel.cgroup_path);
  Get(json, "request", &record->request_id);
  Get(json, "start_request", &record->start_request);
  Get(json, "create_time", &record->create_time);
  Get(json, "create_revision", &record->create_revision);
  Get(json, "revision", &record->revision);
  return absl::OkStatus();
}

std::string EncodeExec(const ExecRecord& record) {
  Json json = Json::object();
  json["container"] = record.container_id;
  json["number"] = record.number;
  Put(&json, "state", Number(record.state));
  Put(&json, "intent", Number(record.intent));
  Put(&json, "tree", record.tree_running ? 1 : 0);
  Put(&json, "pid", record.pid);
  if (record.exit.has_value()) json["exit"] = EncodeExit(*record.exit);
  Put(&json, "end", record.output_end_offset);
  Put(&json, "request", record.request_id);
  Put(&json, "create_time", record.create_time);
  Put(&json, "start_time", record.start_time);
  Put(&json, "expire_time", record.expire_time);
  Put(&json, "create_revision", record.create_revision);
  Put(&json, "revision", record.revision);
  return DumpJson(json);
}

absl::Status DecodeExec(std::string_view text, ExecRecord* record) {
  CAISSON_ASSIGN_OR_RETURN(const Json json, ParseObject(text, "exec"));
  Get(json, "container", &record->container_id);
  Get(json, "number", &record->number);
  GetEnum(json, "state", ExecState::kExited, ExecState::kExited,
          &record->state);
  GetEnum(json, "intent", Intent::kDelete, Intent::kNone, &record->intent);
  Get(json, "tree", &record->tree_running);
  Get(json, "pid", &record->pid);
  const Json* exit = Member(json, "exit");
  if (exit != nullptr) record->exit = DecodeExit(*exit);
  Get(json, "end", &record->output_end_offset);
  Get(json, "request", &record->request_id);
  Get(json, "create_time", &record->create_time);
  Get(json, "start_time", &record->start_time);
  Get(json, "expire_time", &record->expire_time);
  Get(json, "create_revision", &record->create_revision);
  Get(json, "revision", &record->revision);
  return absl::OkStatus();
}

std::string EncodeRequest(const RequestRow& row) {
  Json json = Json::object();
  json["method"] = row.method;
  // The digest is bytes; JSON text is not.
  json["fingerprint"] = absl::BytesToHexString(row.fingerprint);
  Put(&json, "version", row.fingerprint_version);
  Put(&json, "outcome", Number(row.outcome));
  if (!row.failure.ok()) {
    json["code"] = Number(row.failure.code());
    json["message"] = std::string(row.failure.message());
    json["detail"] = EncodeDetail(base::DetailOf(row.failure));
  }
  return DumpJson(json);
}

absl::Status DecodeRequest(std::string_view text, RequestRow* row) {
  CAISSON_ASSIGN_OR_RETURN(const Json json, ParseObject(text, "request"));
  Get(json, "method", &row->method);
  std::string hex;
  Get(json, "fingerprint", &hex);
  row->fingerprint = absl::HexStringToBytes(hex);
  Get(json, "version", &row->fingerprint_version);
  GetEnum(json, "outcome", RequestRow::Outcome::kFailed,
          RequestRow::Outcome::kFailed, &row->outcome);
  int32_t code = 0;
  std::string message;
  Get(json, "code", &code);
  Get(json, "message", &message);
  if (code == 0) return absl::OkStatus();
  row->failure = absl::Status(static_cast<absl::StatusCode>(code), message);
  const Json* detail = Member(json, "detail");
  if (detail != nullptr) {
    row->failure = base::WithDetail(row->failure, DecodeDetail(*detail));
  }
  return absl::OkStatus();
}

std::string EncodeEventExtra(const Event& event) {
  if (event.attributes.empty() && event.request_id.empty()) return "";
  Json json = Json::object();
  for (const auto& [key, value] : event.attributes) {
    json["attributes"].push_back({key, value});
  }
  Put(&json, "request", event.request_id);
  return DumpJson(json);
}

absl::Status DecodeEventExtra(std::string_view text, Event* event) {
  if (text.empty()) return absl::OkStatus();
  CAISSON_ASSIGN_OR_RETURN(const Json json, ParseObject(text, "event"));
  ForEachPair(json, "attributes", [&](std::string a, std::string b) {
    event->attributes.emplace_back(std::move(a), std::move(b));
  });
  Get(json, "request", &event->request_id);
  return absl::OkStatus();
}

}  // namespace caisson::store
