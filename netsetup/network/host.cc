#include "netsetup/network/host.h"

#include <errno.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"

#include "netsetup/announce.h"
#include "netsetup/netlink/net_error.h"
#include "netsetup/netlink/socket.h"
#include "netsetup/network/observe.h"
#include "netsetup/network/plan_parts.h"
#include "netsetup/route.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

// One status for a caller who needs no details: what failed, and whether
// something is left of it.
absl::Status Finish(const Applied& applied) {
  if (applied.status.ok() || applied.undone.ok()) return applied.status;
  absl::Status status(applied.status.code(),
                      base::StrCat(std::string(applied.status.message()), "; ",
                                   std::string(applied.undone.message())));
  applied.status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) {
        status.SetPayload(url, payload);
      });
  return status;
}

std::vector<std::string> DescribeAll(const Plan& plan) {
  std::vector<std::string> lines;
  lines.reserve(plan.size());
  for (const Op& op : plan) lines.push_back(Describe(op));
  return lines;
}

LinkCounters FromOtherSide(const LinkCounters& counters) {
  return {.rx_bytes = counters.tx_bytes,
          .rx_packets = counters.tx_packets,
          .rx_errors = counters.tx_errors,
          .rx_dropped = counters.tx_dropped,
          .tx_bytes = counters.rx_bytes,
          .tx_packets = counters.rx_packets,
          .tx_errors = counters.rx_errors,
          .tx_dropped = counters.rx_dropped};
}

// What Reattach reads: all of the container only where it has lost the link.
absl::Status ObserveEndpoint(std::string_view instance, const Network& network,
                             const Endpoint& endpoint, Socket* socket,
                             Observed* observed) {
  if (!network.has_veth()) {
    CAISSON_RETURN_IF_ERROR(
        ObserveLinkInside(socket, network, endpoint, observed));
    if (plan_parts::FindInside(instance, network, endpoint, *observed) !=
        nullptr) {
      return absl::OkStatus();
    }
  }
  return ObserveInside(socket, endpoint.id, observed);
}

struct Subject {
  const Network* network;
  const Endpoint* endpoint;
};

// Endpoints whose container has to be opened: of the others the host's side
// says that they are attached.
std::vector<Subject> ToLookInto(const Desired& desired,
                                const Observed& observed) {
  std::map<std::string, const Network*> networks;
  for (const Network& network : desired.networks) {
    networks[network.id] = &network;
  }
  std::vector<Subject> subjects;
  for (const Endpoint& endpoint : desired.endpoints) {
    const auto network = networks.find(endpoint.network_id);
    if (network == networks.end()) continue;
    if (!network->second->has_veth() ||
        observed.FindLink(HostLinkName(endpoint.id)) == nullptr) {
      subjects.push_back({network->second, &endpoint});
    }
  }
  return subjects;
}

}  // namespace

// A container's namespace with a socket in it.
struct Host::Container {
  static absl::StatusOr<Container> Open(int netns_fd) {
    Container container;
    container.fd = netns_fd;
    CAISSON_ASSIGN_OR_RETURN(container.socket, OpenSocketIn(netns_fd));
    return container;
  }

  int fd = -1;
  std::optional<Socket> socket;
};

// The host and those of its containers that have to be looked into.
struct Host::Seen {
  std::optional<Socket> socket;
  // A map keeps its elements in place.
  std::map<std::string, Container> containers;
  Observed observed;
  Places places;
};

Host::Host(std::string instance, Netns netns, base::UniqueFd announcements)
    : instance_(std::move(instance)),
      netns_(std::move(netns)),
      announcer_(std::make_unique<Announcer>(std::move(announcements))) {}

absl::StatusOr<Host> Host::Open(std::string_view instance) {
  CAISSON_ASSIGN_OR_RETURN(Netns netns, CurrentNetns());
  // Where the kernel has none, those who knew another owner ask later.
  absl::StatusOr<base::UniqueFd> announcements = OpenAnnouncementSocket();
  return Host(
      std::string(instance), std::move(netns),
      announcements.ok() ? *std::move(announcements) : base::UniqueFd());
}

absl::Status Host::CreateNetwork(const Network& network) const {
  CAISSON_RETURN_IF_ERROR(ValidateNetwork(network));
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  CAISSON_ASSIGN_OR_RETURN(const Observed observed, Observe(&socket));
  CAISSON_ASSIGN_OR_RETURN(const Plan plan,
                           PlanCreateNetwork(instance_, network, observed));
  return Finish(Apply(plan, {.host = {netns_.fd.get(), &socket}}));
}

