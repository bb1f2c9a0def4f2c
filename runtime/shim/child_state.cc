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
