#include "server/service/session_stream.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/clock.h"

#include "caisson/v1/container_service.pb.h"
#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "server/service/encode.h"
#include "server/translate/record_to_proto.h"
#include "server/translate/time.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

constexpr size_t kMaxChunkBytes = 64 << 10;
constexpr size_t kMaxStdinBytes = 1 << 20;

absl::Status Misplaced(std::string_view reason, std::string_view message) {
  return base::MakeError(absl::StatusCode::kInvalidArgument, reason, message);
}

grpc::ByteBuffer ProgressMessage(const core::StdinProgress& progress) {
  pb::RunResponse response;
  response.mutable_stdin()->set_offset(progress.offset);
  response.mutable_stdin()->set_closed(progress.closed);
  return ToBuffer(response);
}

grpc::ByteBuffer HeartbeatMessage() {
  pb::RunResponse response;
  translate::TimeToProto(absl::Now(),
                         response.mutable_heartbeat()->mutable_time());
  return ToBuffer(response);
}

}  // namespace

SessionStream::Reactor* SessionStream::Start(
    const std::shared_ptr<SessionStream>& stream) {
  stream->KeepUntilDone();
  absl::Status status = stream->door_.Authorize(stream->info().method);
  if (status.ok()) {
    stream->ReadNext();
  } else {
    stream->FinishWith(std::move(status));
  }
  return stream.get();
}

void SessionStream::OnReadDone(bool ok) {
  if (!ok) return OnRequestsEnd();
  Phase phase;
  {
    absl::MutexLock lock(&mutex_);
    phase = phase_;
  }
  // Whoever makes room for input may begin the next read, into in_, while this
  // message is still being looked at.
  grpc::ByteBuffer message;
  message.Swap(&in_);
  bool read_on = phase == Phase::kStreaming;
  absl::Status status =
      read_on ? OnMessage(message, &read_on) : OnFirstMessage(message);
  if (!status.ok()) return Fail(std::move(status));
  if (read_on) ReadNext();
}

// Until core has answered nothing more is read: OnStarted goes on.
absl::Status SessionStream::OnFirstMessage(const grpc::ByteBuffer& message) {
  {
    absl::MutexLock lock(&mutex_);
    phase_ = Phase::kStarting;
  }
  return Begin(message);
}

absl::Status SessionStream::OnMessage(const grpc::ByteBuffer& message,
                                      bool* read_on) {
  // All kinds of requests but `start` are the same in the three methods.
  pb::AttachContainerRequest request;
  CAISSON_RETURN_IF_ERROR(ParseBuffer(message, &request));
  switch (request.kind_case()) {
    case pb::AttachContainerRequest::kStdin:
      return OnStdin(request.mutable_stdin(), read_on);
    case pb::AttachContainerRequest::kCloseStdin:
      if (auto feed = stdin_feed()) *read_on = feed->AddEnd(false);
      return absl::OkStatus();
    case pb::AttachContainerRequest::kResize:
    case pb::AttachContainerRequest::kKill:
      return OnControl(request);
    case pb::AttachContainerRequest::kStart:
      return Misplaced("OUT_OF_ORDER_MESSAGE",
                       "`start` can only be the first message");
    case pb::AttachContainerRequest::KIND_NOT_SET:
      break;
  }
  return Misplaced("OUT_OF_ORDER_MESSAGE",
                   "a message of no kind that this server knows");
}

absl::Status SessionStream::OnControl(
    const pb::AttachContainerRequest& request) {
  core::SessionPtr session;
  {
    absl::MutexLock lock(&mutex_);
    session = session_;
  }
  if (session == nullptr) return absl::OkStatus();  // it is over
  auto fail_later = [self = Self<SessionStream>()](absl::Status status) {
    if (!status.ok()) self->Fail(std::move(status));
  };
  translate::Checks checks;
  if (request.has_resize()) {
    const spec::TerminalSize size = checks.Size(request.resize(), "resize.");
    CAISSON_RETURN_IF_ERROR(checks.Finish());
    session->Resize(size, std::move(fail_later));
    return absl::OkStatus();
  }
  core::SignalArgs signal = DecodeSignal(
      request.kill().signal(), request.kill().scope(), "kill.", &checks);
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  session->Kill(std::move(signal), std::move(fail_later));
  return absl::OkStatus();
}

