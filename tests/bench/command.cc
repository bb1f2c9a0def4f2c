#include "tests/bench/command.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

#include "runtime/base/syscall_error.h"
#include "runtime/base/unique_fd.h"

extern char** environ;

namespace caisson::bench {
namespace {

absl::Status SpawnAndWait(const std::vector<std::string>& argv, int stdin_fd,
                          int stdout_fd) {
  std::vector<char*> raw;
  raw.reserve(argv.size() + 1);
  for (const std::string& word : argv) {
    raw.push_back(const_cast<char*>(word.c_str()));
  }
  raw.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, stdin_fd, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, stdout_fd, STDOUT_FILENO);
  pid_t pid = 0;
  const int error =
      ::posix_spawnp(&pid, raw[0], &actions, nullptr, raw.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    errno = error;
    return base::SyscallError("posix_spawnp", argv[0]);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return base::SyscallError("waitpid", argv[0]);
  }
  if (status != 0) {
    return absl::InternalError(absl::StrCat(
        "'", absl::StrJoin(argv, " "), "' ended with wait status ", status));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> TimeCommand(const std::vector<std::string>& argv) {
  const base::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null.get() < 0) return base::SyscallError("open", "/dev/null");
  const int64_t start = absl::GetCurrentTimeNanos();
  absl::Status status = SpawnAndWait(argv, null.get(), null.get());
  if (!status.ok()) return status;
  return absl::GetCurrentTimeNanos() - start;
}

absl::StatusOr<std::string> RunCommand(const std::vector<std::string>& argv,
                                       const std::string& input) {
  const base::UniqueFd in(::memfd_create("input", MFD_CLOEXEC));
  const base::UniqueFd out(::memfd_create("output", MFD_CLOEXEC));
  if (in.get() < 0 || out.get() < 0) {
    return base::SyscallError("memfd_create", argv[0]);
  }
  if (::pwrite(in.get(), input.data(), input.size(), 0) !=
      static_cast<ssize_t>(input.size())) {
    return base::SyscallError("pwrite", "input");
  }
  absl::Status status = SpawnAndWait(argv, in.get(), out.get());
  std::string output(static_cast<size_t>(::lseek(out.get(), 0, SEEK_END)),
                     '\0');
  if (::pread(out.get(), output.data(), output.size(), 0) !=
      static_cast<ssize_t>(output.size())) {
    return base::SyscallError("pread", "output");
  }
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat(status.message(), ": ", output));
  }
  return output;
}

}  // namespace caisson::bench
