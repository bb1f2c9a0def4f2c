#include "server/service/run_stream.h"

#include <utility>

#include "caisson/v1/container_service.pb.h"
#include "runtime/base/status_macros.h"
#include "server/service/decode_start.h"

namespace caisson::service {

absl::Status RunStream::Begin(const grpc::ByteBuffer& message) {
  caisson::v1::RunRequest request;
  CAISSON_RETURN_IF_ERROR(ParseBuffer(message, &request));
  if (!request.has_start()) return MissingStart();
  Delivery delivery;
  CAISSON_ASSIGN_OR_RETURN(core::RunArgs args,
                           DecodeRun(door(), request.start(), &delivery));
  SetDelivery(std::move(delivery));
  auto on_started =
      [self = Self<RunStream>()](absl::StatusOr<core::Started> started) {
        self->OnStarted(std::move(started));
      };
  SetCall(backend().containers->Run(std::move(args), std::move(on_started)));
  return absl::OkStatus();
}

}  // namespace caisson::service
