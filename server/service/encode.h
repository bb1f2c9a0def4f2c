// Results of core -> messages of the API.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_SERVICE_ENCODE_H_
#define CAISSON_SERVER_SERVICE_ENCODE_H_

#include <cstdint>
#include <vector>

#include "caisson/v1/container_service.pb.h"
#include "caisson/v1/plan.pb.h"
#include "caisson/v1/stream.pb.h"
#include "caisson/v1/system_service.pb.h"
#include "server/core/container_manager.h"
#include "server/core/system.h"
#include "server/core/types.h"

namespace caisson::service {

void TimingsToProto(const core::Timings& timings, caisson::v1::Timings* out);
void PendingToProto(const core::PendingOperation& pending,
                    caisson::v1::ContainerStatus* out);
void StartedToProto(const core::Started& started, int64_t output_offset,
                    caisson::v1::Started* out);
void PlanStepToProto(const core::PlanStep& step, caisson::v1::PlanStep* out);
void PlanToProto(const core::Explanation& plan, caisson::v1::Plan* out);
void ProcessToProto(const core::ProcessEntry& process,
                    caisson::v1::ProcessInfo* out);
void InfoToProto(const core::Info& info, caisson::v1::GetInfoResponse* out);
void AuditObjectToProto(const core::AuditObject& object,
                        caisson::v1::AuditObject* out);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_ENCODE_H_
