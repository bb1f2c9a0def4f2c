#include "server/service/logs_stream.h"

#include <utility>
#include <vector>

#include "absl/time/clock.h"

#include "caisson/v1/container_service.pb.h"
#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "server/translate/time.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

constexpr size_t kMaxBatchBytes = 64 << 10;
constexpr size_t kMaxEvents = 64;
constexpr size_t kPageItems = 1000;

using Follow = core::MergedReader::Follow;

grpc::ByteBuffer HeartbeatMessage() {
  pb::StreamLogsResponse response;
  translate::TimeToProto(absl::Now(),
                         response.mutable_heartbeat()->mutable_time());
  return ToBuffer(response);
}

absl::Status NoSuchContainer(const std::string& reference) {
  return base::MakeError(absl::StatusCode::kNotFound, "CONTAINER_NOT_FOUND",
                         base::StrCat("no container '", reference, "'"),
                         {{"container", reference}});
}

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* LogsStream::Start(
    const Door& door, const Backend* backend,
    grpc::CallbackServerContext* context, const grpc::ByteBuffer& request) {
  auto stream = std::make_shared<LogsStream>(door, backend, context);
  stream->KeepUntilDone();
  absl::Status status = stream->Open(door, request);
  if (!status.ok()) stream->FinishWith(std::move(status));
  return stream.get();
}

absl::Status LogsStream::Open(const Door& door,
                              const grpc::ByteBuffer& buffer) {
  CAISSON_RETURN_IF_ERROR(door.Authorize(info().method));
  pb::StreamLogsRequest request;
  CAISSON_RETURN_IF_ERROR(ParseBuffer(buffer, &request));
  CAISSON_ASSIGN_OR_RETURN(request_, DecodeLogs(request));
  CAISSON_ASSIGN_OR_RETURN(slot_, backend_->log_slots->Take(""));
  encoder_ =
      std::make_unique<LogEncoder>(request_.text, request_.options.lines);
  CAISSON_RETURN_IF_ERROR(request_.exec.empty() ? OpenContainers()
                                                : OpenExec());
  StartHeartbeat();
  if (cursor_ != nullptr) WatchForMore();
  StartFetching();
  return absl::OkStatus();
}

absl::Status LogsStream::OpenExec() {
  const store::ExecPtr exec =
      backend_->store->catalog().ExecById(request_.exec);
  CAISSON_ASSIGN_OR_RETURN(core::SessionPtr session,
                           backend_->execs->OpenLogs(request_.exec));
  std::vector<core::MergedReader::Input> inputs;
  CAISSON_ASSIGN_OR_RETURN(
      core::MergedReader::Input input,
      InputOf(exec == nullptr ? "" : exec->container_id, std::move(session)));
  inputs.push_back(std::move(input));
  reader_ = core::MergedReader::Create(
      backend_->output, std::move(inputs), request_.options,
      request_.follow ? Follow::kToExit : Follow::kNo);
  return absl::OkStatus();
}

absl::Status LogsStream::OpenContainers() {
  const store::Catalog& catalog = backend_->store->catalog();
  // A container that is asked for by name must be there; with follow it may
  // come later.
  for (const std::string& reference : request_.filter.containers) {
    if (!request_.follow && catalog.Find(reference) == nullptr) {
      return NoSuchContainer(reference);
    }
  }
  store::PageRequest page;
  page.max_items = kPageItems;
  std::vector<core::MergedReader::Input> inputs;
  int64_t revision = 0;
  do {
    CAISSON_ASSIGN_OR_RETURN(const store::ContainerPage found,
                             catalog.List(request_.filter, page));
    for (const store::ContainerPtr& record : found.containers) {
      auto input = OpenContainer(record->id);
      // Deleted since: nothing to read any more.
      if (input.ok()) inputs.push_back(*std::move(input));
    }
    if (page.token.empty()) revision = found.revision;
    page.token = found.next_page_token;
  } while (!page.token.empty());
  if (request_.follow) {
    core::WatchOptions watch;
    watch.after_revision = revision;
    watch.types = {"container.created", "container.started"};
    watch.filter = request_.filter;
    CAISSON_ASSIGN_OR_RETURN(cursor_,
                             backend_->events->Watch(std::move(watch)));
  }
  reader_ = core::MergedReader::Create(
      backend_->output, std::move(inputs), request_.options,
      request_.follow ? Follow::kForever : Follow::kNo);
  return absl::OkStatus();
}

