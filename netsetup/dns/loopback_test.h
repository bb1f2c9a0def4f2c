// Both sides of a responder for tests: clients, and a server elsewhere that
// replies when the test says so. All on loopback.
#ifndef CAISSON_NETSETUP_DNS_LOOPBACK_TEST_H_
#define CAISSON_NETSETUP_DNS_LOOPBACK_TEST_H_

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"

#include "netsetup/dns/message.h"
#include "netsetup/dns/query_test.h"
#include "netsetup/dns/socket_address.h"
#include "runtime/base/unique_fd.h"

namespace caisson::netsetup::dns {

// Long enough for a machine that is busy with other things.
inline constexpr int kPatienceMs = 30000;

inline bool WaitFor(int fd, short events, int timeout_ms = kPatienceMs) {
  pollfd waited = {.fd = fd, .events = events};
  int count = 0;
  do {
    count = ::poll(&waited, 1, timeout_ms);
  } while (count < 0 && errno == EINTR);
  return count == 1;
}

// A UDP socket: of a client when connected, of a server when bound.
class TestDatagrams {
 public:
  static TestDatagrams ConnectTo(const SocketAddress& server) {
    return TestDatagrams(*OpenClientSocket(Transport::kUdp, server));
  }
  static TestDatagrams BindTo(const SocketAddress& address) {
    return TestDatagrams(*OpenServerSocket(Transport::kUdp, address, ""));
  }

  SocketAddress address() const { return *LocalAddressOf(fd_.get()); }

  void Send(ByteView bytes) {
    EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  void SendTo(ByteView bytes, const SocketAddress& to) {
    const RawSocketAddress raw = ToRaw(to);
    EXPECT_EQ(
        ::sendto(fd_.get(), bytes.data(), bytes.size(), 0, raw.get(), raw.size),
        static_cast<ssize_t>(bytes.size()));
  }
  // Empty, and a failure of the test, when nothing comes.
  Bytes Receive(SocketAddress* from = nullptr) {
    EXPECT_TRUE(WaitFor(fd_.get(), POLLIN)) << "nothing came";
    return ReceiveNow(from);
  }
  // Empty when there is nothing.
  Bytes ReceiveNow(SocketAddress* from = nullptr) {
    Bytes buffer(kMaxMessageBytes);
    RawSocketAddress raw;
    const ssize_t got = ::recvfrom(fd_.get(), buffer.data(), buffer.size(),
                                   MSG_DONTWAIT, raw.get(), &raw.size);
    buffer.resize(got < 0 ? 0 : static_cast<size_t>(got));
    if (from != nullptr && got >= 0) *from = FromRaw(raw);
    return buffer;
  }
  TestReply Ask(const TestQuery& query) {
    Send(MakeQuery(query));
    return ReadReply(Receive());
  }

 private:
  explicit TestDatagrams(base::UniqueFd fd) : fd_(std::move(fd)) {}

  base::UniqueFd fd_;
};

// One end of a TCP connection.
class TestStream {
 public:
  static TestStream ConnectTo(const SocketAddress& server) {
    return TestStream(*OpenClientSocket(Transport::kTcp, server));
  }
  explicit TestStream(base::UniqueFd fd) : fd_(std::move(fd)) {}

  static Bytes Framed(ByteView message) {
    Bytes bytes = {static_cast<uint8_t>(message.size() >> 8),
                   static_cast<uint8_t>(message.size())};
    bytes.insert(bytes.end(), message.begin(), message.end());
    return bytes;
  }
  void Send(ByteView message) { SendRaw(Framed(message)); }
  void SendRaw(ByteView bytes) {
    while (!bytes.empty()) {
      ASSERT_TRUE(WaitFor(fd_.get(), POLLOUT));
      const ssize_t sent =
          ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) continue;
      ASSERT_GT(sent, 0);
      bytes = bytes.subspan(static_cast<size_t>(sent));
    }
  }
  void EndOutput() { EXPECT_EQ(::shutdown(fd_.get(), SHUT_WR), 0); }
  // The next message; empty at the end of the stream.
  Bytes Receive() {
    const Bytes length = ReceiveBytes(2);
    if (length.size() < 2) return {};
    return ReceiveBytes(size_t{length[0]} << 8 | length[1]);
  }
  bool IsClosedByPeer() { return ReceiveBytes(1).empty(); }
  TestReply Ask(const TestQuery& query) {
    Send(MakeQuery(query));
    return ReadReply(Receive());
  }

 private:
  Bytes ReceiveBytes(size_t count) {
    Bytes bytes(count);
    size_t have = 0;
    while (have < count) {
      EXPECT_TRUE(WaitFor(fd_.get(), POLLIN)) << "nothing came";
      const ssize_t got =
          ::recv(fd_.get(), bytes.data() + have, count - have, 0);
      if (got < 0 && errno == EAGAIN) continue;
      if (got <= 0) break;
      have += static_cast<size_t>(got);
    }
    bytes.resize(have);
    return bytes;
  }

  base::UniqueFd fd_;
};

// The same port with both transports.
class TestUpstream {
 public:
  TestUpstream() {
    // The port may be taken with the other transport.
    while (!listener_.is_valid()) {
      datagrams_.emplace(
          TestDatagrams::BindTo({.address = Address("127.0.0.1"), .port = 0}));
      absl::StatusOr<base::UniqueFd> listener =
          OpenServerSocket(Transport::kTcp, datagrams_->address(), "");
      if (listener.ok()) listener_ = *std::move(listener);
    }
  }

  SocketAddress address() const { return datagrams_->address(); }
  TestDatagrams& datagrams() { return *datagrams_; }
  TestStream Accept() {
    EXPECT_TRUE(WaitFor(listener_.get(), POLLIN)) << "nobody connects";
    return TestStream(base::UniqueFd(::accept4(
        listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)));
  }
  // Takes a query and replies to it; returns it.
  Bytes Reply(const std::string& address,
              ldns_pkt_rcode code = LDNS_RCODE_NOERROR) {
    SocketAddress from;
    Bytes query = datagrams_->Receive(&from);
    if (query.empty()) return query;
    datagrams_->SendTo(MakeReply(query, address, code), from);
    return query;
  }

 private:
  std::optional<TestDatagrams> datagrams_;
  base::UniqueFd listener_;
};

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_LOOPBACK_TEST_H_
