// Our own accept loop: gRPC would neither tell who the peer is nor ever close
// a connection that says nothing.
//
//   accept4 -> SO_PEERCRED, role, limits -> wait (5 s) for the first bytes,
//     which must be HTTP/2's preface -> a second descriptor goes to gRPC
//
// The first descriptor stays here: it tells when the connection ends, and
// keeps the count.
//
// Process: caissond. Thread: one of its own; Start and Stop from main.
// Ownership: borrows the listening socket and the table of connections.
#ifndef CAISSON_SERVER_SERVICE_ACCEPTOR_H_
#define CAISSON_SERVER_SERVICE_ACCEPTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "runtime/base/unique_fd.h"
#include "server/service/connections.h"
#include "server/service/role.h"

namespace caisson::service {

struct AcceptorOptions {
  RolePolicy roles;
  absl::Duration preface_timeout = absl::Seconds(5);
  // Numbers for the descriptors that gRPC gets; the upper end is lowered to
  // what RLIMIT_NOFILE allows.
  int first_number = 4096;
  int last_number = 65535;
};

class Acceptor {
 public:
  // Called on the loop's thread; takes the descriptor over.
  using Handover = std::function<void(Role role, int fd)>;

  static absl::StatusOr<std::unique_ptr<Acceptor>> Start(
      int listen_fd, AcceptorOptions options, Connections* connections,
      Handover handover);

  // As Stop.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Accepts no more and joins the thread. Connections that gRPC has live on.
  void Stop();

 private:
  struct Connection {
    base::UniqueFd fd;
    Peer peer;
    Role role = Role::kNone;
    absl::Time deadline;  // of the preface
    int number = -1;      // of the descriptor that gRPC has; -1: none yet
  };

  Acceptor(int listen_fd, AcceptorOptions options, Connections* connections,
           Handover handover);
  absl::Status Init();
  void Loop();
  int WaitMillis() const;
  void AcceptAll();
  void AcceptOne(base::UniqueFd fd);
  void OnEvent(uint64_t key, uint32_t events);
  void CheckPreface(uint64_t key, Connection* connection);
  void HandOver(uint64_t key, Connection* connection);
  void CloseLate();
  void Close(uint64_t key);
  void PauseAccepting();

  const int listen_fd_;
  const AcceptorOptions options_;
  Connections* const connections_;
  const Handover handover_;
  base::UniqueFd epoll_;
  base::UniqueFd stop_;
  std::thread thread_;

  // The loop's thread only.
  absl::flat_hash_map<uint64_t, Connection> table_;
  int waiting_ = 0;  // for a preface
  uint64_t next_key_ = 2;
  int next_number_ = 0;
  absl::Time resume_accept_ = absl::InfiniteFuture();
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_ACCEPTOR_H_
