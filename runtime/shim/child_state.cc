#include "runtime/shim/child_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/base/unique_fd.h"

namespace caisson::shim {
namespace {

// include/linux/sched.h; visible in procfs, so it does not change.
constexpr unsigned kForkNoExec = 0x40;  // PF_FORKNOEXEC

bool HasEnded(int pid_fd) noexcept {
  siginfo_t info = {};
  return ::waitid(P_PIDFD, static_cast<id_t>(pid_fd), &info,
                  WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid != 0;
}

}  // namespace

bool ParseHasExecuted(const char* text) noexcept {
  // The name is in parentheses and may contain anything.
  const char* at = strrchr(text, ')');
  if (at == nullptr) return true;
  // Behind it: state, ppid, pgrp, session, tty, tpgid, flags.
  for (int field = 0; field < 7; ++field) {
    at = strchr(at + 1, ' ');
    if (at == nullptr) return true;
  }
  return (strtoul(at, nullptr, 10) & kForkNoExec) == 0;
}

bool HasExecuted(pid_t pid) noexcept {
  char path[32];
  ::snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  const base::UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  char text[512] = {};
  if (!fd.is_valid() || ::read(fd.get(), text, sizeof(text) - 1) <= 0) {
    return true;
  }
  return ParseHasExecuted(text);
}

ChildState ReadChildState(int error_fd, pid_t pid, int pid_fd,
                          init::OpFailure* failure) noexcept {
  // Asked first: one that has ended has said all that it will.
  const bool ended = HasEnded(pid_fd);
  init::OpFailure said = {};
  const ssize_t size = ::read(error_fd, &said, sizeof(said));
  if (size == static_cast<ssize_t>(sizeof(said))) {
    *failure = said;
    return ChildState::kFailed;
  }
  if (size < 0 && !ended) return ChildState::kWorking;
  if (HasExecuted(pid)) return ChildState::kExecuted;
  // Not for long, and to end it would be to end the program: a kernel may close
  // the pipe before it clears the flag (seen on 6.1, where the last reference
  // to the pipe was ours).
  return ended ? ChildState::kEnded : ChildState::kSilent;
}

bool Reap(int pid_fd, siginfo_t* status) noexcept {
  *status = siginfo_t();
  int result = 0;
  do {
    result =
        ::waitid(P_PIDFD, static_cast<id_t>(pid_fd), status, WEXITED | WNOHANG);
  } while (result != 0 && errno == EINTR);
  return result == 0 && status->si_pid != 0;
}

}  // namespace caisson::shim
