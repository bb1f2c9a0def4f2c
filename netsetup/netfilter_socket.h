// A netlink socket to netfilter: nftables and conntrack. It acts in the
// network namespace in which its opener's thread was, whoever uses it later.
//
// Process: daemon. Thread: one at a time.
#ifndef CAISSON_NETSETUP_NETFILTER_SOCKET_H_
#define CAISSON_NETSETUP_NETFILTER_SOCKET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <libmnl/libmnl.h>

namespace caisson::netsetup {

// What the kernel said to one message of a datagram.
struct NetfilterAnswer {
  // As the message had it.
  uint32_t sequence = 0;
  // 0: an acknowledgement.
  int err = 0;
  // What the kernel added in words; mostly empty.
  std::string text;
  // Where in the message the refused attribute is; 0: not said.
  uint32_t offset = 0;
};

// One NLMSG_ERROR message, with its extended part. INVALID_ARGUMENT when it is
// none or cut.
absl::StatusOr<NetfilterAnswer> ParseNetfilterAnswer(const nlmsghdr* header);

class NetfilterSocket {
 public:
  static absl::StatusOr<NetfilterSocket> Open();

  // The address of this socket: events that it caused carry it.
  uint32_t port_id() const;
  int fd() const;

  // Sends one datagram of messages that are numbered from 0 and returns all
  // answers, in order. Netfilter works within the call that sends, so what has
  // not been answered then never is. The sequence numbers in `messages` are
  // overwritten.
  absl::StatusOr<std::vector<NetfilterAnswer>> Exchange(
      std::span<uint8_t> messages);

  // Sends a dump request and visits every message of the reply. A dump that
  // the kernel interrupts is begun again: `restart` is called first each time.
  absl::Status Dump(std::span<uint8_t> request,
                    const std::function<void()>& restart,
                    const std::function<absl::Status(const nlmsghdr*)>& visit);

  // Receives events of a group (NFNLGRP_*) from now on.
  absl::Status Join(int group);

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const { ::mnl_socket_close(socket); }
  };

  absl::Status Send(std::span<const uint8_t> messages);
  absl::Status DumpOnce(
      std::span<uint8_t> request, bool* interrupted,
      const std::function<absl::Status(const nlmsghdr*)>& visit);
  // Gives the messages of a datagram the next sequence numbers; the first.
  uint32_t Number(std::span<uint8_t> messages);

  std::unique_ptr<mnl_socket, Closer> socket_;
  std::vector<uint8_t> buffer_;
  uint32_t next_sequence_ = 1;
  size_t send_room_ = 0;
};

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETFILTER_SOCKET_H_
