#include "tests/integration/shim_driver.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <utility>

#include "runtime/base/file.h"
#include "runtime/base/str_cat.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/facts.h"
#include "runtime/linux/memfd.h"
#include "runtime/record/log_record.h"
#include "runtime/record/log_scan.h"
#include "runtime/spec/defaults.h"
#include "tests/testing/cleanup.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

namespace fs = std::filesystem;
using base::UniqueFd;
using shim::FrameType;

constexpr absl::Duration kTimeout = absl::Seconds(20);

[[noreturn]] void Die(const std::string& what) {
  std::perror(what.c_str());
  std::abort();
}

template <typename T>
T OrDie(absl::StatusOr<T> value) {
  if (!value.ok()) {
    std::fprintf(stderr, "%s\n", value.status().ToString().c_str());
    std::abort();
  }
  return *std::move(value);
}

// Away from the host's mounts and networks, once. What a killed shim leaves
// behind becomes ours.
void EnterNamespaces() {
  static const bool done = [] {
    if (::unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      Die("namespaces");
    }
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    return true;
  }();
  static_cast<void>(done);
}

void MakeRoot(const std::string& path) {
  for (const char* name : {"bin", "etc", "tmp", "root", "proc", "dev", "sys"}) {
    fs::create_directories(base::StrCat(path, "/", name));
  }
  fs::copy_file("/bin/busybox", path + "/bin/busybox");
  for (const char* applet :
       {"sh", "cat", "sleep", "true", "head", "dd", "seq", "wc", "stty", "tty",
        "kill", "ls", "yes", "tail", "id", "readlink"}) {
    fs::create_symlink("busybox", base::StrCat(path, "/bin/", applet));
  }
}

UniqueFd ConnectTo(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) Die("path of a socket");
  memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.is_valid() ||
      ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                sizeof(address)) != 0) {
    return UniqueFd();
  }
  return fd;
}

UniqueFd OpenDirectory(const std::string& path) {
  return OrDie(base::Open(path, O_RDONLY | O_DIRECTORY));
}

}  // namespace

int FrameSocket::Send(FrameType type, uint32_t target, std::string_view body,
                      const std::vector<int>& fds) {
  for (;;) {
    const int error =
        shim::SendFrame(fd_.get(), type, target, body.data(), body.size(),
                        nullptr, 0, fds.data(), static_cast<int>(fds.size()));
    if (error != EAGAIN) return error;
    pollfd writable = {.fd = fd_.get(), .events = POLLOUT, .revents = 0};
    ::poll(&writable, 1, 1000);
  }
}

bool FrameSocket::Receive(absl::Duration timeout) {
  if (ended_ || !fd_.is_valid()) return false;
  pollfd ready = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) <=
      0) {
    return false;
  }
  alignas(8) static char buffer[shim::kMaxFrameBytes];
  shim::FrameFds fds;
  const int size =
      shim::ReceiveMessage(fd_.get(), buffer, sizeof(buffer), &fds);
  if (fds.count > 0) received_ = std::move(fds.fd[fds.count - 1]);
  shim::FrameView view;
  if (size <= 0 ||
      !shim::ParseFrame(buffer, static_cast<size_t>(size), &view)) {
    ended_ = size != -EAGAIN;
    return false;
  }
  frames_.push_back({view.header.type, view.header.target,
                     std::string(view.body, view.body_bytes)});
  return true;
}

std::optional<Frame> FrameSocket::Await(FrameType type, uint32_t target) {
  const absl::Time deadline = absl::Now() + Scaled(kTimeout);
  do {
    for (auto it = frames_.begin(); it != frames_.end(); ++it) {
      if (it->type != type || it->target != target) continue;
      Frame frame = std::move(*it);
      frames_.erase(it);
      return frame;
    }
  } while (Receive(deadline - absl::Now()));
  return std::nullopt;
}

bool FrameSocket::AwaitEnd() {
  const absl::Time deadline = absl::Now() + Scaled(kTimeout);
  while (Receive(deadline - absl::Now())) {
  }
  return ended_;
}

bool FrameSocket::Has(FrameType type, uint32_t target) {
  while (Receive(absl::ZeroDuration())) {
  }
  return std::any_of(frames_.begin(), frames_.end(), [&](const Frame& frame) {
    return frame.type == type && frame.target == target;
  });
}

ShimDriver::ShimDriver() {
  EnterNamespaces();
  char path[] = "/tmp/shimtest.XXXXXX";
  if (::mkdtemp(path) == nullptr) Die("mkdtemp");
  directory_ = path;
  rootfs_ = directory_ + "/rootfs";
  MakeRoot(rootfs_);
  fs::create_directory(directory_ + "/containers");
  facts_ = OrDie(linux_::DetectHostFacts());
  static int number = 0;
  base_name_ = base::StrCat("caisson-test-", ::getpid(), "-shim", ++number);
  base_ = OrDie(cgroup::ResolveBase(OrDie(cgroup::Detect()), base_name_));
  const absl::Status created = cgroup::CreateBase("shimtest", &base_);
  if (!created.ok()) Die(created.ToString());
  StartKeeper();
}

