#include "server/core/stream/stream_hub.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"

#include "runtime/base/error_detail.h"
#include "runtime/shim/protocol/frames.h"
#include "server/core/stream/session.h"

namespace caisson::core {
namespace {

using shim::FrameType;

constexpr int64_t kWindow = shim::kStdinWindowBytes;
constexpr int64_t kMaxPiece = shim::kMaxStdinBytes;

absl::Status SupersededError() {
  return base::MakeError(
      absl::StatusCode::kAborted, "STREAM_SUPERSEDED",
      "a newer stream with the same request_id took the input over");
}

bool IsTerminalSize(const spec::TerminalSize& size) {
  constexpr int32_t kMax = std::numeric_limits<uint16_t>::max();
  return size.rows >= 1 && size.rows <= kMax && size.cols >= 1 &&
         size.cols <= kMax;
}

}  // namespace

StreamHub::StreamHub(std::shared_ptr<SerialQueue> queue,
                     std::shared_ptr<OutputSource> source,
                     StreamHubOptions options, KillFunction kill)
    : queue_(std::move(queue)),
      source_(std::move(source)),
      options_(options),
      kill_(std::move(kill)) {}

SessionPtr StreamHub::Open(StreamRole role) {
  const uint64_t number = ++last_session_;
  Stream stream;
  stream.role = role;
  if (role == StreamRole::kOwner) {
    if (const auto old = streams_.find(owner_); old != streams_.end()) {
      old->second.superseded = true;
      old->second.lane->Close();
      undelivered_.erase(owner_);
    }
    owner_ = number;
    owner_lost_ = false;
    loss_untold_ = false;
    no_reader_untold_ = false;
    stream.lane = std::make_shared<ReaderLane>(options_.target);
    if (conn_ != nullptr) stream.lane->Connect(conn_);
  }
  auto session = std::make_shared<HubSession>(shared_from_this(), number, role,
                                              stream.lane);
  Register(number, std::move(stream));
  // In time: what the loss of the owner would have done does not happen.
  if (role != StreamRole::kLogs) TellPresence();
  return session;
}

SessionPtr StreamHub::OpenLogs() {
  const uint64_t number = ++last_session_;
  queue_->Post([hub = shared_from_this(), number] {
    Stream stream;
    stream.role = StreamRole::kLogs;
    hub->Register(number, std::move(stream));
  });
  return std::make_shared<HubSession>(shared_from_this(), number,
                                      StreamRole::kLogs, nullptr);
}

void StreamHub::Register(uint64_t number, Stream stream) {
  // One that opens after the exit has to be told as well.
  const bool ended = started_ && conn_ == nullptr;
  if (ended) undelivered_.emplace(number, stream.role == StreamRole::kOwner);
  streams_.emplace(number, std::move(stream));
}

void StreamHub::OnRunning(shimlink::ConnPtr conn, int64_t stdin_offset,
                          bool stdin_closed) {
  taken_ = sent_ = written_ = kept_from_ = stdin_offset;
  Connect(std::move(conn), stdin_closed);
}

void StreamHub::OnAdopted(shimlink::ConnPtr conn, const ShimInput& input) {
  // To the shim the end of the last connection was the loss of the client, and
  // of the reader.
  may_act_ = true;
  no_reader_untold_ = false;
  Acknowledge(input.written);
  // What was on its way is lost. What the shim took it has; of that which an
  // earlier daemon gave we have nothing.
  if (taken_ < input.taken) {
    taken_ = input.taken;
    Forget(input.taken);
  }
  sent_ = std::max(kept_from_, input.taken);
  close_sent_ = false;
  Connect(std::move(conn), input.closed);
}

void StreamHub::Connect(shimlink::ConnPtr conn, bool stdin_closed) {
  conn_ = std::move(conn);
  started_ = true;
  closed_ = stdin_closed;
  undelivered_.clear();
  for (auto& [number, stream] : streams_) {
    if (stream.lane != nullptr && number == owner_) stream.lane->Connect(conn_);
  }
  if (closed_) DropInput();
  Sync();
}

void StreamHub::Sync() {
  if (conn_ == nullptr) return;
  TellNoReader();
  if (const auto owner = streams_.find(owner_); owner != streams_.end()) {
    owner->second.lane->OnWritable();
  }
  TellPresence();
  TellSize();
  Pump();
}

void StreamHub::OnProgress(int64_t offset, bool closed) {
  Acknowledge(offset);
  closed_ = closed_ || closed;
  if (closed_) DropInput();
  Pump();
  TellProgress();
}

void StreamHub::OnExited() {
  conn_ = nullptr;
  started_ = true;
  close_wanted_ = false;
  close_sent_ = false;
  no_reader_untold_ = false;
  size_untold_.reset();
  loss_untold_ = false;
  may_act_ = false;
  DropInput();
  TellProgress();
  for (auto& [number, stream] : streams_) {
    if (stream.lane != nullptr) stream.lane->Close();
    if (!stream.superseded) undelivered_.emplace(number, number == owner_);
  }
}

void StreamHub::SetDeliveryListener(absl::AnyInvocable<void()> listener) {
  delivery_listener_ = std::move(listener);
}

void StreamHub::Listen(uint64_t session,
                       absl::AnyInvocable<void(StdinProgress)> listener) {
  const auto at = streams_.find(session);
  if (at != streams_.end()) at->second.listener = std::move(listener);
}

void StreamHub::Write(uint64_t session, std::optional<int64_t> offset,
                      std::string bytes, DoneCallback callback) {
  const auto at = streams_.find(session);
  if (at == streams_.end() || at->second.role == StreamRole::kLogs) {
    callback(absl::OkStatus());
    return;
  }
  Stream& stream = at->second;
  if (stream.superseded) {
    callback(SupersededError());
    return;
  }
  if (offset.has_value() && (*offset < 0 || *offset > taken_)) {
    callback(base::InvalidFields(
        {{"stdin.offset", "is beyond the input that was sent so far"}}));
    return;
  }
  stream.wrote = true;
  if (input_closed() || close_wanted_) {
    if (stream.listener) {
      stream.listener({.offset = written_, .closed = true});
    }
    callback(absl::OkStatus());
    return;
  }
  const int64_t skip = offset.has_value() ? taken_ - *offset : 0;
  if (skip >= static_cast<int64_t>(bytes.size())) {
    callback(absl::OkStatus());
    return;
  }
  bytes.erase(0, static_cast<size_t>(skip));
  taken_ += static_cast<int64_t>(bytes.size());
  input_.Append(std::move(bytes));
  writes_.push_back({.end = taken_, .callback = std::move(callback)});
  Pump();
}

// What is refused waits for OnWritable, or for the next connection.
void StreamHub::Pump() {
  if (conn_ == nullptr || closed_) return;
  while (sent_ < taken_) {
    const int64_t room = kWindow - (sent_ - written_);
    const int64_t size = std::min({taken_ - sent_, room, kMaxPiece});
    if (size <= 0) return;
    absl::Cord cord = input_.Subcord(static_cast<size_t>(sent_ - kept_from_),
                                     static_cast<size_t>(size));
    const absl::string_view piece = cord.Flatten();
    if (!conn_->SendBody(FrameType::kStdin, options_.target,
                         shim::StdinBody{.offset = sent_},
                         std::string_view(piece.data(), piece.size()))) {
      return;
    }
    sent_ += size;
    AnswerWrites();
  }
  if (!close_wanted_ || close_sent_) return;
  close_sent_ = conn_->Send(FrameType::kCloseStdin, options_.target);
  // A terminal stays open: it has got a key, and takes more.
  if (close_sent_ && options_.tty) close_wanted_ = close_sent_ = false;
}

void StreamHub::AnswerWrites() {
  while (!writes_.empty() && writes_.front().end <= sent_) {
    DoneCallback callback = std::move(writes_.front().callback);
    writes_.pop_front();
    callback(absl::OkStatus());
  }
}

// The process can read what is before `offset`.
void StreamHub::Acknowledge(int64_t offset) {
  if (offset <= written_) return;
  written_ = offset;
  sent_ = std::max(sent_, written_);
  taken_ = std::max(taken_, written_);
  Forget(offset);
}

// Nobody will ask for input before `offset` again.
void StreamHub::Forget(int64_t offset) {
  if (offset <= kept_from_) return;
  const auto count = static_cast<size_t>(offset - kept_from_);
  input_.RemovePrefix(std::min(count, input_.size()));
  kept_from_ = offset;
}

void StreamHub::DropInput() {
  std::deque<PendingWrite> dropped;
  dropped.swap(writes_);
  input_.Clear();
  for (PendingWrite& write : dropped) write.callback(absl::OkStatus());
}

void StreamHub::TellProgress() {
  const StdinProgress progress = {.offset = written_, .closed = input_closed()};
  for (auto& [number, stream] : streams_) {
    if (stream.listener && stream.wrote) stream.listener(progress);
  }
}

void StreamHub::CloseInput() {
  if (closed_ || (started_ && conn_ == nullptr)) return;
  close_wanted_ = true;
  Pump();
}

void StreamHub::Resize(spec::TerminalSize size, DoneCallback callback) {
  if (!options_.tty) {
    callback(base::MakeError(absl::StatusCode::kFailedPrecondition, "NOT_A_TTY",
                             "the process has no terminal"));
    return;
  }
  if (!IsTerminalSize(size)) {
    callback(base::InvalidFields({{"resize", "is not a size of 1 to 65535"}}));
    return;
  }
  if (conn_ != nullptr) {
    size_untold_ = size;
    TellSize();
  }
  callback(absl::OkStatus());
}

void StreamHub::TellSize() {
  if (!size_untold_.has_value()) return;
  const shim::ResizeBody body = {
      .rows = static_cast<uint16_t>(size_untold_->rows),
      .cols = static_cast<uint16_t>(size_untold_->cols),
      .reserved = 0};
  if (conn_->SendBody(FrameType::kResize, options_.target, body)) {
    size_untold_.reset();
  }
}

void StreamHub::Kill(SignalArgs args, DoneCallback callback) {
  kill_(std::move(args), std::move(callback));
}

void StreamHub::CaughtUp(uint64_t session, int64_t run) {
  const std::shared_ptr<const store::ExitInfo> exit = source_->state().exit;
  if (exit == nullptr || exit->run != run) return;  // another one has ended
  if (undelivered_.erase(session) > 0 && delivery_listener_) {
    delivery_listener_();
  }
}

void StreamHub::Leave(uint64_t session, StreamEnd end) {
  const auto at = streams_.find(session);
  if (at == streams_.end()) return;
  const bool was_owner = session == owner_;
  const bool closes_input =
      at->second.wrote && options_.stdin_mode == spec::StdinMode::kOnce;
  if (was_owner && at->second.lane->Close() && conn_ != nullptr) {
    no_reader_untold_ = true;
    TellNoReader();
  }
  streams_.erase(at);
  if (closes_input) CloseInput();
  if (was_owner) LoseOwner(end);
  const bool told = undelivered_.erase(session) > 0;
  if ((told || was_owner) && delivery_listener_) delivery_listener_();
}

void StreamHub::TellNoReader() {
  if (!no_reader_untold_) return;
  no_reader_untold_ =
      !conn_->SendBody(FrameType::kReader, options_.target,
                       shim::ReaderBody{.offset = shim::kNoReader});
}

void StreamHub::LoseOwner(StreamEnd end) {
  owner_ = 0;
  if (end != StreamEnd::kDisconnected) return;
  owner_lost_ = true;
  loss_untold_ = !started_ || conn_ != nullptr;
  TellPresence();
}

// The shim knows the policy and runs it: it holds without a daemon, too. A
// client that left and came back may be seen here in the other order; so one
// that is attached by then calls the action off as well, if it has a grace.
void StreamHub::TellPresence() {
  if (conn_ == nullptr) return;
  if (loss_untold_ && SendDisconnect(true)) {
    loss_untold_ = false;
    may_act_ = true;
  }
  if (may_act_ && HasClient()) may_act_ = !SendDisconnect(false);
}

bool StreamHub::SendDisconnect(bool disconnected) {
  return conn_->SendBody(
      FrameType::kDisconnect, options_.target,
      shim::DisconnectBody{.disconnected = disconnected ? 1u : 0u,
                           .reserved = 0});
}

bool StreamHub::HasClient() const {
  return absl::c_any_of(streams_, [this](const auto& entry) {
    return entry.first == owner_ || entry.second.role == StreamRole::kAttached;
  });
}

}  // namespace caisson::core
