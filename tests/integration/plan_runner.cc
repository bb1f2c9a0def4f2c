#include "tests/integration/plan_runner.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/facts.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"
#include "runtime/spec/defaults.h"

namespace caisson::testing {
namespace {

namespace fs = std::filesystem;
using base::UniqueFd;

constexpr char kId[] = "0123456789abcdef0123456789abcdef";
constexpr char kSecondId[] = "fedcba9876543210fedcba9876543210";
constexpr uint32_t kExecNumber = 1;

[[noreturn]] void Die(const std::string& what) {
  std::perror(what.c_str());
  std::abort();
}

int64_t Now() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A mount namespace of our own, once, with a shared root.
void EnterSharedMountNamespace() {
  static const bool done = [] {
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount(nullptr, "/", nullptr, MS_REC | MS_SHARED, nullptr) != 0) {
      Die("mount namespace");
    }
    ::signal(SIGPIPE, SIG_IGN);
    // One that the C library keeps to itself, as a careless parent leaves it:
    // the programs inside must not inherit it.
    constexpr int kLibrarySignal = 33;
    const uint64_t ignore[4] = {reinterpret_cast<uintptr_t>(SIG_IGN)};
    if (::syscall(SYS_rt_sigaction, kLibrarySignal, ignore, nullptr,
                  sizeof(uint64_t)) != 0) {
      Die("rt_sigaction");
    }
    return true;
  }();
  static_cast<void>(done);
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) Die("pipe2");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void ReadUntilEnd(int fd, std::string* out) {
  char buffer[65536];
  ssize_t n;
  // A pty master answers EIO when the last slave is closed.
  while ((n = ::read(fd, buffer, sizeof(buffer))) > 0) {
    out->append(buffer, static_cast<size_t>(n));
  }
}

void ReadBoth(const UniqueFd& out, const UniqueFd& err, PlanResult* result) {
  if (!err.is_valid()) {
    if (out.is_valid()) ReadUntilEnd(out.get(), &result->out);
    return;
  }
  pollfd polled[2] = {{out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}};
  std::string* const texts[2] = {&result->out, &result->err};
  while (polled[0].fd >= 0 || polled[1].fd >= 0) {
    if (::poll(polled, 2, -1) < 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (polled[i].fd < 0 || polled[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t n = ::read(polled[i].fd, buffer, sizeof(buffer));
      if (n > 0) {
        texts[i]->append(buffer, static_cast<size_t>(n));
      } else {
        polled[i].fd = -1;
      }
    }
  }
}

void Reap(int pidfd, PlanResult* result) {
  siginfo_t info = {};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED) != 0) {
    Die("waitid");
  }
  if (info.si_code == CLD_EXITED) {
    result->exit_code = info.si_status;
  } else {
    result->signal = info.si_status;
  }
}

// Fills the child's ends of the three streams.
void ConnectStreams(RunningPlan* running, Pipe* out, Pipe* err) {
  if ((running->view.header->flags & plan::kPlanTty) != 0) return;
  *out = MakePipe();
  *err = MakePipe();
  running->slots[plan::kSlotStdout] = out->write.release();
  running->slots[plan::kSlotStderr] = err->write.release();
}

void AwaitExec(RunningPlan* running, UniqueFd error_read, int64_t cloned) {
  init::OpFailure failure = {};
  const ssize_t n = ::read(error_read.get(), &failure, sizeof(failure));
  running->result.child_ns = Now() - cloned;
  if (n == sizeof(failure)) {
    running->result.failure = failure;
  } else {
    running->result.started = true;
  }
}

// Clone, PARENT, barrier: what the shim does between PREPARE and EXEC.
void Launch(RunningPlan* running) {
  Pipe sync = MakePipe();
  Pipe error = MakePipe();
  Pipe out;
  Pipe err;
  ConnectStreams(running, &out, &err);
  int pidfd = -1;
  const init::ChildFds fds = {sync.read.get(), sync.write.get(),
                              error.write.get()};
  const int64_t before = Now();
  const pid_t pid = init::SpawnChild(running->view, running->slots.data(),
                                     &pidfd, &running->result.failure);
  if (pid == 0) init::RunChild(running->view, running->slots.data(), fds);
  const int64_t cloned = Now();
  running->result.spawn_ns = cloned - before;
  init::CloseSlots(running->slots.data(), 0, 3);
  running->out = std::move(out.read);
  running->err = std::move(err.read);
  if (pid < 0) return;
  running->pid = pid;
  running->pidfd = UniqueFd(pidfd);
  sync.read.reset();
  error.write.reset();
  if ((running->view.header->flags & plan::kPlanNeedsMapped) != 0) {
    if (!init::RunOps(running->view, plan::Executor::kParent,
                      running->slots.data(), &running->result.failure)) {
      return;  // the sync pipe hangs up, the child gives up
    }
    // A child that is gone already has said why on the error pipe.
    init::SendBarrier(sync.write.get(), plan::kMapped);
  }
  running->sync_write = std::move(sync.write);
  AwaitExec(running, std::move(error.read), cloned);
}

}  // namespace

