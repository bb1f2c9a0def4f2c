#include "runtime/linux/pidfd.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::linux_ {
namespace {

constexpr size_t kMaxFdInfoBytes = 4096;

}  // namespace

absl::StatusOr<base::UniqueFd> OpenPidfd(pid_t pid) {
  const long fd = ::syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return base::SyscallError("pidfd_open", base::StrCat(pid));
  return base::UniqueFd(static_cast<int>(fd));
}

absl::Status SendSignal(int pid_fd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pid_fd, signal, nullptr, 0) != 0) {
    return base::SyscallError("pidfd_send_signal", base::StrCat(signal));
  }
  return absl::OkStatus();
}

bool HasExited(int pid_fd) {
  pollfd event = {.fd = pid_fd, .events = POLLIN, .revents = 0};
  return ::poll(&event, 1, 0) == 1 && (event.revents & POLLIN) != 0;
}

absl::StatusOr<siginfo_t> PollChild(int pid_fd, bool keep_zombie) {
  siginfo_t info = {};
  const int options = WEXITED | WNOHANG | (keep_zombie ? WNOWAIT : 0);
  if (::waitid(P_PIDFD, static_cast<id_t>(pid_fd), &info, options) != 0) {
    return base::SyscallError("waitid");
  }
  return info;
}

absl::StatusOr<pid_t> PidOf(int pid_fd) {
  CAISSON_ASSIGN_OR_RETURN(
      const std::string text,
      base::ReadFileToString(base::StrCat("/proc/self/fdinfo/", pid_fd),
                             kMaxFdInfoBytes));
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    pid_t pid = 0;
    if (parts.first == "Pid" && absl::SimpleAtoi(parts.second, &pid)) {
      return pid > 0 ? pid : -1;
    }
  }
  return absl::InvalidArgumentError("not a pidfd");
}

}  // namespace caisson::linux_
