// The structured cause of an error, on its way to the client: absl::Status with
// its ErrorDetail becomes grpc::Status with google.rpc details.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_STATUS_H_
#define CAISSON_SERVER_TRANSLATE_STATUS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace caisson::translate {

// Clients cut or drop the trailers of a call beyond 8 KiB in all, and with
// them the whole status: message and details together stay below half of it.
inline constexpr size_t kMaxStatusDetailBytes = 4096;

// Keeps the code, makes message and metadata valid UTF-8 and adds ErrorInfo,
// BadRequest and RetryInfo as far as `status` carries them. What does not fit
// is left out from the end: violations first (the message then says how many),
// then long metadata values are cut. OK stays OK.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_STATUS_H_