PlanRunner::PlanRunner() {
  EnterSharedMountNamespace();
  char path[] = "/tmp/plan.XXXXXX";
  if (::mkdtemp(path) == nullptr) Die("mkdtemp");
  directory_ = path;
  rootfs_ = directory_ + "/rootfs";
  for (const char* name : {"bin", "etc", "tmp", "root"}) {
    fs::create_directories(base::StrCat(rootfs_, "/", name));
  }
  fs::copy_file("/bin/busybox", rootfs_ + "/bin/busybox");
  for (const char* applet :
       {"sh",    "cat",  "ls",    "id",       "env",      "hostname",
        "mount", "echo", "stat",  "touch",    "readlink", "ulimit",
        "tty",   "stty", "sleep", "mknod",    "umount",   "pwd",
        "true",  "wc",   "ip",    "ifconfig", "head",     "date"}) {
    fs::create_symlink("busybox", base::StrCat(rootfs_, "/bin/", applet));
  }
  std::ofstream(rootfs_ + "/etc/passwd")
      << "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n"
         "1000:x:0:0:trap:/root:/bin/sh\n";
  std::ofstream(rootfs_ + "/etc/group")
      << "root:x:0:\napp:x:1001:\nextra:x:20:app\nothers:x:21:root\n";
  std::ofstream(rootfs_ + "/marker") << "container\n";
  context_.container_id = kId;
  context_.upper_path = directory_ + "/upper";
  context_.work_path = directory_ + "/work";
  ResetLayer();
  absl::StatusOr<linux_::HostFacts> facts = linux_::DetectHostFacts();
  absl::StatusOr<cgroup::Facts> cgroups = cgroup::Detect();
  if (!facts.ok() || !cgroups.ok()) Die("facts");
  facts_ = *facts;
  static int number = 0;
  absl::StatusOr<cgroup::Base> base = cgroup::ResolveBase(
      *cgroups, base::StrCat("caisson-test-", ::getpid(), "-plan", ++number));
  if (!base.ok() || !cgroup::CreateBase("plantest", &*base).ok()) {
    Die("cgroup base");
  }
  base_ = *base;
  made_base_ = base_;
}