absl::StatusOr<core::MergedReader::Input> LogsStream::OpenContainer(
    const std::string& container) {
  CAISSON_ASSIGN_OR_RETURN(core::SessionPtr session,
                           backend_->containers->OpenLogs(container));
  return InputOf(container, std::move(session));
}

absl::StatusOr<core::MergedReader::Input> LogsStream::InputOf(
    const std::string& container, core::SessionPtr session) {
  core::MergedReader::Input input;
  input.container = container;
  input.source = session->output();
  input.from = request_.options.from;
  // So that a container that is deleted after its exit does not wait for a
  // stream that waits for its deletion.
  input.on_caught_up = [weak = std::weak_ptr(session)](int64_t run) {
    if (const auto alive = weak.lock()) alive->CaughtUp(run);
  };
  const auto position = request_.positions.find(container);
  if (position != request_.positions.end()) {
    input.from = core::OutputFrom();
    input.from.offset = position->second;
  }
  absl::MutexLock lock(&mutex_);
  if (over_) return absl::CancelledError("the stream is over");
  sessions_.emplace(container, std::move(session));
  return input;
}

void LogsStream::WatchForMore() {
  cursor_->Next(kMaxEvents, [self = Self<LogsStream>()](
                                absl::StatusOr<core::EventBatch> batch) {
    self->OnEvents(std::move(batch));
  });
}

void LogsStream::OnEvents(absl::StatusOr<core::EventBatch> batch) {
  if (!batch.ok()) return FinishWith(batch.status());
  for (const store::EventPtr& event : batch->events) {
    if (event->container == nullptr) continue;
    const std::string& id = event->container->id;
    {
      absl::MutexLock lock(&mutex_);
      if (over_) return;
      if (sessions_.count(id) > 0) continue;
    }
    auto input = OpenContainer(id);
    if (!input.ok()) continue;  // gone already
    // It is new: all that it wrote is news.
    if (input->from.kind != core::OutputFrom::Kind::kOffset) {
      input->from = core::OutputFrom();
    }
    reader_->Add(*std::move(input));
  }
  WatchForMore();
}

void LogsStream::StartHeartbeat() {
  if (!request_.heartbeat) return;
  std::weak_ptr<LogsStream> weak = Self<LogsStream>();
  heartbeat_ = IdleTimer::Start(
      *request_.heartbeat,
      [weak] {
        auto self = weak.lock();
        return self ? self->last_write() : absl::InfiniteFuture();
      },
      [weak] {
        if (auto self = weak.lock()) self->PushIfIdle(HeartbeatMessage());
      });
}

void LogsStream::Fetch() {
  reader_->Next(kMaxBatchBytes, [self = Self<LogsStream>()](
                                    absl::StatusOr<core::MergedBatch> batch) {
    self->OnBatch(std::move(batch));
  });
}

void LogsStream::OnBatch(absl::StatusOr<core::MergedBatch> batch) {
  if (!batch.ok()) return FinishWith(batch.status());
  const bool finished = batch->finished;
  for (const core::MergedItem& item : batch->items) {
    if (std::holds_alternative<core::OutputEnd>(item.item)) {
      LeaveContainer(item.container);
    }
  }
  std::vector<grpc::ByteBuffer> messages = encoder_->Encode(*std::move(batch));
  if (!finished) return Deliver(std::move(messages));
  for (grpc::ByteBuffer& message : messages) Push(std::move(message));
  FinishWith(absl::OkStatus());
}

// Nothing more comes from it.
void LogsStream::LeaveContainer(const std::string& container) {
  core::SessionPtr session;
  {
    absl::MutexLock lock(&mutex_);
    const auto at = sessions_.find(container);
    if (at == sessions_.end()) return;
    session = std::move(at->second);
    sessions_.erase(at);
  }
  session->Leave(core::StreamEnd::kDetached);
}

void LogsStream::OnCancel() {
  if (cursor_ != nullptr) cursor_->Cancel();
  if (reader_ != nullptr) reader_->Cancel();
  FinishWith(CancelledStatus(*context()));
}

void LogsStream::OnOver(bool) {
  std::map<std::string, core::SessionPtr> sessions;
  {
    absl::MutexLock lock(&mutex_);
    over_ = true;
    sessions.swap(sessions_);
  }
  for (auto& [id, session] : sessions) {
    session->Leave(core::StreamEnd::kDetached);
  }
  if (heartbeat_ != nullptr) heartbeat_->Stop();
  if (cursor_ != nullptr) cursor_->Cancel();
  if (reader_ != nullptr) reader_->Cancel();
  slot_.reset();
}

}  // namespace caisson::service
