#include "server/service/listen_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "server/service/pid_lock.h"

namespace caisson::service {
namespace {

constexpr mode_t kMode = 0660;

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        base::StrCat("the socket path '", path, "' is longer than ",
                     sizeof(address.sun_path) - 1, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

absl::Status RefuseOtherThanSocket(const std::string& path) {
  struct stat st;
  if (::lstat(path.c_str(), &st) != 0) {
    return errno == ENOENT ? absl::OkStatus()
                           : base::SyscallError("lstat", path);
  }
  if (S_ISSOCK(st.st_mode)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      base::StrCat("'", path, "' exists and is no socket"));
}

absl::Status Bind(int fd, const std::string& path) {
  CAISSON_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  // The mode of the new name is 0777 without the umask's bits.
  const mode_t old = ::umask(0777 & ~kMode & 0777);
  const int bound =
      ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int err = errno;
  ::umask(old);
  if (bound != 0) return base::SyscallErrorFrom(err, "bind", path);
  return absl::OkStatus();
}

// An entry of system.posix_acl_access, as in the kernel's posix_acl_xattr.h.
struct AclEntry {
  uint16_t tag;
  uint16_t permissions;
  uint32_t id;
};
struct Acl {
  uint32_t version = 2;
  AclEntry entries[5];
};

// One group has the file's own; a second one needs an access list, with the
// same rights as mode 0660 gives.
absl::Status GrantSecond(const std::string& path, gid_t group) {
  constexpr uint16_t kReadWrite = 6;
  constexpr uint32_t kNoId = 0xFFFFFFFF;
  const Acl acl{.entries = {{0x01, kReadWrite, kNoId},  // owner
                            {0x04, kReadWrite, kNoId},  // its group
                            {0x08, kReadWrite, group},  // named group
                            {0x10, kReadWrite, kNoId},  // mask
                            {0x20, 0, kNoId}}};         // others
  static_assert(sizeof(acl) == 4 + 5 * 8);
  if (::setxattr(path.c_str(), "system.posix_acl_access", &acl, sizeof(acl),
                 0) != 0) {
    return base::SyscallError("setxattr", path);
  }
  return absl::OkStatus();
}

absl::Status Grant(const std::string& path, ListenSocket::Groups groups) {
  if (!groups.first) groups.first = std::exchange(groups.second, std::nullopt);
  if (!groups.first) return absl::OkStatus();
  if (::lchown(path.c_str(), static_cast<uid_t>(-1), *groups.first) != 0) {
    return base::SyscallError("lchown", path);
  }
  if (!groups.second || *groups.second == *groups.first) {
    return absl::OkStatus();
  }
  return GrantSecond(path, *groups.second);
}

}  // namespace

ListenSocket::ListenSocket(std::string path, base::UniqueFd lock,
                           base::UniqueFd fd)
    : path_(std::move(path)), lock_(std::move(lock)), fd_(std::move(fd)) {
  struct stat st;
  if (::lstat(path_.c_str(), &st) == 0) inode_ = st.st_ino;
}

ListenSocket::~ListenSocket() {
  struct stat st;
  if (::lstat(path_.c_str(), &st) == 0 && st.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

absl::StatusOr<std::unique_ptr<ListenSocket>> ListenSocket::Open(
    const std::string& path, Groups groups) {
  CAISSON_RETURN_IF_ERROR(AddressOf(path).status());
  CAISSON_ASSIGN_OR_RETURN(
      base::UniqueFd lock,
      AcquirePidLock(base::StrCat(path, ".lock"),
                     base::StrCat("the socket '", path, "'")));
  CAISSON_RETURN_IF_ERROR(RefuseOtherThanSocket(path));

  const std::string fresh = base::StrCat(path, ".new");
  ::unlink(
      fresh.c_str());  // of a daemon that was killed here; we have the lock
  base::UniqueFd fd(
      ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_valid()) return base::SyscallError("socket", "AF_UNIX");
  CAISSON_RETURN_IF_ERROR(Bind(fd.get(), fresh));
  absl::Cleanup undo = [&fresh] { ::unlink(fresh.c_str()); };
  CAISSON_RETURN_IF_ERROR(Grant(fresh, groups));
  if (::listen(fd.get(), SOMAXCONN) != 0) {
    return base::SyscallError("listen", fresh);
  }
  // Clients see the old socket or the new one, never none.
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return base::SyscallError("rename", path);
  }
  std::move(undo).Cancel();
  return std::unique_ptr<ListenSocket>(
      new ListenSocket(path, std::move(lock), std::move(fd)));
}

}  // namespace caisson::service
