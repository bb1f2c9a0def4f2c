// caissond: puts the parts together, serves, and ends in order. The only place
// that builds concrete types.
//
// Process: caissond. Thread: main; it waits for signals while the others work.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "google/protobuf/stubs/logging.h"

#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/base.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/facts.h"
#include "server/core/core.h"
#include "server/core/event_log.h"
#include "server/core/output_source.h"
#include "server/flags.h"
#include "server/service/acceptor.h"
#include "server/service/backend.h"
#include "server/service/connections.h"
#include "server/service/listen_socket.h"
#include "server/service/method_table.h"
#include "server/service/pid_lock.h"
#include "server/service/server_set.h"
#include "server/service/system_service.h"
#include "server/shimlink/stop_keeper.h"
#include "server/store/store.h"

namespace caisson::server {
namespace {

constexpr rlim_t kWantedDescriptors = 1 << 17;
// What streams and calls get at the end to write their last message.
constexpr absl::Duration kShutdownGrace = absl::Seconds(2);
constexpr absl::Duration kStopKeeperLimit = absl::Seconds(10);

void RaiseDescriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  rlimit wanted = limit;
  wanted.rlim_cur = std::max(limit.rlim_cur, kWantedDescriptors);
  wanted.rlim_max = std::max(limit.rlim_max, wanted.rlim_cur);
  if (::setrlimit(RLIMIT_NOFILE, &wanted) == 0) return;
  limit.rlim_cur = limit.rlim_max;  // without the right to raise the hard one
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Memory of the daemon has other people's secrets: no core files, no ptrace by
// others.
void ProtectMemory() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
#ifdef NDEBUG
  ::prctl(PR_SET_DUMPABLE, 0);
#endif
}

// The signals that main waits for are blocked in every thread.
sigset_t BlockSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
  return set;
}

// The library tells about broken input, which clients can cause at will.
void LogProtobuf(google::protobuf::LogLevel, const char*, int,
                 const std::string& message) {
  CAISSON_LOG(kDebug, "protobuf", {"text", message});
}

