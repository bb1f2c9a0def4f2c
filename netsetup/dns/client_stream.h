// A TCP connection of a client (RFC 7766): queries one after the other, each
// behind its length, without waiting for replies, which come as they are ready.
//
// Process: daemon. Thread: the loop's.
#ifndef CAISSON_NETSETUP_DNS_CLIENT_STREAM_H_
#define CAISSON_NETSETUP_DNS_CLIENT_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "netsetup/dns/loop.h"
#include "netsetup/dns/message.h"
#include "runtime/base/unique_fd.h"

namespace caisson::netsetup::dns {

class ClientStream : public std::enable_shared_from_this<ClientStream> {
 public:
  struct Handlers {
    // A query, valid during the call, to which Reply is owed once. False: it
    // gets none, and nothing of this client is read any more.
    std::function<bool(ByteView query)> on_query;
    // The last call: whoever holds the stream lets go of it.
    std::function<void()> on_end;
  };

  // `idle`: how long the client may neither finish a query nor take a reply
  // while none is owed to it.
  ClientStream(Loop* loop, base::UniqueFd fd, absl::Duration idle,
               Handlers handlers);

  // Before anything else. An error means that no handler is called.
  absl::Status Start();

  // The reply to one query. Nothing after the end.
  void Reply(ByteView message);

 private:
  void OnEvent(uint32_t events);
  // False: the connection is broken.
  bool Receive();
  bool Answer();
  bool HandleQueries();
  bool Flush();
  void OnTime();
  // Waits for what is next, or ends when nothing is.
  void GoOn();
  void End();
  bool may_read() const;
  bool is_done() const;
  uint32_t events() const;

  Loop* const loop_;
  base::UniqueFd fd_;
  const absl::Duration idle_;
  Handlers handlers_;
  Bytes input_;
  Bytes output_;
  size_t sent_ = 0;
  size_t owed_ = 0;  // replies
  bool input_ended_ = false;
  bool handling_ = false;
  bool ended_ = false;
  uint32_t watched_events_ = 0;
  absl::Duration last_progress_;
  Loop::Handle timer_;
  Loop::Handle watch_;  // before fd_ in time
};

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_CLIENT_STREAM_H_
