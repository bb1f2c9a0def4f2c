#include "netsetup/dns/socket_address.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup::dns {
namespace {

constexpr int kBacklog = 128;
// Of UDP queries that wait for the thread. By default it holds 270 of them,
// and each that finds no room costs its client five seconds.
constexpr int kReceiveBufferBytes = 1024 * 1024;

int TypeOf(Transport transport) {
  return transport == Transport::kUdp ? SOCK_DGRAM : SOCK_STREAM;
}

std::string Describe(Transport transport, const SocketAddress& address) {
  return base::StrCat(transport == Transport::kUdp ? "udp " : "tcp ",
                      address.ToString());
}

// SyscallError quotes its object, and an address has quotes of its own.
absl::Status Failure(std::string_view call, Transport transport,
                     const SocketAddress& address) {
  const absl::Status status = base::SyscallError(call);
  return base::Annotate(status, Describe(transport, address));
}

bool SetOption(int socket_fd, int level, int name) {
  const int on = 1;
  return ::setsockopt(socket_fd, level, name, &on, sizeof(on)) == 0;
}

// As large as it may be. Beyond a sysctl's limit only with CAP_NET_ADMIN.
void EnlargeReceiveBuffer(int socket_fd) {
  for (const int option : {SO_RCVBUFFORCE, SO_RCVBUF}) {
    if (::setsockopt(socket_fd, SOL_SOCKET, option, &kReceiveBufferBytes,
                     sizeof(kReceiveBufferBytes)) == 0) {
      return;
    }
  }
}

}  // namespace

std::string SocketAddress::ToString() const {
  return base::StrCat("'", address.ToString(), "' port ", port);
}

RawSocketAddress ToRaw(const SocketAddress& address) {
  RawSocketAddress raw;
  const std::span<const uint8_t> bytes = address.address.bytes();
  if (address.address.is_v4()) {
    sockaddr_in in = {};
    in.sin_family = AF_INET;
    in.sin_port = htons(address.port);
    std::memcpy(&in.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&raw.storage, &in, sizeof(in));
    raw.size = sizeof(in);
  } else {
    sockaddr_in6 in6 = {};
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(address.port);
    in6.sin6_scope_id = address.scope;
    std::memcpy(&in6.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&raw.storage, &in6, sizeof(in6));
    raw.size = sizeof(in6);
  }
  return raw;
}

SocketAddress FromRaw(const RawSocketAddress& raw) {
  if (raw.storage.ss_family == AF_INET6) {
    sockaddr_in6 in6 = {};
    std::memcpy(&in6, &raw.storage, sizeof(in6));
    std::array<uint8_t, 16> bytes = {};
    std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
    return {.address = IpAddress::V6(bytes),
            .port = ntohs(in6.sin6_port),
            .scope = in6.sin6_scope_id};
  }
  sockaddr_in in = {};
  std::memcpy(&in, &raw.storage, sizeof(in));
  std::array<uint8_t, 4> bytes = {};
  std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
  return {.address = IpAddress::V4(bytes), .port = ntohs(in.sin_port)};
}

absl::StatusOr<base::UniqueFd> OpenServerSocket(Transport transport,
                                                const SocketAddress& address,
                                                const std::string& device) {
  base::UniqueFd fd(::socket(address.address.family(),
                             TypeOf(transport) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                             0));
  if (!fd.is_valid()) return Failure("socket", transport, address);
  // Another socket may have the same port of 0.0.0.0.
  if (address.address.is_v6() &&
      !SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY)) {
    return Failure("setsockopt IPV6_V6ONLY", transport, address);
  }
  // Connections of an earlier life do not hold the port. With UDP the same
  // option would share the port with whoever else sets it.
  if (transport == Transport::kTcp &&
      !SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR)) {
    return Failure("setsockopt SO_REUSEADDR", transport, address);
  }
  if (transport == Transport::kUdp) EnlargeReceiveBuffer(fd.get());
  if (!device.empty() &&
      ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                   static_cast<socklen_t>(device.size())) != 0) {
    return Failure(base::StrCat("setsockopt SO_BINDTODEVICE '", device, "'"),
                   transport, address);
  }
  const RawSocketAddress raw = ToRaw(address);
  if (::bind(fd.get(), raw.get(), raw.size) != 0) {
    return Failure("bind", transport, address);
  }
  if (transport == Transport::kTcp && ::listen(fd.get(), kBacklog) != 0) {
    return Failure("listen", transport, address);
  }
  return fd;
}

absl::StatusOr<base::UniqueFd> OpenClientSocket(Transport transport,
                                                const SocketAddress& server) {
  base::UniqueFd fd(::socket(server.address.family(),
                             TypeOf(transport) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                             0));
  if (!fd.is_valid()) return Failure("socket", transport, server);
  const RawSocketAddress raw = ToRaw(server);
  if (::connect(fd.get(), raw.get(), raw.size) != 0 && errno != EINPROGRESS) {
    return Failure("connect", transport, server);
  }
  return fd;
}

absl::StatusOr<SocketAddress> LocalAddressOf(int socket_fd) {
  RawSocketAddress raw;
  if (::getsockname(socket_fd, raw.get(), &raw.size) != 0) {
    return base::SyscallError("getsockname");
  }
  return FromRaw(raw);
}

}  // namespace caisson::netsetup::dns
