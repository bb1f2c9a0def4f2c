#include "netsetup/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <optional>
#include <utility>

#include "absl/status/status.h"

#include "netsetup/link.h"
#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

using base::StrCat;
using base::SyscallError;

constexpr char kOwnNetns[] = "/proc/thread-self/ns/net";
constexpr char kHourMs[] = "3600000";
constexpr size_t kMaxPinName = 255;
// Somebody may mount as fast as we take away.
constexpr int kMaxStackedMounts = 64;

struct Task {
  absl::FunctionRef<absl::Status()> body;
  absl::Status result;
};

void* RunTask(void* argument) {
  auto* const task = static_cast<Task*>(argument);
  task->result = task->body();
  return nullptr;
}

// Runs `body` on a new thread that ends with it. The thread has every signal
// blocked: handlers belong to the threads of the caller.
absl::Status RunOnOwnThread(absl::FunctionRef<absl::Status()> body) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  Task task{body, absl::OkStatus()};
  pthread_t thread;
  const int err = ::pthread_create(&thread, nullptr, RunTask, &task);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (err != 0) return base::SyscallErrorFrom(err, "pthread_create");
  ::pthread_join(thread, nullptr);
  return task.result;
}

absl::Status CheckPinName(std::string_view name) {
  if (IsPinName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat("not a name for a network namespace: '", name, "'"));
}

// Makes `directory` a mount of its own, shared with other mount namespaces.
absl::Status PreparePinDirectory(const std::string& directory) {
  CAISSON_RETURN_IF_ERROR(base::MakeDirectories(directory, 0755));
  if (::mount("", directory.c_str(), "none", MS_SHARED | MS_REC, nullptr) ==
      0) {
    return absl::OkStatus();
  }
  // EINVAL: it is no mount yet.
  if (errno != EINVAL) return SyscallError("mount", directory);
  if (::mount(directory.c_str(), directory.c_str(), "none", MS_BIND | MS_REC,
              nullptr) != 0 ||
      ::mount("", directory.c_str(), "none", MS_SHARED | MS_REC, nullptr) !=
          0) {
    return SyscallError("mount", directory);
  }
  return absl::OkStatus();
}

// A file that has its content from the moment at which it has its name: a death
// in between leaves nothing.
absl::Status CreateTagged(const std::string& directory, const std::string& path,
                          std::string_view tag) {
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd file,
                           base::Open(directory, O_TMPFILE | O_WRONLY, 0));
  CAISSON_RETURN_IF_ERROR(base::WriteAll(file.get(), tag));
  const std::string source = StrCat("/proc/self/fd/", file.get());
  if (::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, path.c_str(),
               AT_SYMLINK_FOLLOW) != 0) {
    return SyscallError("linkat", path);
  }
  return absl::OkStatus();
}

absl::Status BringLoopbackUp() {
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  return socket.Request(BuildChangeLink({.name = "lo"}, {.up = true}),
                        "set link up", "lo");
}

// Whether this kernel runs with IPv6 at all. Not asked of /proc/sys, which is
// slow where there are many namespaces.
bool HasIpv6() {
  return base::PathExists("/proc/thread-self/net/if_inet6");
}

}  // namespace

absl::StatusOr<NetnsId> IdOfNetns(int netns_fd) {
  struct stat info = {};
  if (::fstat(netns_fd, &info) != 0) return SyscallError("fstat", "netns");
  return NetnsId{.device = info.st_dev, .inode = info.st_ino};
}

absl::StatusOr<Netns> CurrentNetns() {
  Netns netns;
  CAISSON_ASSIGN_OR_RETURN(netns.fd, base::Open(kOwnNetns, O_RDONLY));
  CAISSON_ASSIGN_OR_RETURN(netns.id, IdOfNetns(netns.fd.get()));
  return netns;
}

std::vector<Sysctl> DefaultSysctls(LinkEnds ends) {
  std::vector<Sysctl> sysctls = {
      {"net/ipv4/conf/default/arp_notify", "1"},
      {"net/ipv4/conf/default/rp_filter", "2"},
  };
  if (!HasIpv6()) return sysctls;
  // Both: "default" is for links to come, "all" counts beside a link's own.
  for (const char* scope : {"all", "default"}) {
    const std::string folder = StrCat("net/ipv6/conf/", scope, "/");
    sysctls.push_back({folder + "accept_dad", "0"});
    sysctls.push_back({folder + "accept_ra", "0"});
    sysctls.push_back({folder + "autoconf", "0"});
    sysctls.push_back({folder + "dad_transmits", "0"});
  }
  if (ends == LinkEnds::kAnywhere) {
    sysctls.push_back({"net/ipv6/conf/default/ndisc_notify", "1"});
  } else {
    sysctls.push_back({"net/ipv6/conf/default/ndisc_notify", "0"});
    sysctls.push_back(
        {"net/ipv6/conf/default/mldv2_unsolicited_report_interval", kHourMs});
  }
  return sysctls;
}

