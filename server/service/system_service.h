// SystemService and EventService behind one door.
//
// Process: caissond. Thread: gRPC's; no method blocks.
// Ownership: borrows everything.
#ifndef CAISSON_SERVER_SERVICE_SYSTEM_SERVICE_H_
#define CAISSON_SERVER_SERVICE_SYSTEM_SERVICE_H_

#include "caisson/v1/event_service.grpc.pb.h"
#include "caisson/v1/system_service.grpc.pb.h"
#include "server/service/backend.h"
#include "server/service/door.h"
#include "server/service/server_set.h"

namespace caisson::service {

namespace internal {
// Raw: see container_service.h.
template <typename Base>
using RawSystemService =
    caisson::v1::SystemService::WithRawCallbackMethod_GetInfo<
        caisson::v1::SystemService::WithRawCallbackMethod_Audit<
            caisson::v1::SystemService::WithRawCallbackMethod_RepairHost<
                Base>>>;
using RawEventService =
    caisson::v1::EventService::WithRawCallbackMethod_WatchEvents<
        caisson::v1::EventService::Service>;
}  // namespace internal

class SystemServiceImpl final
    : public internal::RawSystemService<caisson::v1::SystemService::Service> {
 public:
  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  using Buffer = grpc::ByteBuffer;

  SystemServiceImpl(const Door& door, const Backend& backend)
      : door_(door), backend_(backend) {}

  Unary* GetInfo(Context* context, const Buffer* in, Buffer* out) override;
  Unary* Audit(Context* context, const Buffer* in, Buffer* out) override;
  Unary* RepairHost(Context* context, const Buffer* in, Buffer* out) override;

 private:
  const Door& door_;
  const Backend& backend_;
};

class EventServiceImpl final : public internal::RawEventService {
 public:
  EventServiceImpl(const Door& door, const Backend& backend)
      : door_(door), backend_(backend) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchEvents(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* in) override;

 private:
  const Door& door_;
  const Backend& backend_;
};

// All services of the public API.
Services MakeServices(const Door& door, const Backend& backend);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_SYSTEM_SERVICE_H_
