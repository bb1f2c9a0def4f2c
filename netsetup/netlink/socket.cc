#include "netsetup/netlink/socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

// A dump fills at most 32 KiB; a single link with many queues may be longer.
constexpr size_t kBufferBytes = size_t{64} * 1024;
// As many acknowledgements fit into the smallest receive buffer by far.
constexpr size_t kMaxBatch = 64;
// For a dump that was inconsistent, and for a question whose answer was lost.
constexpr int kMaxDumps = 5;

absl::Status SetOption(int fd, int level, int option, const void* value,
                       socklen_t size) {
  if (::setsockopt(fd, level, option, value, size) != 0) {
    return base::SyscallError("setsockopt", "netlink");
  }
  return absl::OkStatus();
}

absl::Status SetFlag(int fd, int level, int option) {
  const int on = 1;
  return SetOption(fd, level, option, &on, sizeof(on));
}

absl::Status Configure(int fd, const SocketOptions& options) {
  // Extended texts; acknowledgements without a copy of the request; dumps
  // whose filters are obeyed or refused, never ignored.
  for (const int option :
       {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK}) {
    CAISSON_RETURN_IF_ERROR(SetFlag(fd, SOL_NETLINK, option));
  }
  const timeval timeout = absl::ToTimeval(options.timeout);
  CAISSON_RETURN_IF_ERROR(
      SetOption(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
  if (options.receive_buffer_bytes > 0) {
    const int bytes = options.receive_buffer_bytes;
    CAISSON_RETURN_IF_ERROR(
        SetOption(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)));
  }
  return absl::OkStatus();
}

Result Failed(int err) {
  Result result;
  result.ack.error = err;
  return result;
}

OwnedReply Own(const Reply& reply) {
  return {.type = reply.type,
          .bytes = {reply.payload.begin(), reply.payload.end()}};
}

}  // namespace

// Sorts replies to the requests that they answer.
class Socket::Collector {
 public:
  Collector(uint32_t first_sequence, std::span<Result> results)
      : first_(first_sequence),
        results_(results),
        done_(results.size(), false),
        left_(results.size()) {}

  bool is_complete() const { return left_ == 0; }

  void Take(std::span<const uint8_t> datagram) {
    while (const std::optional<Reply> reply = TakeReply(&datagram)) {
      TakeOne(*reply);
    }
  }

  // What has no answer yet will not get one.
  void GiveUp(int err) {
    for (size_t i = 0; i < done_.size(); ++i) {
      if (done_[i]) continue;
      results_[i].ack.error = err;
      results_[i].is_unknown = true;
    }
    left_ = 0;
  }

 private:
  void TakeOne(const Reply& reply) {
    // Unsigned, so that it holds where the numbers wrap. Anything else is the
    // late answer to a request that was given up.
    const uint32_t index = reply.sequence - first_;
    if (index >= done_.size() || done_[index]) return;
    const std::optional<Ack> ack = ParseAck(reply);
    if (!ack.has_value()) {
      results_[index].replies.push_back(Own(reply));
      return;
    }
    results_[index].ack = *ack;
    done_[index] = true;
    --left_;
  }

  const uint32_t first_;
  const std::span<Result> results_;
  std::vector<bool> done_;
  size_t left_;
};

absl::StatusOr<Socket> Socket::Open(const SocketOptions& options) {
  base::UniqueFd fd(
      ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.is_valid()) return base::SyscallError("socket", "netlink");
  CAISSON_RETURN_IF_ERROR(Configure(fd.get(), options));
  // To the kernel, port 0; the own port is chosen by it as well.
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&kernel),
                sizeof(kernel)) != 0) {
    return base::SyscallError("connect", "netlink");
  }
  return Socket(std::move(fd));
}

Socket::Socket(base::UniqueFd fd)
    : fd_(std::move(fd)),
      buffer_(std::make_unique_for_overwrite<uint8_t[]>(kBufferBytes)) {}

std::vector<Result> Socket::Transact(std::span<Message> requests) {
  std::vector<Result> results(requests.size());
  for (size_t at = 0; at < requests.size(); at += kMaxBatch) {
    const size_t count = std::min(kMaxBatch, requests.size() - at);
    TransactSome(requests.subspan(at, count),
                 std::span<Result>(results).subspan(at, count));
  }
  return results;
}

void Socket::TransactSome(std::span<Message> requests,
                          std::span<Result> results) {
  const uint32_t first = next_sequence_;
  next_sequence_ += static_cast<uint32_t>(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].SetSequence(first + static_cast<uint32_t>(i));
  }
  if (const int err = Send(requests); err != 0) {
    std::fill(results.begin(), results.end(), Failed(err));
    return;
  }
  Collector collector(first, results);
  // After an overrun no lost answer can come any more: all were given while
  // the send lasted. What was queued is still good.
  int flags = 0;
  while (!collector.is_complete()) {
    std::span<const uint8_t> datagram;
    const int err = Receive(flags, &datagram);
    if (err == 0) {
      collector.Take(datagram);
    } else if (err == ENOBUFS) {
      flags = MSG_DONTWAIT;
      for (Result& result : results) result.is_overrun = true;
    } else if (err == EAGAIN) {
      collector.GiveUp(flags == 0 ? ETIMEDOUT : ENOBUFS);
    } else {
      collector.GiveUp(err);
    }
  }
}

