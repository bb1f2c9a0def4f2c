// Starting a keeper when there is none: the only process that the daemon ever
// makes, and it does so without fork.
//
// Process: caissond. Thread: the link's.
#ifndef CAISSON_SERVER_SHIMLINK_KEEPER_PROCESS_H_
#define CAISSON_SERVER_SHIMLINK_KEEPER_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::shimlink {

struct KeeperProcess {
  pid_t pid = 0;
  base::UniqueFd pid_fd;  // readable when it has ended; it is our child
};

// Runs the program in a session of its own, with the daemon's stderr, an empty
// environment but for PATH, and default signals.
absl::StatusOr<KeeperProcess> StartKeeper(
    const std::string& program, const std::vector<std::string>& arguments);

// Takes the ended child from the process table.
void ReapKeeper(const KeeperProcess& keeper);

// A socket of the protocol that is connected to `name` in a directory. The
// path of a socket address is short; a state directory need not be. ENOENT and
// ECONNREFUSED: nobody is there.
absl::StatusOr<base::UniqueFd> ConnectIn(int directory_fd,
                                         const std::string& name);

}  // namespace caisson::shimlink

#endif  // CAISSON_SERVER_SHIMLINK_KEEPER_PROCESS_H_
