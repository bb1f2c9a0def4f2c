#include "server/service/encode.h"

#include "server/translate/process_to_proto.h"
#include "server/translate/record_to_proto.h"
#include "server/translate/spec_to_proto.h"
#include "server/translate/time.h"
#include "server/translate/utf8.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;
using translate::SanitizeUtf8;
using translate::ViewKind;

pb::AuditState StateToProto(core::AuditState state) {
  switch (state) {
    case core::AuditState::kOk:
      return pb::AUDIT_STATE_OK;
    case core::AuditState::kOrphan:
      return pb::AUDIT_STATE_ORPHAN;
    case core::AuditState::kMissing:
      return pb::AUDIT_STATE_MISSING;
    case core::AuditState::kDrifted:
      return pb::AUDIT_STATE_DRIFTED;
  }
  return pb::AUDIT_STATE_UNSPECIFIED;
}

void CountsToProto(const std::map<std::string, int64_t>& counts,
                   google::protobuf::Map<std::string, int64_t>* out) {
  for (const auto& [name, value] : counts) (*out)[name] = value;
}

}  // namespace

void TimingsToProto(const core::Timings& timings, pb::Timings* out) {
  translate::DurationToProto(timings.total, out->mutable_total());
  for (const core::Timings::Phase& phase : timings.phases) {
    pb::Phase* added = out->add_phases();
    added->set_name(SanitizeUtf8(phase.name));
    translate::DurationToProto(phase.duration, added->mutable_duration());
  }
}

void PendingToProto(const core::PendingOperation& pending,
                    pb::ContainerStatus* out) {
  pb::PendingOperation* operation = out->mutable_pending_operation();
  operation->set_operation(SanitizeUtf8(pending.operation));
  operation->set_stage(SanitizeUtf8(pending.stage));
  translate::TimeToProto(pending.since, operation->mutable_since());
  operation->set_request_id(SanitizeUtf8(pending.request_id));
  operation->set_waiting_on(SanitizeUtf8(pending.waiting_on));
  translate::TimeToProto(absl::Now(), out->mutable_as_of());
}

void StartedToProto(const core::Started& started, int64_t output_offset,
                    pb::Started* out) {
  if (started.exec != nullptr) {
    translate::ExecToProto(*started.exec, ViewKind::kBasic,
                           out->mutable_exec());
  } else if (started.container != nullptr) {
    translate::ContainerToProto(*started.container, ViewKind::kBasic,
                                out->mutable_container());
  }
  out->set_run(started.run);
  out->set_pid(started.pid);
  out->set_output_offset(output_offset);
  out->set_stdin_offset(started.stdin_offset);
  if (!started.timings.phases.empty()) {
    TimingsToProto(started.timings, out->mutable_timings());
  }
  out->set_replayed(started.replayed);
}

void PlanStepToProto(const core::PlanStep& step, pb::PlanStep* out) {
  out->set_index(step.index);
  out->set_stage(SanitizeUtf8(step.stage));
  out->set_op(SanitizeUtf8(step.op));
  out->set_target(SanitizeUtf8(step.target));
  translate::MapToProto(step.detail, out->mutable_detail());
  out->set_text(SanitizeUtf8(step.text));
  out->set_why(SanitizeUtf8(step.why));
}

void PlanToProto(const core::Explanation& plan, pb::Plan* out) {
  translate::ListToProto(plan.summary, out->mutable_summary());
  for (const core::PlanStep& step : plan.steps) {
    PlanStepToProto(step, out->add_steps());
  }
  translate::SpecToProto(plan.effective, ViewKind::kFull,
                         out->mutable_effective());
  translate::ListToProto(plan.missing_features,
                         out->mutable_missing_features());
  out->set_hash(SanitizeUtf8(plan.hash));
}

void ProcessToProto(const core::ProcessEntry& process, pb::ProcessInfo* out) {
  out->set_pid(process.pid);
  out->set_container_pid(process.container_pid);
  out->set_parent_pid(process.parent_pid);
  out->set_user(SanitizeUtf8(process.user));
  translate::ListToProto(process.args, out->mutable_args());
  out->set_state(SanitizeUtf8(process.state));
  translate::DurationToProto(process.cpu, out->mutable_cpu());
  out->set_memory_bytes(process.memory_bytes);
  out->set_exec(process.exec);
  translate::TimeToProto(process.start_time, out->mutable_start_time());
}

void InfoToProto(const core::Info& info, pb::GetInfoResponse* out) {
  out->set_store_id(info.store_id);
  out->set_boot_id(info.boot_id);
  out->set_kernel(SanitizeUtf8(info.kernel));
  out->mutable_cgroup()->set_version(info.cgroup.version);
  out->mutable_cgroup()->set_driver(info.cgroup.driver);
  translate::ListToProto(info.cgroup.controllers,
                         out->mutable_cgroup()->mutable_controllers());
  for (const linux_::Feature& feature : info.features) {
    pb::Feature* added = out->add_features();
    added->set_name(SanitizeUtf8(feature.name));
    added->set_available(feature.available);
    added->set_reason(SanitizeUtf8(feature.reason));
  }
  CountsToProto(info.limits, out->mutable_limits());
  translate::ListToProto(info.event_types, out->mutable_event_types());
  CountsToProto(info.counts, out->mutable_counts());
  for (const core::Warning& warning : info.warnings) {
    pb::Warning* added = out->add_warnings();
    added->set_code(SanitizeUtf8(warning.code));
    added->set_text(SanitizeUtf8(warning.text));
    translate::TimeToProto(warning.since, added->mutable_since());
  }
}

void AuditObjectToProto(const core::AuditObject& object, pb::AuditObject* out) {
  out->set_kind(SanitizeUtf8(object.kind));
  out->set_key(SanitizeUtf8(object.key));
  out->set_owner(SanitizeUtf8(object.owner));
  out->set_state(StateToProto(object.state));
  out->set_detail(SanitizeUtf8(object.detail));
}

}  // namespace caisson::service