absl::Status SessionStream::OnStdin(pb::StdinData* piece, bool* read_on) {
  translate::Checks checks;
  const bool text = piece->payload_case() == pb::StdinData::kText;
  std::string bytes =
      std::move(text ? *piece->mutable_text() : *piece->mutable_data());
  if (bytes.size() > kMaxStdinBytes) {
    checks.Add(text ? "stdin.text" : "stdin.data",
               base::StrCat("is longer than ", kMaxStdinBytes, " bytes"));
  }
  std::optional<int64_t> offset;
  if (piece->has_offset()) {
    offset = checks.Range(piece->offset(), 0, INT64_MAX, "stdin.offset");
  }
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  auto feed = stdin_feed();
  if (feed != nullptr) *read_on = feed->Add(offset, std::move(bytes));
  return absl::OkStatus();
}

void SessionStream::OnRequestsEnd() {
  if (context()->IsCancelled()) return LoseClient();
  Phase phase;
  {
    absl::MutexLock lock(&mutex_);
    phase = phase_;
  }
  if (phase == Phase::kWaiting) {
    return FinishWith(
        Misplaced("MISSING_START", "the requests ended before `start`"));
  }
  auto feed = stdin_feed();
  if (HalfCloseEndsStdin() && feed != nullptr) feed->AddEnd(true);
}

void SessionStream::SetCall(core::CallPtr call) {
  {
    absl::MutexLock lock(&mutex_);
    if (session_ != nullptr || over_) return;  // answered already
    call_ = call;
  }
  // The client may have gone while there was nothing to cancel yet.
  if (gone_ && call != nullptr) call->Cancel();
}

bool SessionStream::TakeSession(const core::Started& started) {
  core::OutputOptions options = delivery_.options;
  options.on_position = started.session->position_listener();
  std::shared_ptr<core::OutputReader> reader = core::OutputReader::Create(
      backend_->output, started.session->output(), std::move(options));
  encoder_ = std::make_unique<OutputEncoder>(delivery_.text);
  {
    absl::MutexLock lock(&mutex_);
    call_ = nullptr;
    // Whoever sets either later finds the session here.
    if (!over_ && !gone_) {
      session_ = started.session;
      reader_ = std::move(reader);
      return true;
    }
  }
  started.session->Leave(core::StreamEnd::kDisconnected);
  return false;
}

void SessionStream::OnStarted(absl::StatusOr<core::Started> started) {
  if (!started.ok()) return FinishWith(started.status());
  if (!TakeSession(*started)) return;
  absl::Status admitted = Admit(*started);
  if (!admitted.ok()) return FinishWith(std::move(admitted));
  const core::OutputFrom& from = delivery_.options.from;
  const bool from_first = from.kind == core::OutputFrom::Kind::kOffset &&
                          from.offset == 0 && !started->replayed;
  // A fresh object has its first byte at 0: no need to look.
  if (from_first && started->run <= 1) return BeginStreaming(*started, 0);
  std::shared_ptr<core::OutputReader> reader;
  {
    absl::MutexLock lock(&mutex_);
    reader = reader_;
  }
  if (reader == nullptr) return;  // over
  reader->Start([self = Self<SessionStream>(),
                 info = *std::move(started)](absl::StatusOr<int64_t> position) {
    self->OnPosition(info, std::move(position));
  });
}

void SessionStream::OnPosition(const core::Started& started,
                               absl::StatusOr<int64_t> from) {
  if (!from.ok()) return FinishWith(from.status());
  BeginStreaming(started, *from);
}

void SessionStream::BeginStreaming(const core::Started& started, int64_t from) {
  pb::RunResponse response;
  StartedToProto(started, from, response.mutable_started());
  Push(ToBuffer(response));

  std::weak_ptr<SessionStream> weak = Self<SessionStream>();
  started.session->SetStdinListener([weak](core::StdinProgress progress) {
    if (auto self = weak.lock()) self->PushLatest(ProgressMessage(progress));
  });
  StdinFeed::Hooks hooks;
  hooks.on_room = [weak] {
    if (auto self = weak.lock()) self->ReadNext();
  };
  hooks.on_error = [weak](absl::Status status) {
    if (auto self = weak.lock()) self->Fail(std::move(status));
  };
  hooks.is_gone = [weak] {
    auto self = weak.lock();
    return self == nullptr || self->gone_;
  };
  {
    absl::MutexLock lock(&mutex_);
    if (over_) return;
    stdin_ = std::make_shared<StdinFeed>(started.session, std::move(hooks));
    StartHeartbeat();
    phase_ = Phase::kStreaming;
  }
  StartFetching();
  ReadNext();
}

