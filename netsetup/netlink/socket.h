// The transport of rtnetlink: several requests in one send, one result for
// each of them, whole dumps. libnl's own loop drops what follows an error.
//
// Process: daemon. Thread: one at a time. A socket belongs for ever to the
// network namespace in which it was opened, whoever uses it.
//
// The kernel executes requests one after the other while the send lasts, also
// those behind one that failed: whatever depends on a request goes into a send
// of its own.
#ifndef CAISSON_NETSETUP_NETLINK_SOCKET_H_
#define CAISSON_NETSETUP_NETLINK_SOCKET_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "netsetup/netlink/message.h"
#include "netsetup/netlink/net_error.h"
#include "netsetup/netlink/reply.h"
#include "runtime/base/unique_fd.h"

namespace caisson::netsetup {

// A reply that outlives its datagram.
struct OwnedReply {
  uint16_t type = 0;
  std::vector<uint8_t> bytes;

  Reply view() const { return {.type = type, .payload = bytes}; }
};

struct Result {
  Ack ack;
  // The acknowledgement never came (`ack.error` says why): the change may have
  // happened or not.
  bool is_unknown = false;
  // Something that was sent to the socket meanwhile was lost, perhaps a reply.
  bool is_overrun = false;
  // What a "get" was answered with.
  std::vector<OwnedReply> replies;

  bool ok() const { return ack.error == 0; }
};

struct SocketOptions {
  // For one receive.
  absl::Duration timeout = absl::Seconds(10);
  // 0: what the kernel gives.
  int receive_buffer_bytes = 0;
};

class Socket {
 public:
  // In the network namespace of the calling thread.
  static absl::StatusOr<Socket> Open(const SocketOptions& options = {});
  // Takes over a connected datagram socket: tests play the kernel.
  explicit Socket(base::UniqueFd fd);

  // One result for each request, in order. A request that could not be sent
  // has the errno of the send. At most 64 requests go in one send.
  std::vector<Result> Transact(std::span<Message> requests);

  // One request. The error is a NetError with `op` and `object`.
  absl::Status Request(Message request, std::string_view op,
                       std::string_view object);
  // One request that is answered with exactly one object.
  absl::StatusOr<OwnedReply> Get(Message request, std::string_view op,
                                 std::string_view object);
  // Everything that a dump has, NLM_F_DUMP added. One that the kernel says was
  // inconsistent, or that overran the buffer, is begun again, at most 5 times.
  absl::StatusOr<std::vector<OwnedReply>> Dump(const Message& request,
                                               std::string_view op);

  int fd() const { return fd_.get(); }
  // Tells the namespace from every other of this boot; 0 before Linux 5.14.
  uint64_t NamespaceCookie() const;

 private:
  class Collector;

  void TransactSome(std::span<Message> requests, std::span<Result> results);
  int Send(std::span<const Message> requests);
  // An errno, or 0 and a datagram that is valid until the next call. `flags`
  // as of recvmsg.
  int Receive(int flags, std::span<const uint8_t>* datagram);
  int DumpOnce(const Message& request, std::vector<OwnedReply>* replies,
               Ack* ack, bool* is_inconsistent);

  base::UniqueFd fd_;
  uint32_t next_sequence_ = 1;
  // Of the kernel's largest datagram; on the heap, so aligned.
  std::unique_ptr<uint8_t[]> buffer_;
};

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETLINK_SOCKET_H_
