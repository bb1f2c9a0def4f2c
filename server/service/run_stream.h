// Run: the stream that makes a container and owns it.
//
// Process: caissond. Thread: see pump.h.
#ifndef CAISSON_SERVER_SERVICE_RUN_STREAM_H_
#define CAISSON_SERVER_SERVICE_RUN_STREAM_H_

#include "server/service/session_stream.h"

namespace caisson::service {

class RunStream final : public SessionStream {
 public:
  RunStream(const Door& door, grpc::CallbackServerContext* context,
            const Backend* backend)
      : SessionStream(door, "ContainerService.Run", context, backend) {}

 private:
  absl::Status Begin(const grpc::ByteBuffer& message) override;
  bool HalfCloseEndsStdin() const override { return true; }
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_RUN_STREAM_H_
