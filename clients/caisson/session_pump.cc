#include "clients/caisson/session_pump.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "clients/caisson/terminal.h"

namespace caisson::cli {

namespace {

// More than one chunk on its way keeps the stream busy; more than this would
// only hide from the user that the process does not read.
constexpr size_t kInputWindow = 512 * 1024;
constexpr size_t kChunk = 48 * 1024;
// So many times the same wish to leave, and the client does.
constexpr int kInsist = 3;

constexpr int kPassedOn[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                             SIGUSR1, SIGUSR2, SIGALRM, SIGCONT,
                             SIGIO,   SIGURG,  SIGPROF, SIGVTALRM};

sigset_t PumpedSignals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : kPassedOn) ::sigaddset(&set, number);
  ::sigaddset(&set, SIGWINCH);
  return set;
}

bool EndsPrograms(int number) {
  return number == SIGINT || number == SIGTERM || number == SIGHUP ||
         number == SIGQUIT;
}

}  // namespace

void BlockPumpedSignals() {
  const sigset_t set = PumpedSignals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader of ours that goes away is seen when writing to it.
  ::signal(SIGPIPE, SIG_IGN);
}

SessionPump::SessionPump(client::Session* session, PumpOptions options)
    : session_(session),
      options_(std::move(options)),
      window_(kInputWindow),
      keys_(options_.detach_keys) {
  const sigset_t set = PumpedSignals();
  signal_fd_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

SessionPump::~SessionPump() {
  ::close(signal_fd_);
  ::close(wake_fd_);
}

void SessionPump::Wake() const {
  const uint64_t one = 1;
  // It can only fail when it is set already.
  if (::write(wake_fd_, &one, sizeof one) < 0) errno = 0;
}

void SessionPump::StartInput(int64_t offset) {
  window_.StartAt(offset);
  reading_ = true;
  Wake();
}

void SessionPump::InputTaken(int64_t offset, bool closed) {
  window_.Taken(offset);
  if (closed) reading_ = false;
  Wake();
}

void SessionPump::SetStarted() {
  started_ = true;
}

void SessionPump::Stop() {
  stopped_ = true;
  Wake();
}

void SessionPump::Loop() {
  while (!stopped_) {
    const bool wants_input = reading_ && window_.Room() > 0;
    std::array<pollfd, 3> fds = {pollfd{wake_fd_, POLLIN, 0},
                                 pollfd{signal_fd_, POLLIN, 0},
                                 pollfd{STDIN_FILENO, POLLIN, 0}};
    if (::poll(fds.data(), wants_input ? 3 : 2, -1) < 0) continue;
    if (fds[0].revents != 0) {
      uint64_t count;
      if (::read(wake_fd_, &count, sizeof count) < 0) errno = 0;
    }
    if (fds[1].revents != 0) TakeSignal();
    if (wants_input && fds[2].revents != 0) TakeInput();
  }
}

void SessionPump::TakeInput() {
  std::string chunk(std::min(window_.Room(), kChunk), '\0');
  const ssize_t n = ::read(STDIN_FILENO, chunk.data(), chunk.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) {
    // Not a half-close: signals may still follow.
    reading_ = false;
    session_->SendCloseInput();
    return;
  }
  chunk.resize(static_cast<size_t>(n));
  if (options_.raw) chunk = keys_.Filter(chunk);
  if (!chunk.empty()) {
    const int64_t offset = window_.Send(chunk.size());
    session_->SendInput(std::move(chunk), offset);
  }
  if (keys_.detached()) {
    detached_ = true;
    Leave();
  }
}

void SessionPump::TakeSignal() {
  signalfd_siginfo info = {};
  if (::read(signal_fd_, &info, sizeof info) != sizeof info) return;
  const auto number = static_cast<int>(info.ssi_signo);
  if (number == SIGWINCH) {
    if (options_.terminal && started_) SendSize();
    return;
  }
  PassOn(number);
}

void SessionPump::PassOn(int number) {
  if (EndsPrograms(number)) {
    ++insisted_;
    // Nothing runs yet, or the process does not get signals, or it does not
    // care for them.
    if (!started_ || options_.raw || !options_.signals ||
        insisted_ >= kInsist) {
      aborted_by_ = number;
      Leave();
      return;
    }
  }
  if (!started_ || !options_.signals) return;
  const char* name = ::sigabbrev_np(number);
  if (name != nullptr) session_->SendKill(std::string("SIG") + name);
}

void SessionPump::SendSize() {
  const WindowSize size = CurrentWindowSize();
  if (size.rows > 0 && size.cols > 0) {
    session_->SendResize(size.rows, size.cols);
  }
}

void SessionPump::Leave() {
  reading_ = false;
  session_->Cancel();
}

}  // namespace caisson::cli
