// AttachContainer: a further client of a container that exists.
//
// Process: caissond. Thread: see pump.h.
#ifndef CAISSON_SERVER_SERVICE_ATTACH_STREAM_H_
#define CAISSON_SERVER_SERVICE_ATTACH_STREAM_H_

#include <memory>

#include "server/service/session_stream.h"

namespace caisson::service {

class AttachStream final : public SessionStream {
 public:
  AttachStream(const Door& door, grpc::CallbackServerContext* context,
               const Backend* backend)
      : SessionStream(door, "ContainerService.AttachContainer", context,
                      backend) {}

 private:
  absl::Status Begin(const grpc::ByteBuffer& message) override;
  // It says "I send no more"; the input belongs to all clients.
  bool HalfCloseEndsStdin() const override { return false; }
  absl::Status Admit(const core::Started& started) override;

  std::unique_ptr<StreamSlots::Slot> slot_;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_ATTACH_STREAM_H_
