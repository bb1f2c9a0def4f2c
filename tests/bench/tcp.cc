#include "tests/bench/tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "absl/time/clock.h"

#include "netsetup/netns.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::bench {
namespace {

constexpr size_t kBufferBytes = 128 << 10;
constexpr timeval kTimeout = {.tv_sec = 10, .tv_usec = 0};

const sockaddr* AsSockaddr(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

sockaddr_in AddressOf(in_addr_t host, uint16_t port) {
  sockaddr_in out = {};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = host;
  out.sin_port = htons(port);
  return out;
}

absl::StatusOr<base::UniqueFd> Connect(const TcpRoute& route) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.is_valid()) return base::SyscallError("socket", "tcp");
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kTimeout, sizeof(kTimeout));
  const sockaddr_in address =
      AddressOf(::inet_addr(route.address.c_str()), route.port);
  if (::connect(fd.get(), AsSockaddr(address), sizeof(address)) != 0) {
    return base::SyscallError("connect", route.address);
  }
  return fd;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TcpSink>> TcpSink::Open(int netns_fd,
                                                       uint16_t port) {
  base::UniqueFd fd;
  CAISSON_RETURN_IF_ERROR(netsetup::RunInNetns(netns_fd, [&]() -> absl::Status {
    fd = base::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in any = AddressOf(htonl(INADDR_ANY), port);
    if (::bind(fd.get(), AsSockaddr(any), sizeof(any)) != 0 ||
        ::listen(fd.get(), SOMAXCONN) != 0) {
      return base::SyscallError("listen", "tcp");
    }
    return absl::OkStatus();
  }));
  return std::unique_ptr<TcpSink>(new TcpSink(std::move(fd)));
}

TcpSink::TcpSink(base::UniqueFd listener)
    : listener_(std::move(listener)), thread_([this] { Serve(); }) {}

TcpSink::~TcpSink() {
  ::shutdown(listener_.get(), SHUT_RDWR);  // wakes accept
  thread_.join();
}

void TcpSink::Serve() const {
  std::vector<char> buffer(kBufferBytes);
  while (true) {
    const base::UniqueFd peer(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer.is_valid() && errno != ECONNABORTED && errno != EINTR) return;
    while (::read(peer.get(), buffer.data(), buffer.size()) > 0) {
    }
  }
}

absl::Status TimeConnections(const TcpRoute& route, int count,
                             Samples* samples) {
  return netsetup::RunInNetns(route.netns_fd, [&]() -> absl::Status {
    for (int i = 0; i < count; ++i) {
      const int64_t begin = absl::GetCurrentTimeNanos();
      CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd fd, Connect(route));
      samples->push_back(absl::GetCurrentTimeNanos() - begin);
      const linger reset = {.l_onoff = 1, .l_linger = 0};
      ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<double> MeasureStream(const TcpRoute& route,
                                     absl::Duration duration) {
  int64_t bytes = 0;
  absl::Duration elapsed;
  CAISSON_RETURN_IF_ERROR(
      netsetup::RunInNetns(route.netns_fd, [&]() -> absl::Status {
        CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd fd, Connect(route));
        const std::vector<char> buffer(kBufferBytes);
        const absl::Time begin = absl::Now();
        while (elapsed < duration) {
          const ssize_t sent = ::write(fd.get(), buffer.data(), buffer.size());
          if (sent < 0) return base::SyscallError("write", route.address);
          bytes += sent;
          elapsed = absl::Now() - begin;
        }
        return absl::OkStatus();
      }));
  return static_cast<double>(bytes) / absl::ToDoubleSeconds(elapsed);
}

}  // namespace caisson::bench
