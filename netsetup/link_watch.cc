#include "netsetup/link_watch.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <span>
#include <utility>

#include "netsetup/link.h"
#include "netsetup/netlink/reply.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

constexpr size_t kBufferBytes = 32768;

// Passes RTM_DELLINK alone; an event is a datagram of its own.
absl::Status PassDeletions(int fd) {
  // The kernel stores the number in the host's order, a load takes it for the
  // network's.
  std::array<sock_filter, 4> program = {{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_DELLINK), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  }};
  const sock_fprog filter = {program.size(), program.data()};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) !=
      0) {
    return base::SyscallError("setsockopt", "SO_ATTACH_FILTER");
  }
  return absl::OkStatus();
}

void AddNews(std::span<const uint8_t> datagram, LinkNews* news) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const auto* header = reinterpret_cast<const nlmsghdr*>(datagram.data());
    if (header->nlmsg_len < sizeof(nlmsghdr) ||
        header->nlmsg_len > datagram.size()) {
      return;
    }
    // As the one of a new link but for its type.
    const auto link = ParseLink(
        {.type = RTM_NEWLINK,
         .flags = header->nlmsg_flags,
         .sequence = header->nlmsg_seq,
         .payload = datagram.subspan(sizeof(nlmsghdr),
                                     header->nlmsg_len - sizeof(nlmsghdr))});
    if (header->nlmsg_type == RTM_DELLINK && link.ok()) {
      news->deleted.push_back(link->name);
    }
    const size_t whole = NLMSG_ALIGN(header->nlmsg_len);
    if (whole >= datagram.size()) return;
    datagram = datagram.subspan(whole);
  }
}

}  // namespace

LinkWatch::LinkWatch(base::UniqueFd fd)
    : fd_(std::move(fd)), buffer_(kBufferBytes) {}

absl::StatusOr<LinkWatch> LinkWatch::Open() {
  base::UniqueFd fd(::socket(
      AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd.is_valid()) return base::SyscallError("socket", "rtnetlink");
  CAISSON_RETURN_IF_ERROR(PassDeletions(fd.get()));
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) != 0) {
    return base::SyscallError("bind", "rtnetlink");
  }
  return LinkWatch(std::move(fd));
}

absl::StatusOr<LinkNews> LinkWatch::Read() {
  LinkNews news;
  while (true) {
    const ssize_t got = ::recv(fd(), buffer_.data(), buffer_.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return news;
    if (got < 0 && errno == ENOBUFS) {
      news.lost = true;
      continue;
    }
    if (got < 0) return base::SyscallError("recv", "link events");
    AddNews(std::span(buffer_).first(static_cast<size_t>(got)), &news);
  }
}

}  // namespace caisson::netsetup
