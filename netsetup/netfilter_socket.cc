#include "netsetup/netfilter_socket.h"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "netsetup/attributes.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

using base::SyscallError;
using base::SyscallErrorFrom;

// A dump fills the buffer it is given, up to 32 KiB a datagram.
constexpr size_t kReceiveBytes = 65536;
// Answers wait here until they are read; each has its overhead in the kernel.
constexpr int kReceiveRoom = 4 * 1024 * 1024;
// What the send buffer is raised to at least.
constexpr size_t kSendRoom = 262144;
// A dump that meets a change every time is given up.
constexpr int kDumpAttempts = 10;
// For one part of a dump: an answer that was lost never comes.
constexpr timeval kReceiveLimit = {.tv_sec = 10, .tv_usec = 0};

absl::Status SetOption(const mnl_socket* socket, int level, int option,
                       int value) {
  if (::setsockopt(::mnl_socket_get_fd(socket), level, option, &value,
                   sizeof(value)) == 0) {
    return absl::OkStatus();
  }
  return SyscallError("setsockopt", "netlink");
}

// The kernel has negative numbers down to -MAX_ERRNO here; others are none of
// its errors, and no success either.
int ErrnoFrom(int error) {
  constexpr int kMostErrno = 4095;
  return error <= 0 && error >= -kMostErrno ? -error : EPROTO;
}

// The attributes behind the error: the kernel's words and the place.
void ReadExtended(const nlmsghdr* header, size_t from,
                  NetfilterAnswer* answer) {
  const auto* start = reinterpret_cast<const char*>(header) + from;
  const auto read = [answer](const nlattr* attribute) {
    const uint16_t type = ::mnl_attr_get_type(attribute);
    if (type == NLMSGERR_ATTR_MSG) answer->text = AttributeText(attribute);
    if (type == NLMSGERR_ATTR_OFFS &&
        ::mnl_attr_get_payload_len(attribute) == sizeof(uint32_t)) {
      answer->offset = ::mnl_attr_get_u32(attribute);
    }
  };
  ForEachAttribute(start, header->nlmsg_len - from, read);
}

}  // namespace