absl::Status Host::DestroyNetwork(const Network& network) const {
  if (!network.has_own_bridge()) return absl::OkStatus();
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  CAISSON_ASSIGN_OR_RETURN(const Observed observed,
                           ObserveForAttach(&socket, network));
  return Finish(Apply(PlanDestroyNetwork(instance_, network, observed),
                      {.host = {netns_.fd.get(), &socket}}));
}

absl::StatusOr<Attachment> Host::Attach(const Network& network,
                                        const Endpoint& endpoint, int netns_fd,
                                        const FaultHook& fault) const {
  CAISSON_RETURN_IF_ERROR(ValidateEndpoint(network, endpoint));
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  CAISSON_ASSIGN_OR_RETURN(Container container, Container::Open(netns_fd));
  if (!network.has_veth()) {
    const absl::Status earlier =
        FindInside(network, endpoint, &container).status();
    if (earlier.ok()) {
      CAISSON_RETURN_IF_ERROR(
          Detach(network, endpoint, netns_fd, DetachHow::kNow));
    }
  }
  CAISSON_ASSIGN_OR_RETURN(const Observed observed,
                           ObserveForAttach(&socket, network));
  CAISSON_ASSIGN_OR_RETURN(const Plan plan,
                           PlanAttach(instance_, network, endpoint, observed));
  Places places = {.host = {netns_.fd.get(), &socket},
                   .announcer = announcer_.get()};
  places.containers[endpoint.id] = {netns_fd, &*container.socket};
  Applied applied = Apply(plan, places, fault);
  if (base::ErrnoOf(applied.status) == EEXIST && applied.failed == 0 &&
      network.has_veth()) {
    // The veth of the last run: the kernel reaps it some time after the
    // namespace, and a process may still sit in there.
    CAISSON_RETURN_IF_ERROR(Detach(network, endpoint, -1, DetachHow::kNow));
    applied = Apply(plan, places, fault);
  }
  CAISSON_RETURN_IF_ERROR(Finish(applied));
  Attachment attachment = {.mac = endpoint.mac};
  const auto index = applied.indexes.find({endpoint.id, endpoint.interface});
  if (index != applied.indexes.end()) attachment.inside_index = index->second;
  if (network.has_veth()) {
    attachment.host_link = HostLinkName(endpoint.id);
  }
  if (attachment.mac.is_zero() && !network.has_parents_mac() &&
      network.driver != Driver::kHostDevice) {
    attachment.mac = MacOf("container", endpoint.id);
  }
  return attachment;
}

absl::Status Host::Detach(const Network& network, const Endpoint& endpoint,
                          int netns_fd, DetachHow how) const {
  if (network.driver == Driver::kHostDevice) {
    return GiveBack(network, endpoint, netns_fd);
  }
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  CAISSON_ASSIGN_OR_RETURN(Observed observed,
                           ObserveForDetach(&socket, endpoint.id));
  Places places = {.host = {netns_.fd.get(), &socket}};
  std::optional<Container> container;
  if (netns_fd >= 0 && !network.has_veth()) {
    CAISSON_ASSIGN_OR_RETURN(container, Container::Open(netns_fd));
    CAISSON_RETURN_IF_ERROR(
        ObserveLinkInside(&*container->socket, network, endpoint, &observed));
    places.containers[endpoint.id] = {netns_fd, &*container->socket};
  }
  return Finish(
      Apply(PlanDetach(instance_, network, endpoint, how, observed), places));
}

