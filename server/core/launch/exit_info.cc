#include "server/core/launch/exit_info.h"

#include <string.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

#include "runtime/spec/signal.h"

namespace caisson::core {
namespace {

using store::ExitInfo;
using store::ExitReason;

std::optional<int64_t> Known(int64_t value) {
  if (value < 0) return std::nullopt;
  return value;
}

std::optional<absl::Duration> KnownNs(int64_t value) {
  if (value < 0) return std::nullopt;
  return absl::Nanoseconds(value);
}

absl::Time TimeOf(int64_t ns) {
  return ns == 0 ? absl::InfinitePast() : absl::FromUnixNanos(ns);
}

ExitReason ReasonOf(record::ExitCause cause) {
  switch (cause) {
    case record::ExitCause::kExited:
      return ExitReason::kExited;
    case record::ExitCause::kSignaled:
      return ExitReason::kSignaled;
    case record::ExitCause::kStopped:
      return ExitReason::kStopped;
    case record::ExitCause::kKilled:
      return ExitReason::kKilled;
    case record::ExitCause::kOomKilled:
      return ExitReason::kOomKilled;
    case record::ExitCause::kWallTime:
      return ExitReason::kWallTime;
    case record::ExitCause::kCpuTime:
      return ExitReason::kCpuTime;
    case record::ExitCause::kOutputLimit:
      return ExitReason::kOutputLimit;
    case record::ExitCause::kDisconnected:
      return ExitReason::kDisconnected;
    case record::ExitCause::kUnknown:
      break;
  }
  return ExitReason::kUnknown;
}

ExitInfo::Kind KindOf(record::ExitKind kind) {
  switch (kind) {
    case record::ExitKind::kCode:
      return ExitInfo::Kind::kCode;
    case record::ExitKind::kSignal:
      return ExitInfo::Kind::kSignal;
    case record::ExitKind::kUnknown:
      break;
  }
  return ExitInfo::Kind::kUnknown;
}

std::string MessageOf(const ExitInfo& info) {
  switch (info.reason) {
    case ExitReason::kExited:
      return absl::StrCat("exited with status ", info.code);
    case ExitReason::kSignaled:
      return absl::StrCat("ended by ", spec::SignalName(info.code));
    case ExitReason::kStopped:
      return "stopped by request";
    case ExitReason::kKilled:
      return "killed by request";
    case ExitReason::kOomKilled:
      return "killed for lack of memory";
    case ExitReason::kWallTime:
      return "limits.wall_time was reached";
    case ExitReason::kCpuTime:
      return "limits.cpu_time was reached";
    case ExitReason::kOutputLimit:
      return "limits.output_bytes was reached";
    case ExitReason::kDisconnected:
      return "the client disconnected";
    case ExitReason::kUnknown:
    case ExitReason::kShimLost:
    case ExitReason::kHostReboot:
      break;
  }
  return "the exit status is unknown";
}

void FillCompleteness(const record::ExitRecord& record, ExitInfo* info) {
  switch (record.completeness) {
    case record::ExitCompleteness::kComplete:
      info->completeness = store::Completeness::kComplete;
      break;
    case record::ExitCompleteness::kHeldOpen:
      info->completeness = store::Completeness::kHeldOpen;
      break;
    case record::ExitCompleteness::kCut:
      info->completeness = store::Completeness::kCut;
      info->cut_bytes = Known(record.cut_bytes);
      info->cut_reason = record.cut_cause == record::CutCause::kOutputLimit
                             ? "OUTPUT_LIMIT"
                             : "DISK_FULL";
      break;
  }
  for (uint32_t i = 0; i < record.held_by_count; ++i) {
    const record::ExitHolder& holder = record.held_by[i];
    info->held_by.push_back(
        {.pid = holder.pid,
         .name = std::string(holder.name,
                             ::strnlen(holder.name, sizeof(holder.name)))});
  }
}

void FillOom(const record::ExitRecord& record, ExitInfo* info) {
  if (record.oom_kills <= 0) return;
  store::OomInfo oom;
  oom.level = record.exec_number == 0 ? "container" : "exec";
  oom.kills = record.oom_kills;
  oom.limit_bytes = Known(record.oom_limit_bytes);
  oom.peak_bytes = Known(record.oom_peak_bytes);
  info->oom = oom;
}

store::Usage UsageOf(const record::ExitUsage& usage) {
  store::Usage out;
  out.cpu = KnownNs(usage.cpu_ns);
  out.user_cpu = KnownNs(usage.user_ns);
  out.system_cpu = KnownNs(usage.system_ns);
  out.throttled = KnownNs(usage.throttled_ns);
  out.wall = KnownNs(usage.wall_ns);
  out.memory_peak_bytes = Known(usage.memory_peak_bytes);
  out.io_read_bytes = Known(usage.io_read_bytes);
  out.io_write_bytes = Known(usage.io_write_bytes);
  out.pids_peak = Known(usage.pids_peak);
  return out;
}

}  // namespace

ExitInfo ExitInfoOf(const record::ExitRecord& record) {
  ExitInfo info;
  info.kind = KindOf(record.kind);
  info.code = record.code;
  info.reason = ReasonOf(record.cause);
  info.message = MessageOf(info);
  info.run = static_cast<int64_t>(record.run);
  info.core_dumped = record.core_dumped != 0;
  FillOom(record, &info);
  FillCompleteness(record, &info);
  info.stdout_bytes = record.stdout_bytes;
  info.stderr_bytes = record.stderr_bytes;
  info.end_offset = record.end_offset;
  info.stdout_crc32c = record.stdout_crc32c;
  info.stderr_crc32c = record.stderr_crc32c;
  info.tree_running = record.tree_running != 0;
  info.usage = UsageOf(record.usage);
  info.start_time = TimeOf(record.start_time_ns);
  info.exit_time = TimeOf(record.exit_time_ns);
  return info;
}

ExitInfo UnknownExit(int64_t run, ExitReason reason, std::string_view message,
                     absl::Time start_time, absl::Time exit_time) {
  ExitInfo info;
  info.reason = reason;
  info.message = std::string(message);
  info.run = run;
  info.completeness = store::Completeness::kCut;
  info.cut_reason =
      reason == ExitReason::kHostReboot ? "HOST_REBOOT" : "SHIM_LOST";
  info.start_time = start_time;
  info.exit_time = exit_time;
  return info;
}

}  // namespace caisson::core
