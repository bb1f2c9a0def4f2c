#include "netsetup/dns/client_stream.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "runtime/base/status_macros.h"

namespace caisson::netsetup::dns {
namespace {

constexpr size_t kLengthBytes = 2;
constexpr size_t kReadBytes = 16384;
// Who does not take its replies is not read from, and with much more not kept.
constexpr size_t kMuchOutputBytes = 128 * 1024;
constexpr size_t kTooMuchOutputBytes = 1024 * 1024;

bool WouldBlock(int err) {
  return err == EAGAIN || err == EINTR;
}

}  // namespace

ClientStream::ClientStream(Loop* loop, base::UniqueFd fd, absl::Duration idle,
                           Handlers handlers)
    : loop_(loop),
      fd_(std::move(fd)),
      idle_(idle),
      handlers_(std::move(handlers)),
      last_progress_(loop->Now()) {}

absl::Status ClientStream::Start() {
  // The stream owns the handle, so `this` lives whenever it is called.
  watched_events_ = EPOLLIN;
  CAISSON_ASSIGN_OR_RETURN(
      watch_, loop_->Watch(fd_.get(), watched_events_,
                           [this](uint32_t events) { OnEvent(events); }));
  timer_ = loop_->At(last_progress_ + idle_, [this] { OnTime(); });
  return absl::OkStatus();
}

void ClientStream::Reply(ByteView message) {
  if (ended_) return;
  const auto self = shared_from_this();
  --owed_;
  output_.push_back(static_cast<uint8_t>(message.size() >> 8));
  output_.push_back(static_cast<uint8_t>(message.size()));
  output_.insert(output_.end(), message.begin(), message.end());
  // The reader goes on by itself, and writes all replies of a read at once.
  if (!handling_) OnEvent(EPOLLOUT);
}

void ClientStream::OnEvent(uint32_t events) {
  const auto self = shared_from_this();
  if (ended_) return;
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  const bool readable = (events & EPOLLIN) != 0;
  if (broken || (readable && !Receive()) || !Answer() ||
      output_.size() - sent_ > kTooMuchOutputBytes) {
    End();
    return;
  }
  GoOn();
}

bool ClientStream::Receive() {
  std::array<uint8_t, kReadBytes> buffer;
  const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0) return WouldBlock(errno);
  // Only this direction: replies that are owed are still taken.
  input_ended_ = got == 0;
  input_.insert(input_.end(), buffer.begin(), buffer.begin() + got);
  return true;
}

bool ClientStream::Answer() {
  // Again while queries are left that had to wait for the client's side to
  // take replies.
  size_t before = 0;
  do {
    before = input_.size();
    if (!HandleQueries() || !Flush()) return false;
  } while (input_.size() < before && may_read());
  return true;
}

bool ClientStream::HandleQueries() {
  size_t at = 0;
  bool ok = true;
  handling_ = true;
  while (ok && input_.size() - at >= kLengthBytes && may_read()) {
    const size_t length = size_t{input_[at]} << 8 | input_[at + 1];
    // Not skipped: nothing says that the client means well.
    ok = length >= kHeaderBytes && length <= kMaxQueryBytes;
    if (!ok || input_.size() - at < kLengthBytes + length) break;
    last_progress_ = loop_->Now();
    ++owed_;
    ok =
        handlers_.on_query(ByteView(input_).subspan(at + kLengthBytes, length));
    at += kLengthBytes + length;
  }
  handling_ = false;
  input_.erase(input_.begin(), input_.begin() + static_cast<ptrdiff_t>(at));
  return ok;
}

bool ClientStream::Flush() {
  while (sent_ < output_.size()) {
    const ssize_t sent = ::send(fd_.get(), output_.data() + sent_,
                                output_.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0) return WouldBlock(errno);
    sent_ += static_cast<size_t>(sent);
    last_progress_ = loop_->Now();
  }
  output_.clear();
  sent_ = 0;
  return true;
}

void ClientStream::OnTime() {
  const auto self = shared_from_this();
  const absl::Duration now = loop_->Now();
  const bool waits_for_client = owed_ == 0 || sent_ < output_.size();
  if (waits_for_client && now >= last_progress_ + idle_) {
    End();
    return;
  }
  const absl::Duration from = waits_for_client ? last_progress_ : now;
  timer_ = loop_->At(from + idle_, [this] { OnTime(); });
}

void ClientStream::GoOn() {
  const uint32_t wanted = events();
  const bool watched = wanted == watched_events_ || watch_.Rewatch(wanted).ok();
  watched_events_ = wanted;
  if (!watched || is_done()) End();
}

void ClientStream::End() {
  ended_ = true;
  watch_.Reset();
  timer_.Reset();
  fd_.reset();
  const std::function<void()> on_end = std::move(handlers_.on_end);
  on_end();
}

bool ClientStream::may_read() const {
  return output_.size() - sent_ < kMuchOutputBytes;
}

bool ClientStream::is_done() const {
  return input_ended_ && owed_ == 0 && output_.empty();
}

uint32_t ClientStream::events() const {
  uint32_t wanted = 0;
  if (!input_ended_ && may_read()) wanted |= EPOLLIN;
  if (sent_ < output_.size()) wanted |= EPOLLOUT;
  return wanted;
}

}  // namespace caisson::netsetup::dns
