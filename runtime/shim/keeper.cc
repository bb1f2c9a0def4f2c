#include "runtime/shim/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runtime/plan/header.h"
#include "runtime/shim/handover.h"
#include "runtime/shim/listener.h"

namespace caisson::shim {
namespace {

// A shim with many execs needs some thousand descriptors.
constexpr rlim_t kFiles = 65536;

// Whether the container gets a network namespace of its own, which may be made
// before. A plan that is not one is refused by the shim.
bool WantsNetwork(int plan_fd) noexcept {
  plan::PlanHeader header;
  return ::pread(plan_fd, &header, sizeof(header), 0) ==
             static_cast<ssize_t>(sizeof(header)) &&
         header.magic == plan::kPlanMagic &&
         header.version == plan::kPlanVersion &&
         (header.flags & plan::kPlanFreshNetwork) != 0;
}

// Ids become names of sockets.
bool IsValidId(const char (&id)[sizeof(SpawnBody::id)]) noexcept {
  return id[0] != '\0' && id[0] != '.' && memchr(id, '\0', sizeof(id)) &&
         strchr(id, '/') == nullptr;
}

}  // namespace

int Keeper::Open(const char* state_directory) noexcept {
  ::setsid();
  ::prctl(PR_SET_NAME, "caisson-keeper", 0, 0, 0);
  // The containers of a shim that died come to us, to be reaped.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return errno;
  RaiseFileLimit();
  int error = loop_.Open();
  if (error == 0) error = OpenSignals();
  if (error == 0) error = OpenState(state_directory);
  if (error != 0) return error;
  connections_.Init(&loop_, this);
  base::UniqueFd socket = ListenAt(state_.get(), "keeper.sock");
  if (!socket.is_valid()) return errno;
  networks_.Open(&loop_);
  return connections_.Listen(std::move(socket));
}

int Keeper::OpenState(const char* state_directory) noexcept {
  constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  if (::mkdir(state_directory, 0755) != 0 && errno != EEXIST) return errno;
  state_.reset(::open(state_directory, kDirectory));
  if (!state_.is_valid()) return errno;
  lock_.reset(::openat(state_.get(), "keeper.lock",
                       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock_.is_valid()) return errno;
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno == EWOULDBLOCK ? EBUSY : errno;
  }
  if (::mkdirat(state_.get(), "shims", 0700) != 0 && errno != EEXIST) {
    return errno;
  }
  shims_directory_.reset(
      ::openat(state_.get(), "shims", kDirectory | O_NOFOLLOW));
  if (!shims_directory_.is_valid()) return errno;
  // Nothing of ours may keep a file system of the host busy.
  return ::chdir("/") == 0 ? 0 : errno;
}

int Keeper::OpenSignals() noexcept {
  for (const int signal : {SIGPIPE, SIGHUP, SIGINT, SIGQUIT}) {
    ::signal(signal, SIG_IGN);
  }
  sigset_t wanted;
  ::sigemptyset(&wanted);
  ::sigaddset(&wanted, SIGCHLD);
  ::sigaddset(&wanted, SIGTERM);
  if (::sigprocmask(SIG_SETMASK, &wanted, nullptr) != 0) return errno;
  signals_.reset(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.is_valid()) return errno;
  signal_watch_.Bind<&Keeper::OnSignal>(this);
  return signal_watch_.Start(&loop_, signals_.get(), EPOLLIN);
}

// For the shims, who give their containers what we had.
void Keeper::RaiseFileLimit() noexcept {
  if (::getrlimit(RLIMIT_NOFILE, &file_limit_) != 0) return;
  rlimit raised = file_limit_;
  raised.rlim_cur =
      std::max(raised.rlim_cur, std::min(kFiles, raised.rlim_max));
  // The old limit works too, for fewer execs.
  ::setrlimit(RLIMIT_NOFILE, &raised);
}

void Keeper::Run() noexcept {
  while (!stopping_ || !shims_.empty()) loop_.RunOnce();
  ::unlinkat(state_.get(), "keeper.sock", 0);
}

void Keeper::OnSignal(uint32_t) noexcept {
  signalfd_siginfo info;
  while (::read(signals_.get(), &info, sizeof(info)) ==
         static_cast<ssize_t>(sizeof(info))) {
    // The shims got it too, and stop their containers.
    if (info.ssi_signo == SIGTERM) stopping_ = true;
  }
  ReapShims();
}

void Keeper::ReapShims() noexcept {
  for (;;) {
    const pid_t pid = ::waitpid(-1, nullptr, WNOHANG);
    if (pid <= 0) return;
    std::erase(shims_, pid);
    networks_.RefillSoon();
  }
}

void Keeper::OnDisconnected() noexcept {
  // Daemons come and go.
}

void Keeper::OnFrame(Peer* peer, const FrameView& frame,
                     FrameFds* fds) noexcept {
  switch (frame.header.type) {
    case FrameType::kSpawn:
      Spawn(peer, frame, fds);
      break;
    case FrameType::kKeeperStatus:
      SendState(peer);
      break;
    case FrameType::kKeeperStop:
      if (shims_.empty()) {
        stopping_ = true;
      } else {
        SendState(peer);
      }
      break;
    default:
      break;
  }
}

void Keeper::Spawn(Peer* peer, const FrameView& frame, FrameFds* fds) noexcept {
  ShimArguments arguments;
  arguments.spawn = *frame.As<SpawnBody>();
  arguments.request_ns = MonotonicNs();
  arguments.file_limit = file_limit_;
  if (stopping_ || fds->count < 4 || !IsValidId(arguments.spawn.id)) {
    SendError(peer, arguments.spawn, stopping_ ? ESHUTDOWN : EINVAL);
    return;
  }
  // A shim of another release may not know what to do with it.
  const bool is_ours = !fds->fd[4].is_valid();
  if (is_ours && WantsNetwork(fds->fd[0].get())) {
    arguments.network = networks_.Take();
  }
  const pid_t pid = ::fork();
  if (pid < 0) {
    SendError(peer, arguments.spawn, errno);
    return;
  }
  if (pid == 0) {
    arguments.plan = std::move(fds->fd[0]);
    arguments.directory = std::move(fds->fd[1]);
    arguments.lock = std::move(fds->fd[2]);
    arguments.control = std::move(fds->fd[3]);
    arguments.socket_directory = std::move(shims_directory_);
    BecomeShim(&arguments, std::move(fds->fd[4]));
  }
  shims_.push_back(pid);
  SendSpawned(peer, arguments.spawn, pid);
}

// In the child. Our objects stay behind in memory that is never touched again;
// their descriptors must not stay open.
void Keeper::BecomeShim(ShimArguments* arguments,
                        base::UniqueFd image) noexcept {
  const int keep[] = {arguments->plan.get(),
                      arguments->directory.get(),
                      arguments->lock.get(),
                      arguments->control.get(),
                      arguments->socket_directory.get(),
                      arguments->network.get(),
                      image.get()};
  CloseAllBut(keep, std::size(keep));
  if (image.is_valid()) ExecuteShim(image.get(), *arguments);
  if (!image.is_valid()) RunShim(arguments);
  ::_exit(1);
}

void Keeper::SendSpawned(Peer* peer, const SpawnBody& spawn,
                         pid_t pid) noexcept {
  // Not reaped before we say so: the pid is the shim's.
  const base::UniqueFd pid_fd(
      static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pid_fd.is_valid()) {
    const int error = errno;
    // It has done nothing that would stay.
    ::kill(pid, SIGKILL);
    SendError(peer, spawn, error);
    return;
  }
  SpawnedBody body = {};
  memcpy(body.id, spawn.id, sizeof(body.id));
  body.pid = pid;
  const int fd = pid_fd.get();
  peer->Send(FrameType::kSpawned, 0, &body, sizeof(body), nullptr, 0, &fd, 1);
}

void Keeper::SendError(Peer* peer, const SpawnBody& spawn, int error) noexcept {
  ErrorBody body = {};
  memcpy(body.id, spawn.id, sizeof(body.id));
  body.err = error;
  peer->Send(FrameType::kSpawnFailed, 0, &body, sizeof(body));
}

void Keeper::SendState(Peer* peer) noexcept {
  const KeeperStateBody body = {.pid = ::getpid(),
                                .shims = static_cast<int32_t>(shims_.size()),
                                .protocol_version = kProtocolVersion,
                                .plan_version = plan::kPlanVersion,
                                .reserved = 0};
  peer->Send(FrameType::kKeeperState, 0, &body, sizeof(body));
}

}  // namespace caisson::shim
