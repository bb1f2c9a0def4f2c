#include "server/core/network/port_probe.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "netsetup/ip_address.h"
#include "netsetup/sysctl.h"
#include "runtime/base/unique_fd.h"

namespace caisson::core {
namespace {

base::UniqueFd OpenSocket(const store::PublishedPort& port, int family) {
  int type = SOCK_STREAM;
  int protocol = IPPROTO_TCP;
  if (port.protocol == "udp") type = SOCK_DGRAM, protocol = IPPROTO_UDP;
  if (port.protocol == "sctp") protocol = IPPROTO_SCTP;
  base::UniqueFd socket(::socket(family, type | SOCK_CLOEXEC, protocol));
  const int on = 1;
  // Without it a port of the one family would be taken for one of both.
  if (socket.is_valid() && family == AF_INET6) {
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  // Connections that have ended (TIME_WAIT) are nobody's.
  if (socket.is_valid() && type == SOCK_STREAM) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  }
  return socket;
}

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress AddressOf(const netsetup::IpAddress& address, int port) {
  SocketAddress out;
  if (address.is_v4()) {
    sockaddr_in in = {};
    in.sin_family = AF_INET;
    in.sin_port = htons(static_cast<uint16_t>(port));
    std::memcpy(&in.sin_addr, address.bytes().data(), sizeof(in.sin_addr));
    std::memcpy(&out.storage, &in, out.size = sizeof(in));
  } else {
    sockaddr_in6 in = {};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(static_cast<uint16_t>(port));
    std::memcpy(&in.sin6_addr, address.bytes().data(), sizeof(in.sin6_addr));
    std::memcpy(&out.storage, &in, out.size = sizeof(in));
  }
  return out;
}

// Whether everybody may bind to what the host does not have.
bool BindsToAll(int family) {
  const auto value = netsetup::ReadHostSysctl(
      family == AF_INET6 ? "net/ipv6/ip_nonlocal_bind"
                         : "net/ipv4/ip_nonlocal_bind");
  return value.ok() && *value != "0";
}

bool CanBind(const store::PublishedPort& port,
             const netsetup::IpAddress& address, int number) {
  const base::UniqueFd socket = OpenSocket(port, address.family());
  if (!socket.is_valid()) return true;
  SocketAddress at = AddressOf(address, number);
  return ::bind(socket.get(), at.get(), at.size) == 0 || errno != EADDRINUSE;
}

}  // namespace

bool IsPortFree(const store::PublishedPort& port) {
  const auto address = netsetup::ParseIpAddress(port.host_ip);
  if (!address.ok()) return true;
  for (int i = 0; i < std::max(port.count, 1); ++i) {
    if (!CanBind(port, *address, port.host_port + i)) return false;
  }
  return true;
}

bool IsAddressFree(const netsetup::IpAddress& address) {
  const base::UniqueFd socket(
      ::socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  SocketAddress at = AddressOf(address, 0);
  return !socket.is_valid() || ::bind(socket.get(), at.get(), at.size) != 0 ||
         BindsToAll(address.family());
}

}  // namespace caisson::core
