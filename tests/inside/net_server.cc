// The mode that answers in networks.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/inside/modes.h"

namespace caisson::inside {

namespace {

// As people write it, IPv4 without the coat of IPv6.
std::string AddressText(const sockaddr_in6& address) {
  char text[INET6_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
  const std::string plain = text;
  constexpr std::string_view kCoat = "::ffff:";
  return plain.rfind(kCoat, 0) == 0 ? plain.substr(kCoat.size()) : plain;
}

// Of both families, on every address.
int Listen(int type, int64_t port) {
  const int fd = ::socket(AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int off = 0;
  const int on = 1;
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<uint16_t>(port));
  if (fd < 0 ||
      ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0 ||
      ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
      ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 ||
      (type == SOCK_STREAM && ::listen(fd, SOMAXCONN) < 0)) {
    PrintFact("error", ErrnoText(errno));
    return -1;
  }
  return fd;
}

struct Echoed {
  int fd;
  // What was received and is not yet sent back.
  std::string pending;
};

// False when the connection is over.
bool Turn(Echoed& echoed, short events) {
  if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && echoed.pending.empty()) {
    char chunk[65536];
    const ssize_t n = ::recv(echoed.fd, chunk, sizeof chunk, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (n > 0) echoed.pending.assign(chunk, static_cast<size_t>(n));
  }
  if (!echoed.pending.empty()) {
    const ssize_t n = ::send(echoed.fd, echoed.pending.data(),
                             echoed.pending.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (n > 0) echoed.pending.erase(0, static_cast<size_t>(n));
  }
  return true;
}

class Server {
 public:
  Server(std::string name, int64_t port, int64_t echo_port)
      : name_(std::move(name)),
        stream_(Listen(SOCK_STREAM, port)),
        datagram_(Listen(SOCK_DGRAM, port)),
        echo_(Listen(SOCK_STREAM, echo_port)) {}

  bool listens() const { return stream_ >= 0 && datagram_ >= 0 && echo_ >= 0; }

  void TurnAll() {
    std::vector<pollfd> fds = {
        {stream_, POLLIN, 0}, {datagram_, POLLIN, 0}, {echo_, POLLIN, 0}};
    for (const Echoed& echoed : echoed_) {
      const bool full = !echoed.pending.empty();
      fds.push_back(
          {echoed.fd, static_cast<short>(full ? POLLOUT : POLLIN), 0});
    }
    if (::poll(fds.data(), fds.size(), -1) < 0) return;
    if (fds[0].revents != 0) AnswerStream();
    if (fds[1].revents != 0) AnswerDatagram();
    // From the end: those that are over are taken out.
    for (size_t i = echoed_.size(); i-- > 0;) {
      const short events = fds[3 + i].revents;
      if (events == 0 || Turn(echoed_[i], events)) continue;
      ::close(echoed_[i].fd);
      echoed_.erase(echoed_.begin() + static_cast<ptrdiff_t>(i));
    }
    if (fds[2].revents != 0) AcceptEcho();
  }

 private:
  std::string AnswerTo(const sockaddr_in6& peer) const {
    return name_ + " " + AddressText(peer);
  }
  void AnswerStream() {
    sockaddr_in6 peer = {};
    socklen_t size = sizeof peer;
    const int fd = ::accept4(stream_, reinterpret_cast<sockaddr*>(&peer), &size,
                             SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::string answer = AnswerTo(peer);
    if (::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) {
      PrintFact("lost", AddressText(peer));
    }
    ::close(fd);
  }
  void AnswerDatagram() {
    sockaddr_in6 peer = {};
    socklen_t size = sizeof peer;
    auto* const address = reinterpret_cast<sockaddr*>(&peer);
    char question[64];
    if (::recvfrom(datagram_, question, sizeof question, 0, address, &size) <
        0) {
      return;
    }
    const std::string answer = AnswerTo(peer);
    if (::sendto(datagram_, answer.data(), answer.size(), 0, address, size) <
        0) {
      PrintFact("lost", AddressText(peer));
    }
  }
  void AcceptEcho() {
    const int fd =
        ::accept4(echo_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) echoed_.push_back({fd, {}});
  }

  const std::string name_;
  const int stream_;
  const int datagram_;
  const int echo_;
  std::vector<Echoed> echoed_;
};

}  // namespace

int Serve(const Arguments& arguments) {
  if (arguments.size() < 3) return 64;
  Server server(arguments[0], NumberOr(arguments[1], 0),
                NumberOr(arguments[2], 0));
  if (!server.listens()) return 1;
  PrintFact("serving", arguments[0]);
  while (true) server.TurnAll();
}

}  // namespace caisson::inside
