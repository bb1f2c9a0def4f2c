// The daemon's Unix socket: made so that it never exists with wrong rights,
// and so that a stale one is replaced while one in use is not.
//
// Process: caissond. Thread: main only, before any other thread exists
// (Open changes the umask for a moment).
#ifndef CAISSON_SERVER_SERVICE_LISTEN_SOCKET_H_
#define CAISSON_SERVER_SERVICE_LISTEN_SOCKET_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::service {

class ListenSocket {
 public:
  // Who may connect besides the owner. What a peer may do then depends on its
  // role; the mode keeps all others out.
  struct Groups {
    std::optional<gid_t> first;
    std::optional<gid_t> second;
  };

  // Locks "<path>.lock", makes the socket under a name of its own with mode
  // 0660 and the groups, listens, and renames it to `path`. The second group
  // needs a file system with POSIX ACLs.
  // FAILED_PRECONDITION: another daemon has the lock (its pid is in the
  // message), or something at `path` is no socket.
  static absl::StatusOr<std::unique_ptr<ListenSocket>> Open(
      const std::string& path, Groups groups);

  // Removes the socket unless somebody replaced it, then gives up the lock.
  ~ListenSocket();
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;

  int fd() const { return fd_.get(); }

 private:
  ListenSocket(std::string path, base::UniqueFd lock, base::UniqueFd fd);

  const std::string path_;
  base::UniqueFd lock_;
  base::UniqueFd fd_;
  ino_t inode_ = 0;  // of the name in the file system
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_LISTEN_SOCKET_H_
