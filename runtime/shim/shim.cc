#include "runtime/shim/shim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <new>
#include <utility>

#include "runtime/init/run_plan.h"
#include "runtime/plan/header.h"
#include "runtime/shim/listener.h"

namespace caisson::shim {
namespace {

// "<id>.sock"
constexpr size_t kSocketNameBytes = sizeof(SpawnBody::id) + 8;

void SocketName(const SpawnBody& spawn, char* name) noexcept {
  ::snprintf(name, kSocketNameBytes, "%.*s.sock",
             static_cast<int>(sizeof(spawn.id)), spawn.id);
}

// Nothing that a terminal or a service manager sends to a whole group may end
// a shim before its container.
void IgnoreSignals() noexcept {
  for (const int signal : {SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2,
                           SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU}) {
    ::signal(signal, SIG_IGN);
  }
}

}  // namespace

void RunShim(ShimArguments* arguments) noexcept {
  ::setsid();
  ::prctl(PR_SET_NAME, "caisson-shim", 0, 0, 0);
  // What a container in a shared pid namespace leaves behind comes to us.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  // Large arrays of which few pages are ever touched.
  void* memory = ::mmap(nullptr, sizeof(Shim), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) ::_exit(1);
  Shim* shim = new (memory) Shim(arguments);
  shim->Run();
  // No destructors: the kernel is quicker, and there is nothing to flush.
  ::_exit(0);
}

Shim::Shim(ShimArguments* arguments) noexcept
    : arguments_(arguments),
      container_({.loop = &loop_,
                  .host = this,
                  .number = 0,
                  .read_buffer = read_buffer_,
                  .file_limit = arguments->file_limit}) {
  signal_watch_.Bind<&Shim::OnSignal>(this);
}

void Shim::Run() noexcept {
  const int error = Open();
  if (error != 0) {
    SendFailure(0, error);
    return;
  }
  Prepare();
  while (!ended_) {
    loop_.RunOnce();
    if (clean_up_ || container_.is_drained()) CleanUp();
  }
  // Whoever sees the connection end may start the next run at once: nothing of
  // this one may be in its way then.
  RemoveSocket();
  container_.ReleaseMounts();
  arguments_->lock.reset();
  connections_.Close();
}

int Shim::Open() noexcept {
  int error = loop_.Open();
  if (error != 0) return error;
  connections_.Init(&loop_, this);
  error = connections_.Add(std::move(arguments_->control));
  if (error == 0) error = OpenSignals();
  if (error == 0) {
    error = container_.Load(std::move(arguments_->plan),
                            std::move(arguments_->directory));
  }
  if (error != 0) return error;
  container_.set_network(std::move(arguments_->network));
  return IsOurPlan() ? 0 : EBADMSG;
}

int Shim::OpenSignals() noexcept {
  IgnoreSignals();
  sigset_t wanted;
  ::sigemptyset(&wanted);
  ::sigaddset(&wanted, SIGCHLD);
  ::sigaddset(&wanted, SIGTERM);
  if (::sigprocmask(SIG_SETMASK, &wanted, nullptr) != 0) return errno;
  signals_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.is_valid()) return errno;
  return signal_watch_.Start(&loop_, signals_.get(), EPOLLIN);
}

int Shim::ListenForDaemons() noexcept {
  char name[kSocketNameBytes];
  SocketName(arguments_->spawn, name);
  base::UniqueFd socket = ListenAt(arguments_->socket_directory.get(), name);
  if (!socket.is_valid()) return errno;
  listening_ = true;
  return connections_.Listen(std::move(socket));
}

void Shim::RemoveSocket() noexcept {
  if (!listening_) return;
  char name[kSocketNameBytes];
  SocketName(arguments_->spawn, name);
  ::unlinkat(arguments_->socket_directory.get(), name, 0);
}

bool Shim::IsOurPlan() const noexcept {
  const plan::PlanPolicy& policy = container_.plan().header->policy;
  const SpawnBody& spawn = arguments_->spawn;
  return policy.run == spawn.run &&
         strncmp(policy.container_id, spawn.id, sizeof(spawn.id)) == 0;
}

void Shim::Prepare() noexcept {
  container_.set_fork_ns(MonotonicNs() - arguments_->request_ns);
  const bool clone_first = container_.network_comes_with_clone();
  if (!clone_first && !SendNetwork()) return;
  if (!container_.Prepare()) return;
  // While the daemon decides: what it will most likely ask for. But it cannot
  // decide before there is what it has to configure.
  if (!clone_first) SendPrepared();
  container_.Clone();
  if (clone_first && container_.is_launching() && SendNetwork()) SendPrepared();
}