absl::Status Host::GiveBack(const Network& network, const Endpoint& endpoint,
                            int netns_fd) const {
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  Observed observed;
  Places places = {.host = {netns_.fd.get(), &socket}};
  std::optional<Container> container;
  if (netns_fd >= 0) {
    CAISSON_ASSIGN_OR_RETURN(container, Container::Open(netns_fd));
    CAISSON_RETURN_IF_ERROR(
        ObserveLinkInside(&*container->socket, network, endpoint, &observed));
    places.containers[endpoint.id] = {netns_fd, &*container->socket};
  }
  const auto look = [&]() -> absl::Status {
    CAISSON_ASSIGN_OR_RETURN(observed.links,
                             ListLinks(&socket, WithCounters::kYes));
    return absl::OkStatus();
  };
  CAISSON_RETURN_IF_ERROR(look());
  CAISSON_ASSIGN_OR_RETURN(const Plan way_back,
                           PlanReturn(network, endpoint, observed));
  if (!way_back.empty()) {
    CAISSON_RETURN_IF_ERROR(Finish(Apply(way_back, places)));
    CAISSON_RETURN_IF_ERROR(look());
  }
  const Plan growth = PlanGrow(network, endpoint, observed);
  if (!growth.empty()) {
    CAISSON_RETURN_IF_ERROR(Finish(Apply(growth, places)));
    CAISSON_RETURN_IF_ERROR(look());
  }
  CAISSON_ASSIGN_OR_RETURN(const Plan rest,
                           PlanSettle(network, endpoint, observed));
  return Finish(Apply(rest, places));
}

absl::StatusOr<DeviceState> Host::DescribeDevice(const Network& network) const {
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  CAISSON_ASSIGN_OR_RETURN(
      const Link link,
      GetLink(&socket, {.name = network.interface}, WithCounters::kYes));
  return StateOf(link);
}

absl::StatusOr<bool> Host::HasInside(const Network& network,
                                     const Endpoint& endpoint,
                                     int netns_fd) const {
  CAISSON_ASSIGN_OR_RETURN(Container container, Container::Open(netns_fd));
  const absl::Status status =
      FindInside(network, endpoint, &container).status();
  if (base::ErrnoOf(status) == ENODEV) return false;
  CAISSON_RETURN_IF_ERROR(status);
  return true;
}

// However its guest calls it. The host's end of a veth tells the number of the
// other; it may have left the container.
absl::StatusOr<Link> Host::FindInside(const Network& network,
                                      const Endpoint& endpoint,
                                      Container* container) const {
  Socket* const inside = &*container->socket;
  if (network.has_veth()) {
    CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
    CAISSON_ASSIGN_OR_RETURN(
        const Link outer,
        GetLink(&socket, {.name = HostLinkName(endpoint.id)}));
    CAISSON_ASSIGN_OR_RETURN(Link link,
                             GetLink(inside, {.index = outer.parent}));
    if (link.kind == outer.kind && link.parent == outer.index) return link;
    return NetErrorFrom(ENODEV, "find link", endpoint.interface);
  }
  Observed observed;
  CAISSON_RETURN_IF_ERROR(
      ObserveLinkInside(inside, network, endpoint, &observed));
  const Link* const link =
      plan_parts::FindInside(instance_, network, endpoint, observed);
  if (link == nullptr) {
    return NetErrorFrom(ENODEV, "find link", endpoint.interface);
  }
  return *link;
}

absl::Status Host::AddDefaultRoute(const Network& network,
                                   const Endpoint& endpoint,
                                   int netns_fd) const {
  CAISSON_ASSIGN_OR_RETURN(Container container, Container::Open(netns_fd));
  CAISSON_ASSIGN_OR_RETURN(const Link inside,
                           FindInside(network, endpoint, &container));
  CAISSON_ASSIGN_OR_RETURN(const std::vector<Route> routes,
                           ListRoutes(&*container.socket));
  Plan plan = PlanDefaultRoute(network, endpoint,
                               {.index = inside.index, .name = inside.name});
  std::erase_if(plan, [&](const Op& op) {
    const Route& wanted = std::get<AddRoute>(op.action).route;
    return std::any_of(routes.begin(), routes.end(), [&](const Route& route) {
      return route.destination == wanted.destination;
    });
  });
  Places places;
  places.containers[endpoint.id] = {netns_fd, &*container.socket};
  return Finish(Apply(plan, places));
}

