#include "server/core/core.h"

#include <algorithm>
#include <iterator>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/cgroup/base.h"
#include "runtime/cgroup/facts.h"
#include "runtime/spec/defaults.h"
#include "server/core/actor/env.h"
#include "server/core/host/container_netns.h"
#include "server/core/host/host_system.h"
#include "server/core/manager/containers.h"
#include "server/core/manager/execs.h"
#include "server/core/manager/network_calls.h"
#include "server/core/manager/recovery.h"
#include "server/core/manager/registry.h"
#include "server/core/network/host_values.h"
#include "server/core/network/named_namespaces.h"
#include "server/core/network/neighbour_limit.h"
#include "server/core/network/networks.h"

namespace caisson::core {
namespace {

constexpr int kBlockingThreads = 4;
constexpr int kLaneThreads = 4;
constexpr absl::Duration kKeeperLimit = absl::Seconds(10);

int ThreadsFor(int wanted) {
  if (wanted > 0) return wanted;
  const int processors = static_cast<int>(std::thread::hardware_concurrency());
  return std::clamp(processors, 2, 8);
}

// Every limit and default that is core's own, in bytes, counts and
// milliseconds.
std::map<std::string, int64_t> Limits() {
  const store::StoreOptions kept;
  const auto ms = [](absl::Duration duration) {
    return absl::ToInt64Milliseconds(duration);
  };
  return {{"containers", kMaxContainers},
          {"execs_per_container", kMaxRunningExecs},
          {"finished_execs_per_container", kMaxFinishedExecs},
          {"default_pids", spec::kDefaultPidsLimit},
          {"default_stop_timeout_ms", ms(spec::kDefaultStopTimeout)},
          {"default_log_file_bytes", spec::kDefaultLogFileBytes},
          {"default_log_files", spec::kDefaultLogFiles},
          {"default_spool_bytes", spec::kDefaultSpoolBytes},
          {"default_exec_retention_ms", ms(spec::kDefaultRetention)},
          {"kept_events", kept.min_events},
          {"kept_event_bytes", kept.max_event_bytes},
          {"kept_event_age_ms", ms(kept.event_age)},
          {"kept_requests", static_cast<int64_t>(kept.max_requests)},
          {"kept_request_age_ms", ms(kept.request_age)},
          {"tombstones", static_cast<int64_t>(kept.max_tombstones)},
          {"networks", kMaxNetworks},
          {"network_namespaces", kMaxNetworkNamespaces},
          {"networks_per_container", spec::kMaxAttachments},
          {"port_mappings_per_container", spec::kMaxPortMappings},
          {"published_ports_per_container", spec::kMaxPublishedPorts},
          {"tombstone_age_ms", ms(kept.tombstone_age)}};
}

// The parts in the order in which they are made; they go in the reverse.
class CoreImpl final : public Core {
 public:
  CoreImpl(const CoreOptions& options, store::Store* store,
           OutputService* output)
      : executor_(ThreadsFor(options.threads), "core"),
        blocking_(kBlockingThreads, "core-blocking"),
        lane_(&executor_, kLaneThreads),
        requests_(store),
        registry_(store),
        containers_(&env_, &registry_),
        execs_(&env_, &registry_),
        network_calls_(&env_, &registry_) {
    env_.store = store;
    env_.output = output;
    env_.executor = &executor_;
    env_.blocking = &blocking_;
    env_.lane = &lane_;
    env_.requests = &requests_;
    env_.places.root = options.root;
    env_.places.state = options.state;
    env_.forget = [this](const std::string& id) { registry_.Remove(id); };
  }

  ~CoreImpl() override {
    BeginShutdown();
    // Shims see us leave; what their connections say last still runs, and may
    // want another connection.
    if (link_ != nullptr) link_->Stop();
    blocking_.Stop();
    if (networks_ != nullptr) networks_->Stop();
    executor_.Stop();
    registry_.Clear();
  }

  absl::Status Init(const CoreOptions& options);
  absl::Status Recover() override;
  void BeginShutdown() override;

  ContainerManager& containers() override { return containers_; }
  ExecManager& execs() override { return execs_; }
  NetworkManager& networks() override { return network_calls_; }
  System& system() override { return *system_; }

 private:
  void MakeNetworks();
  absl::StatusOr<std::vector<AuditObject>> AuditNetworks();

