// Core without a kernel to run containers on: the managers over a real store,
// real sockets and real directories, with a keeper and shims that the test
// plays. Can be torn down and opened again, as a daemon that was killed.
//
// Process: unit tests. Thread: the test's.
#ifndef CAISSON_SERVER_CORE_TESTING_TEST_CORE_H_
#define CAISSON_SERVER_CORE_TESTING_TEST_CORE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

#include "server/core/actor/env.h"
#include "server/core/manager/containers.h"
#include "server/core/manager/execs.h"
#include "server/core/manager/registry.h"
#include "server/core/network/networks.h"
#include "server/core/testing/fake_keeper.h"
#include "server/store/fault_vfs.h"
#include "server/store/test_store.h"

namespace caisson::core {

// What a callback was called with; Get waits for it.
template <typename T>
class Result {
 public:
  Callback<T> Take() {
    return [state = state_](absl::StatusOr<T> value) {
      state->value = std::move(value);
      state->done.Notify();
    };
  }
  absl::StatusOr<T>& Get() {
    state_->done.WaitForNotification();
    return state_->value;
  }
  bool IsReady() const { return state_->done.HasBeenNotified(); }

 private:
  struct State {
    absl::StatusOr<T> value = absl::UnknownError("not called");
    absl::Notification done;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

class DoneResult {
 public:
  DoneCallback Take() {
    return [state = state_](absl::Status status) {
      state->status = std::move(status);
      state->done.Notify();
    };
  }
  const absl::Status& Get() {
    state_->done.WaitForNotification();
    return state_->status;
  }
  bool IsReady() const { return state_->done.HasBeenNotified(); }

 private:
  struct State {
    absl::Status status;
    absl::Notification done;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// "CONTAINER_NOT_FOUND"; "" for OK and for an error without a reason.
std::string ReasonOf(const absl::Status& status);

struct TestCoreOptions {
  // Of the store's SQLite; empty: TestCore::disk_.
  std::string vfs;
  // With the kernel's side of networks, in the namespace of the thread: for
  // root tests with one of their own.
  bool networks = false;
};

class TestCore : public ::testing::Test {
 protected:
  explicit TestCore(TestCoreOptions options = {});
  ~TestCore() override;

  // Opens what Close closed: a new daemon on the same root and state.
  // `same_boot` false: the host was down meanwhile.
  void Open(bool same_boot = true);
  void Close();

  Containers& containers() { return *containers_; }
  Execs& execs() { return *execs_; }
  const store::Catalog& catalog() const { return store_->catalog(); }
  Env& env() { return *env_; }

  static spec::ContainerSpec Spec(const std::string& name = "");
  static spec::ExecSpec ExecSpec();
  static RequestKey Key(const std::string& method, int number = 1);

  // A container that was made, without a start.
  ContainerPtr Create(const std::string& name = "web");
  // One that runs, made by Create and Start, and its shim.
  ContainerPtr StartNew(FakeShimPtr* shim, const std::string& name = "web");
  // One that Run made; its result has the session.
  [[nodiscard]] Started RunNew(FakeShimPtr* shim, RunArgs args);
  // Keep the result: the end of its stream sends frames to the shim (kReader,
  // kDisconnect), which would be the next that the test receives.
  [[nodiscard]] Started ExecNew(FakeShim* shim, const std::string& container,
                                uint32_t number = 1);
  // Waits until the container has exited, as seen in the store.
  ContainerPtr WaitExited(const std::string& container);
  // Waits until all that a container left behind is removed.
  void WaitForgotten(const std::string& id);
  std::string Directory(const std::string& id) const;
  // Makes the container's cgroup such that a kill is seen: the file says "1".
  std::string MakeKillFile(const std::string& id) const;

  // Finds the network namespaces of containers at the next Open.
  std::function<absl::StatusOr<base::UniqueFd>(const store::ContainerRecord&)>
      open_netns_;
  // Called by Open between networks and containers.
  std::function<void()> on_networks_recovered_;

  const TestCoreOptions options_;
  store::TempDirectory directory_;
  store::FaultVfs disk_;  // the store's; its syncs take no time
  const std::string root_;
  const std::string state_;
  FakeKeeper keeper_;

 private:
  int boots_ = 1;
  std::unique_ptr<OutputService> output_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Env> env_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Executor> blocking_;
  std::unique_ptr<SlowLane> lane_;
  std::unique_ptr<RequestTable> requests_;
  std::unique_ptr<Networks> networks_;
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<Containers> containers_;
  std::unique_ptr<Execs> execs_;
  std::unique_ptr<Trash> trash_;
  std::unique_ptr<DirectoryStock> stock_;
  std::unique_ptr<shimlink::Link> link_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_TESTING_TEST_CORE_H_