PlanRunner::~PlanRunner() {
  RemoveCgroups();
  base::IgnoreError(cgroup::RemoveBase(made_base_),
                    "reported by the leak check");
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

bool PlanRunner::UseUnifiedOnly() {
  std::erase_if(base_.facts.hierarchies, [](const cgroup::Hierarchy& tree) {
    return tree.version == cgroup::Version::kV1;
  });
  std::erase_if(base_.group.directories,
                [](const cgroup::Directory& directory) {
                  return directory.what != cgroup::kUnified;
                });
  return !base_.facts.hierarchies.empty() && !base_.group.directories.empty();
}

void PlanRunner::ResetLayer() {
  for (const std::string& path : {context_.upper_path, context_.work_path}) {
    fs::remove_all(path);
    fs::create_directory(path);
  }
}

void PlanRunner::RemoveCgroups() {
  RemoveGroup(base_.Container(kId));
  RemoveGroup(base_.Container(kSecondId));
}

void PlanRunner::RemoveExecCgroups() {
  RemoveGroup(base_.Exec(kId, kExecNumber));
}

void PlanRunner::RemoveGroup(const cgroup::Group& group) {
  base::IgnoreError(cgroup::Kill(group), "may be gone");
  base::IgnoreError(cgroup::Remove(group), "shown by Look");
}

spec::ContainerSpec PlanRunner::Shell(const std::string& script) const {
  spec::ContainerSpec spec;
  spec.rootfs.host_directory = spec::HostDirectory{rootfs_, {}};
  spec.process.command = {"/bin/sh", "-c", script};
  return spec;
}

absl::StatusOr<plan::Plan> PlanRunner::TryBuild(
    const spec::ContainerSpec& spec) {
  return plan::BuildLaunchPlan(spec::WithDefaults(spec, kId), facts_, base_,
                               context_);
}

plan::Plan PlanRunner::Build(const spec::ContainerSpec& spec) {
  absl::StatusOr<plan::Plan> plan = TryBuild(spec);
  if (!plan.ok()) {
    std::fprintf(stderr, "%s\n", plan.status().ToString().c_str());
    std::abort();
  }
  return *std::move(plan);
}

RunningPlan PlanRunner::Start(std::string bytes, RunningPlan* container) {
  RunningPlan running;
  running.bytes = std::move(bytes);
  if (!plan::OpenPlan(running.bytes.data(), running.bytes.size(),
                      &running.view)) {
    Die("OpenPlan");
  }
  running.mount_namespace =
      UniqueFd(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  running.slots.resize(running.view.header->slot_count);
  init::InitSlots(running.view, running.slots.data());
  if (container != nullptr) {
    running.slots[plan::kSlotInitPidfd] =
        ::fcntl(container->pidfd.get(), F_DUPFD_CLOEXEC, 3);
    running.slots[plan::kSlotDevpts] =
        ::fcntl(container->slots[plan::kSlotDevpts], F_DUPFD_CLOEXEC, 3);
  }
  const int64_t start = Now();
  const bool prepared =
      init::RunOps(running.view, plan::Executor::kPrepare, running.slots.data(),
                   &running.result.failure);
  running.result.prepare_ns = Now() - start;
  if (prepared) Launch(&running);
  const int master = running.slots[plan::kSlotPtyMaster];
  if (master >= 0) {
    running.out = UniqueFd(::fcntl(master, F_DUPFD_CLOEXEC, 3));
  }
  const int devpts = running.slots[plan::kSlotDevpts];
  running.slots[plan::kSlotDevpts] = -1;
  init::CloseSlots(running.slots.data(), 0, running.view.header->slot_count);
  running.slots[plan::kSlotDevpts] = devpts;
  return running;
}

PlanResult PlanRunner::Finish(RunningPlan running) {
  if (running.result.started) {
    ReadBoth(running.out, running.err, &running.result);
  }
  running.sync_write.reset();
  if (running.pidfd.is_valid()) Reap(running.pidfd.get(), &running.result);
  init::CloseSlots(running.slots.data(), 0, running.view.header->slot_count);
  if (::setns(running.mount_namespace.get(), CLONE_NEWNS) != 0) Die("setns");
  return std::move(running.result);
}

std::string PlanRunner::BuildExec(const spec::ContainerSpec& container,
                                  const spec::ExecSpec& exec) {
  plan::ExecContext context;
  context.container_id = kId;
  context.exec_number = kExecNumber;
  const spec::ContainerSpec effective = spec::WithDefaults(container, kId);
  absl::StatusOr<plan::Plan> plan = plan::BuildExecPlan(
      spec::WithDefaults(exec, effective), effective, facts_, base_, context);
  if (!plan.ok()) {
    std::fprintf(stderr, "%s\n", plan.status().ToString().c_str());
    std::abort();
  }
  return plan->bytes;
}

PlanResult PlanRunner::Exec(const spec::ContainerSpec& container,
                            const spec::ExecSpec& exec, RunningPlan* running) {
  PlanResult result = Finish(Start(BuildExec(container, exec), running));
  RemoveExecCgroups();
  return result;
}

std::string PlanRunner::BuildSecond(const spec::ContainerSpec& spec) {
  plan::LaunchContext context = context_;
  context.container_id = kSecondId;
  context.upper_path += "2";
  context.work_path += "2";
  fs::create_directory(context.upper_path);
  fs::create_directory(context.work_path);
  absl::StatusOr<plan::Plan> plan = plan::BuildLaunchPlan(
      spec::WithDefaults(spec, kSecondId), facts_, base_, context);
  if (!plan.ok()) {
    std::fprintf(stderr, "%s\n", plan.status().ToString().c_str());
    std::abort();
  }
  return plan->bytes;
}

void PlanRunner::SetOwner(const std::string& name, const RunningPlan& running) {
  context_.owners[name] = plan::NamespaceOwner{running.pid, kId};
}

std::string PlanRunner::NamespacesOf(const RunningPlan& running) const {
  std::string text;
  for (const char* kind : {"pid", "ipc", "uts", "net"}) {
    text += fs::read_symlink(base::StrCat("/proc/", running.pid, "/ns/", kind))
                .string();
    text += "\n";
  }
  return text;
}

void PlanRunner::Kill(RunningPlan* running) {
  ::syscall(SYS_pidfd_send_signal, running->pidfd.get(), SIGKILL, nullptr, 0);
}

void PlanRunner::AwaitDeath(const RunningPlan& running) {
  siginfo_t info = {};
  if (::waitid(P_PIDFD, static_cast<id_t>(running.pidfd.get()), &info,
               WEXITED | WNOWAIT) != 0) {
    Die("waitid");
  }
}

PlanResult PlanRunner::Run(std::string bytes) {
  PlanResult result = Finish(Start(std::move(bytes)));
  RemoveCgroups();
  return result;
}

PlanResult PlanRunner::Run(const spec::ContainerSpec& spec) {
  return Run(Build(spec).bytes);
}

HostPicture PlanRunner::Look() const {
  HostPicture picture;
  picture.mountinfo = ReadAll("/proc/self/mountinfo");
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const fs::path target = fs::read_symlink(entry.path(), error);
    // The one that lists is closed again.
    if (!error) picture.fds.push_back(target.string());
  }
  std::sort(picture.fds.begin(), picture.fds.end());
  for (const cgroup::Directory& directory : base_.group.directories) {
    for (const auto& entry : fs::recursive_directory_iterator(directory.path)) {
      if (entry.is_directory()) {
        picture.cgroups.push_back(entry.path().string());
      }
    }
  }
  std::sort(picture.cgroups.begin(), picture.cgroups.end());
  char name[256] = {};
  ::gethostname(name, sizeof(name) - 1);
  picture.hostname = name;
  for (const char* kind : {"cgroup", "ipc", "mnt", "net", "pid",
                           "pid_for_children", "user", "uts"}) {
    picture.namespaces +=
        fs::read_symlink(base::StrCat("/proc/self/ns/", kind)).string();
  }
  return picture;
}

std::string BreakOp(std::string bytes, uint32_t index) {
  plan::Op op;
  char* const at =
      bytes.data() + sizeof(plan::PlanHeader) + index * sizeof(plan::Op);
  memcpy(&op, at, sizeof(op));
  // A write to fd -1: EBADF, also where the filter refuses other calls.
  op.kind = plan::OpKind::kJoinCgroup;
  op.in = plan::kNoSlot;
  op.flags = 0;
  memcpy(at, &op, sizeof(op));
  return bytes;
}

}  // namespace caisson::testing