absl::Status SetDefaultSysctls(int netns_fd,
                               const std::set<std::string>& kept) {
  std::vector<Sysctl> wanted = DefaultSysctls();
  std::erase_if(wanted, [&kept](const Sysctl& sysctl) {
    return kept.contains(sysctl.key);
  });
  // What the kernel's defaults are depends on how it was built, and on what the
  // host has set.
  CAISSON_ASSIGN_OR_RETURN(const Netns fresh, CreateNetns({}));
  std::vector<std::string> untouched;
  CAISSON_RETURN_IF_ERROR(RunInNetns(fresh.fd.get(), [&]() -> absl::Status {
    for (const Sysctl& sysctl : wanted) {
      CAISSON_ASSIGN_OR_RETURN(untouched.emplace_back(),
                               ReadSysctl(sysctl.key));
    }
    return absl::OkStatus();
  }));
  return RunInNetns(netns_fd, [&]() -> absl::Status {
    for (size_t i = 0; i < wanted.size(); ++i) {
      CAISSON_ASSIGN_OR_RETURN(const std::string value,
                               ReadSysctl(wanted[i].key));
      if (value != untouched[i]) continue;
      CAISSON_RETURN_IF_ERROR(WriteSysctl(wanted[i]));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<Netns> CreateNetns(std::span<const Sysctl> sysctls) {
  Netns netns;
  const absl::Status status = RunOnOwnThread([&]() -> absl::Status {
    if (::unshare(CLONE_NEWNET) != 0) return SyscallError("unshare", "net");
    CAISSON_RETURN_IF_ERROR(WriteSysctls(sysctls));
    CAISSON_RETURN_IF_ERROR(BringLoopbackUp());
    CAISSON_ASSIGN_OR_RETURN(netns, CurrentNetns());
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return netns;
}

absl::Status RunInNetns(int netns_fd, absl::FunctionRef<absl::Status()> body) {
  return RunOnOwnThread([&]() -> absl::Status {
    if (::setns(netns_fd, CLONE_NEWNET) != 0) {
      return SyscallError("setns", "net");
    }
    return body();
  });
}

absl::StatusOr<Socket> OpenSocketIn(int netns_fd,
                                    const SocketOptions& options) {
  std::optional<Socket> socket;
  const absl::Status status = RunInNetns(netns_fd, [&]() -> absl::Status {
    CAISSON_ASSIGN_OR_RETURN(socket, Socket::Open(options));
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return *std::move(socket);
}

bool IsPinName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxPinName && name != "." &&
         name != ".." && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

absl::Status PinNetns(int netns_fd, std::string_view name,
                      std::string_view directory, std::string_view tag) {
  CAISSON_RETURN_IF_ERROR(CheckPinName(name));
  const std::string folder(directory);
  CAISSON_RETURN_IF_ERROR(PreparePinDirectory(folder));
  const std::string path = StrCat(folder, "/", name);
  CAISSON_RETURN_IF_ERROR(CreateTagged(folder, path, tag));
  const std::string source = StrCat("/proc/self/fd/", netns_fd);
  if (::mount(source.c_str(), path.c_str(), "none", MS_BIND, nullptr) != 0) {
    absl::Status failed = SyscallError("mount", path);
    ::unlink(path.c_str());
    return failed;
  }
  return absl::OkStatus();
}

absl::Status UnpinNetns(std::string_view name, std::string_view directory) {
  CAISSON_RETURN_IF_ERROR(CheckPinName(name));
  const std::string path = StrCat(directory, "/", name);
  int mounts = 0;
  while (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    if (++mounts > kMaxStackedMounts) {
      return base::SyscallErrorFrom(EBUSY, "umount2", path);
    }
  }
  // EINVAL: the file is there and nothing is mounted on it (any more).
  if (errno != EINVAL && errno != ENOENT) return SyscallError("umount2", path);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return SyscallError("unlink", path);
  }
  return absl::OkStatus();
}

absl::Status RemovePinDirectory(std::string_view directory) {
  const std::string path(directory);
  const auto names = base::ListDirectory(path);
  if (base::ErrnoOf(names.status()) == ENOENT) return absl::OkStatus();
  if (!names.ok()) return names.status();
  if (!names->empty()) return absl::OkStatus();
  // EINVAL: it is no mount (any more).
  if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 &&
      errno != EINVAL) {
    return SyscallError("umount2", path);
  }
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
    return SyscallError("rmdir", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<Netns> OpenNamedNetns(std::string_view name,
                                     std::string_view directory) {
  CAISSON_RETURN_IF_ERROR(CheckPinName(name));
  const std::string path = StrCat(directory, "/", name);
  Netns netns;
  CAISSON_ASSIGN_OR_RETURN(
      netns.fd, base::Open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct statfs info = {};
  if (::fstatfs(netns.fd.get(), &info) != 0) {
    return SyscallError("fstatfs", path);
  }
  if (info.f_type != NSFS_MAGIC) {
    return base::SyscallErrorFrom(ENXIO, "open namespace", path);
  }
  CAISSON_ASSIGN_OR_RETURN(netns.id, IdOfNetns(netns.fd.get()));
  return netns;
}

}  // namespace caisson::netsetup
