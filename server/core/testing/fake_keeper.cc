#include "server/core/testing/fake_keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/linux/pidfd.h"

namespace caisson::core {
namespace {

using shim::FrameType;

base::UniqueFd ListenOn(const std::string& path) {
  base::UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  CAISSON_CHECK(path.size() < sizeof(address.sun_path));
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  CAISSON_CHECK(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address),
                       sizeof(address)) == 0);
  CAISSON_CHECK(::listen(fd.get(), 8) == 0);
  return fd;
}

base::UniqueFd AcceptOn(const base::UniqueFd& fd) {
  base::UniqueFd connection(
      ::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  CAISSON_CHECK(connection.is_valid());
  return connection;
}

}  // namespace

TestFrame ReceiveFrame(int socket_fd) {
  alignas(8) static thread_local char buffer[shim::kMaxFrameBytes];
  TestFrame received;
  for (;;) {
    shim::FrameFds fds;
    const int size =
        shim::ReceiveMessage(socket_fd, buffer, sizeof(buffer), &fds);
    if (size == -EAGAIN) {
      pollfd wait = {socket_fd, POLLIN, 0};
      ::poll(&wait, 1, -1);
      continue;
    }
    shim::FrameView frame;
    if (size <= 0 ||
        !shim::ParseFrame(buffer, static_cast<size_t>(size), &frame)) {
      return received;
    }
    received.ok = true;
    received.type = frame.header.type;
    received.target = frame.header.target;
    received.body.assign(frame.body, frame.body_bytes);
    for (int i = 0; i < fds.count; ++i) {
      received.fds.push_back(std::move(fds.fd[i]));
    }
    return received;
  }
}

void FakeShim::Send(FrameType type, uint32_t target, const void* body,
                    size_t size, const void* tail, size_t tail_size) {
  // A daemon that is gone is no failure of a shim.
  if (!control_.is_valid()) return;
  shim::SendFrame(control_.get(), type, target, body, size, tail, tail_size);
}

bool FakeShim::Prepare(int network_fd) {
  if (network_fd >= 0) {
    shim::SendFrame(control_.get(), FrameType::kNetwork, 0, nullptr, 0, nullptr,
                    0, &network_fd, 1);
  }
  const shim::PhasesBody phases = {};
  shim::SendFrame(control_.get(), FrameType::kPrepared, 0, &phases,
                  sizeof(phases));
  const TestFrame frame = Receive();
  return frame.ok && frame.type == FrameType::kStart;
}

void FakeShim::Started(int32_t pid, uint32_t target) {
  shim::StartedBody body = {};
  body.pid = pid;
  body.start_time_ns = 1'700'000'000'000'000'000;
  Send(FrameType::kStarted, target, &body, sizeof(body));
}

void FakeShim::Failed(uint32_t op, int32_t err, uint32_t target) {
  const shim::FailedBody body = {
      .op = op, .err = err, .stage = 0, .killed_by_signal = 0};
  Send(FrameType::kFailed, target, &body, sizeof(body));
}

void FakeShim::StdinProgress(int64_t offset, bool closed, uint32_t target) {
  const shim::StdinProgressBody body = {
      .offset = offset, .closed = closed ? 1u : 0u, .reserved = 0};
  Send(FrameType::kStdinProgress, target, &body, sizeof(body));
}

record::ExitRecord FakeShim::RecordOf(int32_t code, uint32_t exec) const {
  record::ExitRecord record = record::MakeExitRecord(run, exec);
  record.kind = record::ExitKind::kCode;
  record.code = code;
  record.cause = record::ExitCause::kExited;
  record.stdout_bytes = 3;
  record.stderr_bytes = 2;
  record.end_offset = 5;
  record.exit_time_ns = 1'700'000'001'000'000'000;
  return record;
}

void FakeShim::WriteRecord(const record::ExitRecord& record) {
  WriteRecord(record, directory_.get());
}

void FakeShim::WriteRecord(const record::ExitRecord& record, int directory_fd) {
  const base::UniqueFd fd(
      ::openat(directory_fd, record::kExitFileName, O_RDWR | O_CLOEXEC));
  CAISSON_CHECK(record::WriteExitRecord(fd.get(), record, false) == 0);
}

