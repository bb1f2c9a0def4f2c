#include "netsetup/dns/exchange.h"

#include <sys/epoll.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <utility>

#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup::dns {
namespace {

// Datagrams of one event. A server that floods gets its turn again.
constexpr int kFairShare = 16;
constexpr size_t kLengthBytes = 2;

// Not predictable for who does not see it: with the port it is all that keeps
// forged replies away.
absl::StatusOr<uint16_t> RandomMessageId() {
  uint16_t id = 0;
  ssize_t count = 0;
  do {
    count = ::getrandom(&id, sizeof(id), 0);
  } while (count < 0 && errno == EINTR);
  if (count != sizeof(id)) return base::SyscallError("getrandom");
  return id;
}

bool WouldBlock(int err) {
  return err == EAGAIN || err == EINTR;
}

}  // namespace

Exchange::Exchange(Transport transport, base::UniqueFd fd, Bytes query,
                   size_t question_end, uint16_t client_id)
    : transport_(transport),
      fd_(std::move(fd)),
      query_(std::move(query)),
      question_end_(question_end),
      client_id_(client_id) {}

absl::StatusOr<Exchange> Exchange::Open(Transport transport,
                                        const SocketAddress& server,
                                        ByteView query, size_t question_end) {
  CAISSON_ASSIGN_OR_RETURN(base::UniqueFd fd,
                           OpenClientSocket(transport, server));
  CAISSON_ASSIGN_OR_RETURN(const uint16_t id, RandomMessageId());
  Bytes copy(query.begin(), query.end());
  SetId(copy, id);
  Exchange exchange(transport, std::move(fd), std::move(copy), question_end,
                    ReadHeader(query).id);
  if (transport == Transport::kUdp) {
    CAISSON_RETURN_IF_ERROR(exchange.SendDatagram());
    return exchange;
  }
  exchange.output_ = {static_cast<uint8_t>(query.size() >> 8),
                      static_cast<uint8_t>(query.size())};
  exchange.output_.insert(exchange.output_.end(), exchange.query_.begin(),
                          exchange.query_.end());
  return exchange;
}

uint32_t Exchange::events() const {
  return sent_ < output_.size() ? EPOLLOUT : EPOLLIN;
}

absl::Status Exchange::SendAgain() {
  if (transport_ == Transport::kTcp) return absl::OkStatus();
  return SendDatagram();
}

absl::StatusOr<std::optional<Bytes>> Exchange::Proceed() {
  if (transport_ == Transport::kUdp) return ReceiveDatagram();
  CAISSON_RETURN_IF_ERROR(SendStream());
  if (sent_ < output_.size()) return std::nullopt;
  return ReceiveStream();
}

absl::Status Exchange::SendDatagram() {
  const ssize_t sent =
      ::send(fd_.get(), query_.data(), query_.size(), MSG_NOSIGNAL);
  // A datagram that finds no room is lost like one on the way.
  if (sent < 0 && !WouldBlock(errno)) return base::SyscallError("send");
  return absl::OkStatus();
}

absl::Status Exchange::SendStream() {
  while (sent_ < output_.size()) {
    const ssize_t sent = ::send(fd_.get(), output_.data() + sent_,
                                output_.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0 && WouldBlock(errno)) return absl::OkStatus();
    // Also where it could not connect.
    if (sent < 0) return base::SyscallError("send");
    sent_ += static_cast<size_t>(sent);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Bytes>> Exchange::ReceiveDatagram() {
  std::array<uint8_t, kMaxMessageBytes> buffer;
  for (int i = 0; i < kFairShare; ++i) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && WouldBlock(errno)) return std::nullopt;
    // ECONNREFUSED: nobody is there.
    if (got < 0) return base::SyscallError("recv");
    const ByteView reply(buffer.data(), static_cast<size_t>(got));
    if (Matches(reply)) return ForClient(reply);
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<Bytes>> Exchange::ReceiveStream() {
  std::array<uint8_t, kMaxMessageBytes> buffer;
  const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
  if (got < 0 && WouldBlock(errno)) return std::nullopt;
  if (got < 0) return base::SyscallError("recv");
  if (got == 0) return absl::UnavailableError("closed without a reply");
  input_.insert(input_.end(), buffer.begin(), buffer.begin() + got);
  if (input_.size() < kLengthBytes) return std::nullopt;
  const size_t length = size_t{input_[0]} << 8 | input_[1];
  if (input_.size() < kLengthBytes + length) return std::nullopt;
  const ByteView reply = ByteView(input_).subspan(kLengthBytes, length);
  // The only query of its connection: what else comes is nothing to wait on.
  if (!Matches(reply)) return absl::UnavailableError("not a reply");
  return ForClient(reply);
}

bool Exchange::Matches(ByteView reply) const {
  return IsReplyTo(reply, query_, question_end_);
}

Bytes Exchange::ForClient(ByteView reply) const {
  Bytes bytes(reply.begin(), reply.end());
  SetId(bytes, client_id_);
  return bytes;
}

}  // namespace caisson::netsetup::dns
