// One caissond under test, away from the host: network and mount namespace,
// root, state and cgroups of its own.
#ifndef CAISSON_TESTS_TESTING_DAEMON_H_
#define CAISSON_TESTS_TESTING_DAEMON_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "grpcpp/channel.h"

#include "caisson/v1/container_service.grpc.pb.h"
#include "caisson/v1/event_service.grpc.pb.h"
#include "caisson/v1/exec_service.grpc.pb.h"
#include "caisson/v1/network_service.grpc.pb.h"
#include "caisson/v1/system_service.grpc.pb.h"
#include "runtime/base/unique_fd.h"
#include "tests/leakcheck/snapshot.h"
#include "tests/testing/cleanup.h"

namespace caisson::testing {

// All services over one channel.
struct Stubs {
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::ContainerService::Stub> containers;
  std::unique_ptr<v1::ExecService::Stub> execs;
  std::unique_ptr<v1::EventService::Stub> events;
  std::unique_ptr<v1::NetworkService::Stub> networks;
  std::unique_ptr<v1::SystemService::Stub> system;
};

// A connection of its own, shared with no other channel to the same address.
Stubs Connect(const std::string& address);

struct DaemonOptions {
  // Besides --root, --state and --cgroup-base.
  std::vector<std::string> flags;
  // "NAME=value", besides the environment of the test.
  std::vector<std::string> environment;
  // The "/" of its mount namespace has shared propagation, as on most hosts.
  bool shared_root = false;
  // Where root and state are; empty: a new directory, gone at the end.
  std::string directory;
};

class Daemon {
 public:
  explicit Daemon(DaemonOptions options = {});
  // Ends and removes everything.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Starts it and waits until it answers; false: it did not, see log().
  bool Start();
  // SIGTERM; its status as a shell shows it, -1: it did not end in time.
  int Stop();
  // SIGKILL, as a crash would.
  void Kill9();
  // Starts again whatever the state; connections made before are void.
  bool Restart();

  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }
  // The keeper, -1 when there is none.
  pid_t KeeperPid() const;
  const Sandbox& sandbox() const { return sandbox_; }
  // The network namespace that stands for the host, also while no daemon runs;
  // borrowed.
  int network_ns_fd() const { return network_ns_.get(); }
  // "unix:///..."
  std::string address() const;
  std::string socket() const;
  std::string log() const;
  // Connected to the running daemon, made anew by Restart.
  const Stubs& stubs() const { return stubs_; }
  // What there is now, of this daemon and of nobody else. Waits until what it
  // keeps in stock is complete: what is added later would look like a leak.
  leakcheck::Snapshot TakeSnapshot() const;

 private:
  void Spawn();
  void KeepHost();
  // The daemon is gone and reaped.
  void Forget();
  void SpawnJanitor();
  bool WaitUntilReady();
  leakcheck::Scope ScopeOfSnapshot() const;
  bool StocksAreFull(const leakcheck::Snapshot& snapshot) const;

  DaemonOptions options_;
  Sandbox sandbox_;
  std::string log_path_;
  pid_t pid_ = -1;
  Stubs stubs_;
  // The namespaces of the first daemon; every later one joins them.
  base::UniqueFd mount_ns_;
  base::UniqueFd network_ns_;
  base::UniqueFd janitor_;
  pid_t janitor_pid_ = -1;
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_DAEMON_H_