absl::Status MakeDirectory(const std::string& path, mode_t mode) {
  CAISSON_RETURN_IF_ERROR(base::MakeDirectories(path, mode));
  // Also when it was there: nobody else may change what is in it.
  if (::chmod(path.c_str(), mode) != 0) {
    return base::SyscallError("chmod", path);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> BootId() {
  CAISSON_ASSIGN_OR_RETURN(
      std::string text,
      base::ReadFileToString("/proc/sys/kernel/random/boot_id", 64));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// Everything below the API. Destroyed from the last to the first.
struct Daemon {
  base::UniqueFd root_lock;
  std::unique_ptr<service::ListenSocket> socket;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<core::OutputService> output;
  std::unique_ptr<core::EventLog> events;
  std::unique_ptr<core::Core> core;
};

absl::Status OpenCore(const Flags& flags, Daemon* daemon) {
  store::StoreOptions store_options;
  store_options.path = base::StrCat(flags.root, "/caisson.db");
  CAISSON_ASSIGN_OR_RETURN(store_options.boot_id, BootId());
  CAISSON_ASSIGN_OR_RETURN(daemon->store,
                           store::Store::Open(std::move(store_options)));
  CAISSON_ASSIGN_OR_RETURN(daemon->output, core::OutputService::Create());
  daemon->events = std::make_unique<core::EventLog>(daemon->store.get());
  core::CoreOptions options;
  options.root = flags.root;
  options.state = flags.state;
  options.cgroup_base = flags.cgroup_base;
  options.shim_path = flags.shim;
  CAISSON_ASSIGN_OR_RETURN(
      daemon->core,
      core::Core::Open(options, daemon->store.get(), daemon->output.get()));
  return daemon->core->Recover();
}

absl::StatusOr<Daemon> OpenDaemon(const Flags& flags) {
  Daemon daemon;
  CAISSON_RETURN_IF_ERROR(MakeDirectory(flags.root, 0700));
  // Others may pass, to the socket alone.
  CAISSON_RETURN_IF_ERROR(MakeDirectory(flags.state, 0711));
  CAISSON_ASSIGN_OR_RETURN(
      daemon.root_lock,
      service::AcquirePidLock(base::StrCat(flags.root, "/lock"),
                              base::StrCat("the root '", flags.root, "'")));
  // Before any thread exists. Clients that connect from here on wait until the
  // accept loop runs.
  CAISSON_ASSIGN_OR_RETURN(
      daemon.socket,
      service::ListenSocket::Open(base::StrCat(flags.state, "/caisson.sock"),
                                  {flags.operator_gid, flags.reader_gid}));
  CAISSON_RETURN_IF_ERROR(OpenCore(flags, &daemon));
  return daemon;
}

// Until SIGTERM or SIGINT; nothing is to be read anew at SIGHUP.
int WaitForEnd(const sigset_t& signals) {
  int signal = 0;
  do {
    ::sigwait(&signals, &signal);
  } while (signal != SIGTERM && signal != SIGINT);
  return signal;
}

absl::Status Serve(const Flags& flags, Daemon* daemon,
                   const sigset_t& signals) {
  service::StreamSlots attach_slots("attaches_per_container",
                                    service::kMaxAttachPerContainer);
  service::StreamSlots watch_slots("watches", service::kMaxWatches);
  service::StreamSlots log_slots("log_streams", service::kMaxLogStreams);
  service::Backend backend;
  backend.containers = &daemon->core->containers();
  backend.execs = &daemon->core->execs();
  backend.networks = &daemon->core->networks();
  backend.system = &daemon->core->system();
  backend.output = daemon->output.get();
  backend.events = daemon->events.get();
  backend.store = daemon->store.get();
  backend.version = CAISSON_VERSION;
  backend.attach_slots = &attach_slots;
  backend.watch_slots = &watch_slots;
  backend.log_slots = &log_slots;

  const service::MethodTable methods = service::MethodTable::Build();
  service::Connections connections{service::ConnectionLimits()};
  service::ServerSet servers(&methods, &connections,
                             [&backend](const service::Door& door) {
                               return service::MakeServices(door, backend);
                             });
  service::AcceptorOptions options;
  options.roles = {::geteuid(), flags.operator_gid, flags.reader_gid};
  CAISSON_ASSIGN_OR_RETURN(
      auto acceptor,
      service::Acceptor::Start(
          daemon->socket->fd(), options, &connections,
          [&servers](service::Role role, int fd) { servers.Adopt(role, fd); }));
  CAISSON_LOG(kInfo, "serving", {"version", CAISSON_VERSION},
              {"root", flags.root}, {"state", flags.state},
              {"store", daemon->store->store_id()});

  const int signal = WaitForEnd(signals);
  CAISSON_LOG(kInfo, "stopping", {"signal", signal});
  // Shutdown, in this order:
  // 1. No new connections.
  acceptor->Stop();
  // 2. Calls that wait in core are answered UNAVAILABLE SHUTTING_DOWN.
  daemon->core->BeginShutdown();
  // 3. Streams end after the message that is being written.
  servers.StopServing();
  // 4. No new calls; those that still write get a moment, then no call is left
  //    that could use what is below.
  servers.Shutdown(absl::Now() + kShutdownGrace);
  return absl::OkStatus();
}

int Fail(std::string_view what, const absl::Status& status) {
  CAISSON_LOG(kError, what, {"cause", status.message()});
  return 1;
}

// --stop-keeper: what a daemon leaves on purpose goes as well. Under the lock
// of the root, for a daemon that runs would start the next keeper at once.
absl::Status StopKeeper(const Flags& flags) {
  base::UniqueFd root_lock;
  if (base::PathExists(flags.root)) {
    CAISSON_ASSIGN_OR_RETURN(
        root_lock,
        service::AcquirePidLock(base::StrCat(flags.root, "/lock"),
                                base::StrCat("the root '", flags.root, "'")));
  }
  CAISSON_RETURN_IF_ERROR(shimlink::StopKeeper(flags.state, kStopKeeperLimit));
  CAISSON_ASSIGN_OR_RETURN(const cgroup::Facts facts, cgroup::Detect());
  CAISSON_ASSIGN_OR_RETURN(const cgroup::Base base,
                           cgroup::ResolveBase(facts, flags.cgroup_base));
  // Of containers that ended without a daemon. One with processes is refused.
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> containers,
                           cgroup::ListContainers(base));
  for (const std::string& id : containers) {
    CAISSON_RETURN_IF_ERROR(cgroup::Remove(base.Container(id)));
  }
  return cgroup::RemoveBase(base);
}

int Main(int argc, char** argv) {
  int exit_code = 0;
  const std::optional<Flags> flags = ParseFlags(argc, argv, &exit_code);
  if (!flags) return exit_code;
  base::SetLogLevel(flags->log_level);
  google::protobuf::SetLogHandler(LogProtobuf);
  if (flags->stop_keeper) {
    const absl::Status stopped = StopKeeper(*flags);
    return stopped.ok() ? 0 : Fail("cannot stop the keeper", stopped);
  }
  const sigset_t signals = BlockSignals();
  ::umask(077);
  RaiseDescriptorLimit();
  ProtectMemory();

  absl::StatusOr<Daemon> daemon = OpenDaemon(*flags);
  if (!daemon.ok()) return Fail("cannot serve", daemon.status());
  const absl::Status served = Serve(*flags, &*daemon, signals);
  // 5. Core: what is under way ends, containers run on.
  daemon->core.reset();
  // 6. Readers, then the store with its last commit, then socket and lock.
  daemon->events.reset();
  daemon->output.reset();
  daemon->store.reset();
  daemon->socket.reset();
  if (!served.ok()) return Fail("cannot serve", served);
  CAISSON_LOG(kInfo, "stopped");
  return 0;
}

}  // namespace
}  // namespace caisson::server

int main(int argc, char** argv) {
  return caisson::server::Main(argc, argv);
}
