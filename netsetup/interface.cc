#include "netsetup/interface.h"

#include <algorithm>
#include <map>
#include <utility>

#include "netsetup/addr.h"
#include "runtime/base/status_macros.h"

namespace caisson::netsetup {

absl::StatusOr<std::vector<Interface>> ListInterfaces(Socket* socket) {
  CAISSON_ASSIGN_OR_RETURN(std::vector<Link> links,
                           ListLinks(socket, WithCounters::kYes));
  CAISSON_ASSIGN_OR_RETURN(
      const std::vector<OwnedReply> replies,
      socket->Dump(BuildDumpAddresses(0), "list addresses"));
  std::map<int, std::vector<IpPrefix>> addresses;
  for (const OwnedReply& reply : replies) {
    // Of other families there may be addresses too.
    const absl::StatusOr<LinkAddress> address = ParseAddress(reply.view());
    if (address.ok()) addresses[address->link].push_back(address->prefix);
  }
  std::sort(links.begin(), links.end(),
            [](const Link& a, const Link& b) { return a.index < b.index; });
  std::vector<Interface> interfaces;
  interfaces.reserve(links.size());
  for (Link& link : links) {
    std::vector<IpPrefix> own = std::move(addresses[link.index]);
    interfaces.push_back(
        {.link = std::move(link), .addresses = std::move(own)});
  }
  return interfaces;
}

}  // namespace caisson::netsetup