ShimDriver::~ShimDriver() {
  if (keeper_pid_ > 0) KillKeeper();
  const Sandbox sandbox = {.directory = directory_,
                           .root = directory_,
                           .state = state(),
                           .cgroup_base = base_name_};
  CleanUp(sandbox);
}

void ShimDriver::StartKeeper() {
  const std::string program = ProgramPath("caisson-shim");
  if (program.empty()) Die("caisson-shim");
  const std::string state_directory = state();
  const char* argv[] = {
      program.c_str(), "--keeper",         "--state", state_directory.c_str(),
      "--cgroup-base", base_name_.c_str(), nullptr};
  // Keeper and shims must not hold a pipe that the test's caller reads.
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  for (const int fd : {0, 1, 2}) {
    ::posix_spawn_file_actions_addopen(
        &actions, fd,
        fd == 2 ? (directory_ + "/keeper.log").c_str() : "/dev/null",
        O_RDWR | O_CREAT | O_APPEND, 0600);
  }
  if (::posix_spawn(&keeper_pid_, program.c_str(), &actions, nullptr,
                    const_cast<char**>(argv), environ) != 0) {
    Die("posix_spawn");
  }
  ::posix_spawn_file_actions_destroy(&actions);
  const std::string socket = state() + "/keeper.sock";
  if (!PollUntil(kTimeout, [&] { return ConnectTo(socket).is_valid(); })) {
    Die("keeper");
  }
}

void ShimDriver::KillKeeper() {
  ::kill(keeper_pid_, SIGKILL);
  ::waitpid(keeper_pid_, nullptr, 0);
  keeper_pid_ = -1;
}

FrameSocket ShimDriver::ConnectKeeper() {
  return FrameSocket(ConnectTo(state() + "/keeper.sock"));
}

spec::ContainerSpec ShimDriver::Shell(const std::string& script) const {
  spec::ContainerSpec spec;
  spec.rootfs.host_directory = spec::HostDirectory{rootfs_, {}};
  spec.process.command = {"/bin/sh", "-c", script};
  spec.process.stdin_mode = spec::StdinMode::kOpen;
  return spec;
}

spec::ExecSpec ShimDriver::ShellExec(const std::string& script) const {
  spec::ExecSpec spec;
  spec.process.command = {"/bin/sh", "-c", script};
  spec.process.stdin_mode = spec::StdinMode::kOpen;
  return spec;
}

std::unique_ptr<TestContainer> ShimDriver::Spawn(
    const spec::ContainerSpec& spec) {
  auto container = std::make_unique<TestContainer>();
  char id[33];
  std::snprintf(id, sizeof(id), "%032x", next_id_++);
  container->id = id;
  container->spec = spec::WithDefaults(spec, id);
  container->directory = base::StrCat(directory_, "/containers/", id);
  for (const char* name : {"", "/upper", "/work", "/x"}) {
    fs::create_directory(container->directory + name);
  }
  const UniqueFd directory = OpenDirectory(container->directory);
  if (record::CreateExitFile(directory.get()) != 0) Die("exit file");
  Launch(container.get());
  return container;
}

void ShimDriver::SpawnAgain(TestContainer* container) {
  Remove(container);
  fs::remove_all(container->directory + "/work");
  fs::create_directory(container->directory + "/work");
  ++container->run;
  Launch(container);
}

void ShimDriver::Launch(TestContainer* container) {
  context_.container_id = container->id;
  context_.run = container->run;
  context_.upper_path = container->directory + "/upper";
  context_.work_path = container->directory + "/work";
  plan::Plan plan =
      OrDie(plan::BuildLaunchPlan(container->spec, facts_, base_, context_));
  if (edit_) edit_(&plan.bytes);
  const UniqueFd memfd =
      OrDie(linux_::CreateSealedMemfd("plan", plan.bytes, false));
  const UniqueFd directory = OpenDirectory(container->directory);
  const UniqueFd lock =
      OrDie(base::Open(container->directory + "/lock", O_RDWR | O_CREAT, 0600));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) Die("lock");
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    Die("socketpair");
  }
  container->shim = std::make_unique<FrameSocket>(UniqueFd(pair[0]));
  const UniqueFd control(pair[1]);
  shim::SpawnBody body = {};
  memcpy(body.id, container->id.data(), container->id.size());
  body.run = container->run;
  FrameSocket keeper = ConnectKeeper();
  std::vector<int> fds = {memfd.get(), directory.get(), lock.get(),
                          control.get()};
  if (image_.is_valid()) fds.push_back(image_.get());
  keeper.Send(FrameType::kSpawn, 0,
              {reinterpret_cast<const char*>(&body), sizeof(body)}, fds);
  const std::optional<Frame> spawned = keeper.Await(FrameType::kSpawned);
  if (!spawned.has_value()) Die("spawn");
  container->shim_pid = spawned->As<shim::SpawnedBody>().pid;
  container->shim_pid_fd = keeper.TakeFd();
}

