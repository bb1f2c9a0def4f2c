#include "runtime/shim/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include <utility>

#include "runtime/shim/protocol/frames.h"

namespace caisson::shim {

Input::~Input() {
  ReleaseBuffer();
}

void Input::Open(Loop* loop, InputListener* listener, base::UniqueFd fd,
                 bool is_terminal) noexcept {
  loop_ = loop;
  listener_ = listener;
  fd_ = std::move(fd);
  is_terminal_ = is_terminal;
  watch_.Bind<&Input::OnReady>(this);
}

void Input::Write(int64_t offset, const char* data, size_t size) noexcept {
  const bool acceptable =
      offset >= 0 && offset <= taken() && !is_closed() && !close_wanted_;
  if (!acceptable || offset + static_cast<int64_t>(size) <= taken()) {
    listener_->OnInputProgress(written_, is_closed());
    return;
  }
  const auto skip = static_cast<size_t>(taken() - offset);
  data += skip;
  size -= skip;
  if (pending() == 0) {
    const size_t done = WriteSome(data, size);
    data += done;
    size -= done;
    if (is_closed()) return;
    if (done > 0) listener_->OnInputProgress(written_, false);
    if (size == 0) return;
  }
  if (!Reserve() || size > kStdinWindowBytes - end_) {
    listener_->OnInputProgress(written_, false);
    return;
  }
  memcpy(buffer_ + end_, data, size);
  end_ += size;
  watch_.Start(loop_, fd_.get(), EPOLLOUT);
}

void Input::CloseWhenWritten() noexcept {
  if (is_closed() || close_wanted_) {
    listener_->OnInputProgress(written_, is_closed());
    return;
  }
  close_wanted_ = true;
  if (pending() == 0) Finish();
}

void Input::Abandon() noexcept {
  watch_.Stop();
  fd_.reset();
  ReleaseBuffer();
}

void Input::OnReady(uint32_t) noexcept {
  Flush();
}

// Makes room at the end of the buffer; false without memory.
bool Input::Reserve() noexcept {
  if (buffer_ == nullptr) {
    void* memory = ::mmap(nullptr, kStdinWindowBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return false;
    buffer_ = static_cast<char*>(memory);
    // Who sends this much goes on: from now on the pipe takes a whole window.
    // Refused for a terminal, or beyond the host's limit: no harm.
    ::fcntl(fd_.get(), F_SETPIPE_SZ, static_cast<int>(kStdinWindowBytes));
  }
  memmove(buffer_, buffer_ + begin_, pending());
  end_ -= begin_;
  begin_ = 0;
  return true;
}

// How much the process took; closes stdin when nobody will ever read it.
size_t Input::WriteSome(const char* data, size_t size) noexcept {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::write(fd_.get(), data + done, size - done);
    if (n >= 0) {
      done += static_cast<size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) break;
    Abandon();
    listener_->OnInputProgress(written_, true);
    return 0;
  }
  written_ += static_cast<int64_t>(done);
  if (done > 0) line_open_ = data[done - 1] != '\n' && data[done - 1] != '\r';
  return done;
}

void Input::Flush() noexcept {
  const size_t done = WriteSome(buffer_ + begin_, pending());
  if (is_closed()) return;
  begin_ += done;
  if (pending() == 0) {
    watch_.Stop();
    ReleaseBuffer();
    if (close_wanted_) {
      Finish();
      return;
    }
  }
  if (done > 0) listener_->OnInputProgress(written_, false);
}

void Input::Finish() noexcept {
  // A terminal stays open: closing it would be a hangup.
  if (is_terminal_) {
    SendTerminalEnd();
    close_wanted_ = false;
    listener_->OnInputProgress(written_, false);
    return;
  }
  Abandon();
  listener_->OnInputProgress(written_, true);
}

void Input::SendTerminalEnd() noexcept {
  termios mode = {};
  if (::tcgetattr(fd_.get(), &mode) != 0 || (mode.c_lflag & ICANON) == 0) {
    return;
  }
  const auto end_of_file = static_cast<char>(mode.c_cc[VEOF]);
  // The first one only delivers an unfinished line.
  const char keys[2] = {end_of_file, end_of_file};
  const size_t count = line_open_ ? 2 : 1;
  // Best effort: a terminal whose queue is full has no room for a key either.
  if (::write(fd_.get(), keys, count) < 0) return;
  line_open_ = false;
}

void Input::ReleaseBuffer() noexcept {
  if (buffer_ != nullptr) ::munmap(buffer_, kStdinWindowBytes);
  buffer_ = nullptr;
  begin_ = 0;
  end_ = 0;
}

}  // namespace caisson::shim
