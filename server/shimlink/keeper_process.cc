#include "server/shimlink/keeper_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/linux/pidfd.h"

namespace caisson::shimlink {
namespace {

// posix_spawn's settings: a session of its own, so that no terminal signal of
// the daemon reaches it, and no signal blocked or ignored.
int SetAttributes(posix_spawnattr_t* attributes) {
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  const short flags =  // NOLINT(google-runtime-int): posix_spawn's type
      POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  int err = ::posix_spawnattr_setflags(attributes, flags);
  if (err == 0) err = ::posix_spawnattr_setsigmask(attributes, &none);
  if (err == 0) err = ::posix_spawnattr_setsigdefault(attributes, &all);
  return err;
}

}  // namespace

absl::StatusOr<KeeperProcess> StartKeeper(
    const std::string& program, const std::vector<std::string>& arguments) {
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
  char* environment[] = {path, nullptr};

  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  if (const int err = ::posix_spawnattr_init(&attributes); err != 0) {
    return base::SyscallErrorFrom(err, "posix_spawn", program);
  }
  absl::Cleanup drop_attributes = [&attributes] {
    ::posix_spawnattr_destroy(&attributes);
  };
  if (const int err = ::posix_spawn_file_actions_init(&actions); err != 0) {
    return base::SyscallErrorFrom(err, "posix_spawn", program);
  }
  absl::Cleanup drop_actions = [&actions] {
    ::posix_spawn_file_actions_destroy(&actions);
  };
  int err = SetAttributes(&attributes);
  if (err == 0) {
    err = ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY,
                                             0);
  }
  if (err == 0) {
    err = ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY,
                                             0);
  }
  KeeperProcess keeper;
  if (err == 0) {
    err = ::posix_spawn(&keeper.pid, program.c_str(), &actions, &attributes,
                        argv.data(), environment);
  }
  if (err != 0) return base::SyscallErrorFrom(err, "posix_spawn", program);
  // A child that was not waited for keeps its pid: the pidfd is its.
  CAISSON_ASSIGN_OR_RETURN(keeper.pid_fd, linux_::OpenPidfd(keeper.pid));
  return keeper;
}

void ReapKeeper(const KeeperProcess& keeper) {
  base::IgnoreError(
      linux_::PollChild(keeper.pid_fd.get(), /*keep_zombie=*/false).status(),
      "a keeper that somebody else reaped is reaped");
}

absl::StatusOr<base::UniqueFd> ConnectIn(int directory_fd,
                                         const std::string& name) {
  base::UniqueFd fd(
      ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_valid()) return base::SyscallError("socket");
  const std::string path =
      base::StrCat("/proc/self/fd/", directory_fd, "/", name);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return base::SyscallErrorFrom(ENAMETOOLONG, "connect", name);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) != 0) {
    return base::SyscallError("connect", name);
  }
  return fd;
}

}  // namespace caisson::shimlink
