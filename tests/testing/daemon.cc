#include "tests/testing/daemon.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

#include "runtime/shim/network_pool.h"
#include "server/core/launch/directory_stock.h"
#include "tests/leakcheck/proc.h"
#include "tests/testing/children.h"
#include "tests/testing/environment.h"
#include "tests/testing/process.h"

namespace caisson::testing {

namespace {

// A new name for each daemon of each test program: cgroups are host-wide.
std::string NewCgroupBase() {
  static std::atomic<int> number{0};
  return absl::StrCat("caisson-test-", ::getpid(), "-", ++number);
}

std::string NewDirectory() {
  std::string path =
      absl::StrCat(EnvironmentOr("TMPDIR", "/tmp"), "/caisson.XXXXXX");
  if (::mkdtemp(path.data()) == nullptr) {
    ::perror(path.c_str());
    std::abort();
  }
  return path;
}

bool LoopbackUp() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP;
  return fd >= 0 && ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

// Everything after the fork, beside other threads: system calls only.

// The namespaces that stand for a host.
bool MakeHost(bool shared_root) {
  const unsigned long propagation = shared_root ? MS_SHARED : MS_PRIVATE;
  return ::unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 &&
         // First cut off from the real host, then as wanted.
         ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", "/", nullptr, MS_REC | propagation, nullptr) == 0 &&
         LoopbackUp();
}

bool JoinHost(int mount_ns_fd, int network_ns_fd) {
  return ::setns(mount_ns_fd, CLONE_NEWNS) == 0 &&
         ::setns(network_ns_fd, CLONE_NEWNET) == 0;
}

struct Host {
  // -1: a new one.
  int mount_ns_fd = -1;
  int network_ns_fd = -1;
  bool shared_root = false;
};

[[noreturn]] void Enter(char* const* argv, char* const* environment, int log,
                        const Host& host) {
  // Named in the log when one fails.
  static constexpr char kFailed[] = "daemon under test: no namespace\n";
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const bool ready =
      ::dup2(null, 0) == 0 && ::dup2(log, 1) == 1 && ::dup2(log, 2) == 2 &&
      (host.mount_ns_fd >= 0 ? JoinHost(host.mount_ns_fd, host.network_ns_fd)
                             : MakeHost(host.shared_root)) &&
      ::setpgid(0, 0) == 0;
  if (ready) ::execve(argv[0], argv, environment);
  if (::write(2, kFailed, sizeof kFailed - 1) < 0) ::_exit(122);
  ::_exit(121);
}

std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const std::string& word : words) {
    pointers.push_back(const_cast<char*>(word.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

std::string ProgramOrDie(const char* name) {
  std::string path = ProgramPath(name);
  if (path.empty()) {
    std::fprintf(
        stderr, "%s is neither beside the test nor in CAISSON_BIN_DIR\n", name);
    std::abort();
  }
  return path;
}

}  // namespace

Stubs Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  // Otherwise equal targets share one connection, and the one second of
  // backoff after a restart is the test's.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  Stubs stubs;
  stubs.channel = grpc::CreateCustomChannel(
      address, grpc::InsecureChannelCredentials(), arguments);
  stubs.containers = v1::ContainerService::NewStub(stubs.channel);
  stubs.execs = v1::ExecService::NewStub(stubs.channel);
  stubs.events = v1::EventService::NewStub(stubs.channel);
  stubs.networks = v1::NetworkService::NewStub(stubs.channel);
  stubs.system = v1::SystemService::NewStub(stubs.channel);
  return stubs;
}

Daemon::Daemon(DaemonOptions options) : options_(std::move(options)) {
  sandbox_.directory =
      options_.directory.empty() ? NewDirectory() : options_.directory;
  sandbox_.root = sandbox_.directory + "/root";
  sandbox_.state = sandbox_.directory + "/state";
  sandbox_.cgroup_base = NewCgroupBase();
  log_path_ = sandbox_.directory + "/daemon.log";
  // A keeper outlives its daemon; it must stay ours to find and reap.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  SpawnJanitor();
}

Daemon::~Daemon() {
  Kill9();
  for (const std::string& line : CleanUp(sandbox_)) {
    std::fprintf(stderr, "left by the daemon under test: %s\n", line.c_str());
  }
  janitor_.reset();
  if (janitor_pid_ > 0) {
    ::waitpid(janitor_pid_, nullptr, 0);
    ForgetOwnChild(janitor_pid_);
  }
}

void Daemon::SpawnJanitor() {
  const std::vector<std::string> words = {ProgramOrDie("caisson-test-janitor"),
                                          sandbox_.directory, sandbox_.root,
                                          sandbox_.state, sandbox_.cgroup_base};
  const std::vector<char*> argv = Pointers(words);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) std::abort();
  janitor_pid_ = ::fork();
  if (janitor_pid_ == 0) {
    ::dup2(ends[0], 0);
    ::execv(argv[0], argv.data());
    ::_exit(121);
  }
  AddOwnChild(janitor_pid_);
  ::close(ends[0]);
  janitor_.reset(ends[1]);
}

void Daemon::Spawn() {
  std::vector<std::string> words = {
      ProgramOrDie("caissond"), "--root",        sandbox_.root,       "--state",
      sandbox_.state,           "--cgroup-base", sandbox_.cgroup_base};
  words.insert(words.end(), options_.flags.begin(), options_.flags.end());
  const std::vector<char*> argv = Pointers(words);
  std::vector<std::string> variables = options_.environment;
  for (char** one = environ; *one != nullptr; ++one) variables.push_back(*one);
  const std::vector<char*> environment = Pointers(variables);
  const base::UniqueFd log(::open(
      log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  pid_ = ::fork();
  if (pid_ == 0) {
    Enter(argv.data(), environment.data(), log.get(),
          {mount_ns_.get(), network_ns_.get(), options_.shared_root});
  }
  AddOwnChild(pid_);
}

void Daemon::Forget() {
  ForgetOwnChild(pid_);
  pid_ = -1;
}

bool Daemon::Start() {
  Spawn();
  if (!WaitUntilReady()) return false;
  if (!mount_ns_.is_valid()) KeepHost();
  return true;
}

// As on a real host: keeper and containers of the first daemon are in the
// namespaces of every later one.
void Daemon::KeepHost() {
  const std::string path = absl::StrCat("/proc/", pid_, "/ns/");
  mount_ns_.reset(::open((path + "mnt").c_str(), O_RDONLY | O_CLOEXEC));
  network_ns_.reset(::open((path + "net").c_str(), O_RDONLY | O_CLOEXEC));
}

bool Daemon::WaitUntilReady() {
  stubs_ = Connect(address());
  return PollUntil(
             absl::Seconds(30),
             [&] {
               int status = 0;
               if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_)
                 Forget();
               if (pid_ < 0) return true;
               grpc::ClientContext context;
               // A call that fails at once would leave the connection that is
               // being made to nobody: it is polled by calls that wait.
               context.set_wait_for_ready(true);
               context.set_deadline(
                   absl::ToChronoTime(absl::Now() + absl::Seconds(1)));
               v1::GetInfoResponse response;
               return stubs_.system->GetInfo(&context, {}, &response).ok();
             }) &&
         pid_ > 0;
}

int Daemon::Stop() {
  if (pid_ < 0) return -1;
  ::kill(pid_, SIGTERM);
  int status = 0;
  const bool ended = PollUntil(absl::Seconds(30), [&] {
    return ::waitpid(pid_, &status, WNOHANG) == pid_;
  });
  if (!ended) {
    Kill9();
    return -1;
  }
  Forget();
  return ShellStatus(status);
}

void Daemon::Kill9() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  Forget();
}

bool Daemon::Restart() {
  Kill9();
  return Start();
}

pid_t Daemon::KeeperPid() const {
  for (const pid_t pid : ServiceProcesses(sandbox_.state)) {
    const std::string path = absl::StrCat("/proc/", pid);
    const std::string command = leakcheck::ReadText(path + "/cmdline");
    if (command.find("--keeper") == std::string::npos) continue;
    // Shims are forked from the keeper and have its command line.
    const leakcheck::ProcessStat stat =
        leakcheck::ParseStat(leakcheck::ReadText(path + "/stat"));
    const std::string parent =
        leakcheck::ReadText(absl::StrCat("/proc/", stat.parent, "/cmdline"));
    if (parent.find("--keeper") == std::string::npos) return pid;
  }
  return -1;
}

std::string Daemon::socket() const {
  return sandbox_.state + "/caisson.sock";
}

std::string Daemon::address() const {
  return "unix://" + socket();
}

std::string Daemon::log() const {
  return ReadFileOrEmpty(log_path_);
}

leakcheck::Snapshot Daemon::TakeSnapshot() const {
  leakcheck::Snapshot snapshot;
  PollUntil(absl::Seconds(10), [&] {
    ReapAdopted();
    snapshot = leakcheck::Take(ScopeOfSnapshot());
    return StocksAreFull(snapshot);
  });
  return snapshot;
}

bool Daemon::StocksAreFull(const leakcheck::Snapshot& snapshot) const {
  // The keeper's own network, and one for each container to come.
  constexpr int kNetworks = 1 + shim::NetworkPool::kSize;
  const auto networks = snapshot.find("fd keeper net:[*]");
  if (KeeperPid() > 0 &&
      (networks == snapshot.end() || networks->second < kNetworks)) {
    return false;
  }
  if (pid_ <= 0) return true;
  // What is made last.
  const auto directories =
      snapshot.find(absl::StrCat("file ", sandbox_.root, "/stock/*/work"));
  return directories != snapshot.end() &&
         directories->second == core::DirectoryStock::kSize;
}

leakcheck::Scope Daemon::ScopeOfSnapshot() const {
  leakcheck::Scope scope;
  scope.ancestor = ::getpid();
  if (pid_ > 0) scope.watched.push_back({"daemon", pid_});
  const pid_t keeper = KeeperPid();
  if (keeper > 0) scope.watched.push_back({"keeper", keeper});
  scope.cgroup_base = sandbox_.cgroup_base;
  scope.directories = {sandbox_.root, sandbox_.state};
  return scope;
}

}  // namespace caisson::testing