void Shim::SendPrepared() noexcept {
  const PhasesBody& phases = container_.phases();
  Send(FrameType::kPrepared, 0, &phases, sizeof(phases));
}

// False: the launch has failed.
bool Shim::SendNetwork() noexcept {
  if (!container_.needs_network()) return true;
  const base::UniqueFd network = container_.OpenNetwork();
  if (!network.is_valid()) {
    container_.FailLaunch(errno);
    return false;
  }
  const int fd = network.get();
  connections_.Broadcast(FrameType::kNetwork, 0, nullptr, 0, &fd, 1);
  return true;
}

// The socket is made while the child makes its mounts: until START nobody but
// the daemon that asked may have us.
void Shim::Start() noexcept {
  if (container_.is_started()) return;
  container_.Start();
  if (!container_.is_launching()) return;
  const int error = ListenForDaemons();
  if (error != 0) container_.FailLaunch(error);
}

void Shim::Send(FrameType type, uint32_t target, const void* body,
                size_t body_bytes) noexcept {
  connections_.Broadcast(type, target, body, body_bytes);
}

void Shim::SendFailure(uint32_t target, int error) noexcept {
  const FailedBody body = {.op = init::kFailedSpawn,
                           .err = error,
                           .stage = 0,
                           .killed_by_signal = 0};
  Send(FrameType::kFailed, target, &body, sizeof(body));
}

void Shim::OnSignal(uint32_t) noexcept {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof(info)) ==
         static_cast<ssize_t>(sizeof(info))) {
    // The service manager stops everything: our container in its own way.
    if (info.ssi_signo == SIGTERM) {
      container_.Stop({.signal = 0, .reserved = 0, .timeout_ns = -1});
    }
  }
  ReapChildren();
}

void Shim::ReapChildren() noexcept {
  for (;;) {
    siginfo_t info = {};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0) {
      return;
    }
    Task* task = FindChild(info.si_pid);
    if (task != nullptr) {
      task->OnChildExit();
    } else {
      // Adopted from a container that shares the host's pid namespace.
      ::waitpid(info.si_pid, nullptr, WNOHANG);
    }
  }
}

void Shim::OnFrame(Peer* peer, const FrameView& frame, FrameFds* fds) noexcept {
  switch (frame.header.type) {
    case FrameType::kHello:
      // What a daemon asked for before it died is part of the state: nobody
      // must ask for it again.
      connections_.ReceiveFromOthers(peer);
      SendState(peer);
      break;
    case FrameType::kStart:
      Start();
      break;
    case FrameType::kExec:
      StartExec(frame.header.target, fds);
      break;
    default:
      OnTaskFrame(frame);
      break;
  }
}

void Shim::OnTaskFrame(const FrameView& frame) noexcept {
  Task* task = Find(frame.header.target);
  // It has ended meanwhile, and the daemon will read so.
  if (task == nullptr) return;
  switch (frame.header.type) {
    case FrameType::kStdin:
      WriteInput(task, frame);
      break;
    case FrameType::kCloseStdin:
      task->input().CloseWhenWritten();
      break;
    case FrameType::kResize:
      task->Resize(*frame.As<ResizeBody>());
      break;
    case FrameType::kKill:
      task->Signal(*frame.As<KillBody>());
      break;
    case FrameType::kStop:
      task->Stop(*frame.As<StopBody>());
      break;
    case FrameType::kReader:
      task->output().SetReader(frame.As<ReaderBody>()->offset);
      break;
    case FrameType::kDisconnect:
      task->Disconnect(frame.As<DisconnectBody>()->disconnected != 0);
      break;
    default:
      // A frame of the other direction: nothing to do.
      break;
  }
}

void Shim::WriteInput(Task* task, const FrameView& frame) noexcept {
  size_t size = 0;
  const char* data = frame.After<StdinBody>(&size);
  if (size > kMaxStdinBytes) return;
  task->input().Write(frame.As<StdinBody>()->offset, data, size);
}

