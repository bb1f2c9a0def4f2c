// Changes of what a container has while it runs.

#include <algorithm>
#include <utility>

#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "server/core/errors.h"
#include "server/core/network/network_errors.h"
#include "server/core/network/networks.h"

namespace caisson::core {
namespace {

using netsetup::DetachHow;

absl::Status NamespaceGone() {
  return SetupFailed(absl::FailedPreconditionError(
      "the network namespace of the container is gone"));
}

absl::Status NamespaceClosed() {
  return SetupFailed(absl::FailedPreconditionError(
      "the network namespace of the container cannot be opened"));
}

bool Has(const std::vector<store::Endpoint>& endpoints, const std::string& id) {
  return std::any_of(endpoints.begin(), endpoints.end(),
                     [&id](const auto& one) { return one.id == id; });
}

}  // namespace

absl::StatusOr<Reservation> Networks::ReserveConnect(
    const Endpoints& held, const spec::NetworkAttachment& wanted) {
  if (held.size() >= spec::kMaxAttachments) {
    return LimitReached("networks_per_container", spec::kMaxAttachments);
  }
  return book_.ReserveConnect(held, wanted, "attachment");
}

absl::StatusOr<store::Endpoint> Networks::ReservePort(
    const Endpoints& held, const spec::PortMapping& wanted) {
  size_t mappings = 0;
  int64_t ports = std::max(wanted.count, 1);
  Endpoints attached;
  for (const store::Endpoint& endpoint : held) {
    mappings += endpoint.ports.size();
    for (const store::PublishedPort& port : endpoint.ports) ports += port.count;
    if (endpoint.attached) attached.push_back(endpoint);
  }
  if (mappings >= spec::kMaxPortMappings) {
    return LimitReached("port_mappings_per_container", spec::kMaxPortMappings);
  }
  if (ports > spec::kMaxPublishedPorts) {
    return LimitReached("published_ports_per_container",
                        spec::kMaxPublishedPorts);
  }
  return book_.ReservePort(attached, wanted, "port");
}

store::Endpoint* Networks::FindLive(const std::string& container_id,
                                    const std::string& endpoint_id) {
  const auto live = live_.find(container_id);
  if (live == live_.end()) return nullptr;
  for (store::Endpoint& endpoint : live->second.endpoints) {
    if (endpoint.id == endpoint_id) return &endpoint;
  }
  return nullptr;
}

void Networks::SetLive(const std::string& container_id, Endpoints endpoints) {
  LiveContainer& live = live_.at(container_id);
  LiveContainer after;
  after.name = live.name;
  after.endpoints = std::move(endpoints);
  if (names_ != nullptr) {
    for (const store::Endpoint& endpoint : live.endpoints) {
      const netsetup::dns::ZoneEntry before =
          NamesOf(container_id, live, endpoint);
      if (Has(after.endpoints, endpoint.id)) {
        names_->Replace(endpoint.network_id, before,
                        NamesOf(container_id, after, endpoint));
      } else {
        names_->Remove(endpoint.network_id, before);
      }
    }
    for (const store::Endpoint& endpoint : after.endpoints) {
      if (Has(live.endpoints, endpoint.id)) continue;
      const NetworkPtr network =
          options_.store->catalog().NetworkById(endpoint.network_id);
      if (network == nullptr) continue;
      names_->Add(*network, NamesOf(container_id, after, endpoint));
    }
  }
  live.endpoints = std::move(after.endpoints);
  // Nobody tells of the end of one that has none.
  if (live.endpoints.empty()) live_.erase(container_id);
}

void Networks::Connect(store::ContainerRecord container,
                       store::Endpoint endpoint,
                       Callback<store::Endpoint> callback) {
  lane_thread_.Post([this, container = std::move(container),
                     endpoint = std::move(endpoint),
                     callback = std::move(callback)]() mutable {
    callback(ConnectNow(container, endpoint));
  });
}

// Beside those that the container has. One that comes back, since its end could
// not be recorded, takes the default route from its heir.
absl::StatusOr<Networks::Endpoints> Networks::ConnectBeside(
    const std::string& container_id, const LiveContainer& live,
    const store::Endpoint& endpoint) {
  Endpoints all = live.endpoints;
  const auto heir = std::find_if(all.begin(), all.end(), [&](const auto& one) {
    return one.default_route && endpoint.default_route;
  });
  absl::StatusOr<EndpointRef> ref;
  if (heir != all.end()) {
    ref = RefOf(container_id, *heir);
    CAISSON_RETURN_IF_ERROR(ref.status());
    CAISSON_RETURN_IF_ERROR(lane_->RemoveDefaultRoute(*ref, live.netns.get()));
    heir->default_route = false;
  }
  const absl::StatusOr<Endpoints> done =
      AttachAll(container_id, {endpoint}, live.netns.get());
  if (done.ok()) {
    all.push_back(done->front());
    return all;
  }
  if (heir != all.end()) {
    base::IgnoreError(lane_->AddDefaultRoute(*ref, live.netns.get()),
                      "the caller is told of the first error");
  }
  return done.status();
}

absl::StatusOr<store::Endpoint> Networks::ConnectNow(
    const store::ContainerRecord& container, const store::Endpoint& endpoint) {
  OpenNamespaces();
  const auto known = live_.find(container.id);
  if (known != live_.end()) {
    if (!known->second.netns.is_valid()) return NamespaceClosed();
    CAISSON_ASSIGN_OR_RETURN(
        Endpoints all, ConnectBeside(container.id, known->second, endpoint));
    store::Endpoint done = all.back();
    SetLive(container.id, std::move(all));
    return done;
  }
  absl::StatusOr<base::UniqueFd> netns = options_.open_netns(container);
  if (!netns.ok()) return NamespaceGone();
  CAISSON_RETURN_IF_ERROR(
      NetworkLane::PrepareRunning(netns->get(), *container.spec));
  LiveContainer live;
  live.netns = *std::move(netns);
  CAISSON_ASSIGN_OR_RETURN(
      live.endpoints, AttachAll(container.id, {endpoint}, live.netns.get()));
  const store::Endpoint done = live.endpoints.front();
  GoLive(container.id, std::move(live));
  return done;
}

void Networks::Disconnect(std::string container_id, store::Endpoint endpoint,
                          std::string heir, DoneCallback callback) {
  lane_thread_.Post([this, container_id = std::move(container_id),
                     endpoint = std::move(endpoint), heir = std::move(heir),
                     callback = std::move(callback)]() mutable {
    callback(DisconnectNow(container_id, endpoint, heir));
  });
}

absl::Status Networks::DetachAndInherit(const EndpointRef& ref,
                                        const store::Endpoint* heir,
                                        int netns_fd) {
  CAISSON_RETURN_IF_ERROR(lane_->Detach(ref, DetachHow::kNow, netns_fd));
  if (heir == nullptr) return absl::OkStatus();
  CAISSON_ASSIGN_OR_RETURN(const EndpointRef next,
                           RefOf(ref.container_id, *heir));
  return lane_->AddDefaultRoute(next, netns_fd);
}

absl::Status Networks::DisconnectNow(const std::string& container_id,
                                     const store::Endpoint& endpoint,
                                     const std::string& heir) {
  if (lane_ == nullptr) return lane_status_;
  CAISSON_ASSIGN_OR_RETURN(const EndpointRef ref,
                           RefOf(container_id, endpoint));
  OpenNamespaces();
  const auto live = live_.find(container_id);
  const int netns_fd = live == live_.end() ? -1 : live->second.netns.get();
  if (live != live_.end() && netns_fd < 0) return NamespaceClosed();
  const absl::Status status =
      DetachAndInherit(ref, FindLive(container_id, heir), netns_fd);
  if (status.ok()) {
    // Before the news of its link are read: nobody else took it away.
    if (live == live_.end()) return status;
    Endpoints rest = live->second.endpoints;
    std::erase_if(rest, [&endpoint](const store::Endpoint& one) {
      return one.id == endpoint.id;
    });
    for (store::Endpoint& one : rest) {
      if (one.id == heir) one.default_route = true;
    }
    SetLive(container_id, std::move(rest));
    return status;
  }
  if (FindLive(container_id, endpoint.id) == nullptr) return status;
  if (const auto restored = lane_->Attach(ref, netns_fd); !restored.ok()) {
    CAISSON_LOG(kError, "endpoint is half detached",
                {"container", container_id}, {"network", endpoint.network_name},
                {"error", restored.status().ToString()});
    RepairSoon();
  }
  return status;
}

void Networks::Publish(std::string container_id, store::Endpoint endpoint,
                       store::PublishedPort port, DoneCallback callback) {
  lane_thread_.Post([this, container_id = std::move(container_id),
                     endpoint = std::move(endpoint), port = std::move(port),
                     callback = std::move(callback)]() mutable {
    callback(PublishNow(container_id, endpoint, port));
  });
}

absl::Status Networks::PublishNow(const std::string& container_id,
                                  const store::Endpoint& endpoint,
                                  const store::PublishedPort& port) {
  if (lane_ == nullptr) return lane_status_;
  CAISSON_RETURN_IF_ERROR(EnsureRecovered());
  store::Endpoint* live = FindLive(container_id, endpoint.id);
  if (live == nullptr) return NamespaceGone();
  CAISSON_ASSIGN_OR_RETURN(const EndpointRef ref, RefOf(container_id, *live));
  CAISSON_RETURN_IF_ERROR(lane_->Publish(ref, port));
  live->ports.push_back(port);
  return absl::OkStatus();
}

void Networks::Unpublish(std::string container_id, store::Endpoint endpoint,
                         store::PublishedPort port, DoneCallback callback) {
  lane_thread_.Post([this, container_id = std::move(container_id),
                     endpoint = std::move(endpoint), port = std::move(port),
                     callback = std::move(callback)]() mutable {
    callback(UnpublishNow(container_id, endpoint, port));
  });
}

absl::Status Networks::UnpublishNow(const std::string& container_id,
                                    const store::Endpoint& endpoint,
                                    const store::PublishedPort& port) {
  if (lane_ == nullptr) return lane_status_;
  CAISSON_ASSIGN_OR_RETURN(const EndpointRef ref,
                           RefOf(container_id, endpoint));
  CAISSON_RETURN_IF_ERROR(lane_->Unpublish(ref, port));
  if (store::Endpoint* live = FindLive(container_id, endpoint.id)) {
    std::erase(live->ports, port);
  }
  return absl::OkStatus();
}

}  // namespace caisson::core