  Env env_;
  Executor executor_;
  Executor blocking_;
  SlowLane lane_;
  RequestTable requests_;
  Registry registry_;
  Containers containers_;
  Execs execs_;
  NetworkCalls network_calls_;
  std::unique_ptr<Networks> networks_;
  std::unique_ptr<NamedNamespaces> namespaces_;
  std::unique_ptr<Trash> trash_;
  std::unique_ptr<DirectoryStock> stock_;
  std::unique_ptr<HostSystem> system_;
  std::unique_ptr<shimlink::Link> link_;
};

absl::Status CoreImpl::Init(const CoreOptions& options) {
  CAISSON_ASSIGN_OR_RETURN(env_.facts, linux_::DetectHostFacts());
  CAISSON_ASSIGN_OR_RETURN(const cgroup::Facts cgroups, cgroup::Detect());
  CAISSON_ASSIGN_OR_RETURN(env_.places.base,
                           cgroup::ResolveBase(cgroups, options.cgroup_base));
  CAISSON_RETURN_IF_ERROR(
      cgroup::CreateBase(env_.store->store_id(), &env_.places.base));
  CAISSON_RETURN_IF_ERROR(
      base::MakeDirectories(options.root + "/containers", 0700));
  CAISSON_ASSIGN_OR_RETURN(trash_, Trash::Open(options.root));
  env_.trash = trash_.get();
  CAISSON_ASSIGN_OR_RETURN(stock_, DirectoryStock::Open(options.root));
  env_.stock = stock_.get();

  shimlink::LinkOptions link;
  link.state_directory = options.state;
  link.shim_program = options.shim_path;
  link.keeper_arguments = {"--keeper", "--state", options.state};
  if (!options.cgroup_base.empty()) {
    link.keeper_arguments.push_back("--cgroup-base");
    link.keeper_arguments.push_back(options.cgroup_base);
  }
  CAISSON_ASSIGN_OR_RETURN(link_, shimlink::Link::Open(std::move(link)));
  env_.link = link_.get();
  // Without one everything but starts works.
  if (absl::Status status = link_->WaitForKeeper(kKeeperLimit); !status.ok()) {
    CAISSON_LOG(kError, "no keeper yet", {"error", status.ToString()});
  }

  MakeNetworks();

  HostSystem::Sources sources;
  sources.places = env_.places;
  sources.facts = env_.facts;
  sources.limits = Limits();
  sources.expected = [this] {
    std::vector<ExpectedContainer> expected;
    for (const ActorPtr& actor : registry_.All()) {
      expected.push_back(actor->Expected());
    }
    return expected;
  };
  sources.networks = [this] { return AuditNetworks(); };
  sources.add_networks = [this](Info* info) {
    const Networks::Facts facts = networks_->facts();
    info->features.insert(info->features.end(), facts.features.begin(),
                          facts.features.end());
    for (const std::string& drop : facts.foreign_drops) {
      Warning warning;
      warning.code = "FOREIGN_FIREWALL";
      warning.text = drop;
      info->warnings.push_back(std::move(warning));
    }
    int64_t endpoints = 0;
    for (const ContainerPtr& container :
         env_.store->catalog().AllContainers()) {
      endpoints += std::ssize(container->status.networks);
    }
    Warning neighbours;
    neighbours.code = "NEIGHBOUR_LIMIT";
    neighbours.text = NeighbourWarning(endpoints, NeighbourLimit());
    if (!neighbours.text.empty()) {
      info->warnings.push_back(std::move(neighbours));
    }
  };
  sources.repair_networks = [this] {
    const absl::Status named = namespaces_->Repair();
    const absl::Status status = networks_->Repair();
    return status.ok() ? named : status;
  };
  system_ =
      std::make_unique<HostSystem>(std::move(sources), env_.store, &executor_);
  return absl::OkStatus();
}

void CoreImpl::MakeNetworks() {
  const auto open_netns = [this](const store::ContainerRecord& container) {
    return OpenNetns(env_.places, env_.facts.boot_id, container);
  };
  Networks::Options networks;
  networks.store = env_.store;
  networks.executor = &executor_;
  networks.boot_id = env_.facts.boot_id;
  networks.state = env_.places.state;
  networks.open_netns = open_netns;
  networks_ = std::make_unique<Networks>(std::move(networks));
  env_.networks = networks_.get();

  NamedNamespaces::Options namespaces;
  namespaces.store = env_.store;
  namespaces.lane = networks_->lane();
  namespaces.executor = &executor_;
  namespaces.instance = InstanceOf(env_.store->store_id());
  namespaces.boot_id = env_.facts.boot_id;
  namespaces.open_netns = open_netns;
  namespaces_ = std::make_unique<NamedNamespaces>(std::move(namespaces));
  env_.namespaces = namespaces_.get();
}

absl::StatusOr<std::vector<AuditObject>> CoreImpl::AuditNetworks() {
  CAISSON_ASSIGN_OR_RETURN(std::vector<AuditObject> objects,
                           networks_->Inventory());
  CAISSON_ASSIGN_OR_RETURN(std::vector<AuditObject> named,
                           namespaces_->Inventory());
  std::move(named.begin(), named.end(), std::back_inserter(objects));
  return objects;
}

absl::Status CoreImpl::Recover() {
  CAISSON_RETURN_IF_ERROR(networks_->Recover());
  namespaces_->Recover();
  RecoverContainers(&env_, &registry_);
  env_.recovering = false;
  return absl::OkStatus();
}

void CoreImpl::BeginShutdown() {
  if (env_.shutting_down.exchange(true)) return;
  for (const ActorPtr& actor : registry_.All()) {
    actor->queue().Post([actor] { actor->BeginShutdown(); });
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Core>> Core::Open(const CoreOptions& options,
                                                 store::Store* store,
                                                 OutputService* output) {
  auto core = std::make_unique<CoreImpl>(options, store, output);
  CAISSON_RETURN_IF_ERROR(core->Init(options));
  return std::unique_ptr<Core>(std::move(core));
}

}  // namespace caisson::core
