#include "netsetup/nft/watch.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <utility>

#include <libmnl/libmnl.h>

#include "netsetup/nft/parse.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup::nft {
namespace {

constexpr size_t kBufferBytes = 65536;

// Drops datagrams whose first message comes from `port_id`. The kernel joins
// events of one transaction, never of two.
absl::Status FilterOut(int fd, uint32_t port_id) {
  // A load turns the number from network order, and the kernel stores it in
  // the host's: the constant is turned as well.
  std::array<sock_filter, 4> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(nlmsghdr, nlmsg_pid)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port_id), 0, 1),
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

}  // namespace

void AddNews(std::string_view table, const nlmsghdr* event, WatchNews* news) {
  const Subject subject = ParseSubject(event);
  if (!subject.is_nft) return;
  if (subject.table == table && subject.family == NFPROTO_INET) {
    news->table_changed = true;
    return;
  }
  news->foreign_chains_changed |= subject.message == NFT_MSG_NEWCHAIN ||
                                  subject.message == NFT_MSG_DELCHAIN ||
                                  subject.message == NFT_MSG_NEWRULE ||
                                  subject.message == NFT_MSG_DELRULE ||
                                  subject.message == NFT_MSG_DELTABLE;
}

Watch::Watch(std::string table, NetfilterSocket socket)
    : table_(std::move(table)),
      socket_(std::move(socket)),
      buffer_(kBufferBytes) {}

absl::StatusOr<Watch> Watch::Open(const Table& table) {
  CAISSON_ASSIGN_OR_RETURN(NetfilterSocket socket, NetfilterSocket::Open());
  CAISSON_RETURN_IF_ERROR(FilterOut(socket.fd(), table.port_id()));
  CAISSON_RETURN_IF_ERROR(socket.Join(NFNLGRP_NFTABLES));
  return Watch(table.name(), std::move(socket));
}

absl::StatusOr<WatchNews> Watch::Read() {
  WatchNews news;
  while (true) {
    const ssize_t got =
        ::recv(fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return news;
    if (got < 0 && errno == ENOBUFS) {
      news.lost = true;
      continue;
    }
    if (got < 0) return base::SyscallError("recv", "nftables events");
    int left = static_cast<int>(got);
    const auto* event = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    for (; ::mnl_nlmsg_ok(event, left);
         event = ::mnl_nlmsg_next(event, &left)) {
      AddNews(table_, event, &news);
    }
  }
}

}  // namespace caisson::netsetup::nft
