// The sockets of one network and what comes through them.
//
// Process: daemon. Thread: the loop's.
#ifndef CAISSON_NETSETUP_DNS_NETWORK_SERVER_H_
#define CAISSON_NETSETUP_DNS_NETWORK_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/dns/answer.h"
#include "netsetup/dns/client_stream.h"
#include "netsetup/dns/forwarder.h"
#include "netsetup/dns/loop.h"
#include "netsetup/dns/responder.h"
#include "netsetup/dns/zone_table.h"

namespace caisson::netsetup::dns {

class NetworkServer {
 public:
  // What all networks share; outlives the server.
  struct Shared {
    Loop* loop = nullptr;
    Forwarder* forwarder = nullptr;
    const ZoneTable* zones = nullptr;
    const ResponderLimits* limits = nullptr;
    ResponderStats* stats = nullptr;
  };

  // Opens the sockets and listens to them. Errors as of OpenServerSocket.
  static absl::StatusOr<std::unique_ptr<NetworkServer>> Open(
      const Shared& shared, std::string network, const ServerOptions& options);

  // Where it answers, each with UDP and TCP.
  std::vector<SocketAddress> Addresses() const;
  size_t streams() const { return streams_.size(); }

 private:
  struct Listener {
    Transport transport = Transport::kUdp;
    SocketAddress address;
    base::UniqueFd fd;
    Loop::Handle watch;  // ends before the descriptor
    Loop::Handle pause;
  };
  using ListenerPtr = std::shared_ptr<Listener>;
  struct Stream {
    IpAddress client;
    std::shared_ptr<ClientStream> stream;
  };
  // Sends to the client, if it is still there.
  using Sender = std::function<void(ByteView message)>;

  NetworkServer(const Shared& shared, std::string network);

  absl::Status AddListeners(const IpAddress& address,
                            const ServerOptions& options);
  absl::Status TryListeners(const IpAddress& address,
                            const ServerOptions& options);
  absl::Status WatchListener(const ListenerPtr& listener);
  void Pause(Listener* listener);
  void ReceiveDatagrams(const ListenerPtr& listener);
  void AcceptStreams(Listener* listener);
  void AddStream(base::UniqueFd fd, const IpAddress& client);
  void RemoveStream(uint64_t id);
  bool IsFull(const IpAddress& client) const;
  void ForwardQuery(ByteView query, Transport transport, const Answer& answer,
                    const IpAddress& client, Sender send);
  // False: the client gets nothing.
  bool HandleQuery(ByteView query, Transport transport, const IpAddress& client,
                   Sender send);
  uint32_t NextRotation();

  const Shared shared_;
  const std::string network_;
  std::vector<ListenerPtr> listeners_;
  uint64_t last_stream_ = 0;
  uint32_t rotation_ = 0;
  // Questions of this network that others are asked; outlives it with them.
  std::shared_ptr<size_t> pending_ = std::make_shared<size_t>(0);
  absl::flat_hash_map<uint64_t, Stream> streams_;
  absl::btree_map<IpAddress, size_t> clients_;  // their streams
};

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_NETWORK_SERVER_H_
