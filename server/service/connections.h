// The connections that are open, by the name that gRPC gives to each: with our
// own accept loop the peer of a call is "fd:N". The loop hands out numbers N
// that rotate, so that N names one connection for a long time and the entry
// found by it is the right one.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_SERVICE_CONNECTIONS_H_
#define CAISSON_SERVER_SERVICE_CONNECTIONS_H_

#include <optional>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

#include "server/service/role.h"

namespace caisson::service {

struct ConnectionLimits {
  int total = 1024;
  int per_uid = 256;  // does not hold for uid 0
};

class Connections {
 public:
  explicit Connections(ConnectionLimits limits) : limits_(limits) {}

  // Counts a new connection of `uid`. False: a limit is reached.
  bool Admit(uid_t uid);
  // An admitted one is gone.
  void Release(uid_t uid);

  // gRPC knows the connection as "fd:<number>".
  void Name(int number, const Peer& peer);
  void Forget(int number);

  // `grpc_peer` as of ServerContext::peer(); nothing when it is gone already.
  std::optional<Peer> Find(std::string_view grpc_peer) const;

  int count() const;

 private:
  const ConnectionLimits limits_;
  mutable absl::Mutex mutex_;
  int total_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uid_t, int> per_uid_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<int, Peer> peers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_CONNECTIONS_H_