std::unique_ptr<TestContainer> ShimDriver::Start(
    const spec::ContainerSpec& spec) {
  std::unique_ptr<TestContainer> container = Spawn(spec);
  FrameSocket& shim = *container->shim;
  if (!shim.Await(FrameType::kPrepared).has_value()) {
    const std::optional<Frame> failed = shim.Await(FrameType::kFailed);
    if (failed.has_value()) {
      const auto body = failed->As<shim::FailedBody>();
      std::fprintf(stderr, "prepare: op %u errno %d\n", body.op, body.err);
    }
    Die("prepare");
  }
  shim.Send(FrameType::kStart);
  return container;
}

record::ExitRecord ShimDriver::Finish(TestContainer* container) {
  record::ExitRecord record = {};
  const std::optional<Frame> exited =
      container->shim->Await(FrameType::kExited);
  if (exited.has_value()) record = exited->As<shim::ExitedBody>().record;
  container->shim->AwaitEnd();
  pollfd gone = {container->shim_pid_fd.get(), POLLIN, 0};
  ::poll(&gone, 1, static_cast<int>(absl::ToInt64Milliseconds(kTimeout)));
  return record;
}

uint32_t ShimDriver::Exec(TestContainer* container,
                          const spec::ExecSpec& spec) {
  const uint32_t number = container->next_exec++;
  exec_context_.container_id = container->id;
  exec_context_.run = container->run;
  exec_context_.exec_number = number;
  plan::Plan plan =
      OrDie(plan::BuildExecPlan(spec::WithDefaults(spec, container->spec),
                                container->spec, facts_, base_, exec_context_));
  if (edit_) edit_(&plan.bytes);
  const UniqueFd memfd =
      OrDie(linux_::CreateSealedMemfd("plan", plan.bytes, false));
  const std::string path = ExecDirectory(*container, number);
  fs::create_directories(path);
  const UniqueFd directory = OpenDirectory(path);
  container->shim->Send(FrameType::kExec, number, {},
                        {memfd.get(), directory.get()});
  return number;
}

record::ExitRecord ShimDriver::FinishExec(TestContainer* container,
                                          uint32_t exec) {
  const std::optional<Frame> exited =
      container->shim->Await(FrameType::kExited, exec);
  return exited.has_value() ? exited->As<shim::ExitedBody>().record
                            : record::ExitRecord{};
}

FrameSocket ShimDriver::Reconnect(const TestContainer& container) {
  return FrameSocket(
      ConnectTo(base::StrCat(state(), "/shims/", container.id, ".sock")));
}

std::string ShimDriver::ExecDirectory(const TestContainer& container,
                                      uint32_t exec) const {
  return base::StrCat(container.directory, "/x/", exec);
}

Output ShimDriver::ReadOutput(const TestContainer& container,
                              uint32_t exec) const {
  const std::string directory =
      exec == 0 ? container.directory : ExecDirectory(container, exec);
  Output output;
  for (uint64_t sequence = 0;; ++sequence) {
    char name[record::kLogNameBytes];
    record::LogSegmentName(sequence, name);
    const std::string path = base::StrCat(directory, "/", name);
    if (!fs::exists(path)) {
      if (sequence == 0 || sequence > 64) return output;
      continue;
    }
    const std::string text = ReadFileOrEmpty(path);
    std::string_view rest = text;
    record::LogRecordView record;
    while (record::ScanLogRecord(rest, &record) == record::LogScan::kRecord) {
      (record.prefix.stream == record::LogStream::kStdout ? output.out
                                                          : output.err)
          .append(record.output);
      output.records.emplace_back(rest.substr(0, record.size));
      rest.remove_prefix(record.size);
    }
  }
}

record::ExitRecord ShimDriver::ReadRecord(
    const TestContainer& container) const {
  record::ExitRecord record = {};
  const absl::StatusOr<UniqueFd> fd =
      base::Open(container.directory + "/exit", O_RDONLY);
  if (fd.ok()) record::ReadExitRecord(fd->get(), container.run, &record);
  return record;
}

void ShimDriver::Remove(TestContainer* container) {
  const cgroup::Group group = base_.Container(container->id);
  cgroup::Kill(group).IgnoreError();
  const absl::Status removed = cgroup::Remove(group);
  if (!removed.ok()) std::fprintf(stderr, "%s\n", removed.ToString().c_str());
}

std::vector<pid_t> ShimDriver::Processes() const {
  return ServiceProcesses(state());
}

std::vector<std::string> ShimDriver::Cgroups() const {
  return OrDie(cgroup::ListContainers(base_));
}

}  // namespace caisson::testing
