// WatchEvents: one cursor over the event log, one batch message for each
// revision, a bookmark at the start and when nothing happens.
//
// Process: caissond. Thread: see pump.h.
// Ownership: itself until OnDone; borrows the backend.
#ifndef CAISSON_SERVER_SERVICE_WATCH_EVENTS_STREAM_H_
#define CAISSON_SERVER_SERVICE_WATCH_EVENTS_STREAM_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"

#include "caisson/v1/event_service.pb.h"
#include "server/core/event_log.h"
#include "server/service/backend.h"
#include "server/service/idle_timer.h"
#include "server/service/pump.h"
#include "server/translate/spec_to_proto.h"

namespace caisson::service {

class WatchEventsStream final
    : public Pump<grpc::ServerWriteReactor<grpc::ByteBuffer>> {
 public:
  static constexpr absl::Duration kBookmarkInterval = absl::Seconds(10);

  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Start(
      const Door& door, const Backend* backend,
      grpc::CallbackServerContext* context, const grpc::ByteBuffer& request);

  WatchEventsStream(const Door& door, const Backend* backend,
                    grpc::CallbackServerContext* context);

 private:
  absl::Status Open(const Door& door, const grpc::ByteBuffer& request);
  void OnBatch(absl::StatusOr<core::EventBatch> batch);
  grpc::ByteBuffer BookmarkMessage(int64_t revision) const;
  void SendBookmark();

  void Fetch() override;
  void OnCancel() override;
  void OnOver(bool delivered) override;

  const Backend* const backend_;
  translate::ViewKind view_ = translate::ViewKind::kBasic;
  std::unique_ptr<StreamSlots::Slot> slot_;
  std::unique_ptr<core::EventCursor> cursor_;
  std::shared_ptr<IdleTimer> timer_;

  // Held while a batch or a bookmark is queued, so that revisions never go
  // back.
  absl::Mutex order_;
  int64_t last_revision_ ABSL_GUARDED_BY(order_) = 0;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_WATCH_EVENTS_STREAM_H_
