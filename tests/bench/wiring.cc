#include "tests/bench/wiring.h"

#include "netsetup/addr.h"
#include "netsetup/ip_address.h"
#include "netsetup/link.h"
#include "netsetup/netlink/socket.h"
#include "runtime/base/status_macros.h"

namespace caisson::bench {
namespace {

using netsetup::Socket;

absl::StatusOr<int> BringUp(Socket& socket, const std::string& name) {
  CAISSON_RETURN_IF_ERROR(socket.Request(
      netsetup::BuildChangeLink({.name = name}, {.up = true}), "up", name));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Link link,
                           netsetup::GetLink(&socket, {.name = name}));
  return link.index;
}

absl::Status AddAddressBy(Socket& socket, int link,
                          const std::string& address) {
  CAISSON_ASSIGN_OR_RETURN(const netsetup::IpPrefix prefix,
                           netsetup::ParseIpPrefix(address));
  return socket.Request(
      netsetup::BuildAddAddress({.link = link, .prefix = prefix}),
      "add address", address);
}

}  // namespace

absl::StatusOr<int> CreateBridge(const std::string& name) {
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  CAISSON_RETURN_IF_ERROR(
      socket.Request(netsetup::BuildCreateLink(
                         {.name = name, .kind = netsetup::BridgeOptions{}}),
                     "create bridge", name));
  return BringUp(socket, name);
}

absl::StatusOr<int> CreateVeth(const std::string& name, int master,
                               int netns_fd, const std::string& address) {
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  CAISSON_RETURN_IF_ERROR(socket.Request(
      netsetup::BuildCreateLink(
          {.name = name,
           .kind = netsetup::VethOptions{.peer_name = "eth0",
                                         .peer_netns_fd = netns_fd},
           .master = master}),
      "create veth", name));
  CAISSON_ASSIGN_OR_RETURN(Socket inside, netsetup::OpenSocketIn(netns_fd));
  CAISSON_ASSIGN_OR_RETURN(const int peer, BringUp(inside, "eth0"));
  CAISSON_RETURN_IF_ERROR(AddAddressBy(inside, peer, address));
  return BringUp(socket, name);
}

absl::Status AddAddress(int link, const std::string& address) {
  CAISSON_ASSIGN_OR_RETURN(Socket socket, Socket::Open());
  return AddAddressBy(socket, link, address);
}

}  // namespace caisson::bench