absl::StatusOr<NetfilterAnswer> ParseNetfilterAnswer(const nlmsghdr* header) {
  constexpr size_t kLeast = MNL_NLMSG_HDRLEN + sizeof(nlmsgerr);
  if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_len < kLeast) {
    return absl::InvalidArgumentError("not a netlink answer");
  }
  nlmsgerr error = {};
  std::memcpy(&error, ::mnl_nlmsg_get_payload(header), sizeof(error));
  NetfilterAnswer answer;
  answer.sequence = header->nlmsg_seq;
  answer.err = ErrnoFrom(error.error);
  if ((header->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return answer;
  size_t from = kLeast;
  // Without NLM_F_CAPPED the refused message lies between.
  if ((header->nlmsg_flags & NLM_F_CAPPED) == 0) {
    if (error.msg.nlmsg_len < sizeof(nlmsghdr)) return answer;
    const size_t body = error.msg.nlmsg_len - sizeof(nlmsghdr);
    from += MNL_ALIGN(body);
    if (body > header->nlmsg_len || from > header->nlmsg_len) return answer;
  }
  ReadExtended(header, from, &answer);
  return answer;
}

absl::StatusOr<NetfilterSocket> NetfilterSocket::Open() {
  NetfilterSocket opened;
  opened.socket_.reset(::mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
  if (opened.socket_ == nullptr) return SyscallError("socket", "netfilter");
  const mnl_socket* socket = opened.socket_.get();
  if (::mnl_socket_bind(opened.socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
    return SyscallError("bind", "netfilter");
  }
  CAISSON_RETURN_IF_ERROR(SetOption(socket, SOL_NETLINK, NETLINK_EXT_ACK, 1));
  CAISSON_RETURN_IF_ERROR(SetOption(socket, SOL_NETLINK, NETLINK_CAP_ACK, 1));
  base::IgnoreError(
      SetOption(socket, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveRoom),
      "without privilege the default room stays; reads then say ENOBUFS");
  if (::setsockopt(opened.fd(), SOL_SOCKET, SO_RCVTIMEO, &kReceiveLimit,
                   sizeof(kReceiveLimit)) != 0) {
    return SyscallError("setsockopt", "netlink");
  }
  opened.buffer_.resize(kReceiveBytes);
  return opened;
}

uint32_t NetfilterSocket::port_id() const {
  return ::mnl_socket_get_portid(socket_.get());
}

int NetfilterSocket::fd() const {
  return ::mnl_socket_get_fd(socket_.get());
}

absl::Status NetfilterSocket::Send(std::span<const uint8_t> messages) {
  // One datagram is one transaction, and has to fit the send buffer whole.
  if (messages.size() > send_room_) {
    const size_t room = std::max(messages.size() * 2, kSendRoom);
    base::IgnoreError(SetOption(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE,
                                static_cast<int>(room)),
                      "sendto says EMSGSIZE when the room was really needed");
    send_room_ = room;
  }
  if (::mnl_socket_sendto(socket_.get(), messages.data(), messages.size()) <
      0) {
    return SyscallError("sendto", "netfilter");
  }
  return absl::OkStatus();
}

uint32_t NetfilterSocket::Number(std::span<uint8_t> messages) {
  const uint32_t first = next_sequence_;
  int left = static_cast<int>(messages.size());
  auto* header = reinterpret_cast<nlmsghdr*>(messages.data());
  while (::mnl_nlmsg_ok(header, left)) {
    header->nlmsg_seq = next_sequence_++;
    header = ::mnl_nlmsg_next(header, &left);
  }
  return first;
}

absl::StatusOr<std::vector<NetfilterAnswer>> NetfilterSocket::Exchange(
    std::span<uint8_t> messages) {
  const uint32_t first = Number(messages);
  CAISSON_RETURN_IF_ERROR(Send(messages));
  std::vector<NetfilterAnswer> answers;
  while (true) {
    const ssize_t got =
        ::recv(fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    // After an overrun what was queued is still good, and what is missing
    // tells that it was lost.
    if (got < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
    if (got < 0 && errno == EAGAIN) return answers;
    if (got < 0) return SyscallError("recv", "netfilter");
    int left = static_cast<int>(got);
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    for (; ::mnl_nlmsg_ok(header, left);
         header = ::mnl_nlmsg_next(header, &left)) {
      absl::StatusOr<NetfilterAnswer> answer = ParseNetfilterAnswer(header);
      // What an interrupted dump has left behind is no answer to this.
      if (!answer.ok() || answer->sequence - first >= next_sequence_ - first) {
        continue;
      }
      answer->sequence -= first;
      answers.push_back(*std::move(answer));
    }
  }
}

absl::Status NetfilterSocket::DumpOnce(
    std::span<uint8_t> request, bool* interrupted,
    const std::function<absl::Status(const nlmsghdr*)>& visit) {
  *interrupted = false;
  const uint32_t sequence = Number(request);
  CAISSON_RETURN_IF_ERROR(Send(request));
  // An error does not end the reading: the rest would be taken for the reply
  // to the next request.
  absl::Status failure;
  while (true) {
    const ssize_t got = ::recv(fd(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ENOBUFS) {
      // Read on: the kernel refuses a new dump while one is unfinished.
      *interrupted = true;
      continue;
    }
    if (got < 0) return SyscallError("recv", "netfilter");
    int left = static_cast<int>(got);
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    for (; ::mnl_nlmsg_ok(header, left);
         header = ::mnl_nlmsg_next(header, &left)) {
      if (header->nlmsg_seq != sequence) continue;
      if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) *interrupted = true;
      if (header->nlmsg_type == NLMSG_DONE) return failure;
      if (header->nlmsg_type == NLMSG_ERROR) {
        absl::StatusOr<NetfilterAnswer> answer = ParseNetfilterAnswer(header);
        CAISSON_RETURN_IF_ERROR(answer.status());
        return SyscallErrorFrom(answer->err, "dump", answer->text);
      }
      if (failure.ok() && !*interrupted) failure = visit(header);
    }
  }
}

absl::Status NetfilterSocket::Dump(
    std::span<uint8_t> request, const std::function<void()>& restart,
    const std::function<absl::Status(const nlmsghdr*)>& visit) {
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    restart();
    bool interrupted = false;
    CAISSON_RETURN_IF_ERROR(DumpOnce(request, &interrupted, visit));
    if (!interrupted) return absl::OkStatus();
  }
  return absl::AbortedError("netfilter changes too fast to be read");
}

absl::Status NetfilterSocket::Join(int group) {
  return SetOption(socket_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
}

}  // namespace caisson::netsetup
