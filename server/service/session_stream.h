// The bidi streams Run, Exec and AttachContainer: one client's input, controls
// and output. What they share is here; a subclass knows its first request and
// what the end of the requests means.
//
//   wait for start -> starting (core works, nothing is read) -> streaming
//
// A half-close and a lost client look alike in OnReadDone(false): what the
// context says decides, and input is closed for a half-close only.
//
// Process: caissond. Thread: see pump.h.
// Ownership: itself until OnDone; borrows the backend.
#ifndef CAISSON_SERVER_SERVICE_SESSION_STREAM_H_
#define CAISSON_SERVER_SERVICE_SESSION_STREAM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"

#include "caisson/v1/container_service.pb.h"
#include "caisson/v1/stream.pb.h"
#include "server/core/container_manager.h"
#include "server/core/exec_manager.h"
#include "server/core/output_reader.h"
#include "server/service/backend.h"
#include "server/service/decode.h"
#include "server/service/idle_timer.h"
#include "server/service/output_encoder.h"
#include "server/service/pump.h"
#include "server/service/stdin_feed.h"

namespace caisson::service {

class SessionStream
    : public Pump<grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>> {
 public:
  using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

  // Begins a stream that gRPC has just opened.
  static Reactor* Start(const std::shared_ptr<SessionStream>& stream);

 protected:
  SessionStream(const Door& door, std::string_view method,
                grpc::CallbackServerContext* context, const Backend* backend)
      : Pump(door, method, context), door_(door), backend_(backend) {}

  // The first message: checks it, calls SetDelivery and core, and hands core's
  // answer to OnStarted. On an error the stream ends with it.
  virtual absl::Status Begin(const grpc::ByteBuffer& message) = 0;
  // Whether the end of the requests is the end of the input.
  virtual bool HalfCloseEndsStdin() const = 0;
  // Once core has said what was started or joined; an error ends the stream.
  virtual absl::Status Admit(const core::Started&) { return absl::OkStatus(); }

  void SetDelivery(Delivery delivery) { delivery_ = std::move(delivery); }
  // What to cancel when the client is gone before OnStarted.
  void SetCall(core::CallPtr call);
  void OnStarted(absl::StatusOr<core::Started> started);

  const Backend& backend() const { return *backend_; }
  const Door& door() const { return door_; }

 private:
  enum class Phase { kWaiting, kStarting, kStreaming };

  // Requests.
  void OnReadDone(bool ok) override;
  absl::Status OnFirstMessage(const grpc::ByteBuffer& message);
  absl::Status OnMessage(const grpc::ByteBuffer& message, bool* read_on);
  absl::Status OnControl(const caisson::v1::AttachContainerRequest& request);
  absl::Status OnStdin(caisson::v1::StdinData* piece, bool* read_on);
  void OnRequestsEnd();
  void ReadNext() { ReadInto(&in_); }

  // Output.
  // False: the stream is over, and the session was left.
  bool TakeSession(const core::Started& started);
  void OnPosition(const core::Started& started, absl::StatusOr<int64_t> from);
  void BeginStreaming(const core::Started& started, int64_t from);
  void StartHeartbeat() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Fetch() override;
  void OnItem(absl::StatusOr<core::OutputItem> item);
  void OnOutputEnd(const core::OutputEnd& end);

  // The end.
  void Fail(absl::Status status);
  std::shared_ptr<StdinFeed> stdin_feed();
  void LoseClient();
  void OnCancel() override { LoseClient(); }
  void OnOver(bool delivered) override;

  const Door& door_;
  const Backend* const backend_;
  std::atomic<bool> gone_{false};      // the client is
  std::atomic<bool> detached_{false};  // ends well before the exit
  grpc::ByteBuffer in_;                // one read at a time
  Delivery delivery_;                  // set by Begin, then constant

  // Set in OnStarted, before the first Fetch.
  std::unique_ptr<OutputEncoder> encoder_;

  absl::Mutex mutex_;
  Phase phase_ ABSL_GUARDED_BY(mutex_) = Phase::kWaiting;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  core::CallPtr call_ ABSL_GUARDED_BY(mutex_);
  core::SessionPtr session_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<core::OutputReader> reader_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<StdinFeed> stdin_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<IdleTimer> heartbeat_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_SESSION_STREAM_H_
