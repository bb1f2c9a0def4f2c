#include "runtime/shim/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace caisson::shim {
namespace {

// Enough for every daemon that could reconnect at once.
constexpr int kBacklog = 64;

bool IsAllowed(int socket_fd) noexcept {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return false;
  }
  return peer.uid == 0 || peer.uid == ::geteuid();
}

}  // namespace

base::UniqueFd ListenAt(int directory_fd, const char* name) noexcept {
  // A socket address holds 108 bytes; this one stays short whatever the path
  // of the directory is. The name itself is in the directory we hold.
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const int size = ::snprintf(address.sun_path, sizeof(address.sun_path),
                              "/proc/self/fd/%d/%s", directory_fd, name);
  if (size < 0 || static_cast<size_t>(size) >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return base::UniqueFd();
  }
  base::UniqueFd fd(
      ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.is_valid()) return fd;
  if (::unlinkat(directory_fd, name, 0) != 0 && errno != ENOENT) {
    return base::UniqueFd();
  }
  // The mode of the name comes from the umask: there is no moment in which
  // others could connect.
  const mode_t mask = ::umask(0177);
  const bool bound = ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address),
                            sizeof(address)) == 0;
  ::umask(mask);
  if (!bound || ::listen(fd.get(), kBacklog) != 0) return base::UniqueFd();
  return fd;
}

base::UniqueFd AcceptPeer(int listen_fd) noexcept {
  base::UniqueFd fd(
      ::accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.is_valid()) return fd;
  if (!IsAllowed(fd.get())) {
    fd.reset();
    errno = EPERM;
  }
  return fd;
}

}  // namespace caisson::shim
