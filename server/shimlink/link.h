// The daemon's side of all shims: one thread that reads from every shim and
// from the keeper, asks the keeper for new shims, finds running ones again by
// their sockets, and starts a keeper when there is none.
//
//   core --Spawn--> Link --kSpawn--> keeper --fork--> shim
//     <--frames-- ShimConn <----- control socket ------+
//   core --Connect--> ShimConn ----- shims/<id>.sock ----> shim (after restart)
//
// Process: caissond. Thread: any for the calls; handlers (conn.h) on the
// link's own. Nothing blocks but Open and the destructor.
#ifndef CAISSON_SERVER_SHIMLINK_LINK_H_
#define CAISSON_SERVER_SHIMLINK_LINK_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/shimlink/conn.h"

namespace caisson::shimlink {

struct LinkOptions {
  std::string state_directory;  // keeper.sock, shims/<id>.sock
  std::string shim_program;
  // What a new keeper is started with, after the program's name.
  std::vector<std::string> keeper_arguments;
};

struct SpawnArgs {
  std::string id;
  uint64_t run = 1;
  // Borrowed for the call; the shim gets copies.
  int plan_fd = -1;
  int directory_fd = -1;
  int lock_fd = -1;
};

class Link {
 public:
  // Connects to the keeper, or starts one; returns at once: see WaitForKeeper.
  static absl::StatusOr<std::unique_ptr<Link>> Open(LinkOptions options);
  // Closes all connections and joins the thread; handlers get their on_closed.
  // The keeper and the shims live on.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Blocks until there is a keeper. DEADLINE_EXCEEDED.
  absl::Status WaitForKeeper(absl::Duration limit);

  // Asks for a shim. The connection exists from now on: what is sent to it the
  // shim finds when it lives. UNAVAILABLE KEEPER_LOST (with a delay after which
  // to try again) when there is no keeper at the moment.
  absl::StatusOr<ConnPtr> Spawn(const SpawnArgs& args, ConnHandlers handlers);

  // Connects to a shim that runs. SyscallError ENOENT or ECONNREFUSED: none
  // listens (yet).
  absl::StatusOr<ConnPtr> Connect(const std::string& id, ConnHandlers handlers);

  // 0: there is none at the moment.
  pid_t keeper_pid() const;

  // Closes all connections; their handlers are called for the last time. Spawn
  // and Connect are refused from now on. The destructor does it, too.
  void Stop();

 private:
  class Impl;
  explicit Link(std::unique_ptr<Impl> impl);

  const std::unique_ptr<Impl> impl_;
};

}  // namespace caisson::shimlink

#endif  // CAISSON_SERVER_SHIMLINK_LINK_H_
