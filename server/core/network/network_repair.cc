// The kernel's side becomes what it shall be: at the start, when somebody else
// changed it, and again where that failed.

#include <algorithm>
#include <set>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

#include "netsetup/network/network.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "server/core/network/host_values.h"
#include "server/core/network/networks.h"

namespace caisson::core {
namespace {

// What failed is tried again so often.
constexpr absl::Duration kFirstRetry = absl::Milliseconds(100);
constexpr absl::Duration kLastRetry = absl::Minutes(5);
// A container that may change its network can take its own link away for ever,
// and each time costs a look at the whole host: after so many, each within a
// while of the last, it is left to itself.
constexpr int kMostRepairs = 8;
constexpr absl::Duration kCalm = absl::Minutes(1);
constexpr absl::Duration kTendInterval = absl::Seconds(3);
constexpr absl::Duration kDropsDelay = absl::Milliseconds(500);
// Between looks at links that may go by themselves.
constexpr absl::Duration kSweepPause = absl::Seconds(1);

bool IsLeftAlone(const LiveContainer& live) {
  return live.repairs >= kMostRepairs && absl::Now() - live.last_repair < kCalm;
}

}  // namespace

// Of containers that were adopted while they could not be opened.
bool Networks::OpenNamespaces() {
  bool all = true;
  std::vector<std::string> ended;
  for (auto& [id, live] : live_) {
    if (live.netns.is_valid()) continue;
    const ContainerPtr container = options_.store->catalog().ContainerById(id);
    absl::StatusOr<base::UniqueFd> netns = absl::NotFoundError("deleted");
    if (container != nullptr) netns = options_.open_netns(*container);
    if (netns.ok()) {
      live.netns = *std::move(netns);
    } else if (absl::IsNotFound(netns.status())) {
      ended.push_back(id);  // as its actor will find
    } else {
      all = false;
      CAISSON_LOG(kError, "network namespace is not opened", {"container", id},
                  {"error", netns.status().ToString()});
    }
  }
  for (const std::string& id : ended) EndLive(id);
  return all;
}

std::vector<NetworkPtr> Networks::NetworksUp() const {
  std::vector<NetworkPtr> up;
  for (const NetworkPtr& network : options_.store->catalog().AllNetworks()) {
    if (network->up && network->intent == store::Intent::kNone) {
      up.push_back(network);
    }
  }
  return up;
}

std::vector<LiveEndpoint> Networks::LiveEndpoints() const {
  std::vector<LiveEndpoint> endpoints;
  for (const auto& [id, live] : live_) {
    for (const store::Endpoint& endpoint : live.endpoints) {
      absl::StatusOr<EndpointRef> ref = RefOf(id, endpoint);
      if (!ref.ok()) continue;
      endpoints.push_back({*std::move(ref), live.netns.get()});
    }
  }
  return endpoints;
}

absl::StatusOr<std::set<std::string>> Networks::RecoverHost() {
  bool complete = OpenNamespaces();
  const std::vector<NetworkPtr> up = NetworksUp();
  const std::vector<LiveEndpoint> endpoints = LiveEndpoints();
  std::map<std::string, const EndpointRef*> refs;
  for (const LiveEndpoint& live : endpoints) {
    refs[live.ref.endpoint.id] = &live.ref;
  }
  const auto parts = lane_->Recover(up, endpoints);
  std::set<std::string> repaired;
  std::set<std::string> made;
  if (parts.ok()) {
    for (const netsetup::Recovered& part : *parts) {
      complete = complete && part.status.ok();
      if (part.steps.empty()) continue;
      const auto ref = refs.find(part.endpoint_id);
      if (ref != refs.end()) CountRepair(ref->second->container_id);
      if (!part.status.ok()) continue;
      if (!part.network_id.empty()) made.insert(part.network_id);
      if (ref != refs.end()) repaired.insert(ref->second->network->id);
    }
  }
  if (complete && parts.ok()) {
    retry_delay_ = kFirstRetry;
  } else {
    RetryRecovery();
  }
  CAISSON_RETURN_IF_ERROR(parts.status());
  if (!up.empty()) EnsureWatch();
  for (const NetworkPtr& network : up) {
    if (names_ == nullptr) break;
    // Its sockets are bound to the bridge.
    if (made.contains(network->id) || !names_->IsServed(network->id)) {
      names_->Serve(*network);
    }
  }
  repaired.insert(made.begin(), made.end());
  return repaired;
}

absl::Status Networks::EnsureRecovered() {
  if (lane_->is_recovered()) return absl::OkStatus();
  const absl::Status status = RecoverHost().status();
  return lane_->is_recovered() ? absl::OkStatus() : status;
}

void Networks::RetryRecovery() {
  if (retry_ != 0) return;
  const absl::Duration delay = std::max(retry_delay_, kFirstRetry);
  retry_ = lane_thread_.After(delay, [this] {
    retry_ = 0;
    RepairLinks();
  });
  retry_delay_ = std::min(2 * delay, kLastRetry);
}

void Networks::RepairSoon() {
  if (retry_ != 0 && lane_thread_.Cancel(retry_)) retry_ = 0;
  retry_delay_ = kFirstRetry;
  RetryRecovery();
}

void Networks::SweepLater(absl::Duration delay) {
  if (std::exchange(sweep_is_due_, true)) return;
  lane_thread_.After(delay, [this] { Sweep(); });
}

// A process that is still in a namespace, or a descriptor of it, keeps the
// host's side of a link.
void Networks::Sweep() {
  sweep_is_due_ = false;
  if (lane_ == nullptr) return;
  const auto links = lane_->ListOwnLinks();
  if (!links.ok()) {
    CAISSON_LOG(kWarning, "links that are kept are not seen",
                {"error", links.status().ToString()});
    return SweepLater();
  }
  std::set<std::string> wanted;
  for (const auto& [id, live] : live_) {
    for (const store::Endpoint& one : live.endpoints) wanted.insert(one.id);
  }
  bool is_kept = false;
  for (const netsetup::Link& link : *links) {
    const auto tag = netsetup::ParseTag(link.alias);
    if (!tag.has_value() || tag->endpoint_id.empty() ||
        wanted.contains(tag->endpoint_id)) {
      continue;
    }
    if (leaving_.Has(tag->endpoint_id)) {
      SweepLater(kSweepPause);
      continue;
    }
    CAISSON_LOG(kWarning, "link has outlived its container",
                {"link", link.name});
    is_kept = true;
  }
  if (is_kept) RepairLinks();
}

void Networks::RepairLinks() {
  const absl::StatusOr<std::set<std::string>> repaired = RecoverHost();
  if (repaired.ok()) {
    TellRepaired("links", *repaired);
  } else {
    CAISSON_LOG(kError, "networks are not as they shall be",
                {"error", repaired.status().ToString()});
  }
}

// Soon: a firewall changes in many steps.
void Networks::LookForDrops() {
  if (drops_timer_ != 0) return;
  drops_timer_ =
      lane_thread_.After(kDropsDelay, [this] { DetectForeignDrops(); });
}

void Networks::EnsureWatch() {
  // What others drop may be what this network is about.
  LookForDrops();
  if (watch_ != nullptr) return;
  const auto start = [this]() -> absl::Status {
    CAISSON_ASSIGN_OR_RETURN(netsetup::nft::Watch table, lane_->WatchTable());
    CAISSON_ASSIGN_OR_RETURN(netsetup::LinkWatch links,
                             netsetup::LinkWatch::Open());
    CAISSON_ASSIGN_OR_RETURN(
        watch_,
        NetworkWatch::Start(std::move(table), std::move(links),
                            [this](NetworkWatch::News news) {
                              lane_thread_.Post([this, news = std::move(news)] {
                                OnNews(news);
                              });
                            }));
    return absl::OkStatus();
  };
  if (const absl::Status status = start(); !status.ok()) {
    CAISSON_LOG(kError, "changes of the firewall go unseen",
                {"error", status.ToString()});
  }
}

// Nobody tells of a port that is free again, nor of a file that is replaced in
// every way it can be; a look every few seconds costs nothing.
void Networks::TendNames() {
  if (names_ == nullptr) return;
  const std::vector<NetworkPtr> up = NetworksUp();
  if (!up.empty()) {
    const std::set<std::string> served = names_->Tend(up, absl::Now());
    if (!served.empty()) TellRepaired("names", served);
  }
  lane_thread_.After(kTendInterval, [this] { TendNames(); });
}

void Networks::OnNews(const NetworkWatch::News& news) {
  if (news.foreign_chains_changed) LookForDrops();
  if (news.table_changed) {
    const absl::StatusOr<bool> mended = lane_->MendTable(LiveEndpoints());
    if (!mended.ok()) {
      CAISSON_LOG(kError, "firewall is not as it shall be",
                  {"error", mended.status().ToString()});
      RepairSoon();
    } else if (*mended) {
      std::set<std::string> all;
      for (const NetworkPtr& network :
           options_.store->catalog().AllNetworks()) {
        all.insert(network->id);
      }
      TellRepaired("firewall", all);
    }
  }
  if (ConcernsUs(news)) RepairLinks();
}

// Whether a link went that we have not taken away ourselves.
bool Networks::ConcernsUs(const NetworkWatch::News& news) const {
  if (news.links_lost) return true;
  if (news.deleted_links.empty()) return false;
  const std::set<std::string> gone(news.deleted_links.begin(),
                                   news.deleted_links.end());
  for (const auto& [id, live] : live_) {
    if (IsLeftAlone(live)) continue;
    for (const store::Endpoint& endpoint : live.endpoints) {
      if (gone.contains(endpoint.host_link)) return true;
    }
  }
  for (const NetworkPtr& network : NetworksUp()) {
    const auto wanted = HostNetwork(*network);
    if (wanted.ok() && wanted->has_own_bridge() &&
        gone.contains(netsetup::BridgeName(*wanted))) {
      return true;
    }
  }
  return false;
}

void Networks::CountRepair(const std::string& container_id) {
  LiveContainer& live = live_.at(container_id);
  const absl::Time now = absl::Now();
  if (now - live.last_repair >= kCalm) live.repairs = 0;
  live.last_repair = now;
  if (++live.repairs != kMostRepairs) return;
  CAISSON_LOG(kWarning, "container loses its link again and again",
              {"container", container_id}, {"times", live.repairs});
}

void Networks::TellRepaired(const std::string& cause,
                            const std::set<std::string>& networks) {
  store::Transaction told;
  for (const NetworkPtr& network : NetworksUp()) {
    if (!networks.contains(network->id)) continue;
    told.AddNetworkEvent("network.repaired", network->id);
    told.events.back().attributes = {{"cause", cause}};
  }
  if (told.events.empty()) return;
  base::IgnoreError(options_.store->Commit(std::move(told)).status(),
                    "the log tells as well");
}

absl::Status Networks::Repair() {
  struct Result {
    absl::Notification done;
    absl::Status status;
  };
  auto result = std::make_shared<Result>();
  lane_thread_.Post([this, result] {
    for (auto& [id, live] : live_) live.repairs = 0;
    result->status = RepairLeases();
    const absl::Status host =
        lane_ == nullptr ? lane_status_ : RecoverHost().status();
    if (!host.ok()) result->status = host;
    result->done.Notify();
  });
  result->done.WaitForNotification();
  return result->status;
}

}  // namespace caisson::core
