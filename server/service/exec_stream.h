// Exec: the stream that makes a process in a running container and owns it.
//
// Process: caissond. Thread: see pump.h.
#ifndef CAISSON_SERVER_SERVICE_EXEC_STREAM_H_
#define CAISSON_SERVER_SERVICE_EXEC_STREAM_H_

#include "server/service/session_stream.h"

namespace caisson::service {

class ExecStream final : public SessionStream {
 public:
  ExecStream(const Door& door, grpc::CallbackServerContext* context,
             const Backend* backend)
      : SessionStream(door, "ExecService.Exec", context, backend) {}

 private:
  absl::Status Begin(const grpc::ByteBuffer& message) override;
  bool HalfCloseEndsStdin() const override { return true; }
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_EXEC_STREAM_H_