absl::Status Host::RemoveDefaultRoute(const Network& network,
                                      const Endpoint& endpoint,
                                      int netns_fd) const {
  CAISSON_ASSIGN_OR_RETURN(Container container, Container::Open(netns_fd));
  const absl::StatusOr<Link> inside = FindInside(network, endpoint, &container);
  if (base::ErrnoOf(inside.status()) == ENODEV) return absl::OkStatus();
  if (!inside.ok()) return inside.status();
  CAISSON_ASSIGN_OR_RETURN(const std::vector<Route> routes,
                           ListRoutes(&*container.socket));
  const LinkRef link = {.index = inside->index, .name = inside->name};
  Plan plan;
  for (const Op& op : PlanDefaultRoute(network, endpoint, link)) {
    const Route& wanted = std::get<AddRoute>(op.action).route;
    for (const Route& route : routes) {
      if (route.link != link.index || route.destination != wanted.destination ||
          route.gateway != wanted.gateway) {
        continue;
      }
      plan.push_back({endpoint.id, DeleteRoute{.link = link, .route = route}});
    }
  }
  Places places;
  places.containers[endpoint.id] = {netns_fd, &*container.socket};
  return Finish(Apply(plan, places));
}

absl::Status Host::LookForRecover(
    const Desired& desired,
    const std::function<int(const std::string& endpoint_id)>& netns_of,
    Seen* seen) const {
  CAISSON_ASSIGN_OR_RETURN(seen->socket, Socket::Open());
  CAISSON_ASSIGN_OR_RETURN(seen->observed, Observe(&*seen->socket));
  seen->places = {.host = {netns_.fd.get(), &*seen->socket},
                  .announcer = announcer_.get()};
  for (const Subject& subject : ToLookInto(desired, seen->observed)) {
    const std::string& id = subject.endpoint->id;
    absl::StatusOr<Container> opened = Container::Open(netns_of(id));
    // Its part of the plan then fails for want of the namespace.
    if (!opened.ok()) continue;
    Container& kept = seen->containers[id] = *std::move(opened);
    if (!ObserveEndpoint(instance_, *subject.network, *subject.endpoint,
                         &*kept.socket, &seen->observed)
             .ok()) {
      continue;
    }
    seen->places.containers[id] = {kept.fd, &*kept.socket};
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Recovered>> Host::Recover(
    const Desired& desired,
    const std::function<int(const std::string& endpoint_id)>& netns_of) const {
  Seen seen;
  CAISSON_RETURN_IF_ERROR(LookForRecover(desired, netns_of, &seen));
  std::vector<Recovered> recovered;
  for (Part& part : PlanNetwork(instance_, desired, seen.observed)) {
    Recovered one = {.network_id = part.network_id,
                     .endpoint_id = part.endpoint_id,
                     .steps = DescribeAll(part.plan),
                     .status = part.problem};
    if (one.status.ok()) one.status = Finish(Apply(part.plan, seen.places));
    recovered.push_back(std::move(one));
  }
  return recovered;
}

absl::StatusOr<std::vector<Part>> Host::PlanRecover(
    const Desired& desired,
    const std::function<int(const std::string& endpoint_id)>& netns_of) const {
  Seen seen;
  CAISSON_RETURN_IF_ERROR(LookForRecover(desired, netns_of, &seen));
  return PlanNetwork(instance_, desired, seen.observed);
}

absl::StatusOr<Observed> Host::Look() const {
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  return Observe(&socket);
}

absl::StatusOr<LinkCounters> Host::Counters(const Network& network,
                                            const Endpoint& endpoint,
                                            int netns_fd) const {
  const bool is_veth = network.has_veth();
  std::optional<Socket> socket;
  LinkRef ref = {.name = HostLinkName(endpoint.id)};
  if (is_veth) {
    CAISSON_ASSIGN_OR_RETURN(socket, Socket::Open());
  } else {
    CAISSON_ASSIGN_OR_RETURN(Container container, Container::Open(netns_fd));
    CAISSON_ASSIGN_OR_RETURN(const Link inside,
                             FindInside(network, endpoint, &container));
    ref = {.index = inside.index, .name = inside.name};
    socket = std::move(container.socket);
  }
  CAISSON_ASSIGN_OR_RETURN(const Link link,
                           GetLink(&*socket, ref, WithCounters::kYes));
  if (!link.counters.has_value()) {
    return NetErrorFrom(EOPNOTSUPP, "count", link.name);
  }
  return is_veth ? FromOtherSide(*link.counters) : *link.counters;
}

absl::StatusOr<std::vector<Link>> Host::ListOwnLinks() const {
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  CAISSON_ASSIGN_OR_RETURN(std::vector<Link> links, ListLinks(&socket));
  std::erase_if(links, [&](const Link& link) {
    const std::optional<Tag> tag = OwnTag(link);
    return !tag.has_value() || tag->instance != instance_;
  });
  return links;
}

}  // namespace caisson::netsetup
