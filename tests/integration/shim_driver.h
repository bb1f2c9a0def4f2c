// Drives keeper and shims with raw frames, as the daemon would, in a mount
// namespace, state directory and cgroup base of the test's own.
#ifndef CAISSON_TESTS_INTEGRATION_SHIM_DRIVER_H_
#define CAISSON_TESTS_INTEGRATION_SHIM_DRIVER_H_

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

#include "runtime/base/unique_fd.h"
#include "runtime/cgroup/base.h"
#include "runtime/linux/host_facts.h"
#include "runtime/plan/builder.h"
#include "runtime/record/exit_record.h"
#include "runtime/shim/protocol/frames.h"
#include "runtime/spec/spec.h"

namespace caisson::testing {

// One received frame, owned.
struct Frame {
  shim::FrameType type = shim::FrameType::kHello;
  uint32_t target = 0;
  std::string body;

  template <typename Body>
  Body As() const;
};

// One connection to a keeper or a shim.
class FrameSocket {
 public:
  explicit FrameSocket(base::UniqueFd fd) : fd_(std::move(fd)) {}

  int Send(shim::FrameType type, uint32_t target = 0,
           std::string_view body = {}, const std::vector<int>& fds = {});
  template <typename Body>
  int SendBody(shim::FrameType type, uint32_t target, const Body& body,
               std::string_view tail = {});

  // The next frame of this type and target; others are kept for later calls.
  // Nothing: the connection ended or it took too long.
  std::optional<Frame> Await(shim::FrameType type, uint32_t target = 0);
  // Until the end of the stream.
  bool AwaitEnd();
  // Whether such a frame has been received and not yet been asked for.
  bool Has(shim::FrameType type, uint32_t target = 0);

  void Close() { fd_.reset(); }
  int fd() const { return fd_.get(); }
  // That came with the last frame.
  base::UniqueFd TakeFd() { return std::move(received_); }

 private:
  // False: end, or nothing within the time.
  bool Receive(absl::Duration timeout);

  base::UniqueFd fd_;
  base::UniqueFd received_;
  std::deque<Frame> frames_;
  bool ended_ = false;
};

// A container of the test: its directory, its shim and the connection to it.
struct TestContainer {
  std::string id;
  spec::ContainerSpec spec;  // effective
  std::string directory;
  uint64_t run = 1;
  std::unique_ptr<FrameSocket> shim;
  pid_t shim_pid = -1;
  base::UniqueFd shim_pid_fd;
  uint32_t next_exec = 1;
};

// What a log says, put together again.
struct Output {
  std::string out;
  std::string err;
  std::vector<std::string> records;  // lines of the segments
};

class ShimDriver {
 public:
  ShimDriver();
  ~ShimDriver();
  ShimDriver(const ShimDriver&) = delete;
  ShimDriver& operator=(const ShimDriver&) = delete;

  // Starts a keeper and waits until it answers.
  void StartKeeper();
  FrameSocket ConnectKeeper();
  pid_t keeper_pid() const { return keeper_pid_; }
  // SIGKILL, and reaped.
  void KillKeeper();

  const std::string& rootfs() const { return rootfs_; }
  std::string state() const { return directory_ + "/state"; }
  const cgroup::Base& base() const { return base_; }

  // `sh -c script` in the shared root; stdin open.
  spec::ContainerSpec Shell(const std::string& script) const;
  spec::ExecSpec ShellExec(const std::string& script) const;

  // Adjusts plan inputs between calls.
  plan::LaunchContext& context() { return context_; }
  plan::ExecContext& exec_context() { return exec_context_; }
  // Changes every plan before it is sent; null: none.
  void EditPlans(std::function<void(std::string*)> edit) {
    edit_ = std::move(edit);
  }
  // The next shims run this program instead of the keeper's.
  void SetImage(base::UniqueFd image) { image_ = std::move(image); }

  // Makes the directory and asks the keeper for a shim; does not wait.
  std::unique_ptr<TestContainer> Spawn(const spec::ContainerSpec& spec);
  // The next run of a container that has ended.
  void SpawnAgain(TestContainer* container);
  // Spawn, kPrepared, kStart, kStarted.
  std::unique_ptr<TestContainer> Start(const spec::ContainerSpec& spec);
  // Waits for kExited, the end of the connection and of the shim.
  record::ExitRecord Finish(TestContainer* container);
  // Sends kExec; returns its number.
  uint32_t Exec(TestContainer* container, const spec::ExecSpec& spec);
  record::ExitRecord FinishExec(TestContainer* container, uint32_t exec);
  // Another daemon's connection, through the socket.
  FrameSocket Reconnect(const TestContainer& container);

  // The log of the container (0) or of an exec.
  Output ReadOutput(const TestContainer& container, uint32_t exec = 0) const;
  std::string ExecDirectory(const TestContainer& container,
                            uint32_t exec) const;
  record::ExitRecord ReadRecord(const TestContainer& container) const;

  // What is left of a container: as the daemon, removes its cgroup.
  void Remove(TestContainer* container);
  // Shims and keepers of this state directory, by /proc.
  std::vector<pid_t> Processes() const;
  std::vector<std::string> Cgroups() const;

 private:
  void Launch(TestContainer* container);

  std::string directory_;
  std::string rootfs_;
  linux_::HostFacts facts_;
  cgroup::Base base_;
  plan::LaunchContext context_;
  plan::ExecContext exec_context_;
  std::function<void(std::string*)> edit_;
  base::UniqueFd image_;
  std::string base_name_;
  pid_t keeper_pid_ = -1;
  int next_id_ = 1;
};

template <typename Body>
Body Frame::As() const {
  Body value = {};
  memcpy(&value, body.data(), std::min(sizeof(value), body.size()));
  return value;
}

template <typename Body>
int FrameSocket::SendBody(shim::FrameType type, uint32_t target,
                          const Body& body, std::string_view tail) {
  std::string bytes(reinterpret_cast<const char*>(&body), sizeof(body));
  bytes.append(tail);
  return Send(type, target, bytes);
}

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_SHIM_DRIVER_H_
