// The other side of the link, played by a test: a keeper that is asked for
// shims, and shims that speak frames. Everything is real but the processes:
// sockets, locks, plans, exit records.
//
// Process: unit tests. Thread: the test's. Receive calls wait; a test that
// waits for what never comes is ended by its runner.
#ifndef CAISSON_SERVER_CORE_TESTING_FAKE_KEEPER_H_
#define CAISSON_SERVER_CORE_TESTING_FAKE_KEEPER_H_

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/record/exit_record.h"
#include "runtime/shim/protocol/frames.h"

namespace caisson::core {

// A frame with what came with it.
struct TestFrame {
  bool ok = false;  // false: the end of the stream
  shim::FrameType type = {};
  uint32_t target = 0;
  std::string body;
  std::vector<base::UniqueFd> fds;

  template <typename T>
  T As() const {
    T value = {};
    std::memcpy(&value, body.data(), std::min(sizeof(T), body.size()));
    return value;
  }
};

// Waits for the next frame.
TestFrame ReceiveFrame(int socket_fd);

class FakeShim {
 public:
  std::string id;
  uint64_t run = 0;

  // What the daemon said next (stdin, kills, execs ...).
  TestFrame Receive() { return ReceiveFrame(control_.get()); }

  // PREPARED, then waits for START; false: the daemon left instead.
  // `network_fd` is borrowed, for a plan that needs a network.
  bool Prepare(int network_fd = -1);
  void Started(int32_t pid = 4711, uint32_t target = 0);
  void Failed(uint32_t op, int32_t err, uint32_t target = 0);
  void StdinProgress(int64_t offset, bool closed, uint32_t target = 0);
  // EXITED, with the record on disk first when it is the container's.
  void Exited(record::ExitRecord record);
  void ExitedWith(int32_t code);
  void ExecExitedWith(uint32_t number, int32_t code);
  // The record alone: the shim ended while there was no daemon.
  void WriteRecord(const record::ExitRecord& record);
  // That of an exec, into its directory (borrowed).
  static void WriteRecord(const record::ExitRecord& record, int directory_fd);
  record::ExitRecord RecordOf(int32_t code, uint32_t exec = 0) const;
  // Closes connection and lock.
  void Die();

  // After a restart of the daemon: listens, is found, says its state. Without
  // `stdin_taken` as a shim of a release that did not say it.
  void Listen(const std::string& state_directory);
  void AcceptDaemon();
  void SayState(shim::Phase phase, int32_t pid,
                const std::vector<shim::StateExec>& execs = {},
                int64_t stdin_offset = 0, int64_t stdin_taken = -1);
  // The daemon's connection alone.
  void Disconnect() { control_.reset(); }
  bool alive() const { return lock_.is_valid(); }

 private:
  friend class FakeKeeper;
  void Send(shim::FrameType type, uint32_t target, const void* body,
            size_t size, const void* tail = nullptr, size_t tail_size = 0);

  base::UniqueFd control_;
  base::UniqueFd lock_;
  base::UniqueFd directory_;
  base::UniqueFd listen_;
};
using FakeShimPtr = std::unique_ptr<FakeShim>;

class FakeKeeper {
 public:
  // Listens as <state>/keeper.sock.
  explicit FakeKeeper(const std::string& state_directory);

  // Takes the connection of a daemon.
  void Accept();
  // The next shim that the daemon asks for. `answered`: the daemon is told of
  // it, as it is unless the keeper dies.
  FakeShimPtr NextShim(bool answered = true);
  // Refuses the next request.
  void RefuseShim(int32_t err);
  void Die() { connection_.reset(); }

 private:
  base::UniqueFd listen_;
  base::UniqueFd connection_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_TESTING_FAKE_KEEPER_H_
