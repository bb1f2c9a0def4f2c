// One query to one server elsewhere, and its reply. The socket is connected:
// the kernel lets nothing through but that server's packets to this port, and
// the id and the question are compared here.
//
// Process: daemon. Thread: the loop's.
#ifndef CAISSON_NETSETUP_DNS_EXCHANGE_H_
#define CAISSON_NETSETUP_DNS_EXCHANGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/dns/message.h"
#include "netsetup/dns/socket_address.h"
#include "runtime/base/unique_fd.h"

namespace caisson::netsetup::dns {

class Exchange {
 public:
  // Takes a copy of the query, gives it a random id, and sends it as soon as
  // the socket takes it.
  static absl::StatusOr<Exchange> Open(Transport transport,
                                       const SocketAddress& server,
                                       ByteView query, size_t question_end);

  int fd() const { return fd_.get(); }
  // What to wait for, as in epoll(7); changes with each call of the below.
  uint32_t events() const;

  // Once more, when the first may be lost. Nothing over TCP.
  absl::Status SendAgain();

  // After an event: the reply, with the id of the query that Open was given;
  // nothing while it has not come. What is no reply to this query is passed
  // over. An error ends the exchange.
  absl::StatusOr<std::optional<Bytes>> Proceed();

 private:
  Exchange(Transport transport, base::UniqueFd fd, Bytes query,
           size_t question_end, uint16_t client_id);

  absl::Status SendDatagram();
  absl::Status SendStream();
  absl::StatusOr<std::optional<Bytes>> ReceiveDatagram();
  absl::StatusOr<std::optional<Bytes>> ReceiveStream();
  bool Matches(ByteView reply) const;
  Bytes ForClient(ByteView reply) const;

  Transport transport_;
  base::UniqueFd fd_;
  Bytes query_;
  size_t question_end_;
  uint16_t client_id_;
  // TCP: what is left to send, and what has come, each with its length.
  Bytes output_;
  size_t sent_ = 0;
  Bytes input_;
};

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_EXCHANGE_H_
