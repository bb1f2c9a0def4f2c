#include "server/service/exec_sync.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "runtime/base/error_detail.h"
#include "server/service/encode.h"
#include "server/translate/record_to_proto.h"
#include "server/translate/utf8.h"

namespace caisson::service {
namespace {

constexpr size_t kMaxChunkBytes = 64 << 10;

}  // namespace

ExecSync::ExecSync(const Backend& backend, SyncArgs args,
                   caisson::v1::ExecSyncResponse* response, Done done)
    : backend_(backend),
      args_(std::move(args)),
      response_(response),
      done_(std::move(done)) {}

std::shared_ptr<ExecSync> ExecSync::Start(
    const Backend& backend, SyncArgs args,
    caisson::v1::ExecSyncResponse* response, Done done) {
  std::shared_ptr<ExecSync> sync(
      new ExecSync(backend, std::move(args), response, std::move(done)));
  core::CallPtr call =
      backend.execs->Exec(std::move(sync->args_.exec),
                          [sync](absl::StatusOr<core::Started> started) {
                            sync->OnStarted(std::move(started));
                          });
  absl::MutexLock lock(&sync->mutex_);
  if (!sync->over_ && sync->session_ == nullptr) sync->call_ = std::move(call);
  return sync;
}

void ExecSync::OnStarted(absl::StatusOr<core::Started> started) {
  if (!started.ok()) {
    return Finish(started.status(), core::StreamEnd::kDisconnected);
  }
  core::OutputOptions options;
  options.on_position = started->session->position_listener();
  std::shared_ptr<core::OutputReader> reader = core::OutputReader::Create(
      backend_.output, started->session->output(), std::move(options));
  bool gone = false;
  {
    absl::MutexLock lock(&mutex_);
    call_ = nullptr;
    gone = over_;
    if (!gone) {
      session_ = started->session;
      reader_ = std::move(reader);
      response_->set_exec_id(started->exec->id);
      TimingsToProto(started->timings, response_->mutable_timings());
    }
  }
  if (gone) return started->session->Leave(core::StreamEnd::kDisconnected);
  if (args_.input) GiveInput(started->session);
  Read();
}

void ExecSync::GiveInput(const core::SessionPtr& session) {
  StdinFeed::Hooks hooks;
  // A process that does not read its input is no failure of the call.
  hooks.on_error = [](absl::Status) {};
  auto feed = std::make_shared<StdinFeed>(session, std::move(hooks));
  {
    absl::MutexLock lock(&mutex_);
    if (over_) return;
    stdin_ = feed;
  }
  // The offset makes a retry with the same request_id skip what was taken.
  feed->Add(0, std::move(*args_.input));
  feed->AddEnd(false);
}

void ExecSync::Read() {
  std::shared_ptr<core::OutputReader> reader;
  {
    absl::MutexLock lock(&mutex_);
    reader = reader_;
  }
  if (reader == nullptr) return;  // over
  reader->Next(kMaxChunkBytes, [self = shared_from_this()](
                                   absl::StatusOr<core::OutputItem> item) {
    self->OnItem(std::move(item));
  });
}

void ExecSync::OnItem(absl::StatusOr<core::OutputItem> item) {
  if (!item.ok()) {
    return Finish(item.status(), core::StreamEnd::kDisconnected);
  }
  if (auto* chunk = std::get_if<core::OutputChunk>(&*item)) {
    Collect(std::move(*chunk));
    return Read();
  }
  if (std::holds_alternative<core::OutputGap>(*item)) {
    truncated_ = true;
    return Read();
  }
  OnEnd(std::get<core::OutputEnd>(*item));
}

void ExecSync::Collect(core::OutputChunk chunk) {
  const size_t kept = stdout_.size() + stderr_.size();
  const size_t max = static_cast<size_t>(args_.max_output_bytes);
  const size_t room = max - std::min(kept, max);
  std::string& to =
      chunk.stream == core::OutputStream::kStdout ? stdout_ : stderr_;
  to.append(chunk.bytes, 0, room);
  if (chunk.bytes.size() > room) truncated_ = true;
}

void ExecSync::OnEnd(const core::OutputEnd& end) {
  if (end.exit == nullptr) {
    return Finish(
        base::MakeError(absl::StatusCode::kAborted, "CANCELLED_BY_DELETE",
                        "the container was deleted meanwhile"),
        core::StreamEnd::kDisconnected);
  }
  {
    absl::MutexLock lock(&mutex_);
    if (over_) return;  // the response may be gone
    if (args_.text) {
      response_->set_stdout_text(translate::SanitizeUtf8(stdout_));
      response_->set_stderr_text(translate::SanitizeUtf8(stderr_));
    } else {
      response_->set_stdout(std::move(stdout_));
      response_->set_stderr(std::move(stderr_));
    }
    response_->set_truncated(truncated_);
    translate::ExitToProto(*end.exit, response_->mutable_exit());
  }
  Finish(absl::OkStatus(), core::StreamEnd::kDelivered);
}

void ExecSync::Cancel() {
  core::CallPtr call;
  {
    absl::MutexLock lock(&mutex_);
    call = std::move(call_);
    call_ = nullptr;
  }
  if (call != nullptr) call->Cancel();
  Finish(absl::CancelledError("the caller is gone"),
         core::StreamEnd::kDisconnected);
}

void ExecSync::Finish(absl::Status status, core::StreamEnd end) {
  Done done;
  core::SessionPtr session;
  std::shared_ptr<core::OutputReader> reader;
  std::shared_ptr<StdinFeed> feed;
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(over_, true)) return;
    done = std::exchange(done_, nullptr);
    session = std::exchange(session_, nullptr);
    reader = std::exchange(reader_, nullptr);
    feed = std::exchange(stdin_, nullptr);
  }
  if (session != nullptr) session->Leave(end);
  if (feed != nullptr) feed->Stop();
  if (reader != nullptr) reader->Cancel();
  if (done) done(std::move(status));
}

}  // namespace caisson::service