void Shim::StartExec(uint32_t number, FrameFds* fds) noexcept {
  if (number == 0) return;
  // Of one that a descendant holds open, most likely: the daemon would not ask
  // for the number of one that it knows.
  if (Find(number) != nullptr) {
    SendFailure(number, EEXIST);
    return;
  }
  Task** slot = nullptr;
  for (Task*& exec : execs_) {
    if (exec == nullptr) {
      slot = &exec;
      break;
    }
  }
  if (slot == nullptr) {
    SendFailure(number, EAGAIN);
    return;
  }
  Task* task = new (std::nothrow) Task({.loop = &loop_,
                                        .host = this,
                                        .number = number,
                                        .read_buffer = read_buffer_,
                                        .file_limit = arguments_->file_limit});
  const int error = task == nullptr ? ENOMEM : LoadExec(task, fds);
  if (error != 0) {
    SendFailure(number, error);
    delete task;
    return;
  }
  *slot = task;
  if (!task->Prepare()) return;
  task->Clone();
  task->Start();
}

int Shim::LoadExec(Task* task, FrameFds* fds) noexcept {
  if (fds->count < 2) return EBADF;
  const int error = task->Load(std::move(fds->fd[0]), std::move(fds->fd[1]));
  return error != 0 ? error : task->JoinContainer(container_);
}

void Shim::OnDisconnected() noexcept {
  if (!container_.is_started()) {
    // Nobody said kStart, and nobody will.
    container_.FailLaunch(ECANCELED);
    return;
  }
  container_.OnDaemonLost();
  for (Task* exec : execs_) {
    if (exec != nullptr) exec->OnDaemonLost();
  }
}

bool Shim::MayFinish(Task* task) noexcept {
  return task != &container_ || !HasLiveExec();
}

void Shim::OnTaskEnded(Task* task) noexcept {
  clean_up_ = true;
  if (task == &container_) {
    ended_ = true;
    return;
  }
  for (int i = 0; i < kMaxExecs; ++i) {
    if (execs_[i] == task) exec_ended_[i] = true;
  }
}

void Shim::CleanUp() noexcept {
  clean_up_ = false;
  for (int i = 0; i < kMaxExecs; ++i) {
    if (!exec_ended_[i]) continue;
    exec_ended_[i] = false;
    delete execs_[i];
    execs_[i] = nullptr;
  }
  // The execs of a container end before it does, also for those who watch.
  if (container_.is_drained() && container_.phase() == Phase::kExiting &&
      !HasLiveExec()) {
    container_.Finish();
  }
}

bool Shim::HasLiveExec() const noexcept {
  for (const Task* exec : execs_) {
    if (exec != nullptr && exec->phase() != Phase::kExited) return true;
  }
  return false;
}

Task* Shim::Find(uint32_t number) noexcept {
  if (number == 0) return &container_;
  for (Task* exec : execs_) {
    if (exec != nullptr && exec->number() == number) return exec;
  }
  return nullptr;
}

Task* Shim::FindChild(pid_t pid) noexcept {
  if (container_.is_child(pid)) return &container_;
  for (Task* exec : execs_) {
    if (exec != nullptr && exec->is_child(pid)) return exec;
  }
  return nullptr;
}

void Shim::SendState(Peer* peer) noexcept {
  StateBody body = {};
  body.protocol_version = kProtocolVersion;
  body.plan_version = plan::kPlanVersion;
  body.phase = container_.phase();
  body.shim_pid = ::getpid();
  body.pid = container_.pid();
  body.run = arguments_->spawn.run;
  body.start_time_ns = container_.start_time_ns();
  body.output_end_offset = container_.output().counters().offset;
  body.stdin_offset = container_.input().offset();
  body.stdin_closed = container_.input().is_closed() ? 1 : 0;
  StateExec execs[kMaxExecs];
  StateInput inputs[1 + kMaxExecs];
  inputs[0].taken = container_.input().taken();
  for (Task* exec : execs_) {
    if (exec == nullptr) continue;
    execs[body.exec_count] = {
        .number = exec->number(),
        .phase = exec->phase(),
        .pid = exec->pid(),
        .stdin_closed = exec->input().is_closed() ? 1u : 0u,
        .start_time_ns = exec->start_time_ns(),
        .output_end_offset = exec->output().counters().offset,
        .stdin_offset = exec->input().offset()};
    inputs[++body.exec_count].taken = exec->input().taken();
  }
  const size_t execs_bytes = body.exec_count * sizeof(StateExec);
  const size_t inputs_bytes = (1 + body.exec_count) * sizeof(StateInput);
  char tail[sizeof(execs) + sizeof(inputs)];
  memcpy(tail, execs, execs_bytes);
  memcpy(tail + execs_bytes, inputs, inputs_bytes);
  peer->Send(FrameType::kState, 0, &body, sizeof(body), tail,
             execs_bytes + inputs_bytes);
}

}  // namespace caisson::shim
