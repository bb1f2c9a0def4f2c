// Questions that are for others, from the moment they came to that of their
// reply. The servers are asked one after the other, a little time apart; one
// that was asked is listened to until the end, so that a slow answer is not
// lost. After the last comes the first again (over UDP it is asked once more).
// A server that refuses or fails is not asked again for this question.
//
//     Forward --> asked --- reply ---------------------------> its reply
//                 |   ^ --- all refused or failed -----------> the last reply,
//                 |   | --- no time left --------------------> or SERVFAIL
//                 +---+ the next server: this one takes long, or it failed
//
// Process: daemon. Thread: the loop's.
#ifndef CAISSON_NETSETUP_DNS_FORWARDER_H_
#define CAISSON_NETSETUP_DNS_FORWARDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

#include "netsetup/dns/exchange.h"
#include "netsetup/dns/loop.h"
#include "netsetup/dns/message.h"
#include "netsetup/dns/socket_address.h"

namespace caisson::netsetup::dns {

// As resolv.conf(5): more are not asked.
inline constexpr size_t kMaxUpstreams = 3;

struct ForwardLimits {
  // What a resolver of libc waits before it asks again.
  absl::Duration timeout = absl::Seconds(5);
  // Before the next server is asked as well. Three are asked twice.
  absl::Duration next_after = absl::Milliseconds(800);
  // Questions without a reply; each has a descriptor for each server asked.
  size_t pending = 1024;
  size_t pending_of_client = 128;
};

struct ForwardRequest {
  Bytes query;
  size_t question_end = 0;
  Transport transport = Transport::kUdp;
  // A larger reply is cut, with the bit that says so.
  size_t max_reply_bytes = 0;
  IpAddress client;
  // Called once, unless the forwarder ends before; perhaps during Forward.
  std::function<void(Bytes reply)> reply;
};

class Forwarder {
 public:
  // The loop outlives the forwarder.
  Forwarder(Loop* loop, const ForwardLimits& limits);
  ~Forwarder();

  // For questions that come from now on.
  void SetUpstreams(std::vector<SocketAddress> upstreams);

  void Forward(ForwardRequest request);

  size_t pending() const { return pending_.size(); }

 private:
  // A server of one question.
  struct Attempt {
    std::optional<Exchange> exchange;
    Loop::Handle watch;  // ends before the exchange closes its socket
    bool failed = false;
  };
  struct Pending;

  bool IsFull(const IpAddress& client) const;
  // Each of these may end the question; it is looked up by its number then.
  void AskNext(uint64_t id);
  void Ask(uint64_t id, Attempt* attempt, const SocketAddress& server);
  void OnEvent(uint64_t id, size_t server);
  void OnReply(uint64_t id, size_t server, Bytes reply);
  void OnTime(uint64_t id);
  void Finish(uint64_t id, Bytes reply);

  Loop* const loop_;
  const ForwardLimits limits_;
  std::shared_ptr<const std::vector<SocketAddress>> upstreams_;
  uint64_t last_id_ = 0;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Pending>> pending_;
  absl::btree_map<IpAddress, size_t> clients_;
};

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_FORWARDER_H_
