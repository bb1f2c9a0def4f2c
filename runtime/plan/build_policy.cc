// The part of the header that the shim enforces by itself.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <algorithm>
#include <optional>
#include <string>

#include "absl/time/time.h"

#include "runtime/plan/build.h"
#include "runtime/plan/header.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/signal.h"

namespace caisson::plan {
namespace {

int64_t Nanoseconds(const std::optional<absl::Duration>& duration) {
  return duration.has_value() ? absl::ToInt64Nanoseconds(*duration) : 0;
}

StdinMode ToStdinMode(spec::StdinMode mode) {
  switch (mode) {
    case spec::StdinMode::kOpen:
      return StdinMode::kOpen;
    case spec::StdinMode::kOnce:
      return StdinMode::kOnce;
    default:
      return StdinMode::kNone;
  }
}

DisconnectAction ToAction(spec::DisconnectAction action,
                          DisconnectAction otherwise) {
  switch (action) {
    case spec::DisconnectAction::kKeep:
      return DisconnectAction::kKeep;
    case spec::DisconnectAction::kKill:
      return DisconnectAction::kKill;
    case spec::DisconnectAction::kStop:
      return DisconnectAction::kStop;
    default:
      return otherwise;
  }
}

void FillProcess(const spec::Process& process, PlanHeader* header) {
  PlanPolicy& policy = header->policy;
  policy.stdin_mode = ToStdinMode(process.stdin_mode);
  if (!process.tty) return;
  header->flags |= kPlanTty;
  const spec::TerminalSize size =
      process.terminal_size.value_or(spec::TerminalSize{});
  policy.rows =
      static_cast<uint16_t>(size.rows > 0 ? size.rows : spec::kDefaultRows);
  policy.cols =
      static_cast<uint16_t>(size.cols > 0 ? size.cols : spec::kDefaultCols);
}

void FillLimits(const spec::Limits& limits, PlanPolicy* policy) {
  policy->wall_time_ns = Nanoseconds(limits.wall_time);
  policy->cpu_time_ns = Nanoseconds(limits.cpu_time);
  policy->grace_ns = Nanoseconds(limits.grace);
  policy->output_bytes = limits.output_bytes.value_or(0);
  policy->output_action = limits.output_action == spec::OutputAction::kDiscard
                              ? OutputAction::kDiscard
                              : OutputAction::kKill;
}

void FillStop(const spec::ContainerSpec& spec, PlanPolicy* policy) {
  policy->stop_signal =
      spec::ParseSignal(spec.stop_signal.empty()
                            ? std::string(spec::kDefaultStopSignal)
                            : spec.stop_signal)
          .value_or(15);
  policy->stop_timeout_ns = absl::ToInt64Nanoseconds(
      spec.stop_timeout.value_or(spec::kDefaultStopTimeout));
}

void FillIdentity(const std::string& id, uint64_t run, PlanPolicy* policy) {
  const size_t size = std::min(id.size(), sizeof(policy->container_id) - 1);
  memcpy(policy->container_id, id.data(), size);
  policy->run = run;
}

void FillDisconnect(const spec::OnDisconnect& disconnect,
                    DisconnectAction otherwise, PlanHeader* header) {
  PlanPolicy& policy = header->policy;
  policy.on_disconnect = ToAction(disconnect.action, otherwise);
  policy.disconnect_grace_ns = Nanoseconds(disconnect.grace);
  if (policy.on_disconnect != DisconnectAction::kKeep) {
    header->flags |= kPlanKillWithoutDaemon;
  }
}

}  // namespace

void FillPolicy(const Launch& launch) {
  const spec::ContainerSpec& spec = launch.spec;
  PlanHeader& header = launch.draft.header;
  PlanPolicy& policy = header.policy;
  FillIdentity(launch.context.container_id, launch.context.run, &policy);
  FillProcess(spec.process, &header);
  FillLimits(spec.limits, &policy);
  FillStop(spec, &policy);
  FillDisconnect(launch.context.on_disconnect, DisconnectAction::kKeep,
                 &header);
  policy.log_driver = spec.log.driver == spec::LogDriver::kDiscard
                          ? LogDriver::kDiscard
                          : LogDriver::kFile;
  policy.log_max_file_bytes = spec.log.max_file_bytes > 0
                                  ? spec.log.max_file_bytes
                                  : spec::kDefaultLogFileBytes;
  policy.log_max_files = static_cast<uint32_t>(
      spec.log.max_files > 0 ? spec.log.max_files : spec::kDefaultLogFiles);
  if (launch.context.named_reader) header.flags |= kPlanNamedReader;
  if (launch.context.volatile_state) header.flags |= kPlanVolatile;
}

void FillExecPolicy(const spec::ExecSpec& spec, const ExecContext& context,
                    const spec::ContainerSpec& container, Draft& draft) {
  PlanHeader& header = draft.header;
  PlanPolicy& policy = header.policy;
  FillIdentity(context.container_id, context.run, &policy);
  policy.exec_number = context.exec_number;
  FillProcess(spec.process, &header);
  FillLimits(spec.limits, &policy);
  FillStop(container, &policy);
  FillDisconnect(spec.on_disconnect, DisconnectAction::kKill, &header);
  policy.spool_bytes =
      spec.spool_bytes > 0 ? spec.spool_bytes : spec::kDefaultSpoolBytes;
  if (context.named_reader) header.flags |= kPlanNamedReader;
  // An exec shares the pid namespace with the rest of its container: what it
  // started may live on, and hold its pipes.
  header.flags |= kPlanSharedPidNamespace;
}

}  // namespace caisson::plan