void SessionStream::StartHeartbeat() {
  if (!delivery_.heartbeat) return;
  std::weak_ptr<SessionStream> weak = Self<SessionStream>();
  heartbeat_ = IdleTimer::Start(
      *delivery_.heartbeat,
      [weak] {
        auto self = weak.lock();
        return self ? self->last_write() : absl::InfiniteFuture();
      },
      [weak] {
        if (auto self = weak.lock()) self->PushIfIdle(HeartbeatMessage());
      });
}

void SessionStream::Fetch() {
  std::shared_ptr<core::OutputReader> reader;
  {
    absl::MutexLock lock(&mutex_);
    reader = reader_;
  }
  if (reader == nullptr) return;  // over
  reader->Next(kMaxChunkBytes, [self = Self<SessionStream>()](
                                   absl::StatusOr<core::OutputItem> item) {
    self->OnItem(std::move(item));
  });
}

void SessionStream::OnItem(absl::StatusOr<core::OutputItem> item) {
  if (!item.ok()) return FinishWith(item.status());
  if (auto* chunk = std::get_if<core::OutputChunk>(&*item)) {
    Deliver(encoder_->Chunk(std::move(*chunk)));
  } else if (auto* gap = std::get_if<core::OutputGap>(&*item)) {
    Deliver(encoder_->Gap(*gap));
  } else {
    OnOutputEnd(std::get<core::OutputEnd>(*item));
  }
}

void SessionStream::OnOutputEnd(const core::OutputEnd& end) {
  for (grpc::ByteBuffer& message : encoder_->Rest()) Push(std::move(message));
  if (end.exit != nullptr) {
    pb::RunResponse response;
    translate::ExitToProto(*end.exit, response.mutable_exited());
    return FinishWith(ToBuffer(response));
  }
  if (delivery_.options.end == core::OutputOptions::End::kCaughtUp) {
    detached_ = true;
    return FinishWith(absl::OkStatus());
  }
  Fail(base::MakeError(absl::StatusCode::kAborted, "CANCELLED_BY_DELETE",
                       "the container was deleted before it had run"));
}

std::shared_ptr<StdinFeed> SessionStream::stdin_feed() {
  absl::MutexLock lock(&mutex_);
  return stdin_;
}

// An error of ours ends the stream: for the process that is a lost client.
void SessionStream::Fail(absl::Status status) {
  if (auto feed = stdin_feed()) feed->Stop();
  FinishWith(std::move(status));
}

void SessionStream::LoseClient() {
  if (gone_.exchange(true)) return;
  core::CallPtr call;
  core::SessionPtr session;
  {
    absl::MutexLock lock(&mutex_);
    call = std::move(call_);
    session = session_;
  }
  // Before anything else: what the policy does should begin now.
  if (session != nullptr) session->Leave(core::StreamEnd::kDisconnected);
  if (call != nullptr) call->Cancel();
  FinishWith(CancelledStatus(*context()));
}

void SessionStream::OnOver(bool delivered) {
  core::SessionPtr session;
  std::shared_ptr<core::OutputReader> reader;
  std::shared_ptr<StdinFeed> feed;
  std::shared_ptr<IdleTimer> heartbeat;
  {
    absl::MutexLock lock(&mutex_);
    over_ = true;
    session = std::exchange(session_, nullptr);
    reader = std::exchange(reader_, nullptr);
    feed = std::exchange(stdin_, nullptr);
    heartbeat = std::exchange(heartbeat_, nullptr);
  }
  if (session != nullptr) {
    session->Leave(delivered   ? core::StreamEnd::kDelivered
                   : detached_ ? core::StreamEnd::kDetached
                               : core::StreamEnd::kDisconnected);
  }
  if (feed != nullptr) feed->Stop();
  if (heartbeat != nullptr) heartbeat->Stop();
  if (reader != nullptr) reader->Cancel();
}

}  // namespace caisson::service
