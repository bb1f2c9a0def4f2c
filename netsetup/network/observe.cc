#include "netsetup/network/observe.h"

#include <errno.h>

#include <string>
#include <utility>
#include <vector>

#include "netsetup/addr.h"
#include "netsetup/link.h"
#include "netsetup/route.h"
#include "netsetup/sysctl.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

constexpr char kForward4[] = "net/ipv4/ip_forward";
constexpr char kForward6[] = "net/ipv6/conf/all/forwarding";

// One that this kernel does not have, or whose link is gone, is left out.
absl::Status AddSysctl(const std::string& key, Observed* observed) {
  absl::StatusOr<std::string> value = ReadHostSysctl(key);
  if (base::ErrnoOf(value.status()) == ENOENT) return absl::OkStatus();
  if (!value.ok()) return value.status();
  observed->sysctls[key] = *std::move(value);
  return absl::OkStatus();
}

absl::Status AddBridgeCalls(Observed* observed) {
  for (const char* key : kBridgeCalls) {
    CAISSON_RETURN_IF_ERROR(AddSysctl(key, observed));
  }
  return absl::OkStatus();
}

// One that is not there is left out.
absl::Status AddLinkTo(std::vector<Link>* links, Socket* socket,
                       const LinkRef& ref) {
  absl::StatusOr<Link> link = GetLink(socket, ref);
  if (base::ErrnoOf(link.status()) == ENODEV) return absl::OkStatus();
  if (!link.ok()) return link.status();
  links->push_back(*std::move(link));
  return absl::OkStatus();
}

absl::Status AddLink(Socket* socket, std::string_view name,
                     Observed* observed) {
  return AddLinkTo(&observed->links, socket, {.name = std::string(name)});
}

}  // namespace

absl::StatusOr<Observed> Observe(Socket* host) {
  Observed observed;
  CAISSON_ASSIGN_OR_RETURN(observed.links, ListLinks(host));
  CAISSON_ASSIGN_OR_RETURN(observed.addresses, ListAddresses(host));
  CAISSON_ASSIGN_OR_RETURN(observed.routes, ListRoutes(host));
  for (const char* key : {kForward4, kForward6}) {
    CAISSON_RETURN_IF_ERROR(AddSysctl(key, &observed));
  }
  CAISSON_RETURN_IF_ERROR(AddBridgeCalls(&observed));
  // Of interest only for who is about to switch forwarding on.
  if (observed.Sysctl(kForward6) == "0") {
    for (const Link& link : observed.links) {
      CAISSON_RETURN_IF_ERROR(AddSysctl(
          base::StrCat("net/ipv6/conf/", link.name, "/accept_ra"), &observed));
    }
  }
  return observed;
}

absl::StatusOr<Observed> ObserveForAttach(Socket* host,
                                          const Network& network) {
  Observed observed;
  if (network.driver == Driver::kPtp) {
    CAISSON_RETURN_IF_ERROR(AddSysctl(kForward6, &observed));
    return observed;
  }
  CAISSON_RETURN_IF_ERROR(AddLink(host, BridgeName(network), &observed));
  if (network.driver == Driver::kBridge) {
    CAISSON_RETURN_IF_ERROR(AddBridgeCalls(&observed));
  }
  return observed;
}

absl::StatusOr<Observed> ObserveForDetach(Socket* host,
                                          std::string_view endpoint_id) {
  Observed observed;
  CAISSON_RETURN_IF_ERROR(AddLink(host, HostLinkName(endpoint_id), &observed));
  CAISSON_RETURN_IF_ERROR(AddLink(host, IfbName(endpoint_id), &observed));
  return observed;
}

absl::Status ObserveLinkInside(Socket* container, const Network& network,
                               const Endpoint& endpoint, Observed* observed) {
  std::vector<Link>& links = observed->inside[endpoint.id];
  const int index = InsideIndex(network, endpoint);
  if (index > 0) {
    CAISSON_RETURN_IF_ERROR(AddLinkTo(&links, container, {.index = index}));
  }
  const LinkRef by_name = {.name = endpoint.interface};
  if (!links.empty() && links.front().name == by_name.name) {
    return absl::OkStatus();
  }
  return AddLinkTo(&links, container, by_name);
}

absl::Status ObserveInside(Socket* container, std::string_view endpoint_id,
                           Observed* observed) {
  CAISSON_ASSIGN_OR_RETURN(observed->inside[std::string(endpoint_id)],
                           ListLinks(container));
  CAISSON_ASSIGN_OR_RETURN(observed->inside_routes[std::string(endpoint_id)],
                           ListRoutes(container));
  return absl::OkStatus();
}

}  // namespace caisson::netsetup
