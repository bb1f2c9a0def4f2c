#include "server/service/attach_stream.h"

#include <utility>

#include "caisson/v1/container_service.pb.h"
#include "runtime/base/status_macros.h"
#include "server/service/decode_start.h"

namespace caisson::service {

absl::Status AttachStream::Begin(const grpc::ByteBuffer& message) {
  caisson::v1::AttachContainerRequest request;
  CAISSON_RETURN_IF_ERROR(ParseBuffer(message, &request));
  if (!request.has_start()) return MissingStart();
  Delivery delivery;
  CAISSON_ASSIGN_OR_RETURN(core::AttachArgs args,
                           DecodeAttach(request.start(), &delivery));
  SetDelivery(std::move(delivery));
  backend().containers->Attach(
      std::move(args),
      [self = Self<AttachStream>()](absl::StatusOr<core::Started> started) {
        self->OnStarted(std::move(started));
      });
  return absl::OkStatus();
}

absl::Status AttachStream::Admit(const core::Started& started) {
  CAISSON_ASSIGN_OR_RETURN(slot_,
                           backend().attach_slots->Take(started.container->id));
  return absl::OkStatus();
}

}  // namespace caisson::service
