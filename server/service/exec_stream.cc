#include "server/service/exec_stream.h"

#include <utility>

#include "caisson/v1/exec_service.pb.h"
#include "runtime/base/status_macros.h"
#include "server/service/decode_start.h"

namespace caisson::service {

absl::Status ExecStream::Begin(const grpc::ByteBuffer& message) {
  caisson::v1::ExecRequest request;
  CAISSON_RETURN_IF_ERROR(ParseBuffer(message, &request));
  if (!request.has_start()) return MissingStart();
  Delivery delivery;
  CAISSON_ASSIGN_OR_RETURN(core::ExecArgs args,
                           DecodeExec(door(), request.start(), &delivery));
  SetDelivery(std::move(delivery));
  auto on_started =
      [self = Self<ExecStream>()](absl::StatusOr<core::Started> started) {
        self->OnStarted(std::move(started));
      };
  SetCall(backend().execs->Exec(std::move(args), std::move(on_started)));
  return absl::OkStatus();
}

}  // namespace caisson::service