void FakeShim::Exited(record::ExitRecord record) {
  if (record.exec_number == 0) WriteRecord(record);
  record::SealExitRecord(&record);
  const shim::ExitedBody body = {.record = record};
  Send(FrameType::kExited, record.exec_number, &body, sizeof(body));
}

void FakeShim::ExitedWith(int32_t code) {
  Exited(RecordOf(code));
  Die();
}

void FakeShim::ExecExitedWith(uint32_t number, int32_t code) {
  Exited(RecordOf(code, number));
}

void FakeShim::Die() {
  listen_.reset();
  lock_.reset();
  control_.reset();
}

void FakeShim::Listen(const std::string& state_directory) {
  listen_ = ListenOn(state_directory + "/shims/" + id + ".sock");
}

void FakeShim::AcceptDaemon() {
  control_ = AcceptOn(listen_);
  CAISSON_CHECK(Receive().type == FrameType::kHello);
}

void FakeShim::SayState(shim::Phase phase, int32_t pid,
                        const std::vector<shim::StateExec>& execs,
                        int64_t stdin_offset, int64_t stdin_taken) {
  shim::StateBody body = {};
  body.protocol_version = shim::kProtocolVersion;
  body.phase = phase;
  body.shim_pid = ::getpid();
  body.pid = pid;
  body.run = run;
  body.start_time_ns = 1'700'000'000'000'000'000;
  body.stdin_offset = stdin_offset;
  body.exec_count = static_cast<uint32_t>(execs.size());
  std::string tail(reinterpret_cast<const char*>(execs.data()),
                   execs.size() * sizeof(shim::StateExec));
  if (stdin_taken >= 0) {
    std::vector<shim::StateInput> inputs = {{.taken = stdin_taken}};
    for (const shim::StateExec& exec : execs) {
      inputs.push_back({.taken = exec.stdin_offset});
    }
    tail.append(reinterpret_cast<const char*>(inputs.data()),
                inputs.size() * sizeof(shim::StateInput));
  }
  Send(FrameType::kState, 0, &body, sizeof(body), tail.data(), tail.size());
}

FakeKeeper::FakeKeeper(const std::string& state_directory)
    : listen_(ListenOn(state_directory + "/keeper.sock")) {}

void FakeKeeper::Accept() {
  connection_ = AcceptOn(listen_);
}

FakeShimPtr FakeKeeper::NextShim(bool answered) {
  TestFrame frame = ReceiveFrame(connection_.get());
  CAISSON_CHECK(frame.ok && frame.type == FrameType::kSpawn);
  CAISSON_CHECK(frame.fds.size() == 4);
  const auto spawn = frame.As<shim::SpawnBody>();
  auto shim = std::make_unique<FakeShim>();
  shim->id = spawn.id;
  shim->run = spawn.run;
  shim->directory_ = std::move(frame.fds[1]);
  shim->lock_ = std::move(frame.fds[2]);
  shim->control_ = std::move(frame.fds[3]);
  if (!answered) return shim;
  shim::SpawnedBody body = {};
  std::memcpy(body.id, spawn.id, sizeof(body.id));
  body.pid = ::getpid();
  const base::UniqueFd self = *linux_::OpenPidfd(::getpid());
  const int pid_fd = self.get();
  CAISSON_CHECK(shim::SendFrame(connection_.get(), FrameType::kSpawned, 0,
                                &body, sizeof(body), nullptr, 0, &pid_fd,
                                1) == 0);
  return shim;
}

void FakeKeeper::RefuseShim(int32_t err) {
  const TestFrame frame = ReceiveFrame(connection_.get());
  CAISSON_CHECK(frame.type == FrameType::kSpawn);
  shim::ErrorBody body = {};
  std::memcpy(body.id, frame.As<shim::SpawnBody>().id, sizeof(body.id));
  body.err = err;
  CAISSON_CHECK(shim::SendFrame(connection_.get(), FrameType::kSpawnFailed, 0,
                                &body, sizeof(body)) == 0);
}

}  // namespace caisson::core
