#include "server/service/watch_events_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/base/status_macros.h"
#include "server/service/decode.h"
#include "server/translate/record_to_proto.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

// At a time; a transaction is never split.
constexpr size_t kMaxEvents = 64;

}  // namespace

WatchEventsStream::WatchEventsStream(const Door& door, const Backend* backend,
                                     grpc::CallbackServerContext* context)
    : Pump(door, "EventService.WatchEvents", context), backend_(backend) {}

grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchEventsStream::Start(
    const Door& door, const Backend* backend,
    grpc::CallbackServerContext* context, const grpc::ByteBuffer& request) {
  auto stream = std::make_shared<WatchEventsStream>(door, backend, context);
  stream->KeepUntilDone();
  absl::Status status = stream->Open(door, request);
  if (!status.ok()) stream->FinishWith(std::move(status));
  return stream.get();
}

absl::Status WatchEventsStream::Open(const Door& door,
                                     const grpc::ByteBuffer& buffer) {
  CAISSON_RETURN_IF_ERROR(door.Authorize(info().method));
  pb::WatchEventsRequest request;
  CAISSON_RETURN_IF_ERROR(ParseBuffer(buffer, &request));
  CAISSON_ASSIGN_OR_RETURN(core::WatchOptions options,
                           DecodeWatch(door, request, &view_));
  CAISSON_ASSIGN_OR_RETURN(slot_, backend_->watch_slots->Take(""));
  CAISSON_ASSIGN_OR_RETURN(cursor_,
                           backend_->events->Watch(std::move(options)));
  // The bookmark says that the subscription holds.
  Push(BookmarkMessage(cursor_->Bookmark()));
  std::weak_ptr<WatchEventsStream> weak = Self<WatchEventsStream>();
  timer_ = IdleTimer::Start(
      kBookmarkInterval,
      [weak] {
        auto self = weak.lock();
        return self ? self->last_write() : absl::InfiniteFuture();
      },
      [weak] {
        if (auto self = weak.lock()) self->SendBookmark();
      });
  StartFetching();
  return absl::OkStatus();
}

grpc::ByteBuffer WatchEventsStream::BookmarkMessage(int64_t revision) const {
  pb::WatchEventsResponse response;
  response.mutable_bookmark()->set_revision(revision);
  response.mutable_bookmark()->set_store_id(backend_->store->store_id());
  return ToBuffer(response);
}

void WatchEventsStream::SendBookmark() {
  absl::MutexLock lock(&order_);
  PushIfIdle(BookmarkMessage(std::max(cursor_->Bookmark(), last_revision_)));
}

void WatchEventsStream::Fetch() {
  cursor_->Next(kMaxEvents, [self = Self<WatchEventsStream>()](
                                absl::StatusOr<core::EventBatch> batch) {
    self->OnBatch(std::move(batch));
  });
}

void WatchEventsStream::OnBatch(absl::StatusOr<core::EventBatch> batch) {
  if (!batch.ok()) return FinishWith(batch.status());
  std::vector<grpc::ByteBuffer> messages;
  pb::WatchEventsResponse response;
  for (const store::EventPtr& event : batch->events) {
    pb::EventBatch* out = response.mutable_batch();
    if (out->revision() != event->revision && out->events_size() > 0) {
      messages.push_back(ToBuffer(response));
      out->Clear();
    }
    out->set_revision(event->revision);
    translate::EventToProto(*event, view_, out->add_events());
  }
  messages.push_back(ToBuffer(response));
  absl::MutexLock lock(&order_);
  last_revision_ = response.batch().revision();
  Deliver(std::move(messages));
}

void WatchEventsStream::OnCancel() {
  if (cursor_ != nullptr) cursor_->Cancel();
  FinishWith(CancelledStatus(*context()));
}

void WatchEventsStream::OnOver(bool) {
  if (timer_ != nullptr) timer_->Stop();
  if (cursor_ != nullptr) cursor_->Cancel();
  slot_.reset();
}

}  // namespace caisson::service