int Socket::Send(std::span<const Message> requests) {
  std::array<iovec, kMaxBatch> parts;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (!requests[i].ok()) return EMSGSIZE;
    const std::span<const uint8_t> bytes = requests[i].bytes();
    parts[i].iov_base = const_cast<uint8_t*>(bytes.data());
    // A message that is not a multiple of four would shift the next; libnl has
    // reserved, and cleared, the padding.
    parts[i].iov_len = NLMSG_ALIGN(bytes.size());
  }
  msghdr header = {};
  header.msg_iov = parts.data();
  header.msg_iovlen = requests.size();
  while (::sendmsg(fd_.get(), &header, MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

int Socket::Receive(int flags, std::span<const uint8_t>* datagram) {
  iovec part = {.iov_base = buffer_.get(), .iov_len = kBufferBytes};
  sockaddr_nl sender = {};
  while (true) {
    msghdr header = {};
    header.msg_name = &sender;
    header.msg_namelen = sizeof(sender);
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const ssize_t size = ::recvmsg(fd_.get(), &header, flags);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    // Only the kernel is port 0: another process may have sent this.
    if (header.msg_namelen == sizeof(sender) && sender.nl_pid != 0) continue;
    if ((header.msg_flags & MSG_TRUNC) != 0) return EMSGSIZE;
    if (size == 0) return ECONNRESET;
    *datagram = {buffer_.get(), static_cast<size_t>(size)};
    return 0;
  }
}

absl::Status Socket::Request(Message request, std::string_view op,
                             std::string_view object) {
  const std::vector<Result> results = Transact({&request, 1});
  return ToStatus({.op = std::string(op),
                   .object = std::string(object),
                   .ack = results[0].ack});
}

absl::StatusOr<OwnedReply> Socket::Get(Message request, std::string_view op,
                                       std::string_view object) {
  NetError error = {.op = std::string(op), .object = std::string(object)};
  for (int round = 0; round < kMaxDumps; ++round) {
    std::vector<Result> results = Transact({&request, 1});
    const bool has_reply = results[0].replies.size() == 1;
    error.ack = results[0].ack;
    if (has_reply && error.ack.error == 0) {
      return std::move(results[0].replies[0]);
    }
    // Asked again: a question changes nothing.
    if (results[0].is_overrun) continue;
    if (error.ack.error == 0) error.ack.error = EBADMSG;
    return ToStatus(error);
  }
  error.ack = {.error = ENOBUFS};
  return ToStatus(error);
}

absl::StatusOr<std::vector<OwnedReply>> Socket::Dump(const Message& request,
                                                     std::string_view op) {
  NetError error = {.op = std::string(op)};
  for (int round = 0; round < kMaxDumps; ++round) {
    std::vector<OwnedReply> replies;
    Ack ack;
    bool is_inconsistent = false;
    const int err = DumpOnce(request, &replies, &ack, &is_inconsistent);
    // The kernel says so in a flag; a few dumps fail with EINTR instead.
    if (err == 0 && (ack.error == EINTR || is_inconsistent)) {
      error.ack = {.error = EINTR};
      continue;
    }
    error.ack = err != 0 ? Ack{.error = err} : ack;
    CAISSON_RETURN_IF_ERROR(ToStatus(error));
    return replies;
  }
  return ToStatus(error);
}

int Socket::DumpOnce(const Message& request, std::vector<OwnedReply>* replies,
                     Ack* ack, bool* is_inconsistent) {
  if (!request.ok()) return EMSGSIZE;
  const std::span<const uint8_t> bytes = request.bytes();
  std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  auto* const header = reinterpret_cast<nlmsghdr*>(copy.data());
  const uint32_t sequence = next_sequence_++;
  header->nlmsg_flags |= NLM_F_DUMP;
  header->nlmsg_seq = sequence;
  while (::send(fd_.get(), copy.data(), copy.size(), MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return errno;
  }
  while (true) {
    std::span<const uint8_t> datagram;
    const int err = Receive(0, &datagram);
    if (err == ENOBUFS) {
      // Read on: the kernel refuses a new dump while one is unfinished.
      *is_inconsistent = true;
      continue;
    }
    if (err != 0) return err == EAGAIN ? ETIMEDOUT : err;
    while (const std::optional<Reply> reply = TakeReply(&datagram)) {
      if (reply->sequence != sequence) continue;
      if ((reply->flags & NLM_F_DUMP_INTR) != 0) *is_inconsistent = true;
      if (const std::optional<Ack> end = ParseAck(*reply)) {
        *ack = *end;
        return 0;
      }
      replies->push_back(Own(*reply));
    }
  }
}

uint64_t Socket::NamespaceCookie() const {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
#ifdef SO_NETNS_COOKIE
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) !=
      0) {
    return 0;
  }
#else
  static_cast<void>(size);
#endif
  return cookie;
}

}  // namespace caisson::netsetup
