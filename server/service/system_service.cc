#include "server/service/system_service.h"

#include <memory>
#include <string>
#include <utility>

#include "runtime/spec/defaults.h"
#include "server/service/connections.h"
#include "server/service/container_service.h"
#include "server/service/decode_calls.h"
#include "server/service/encode.h"
#include "server/service/exec_service.h"
#include "server/service/network_service.h"
#include "server/service/unary.h"
#include "server/service/watch_events_stream.h"
#include "server/translate/message.h"
#include "server/translate/spec_from_proto.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

// Counts up when the API grows.
constexpr int kApiLevel = 2;

void AddLimits(const Backend& backend, pb::GetInfoResponse* response) {
  auto& limits = *response->mutable_limits();
  limits["request_bytes"] = 4 << 20;
  limits["spec_bytes"] = translate::kMaxSpecBytes;
  limits["default_pids"] = spec::kDefaultPidsLimit;
  limits["message_depth"] = translate::kMaxMessageDepth;
  const ConnectionLimits connections;
  limits["connections"] = connections.total;
  limits["connections_per_uid"] = connections.per_uid;
  for (const StreamSlots* slots :
       {backend.attach_slots, backend.watch_slots, backend.log_slots}) {
    limits[std::string(slots->name())] = slots->max();
  }
}

}  // namespace

SystemServiceImpl::Unary* SystemServiceImpl::GetInfo(Context* context,
                                                     const Buffer* in,
                                                     Buffer* out) {
  return StartUnary<pb::GetInfoRequest, pb::GetInfoResponse>(
      door_, "SystemService.GetInfo", context, in, out, [this](auto call) {
        InfoToProto(backend_.system->GetInfo(), call->response());
        call->response()->set_version(backend_.version);
        call->response()->set_api_level(kApiLevel);
        AddLimits(backend_, call->response());
        call->Finish(absl::OkStatus());
      });
}

SystemServiceImpl::Unary* SystemServiceImpl::Audit(Context* context,
                                                   const Buffer* in,
                                                   Buffer* out) {
  return StartUnary<pb::AuditRequest, pb::AuditResponse>(
      door_, "SystemService.Audit", context, in, out, [this](auto call) {
        auto args = DecodeAudit(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.system->Audit(
            *std::move(args), [call](absl::StatusOr<core::AuditResult> result) {
              if (result.ok()) {
                for (const core::AuditObject& object : result->objects) {
                  AuditObjectToProto(object, call->response()->add_objects());
                }
                call->response()->set_revision(result->revision);
                call->response()->set_next_page_token(result->next_page_token);
              }
              call->Finish(result.status());
            });
      });
}

SystemServiceImpl::Unary* SystemServiceImpl::RepairHost(Context* context,
                                                        const Buffer* in,
                                                        Buffer* out) {
  return StartUnary<pb::RepairHostRequest, pb::RepairHostResponse>(
      door_, "SystemService.RepairHost", context, in, out, [this](auto call) {
        auto args = DecodeRepair(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.system->Repair(
            *std::move(args),
            [call](absl::StatusOr<core::RepairResult> result) {
              if (result.ok()) {
                for (const core::AuditObject& object : result->removed) {
                  AuditObjectToProto(object, call->response()->add_removed());
                }
                for (const core::AuditObject& object : result->failed) {
                  AuditObjectToProto(object, call->response()->add_failed());
                }
              }
              call->Finish(result.status());
            });
      });
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* EventServiceImpl::WatchEvents(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* in) {
  return WatchEventsStream::Start(door_, &backend_, context, *in);
}

Services MakeServices(const Door& door, const Backend& backend) {
  Services services;
  services.push_back(std::make_unique<ContainerServiceImpl>(door, backend));
  services.push_back(std::make_unique<ExecServiceImpl>(door, backend));
  services.push_back(std::make_unique<NetworkServiceImpl>(door, backend));
  services.push_back(std::make_unique<EventServiceImpl>(door, backend));
  services.push_back(std::make_unique<SystemServiceImpl>(door, backend));
  return services;
}

}  // namespace caisson::service
