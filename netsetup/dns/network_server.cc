#include "netsetup/dns/network_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup::dns {
namespace {

// Of one socket, before others get their turn.
constexpr int kFairShare = 32;
// How long nobody is accepted when descriptors are out: the one that waits
// would make the loop spin.
constexpr absl::Duration kPause = absl::Milliseconds(100);
// Any port that is free with one transport may be taken with the other.
constexpr int kTriesOfAnyPort = 20;
// One byte more tells a query that is too large.
using QueryBuffer = std::array<uint8_t, kMaxQueryBytes + 1>;

}  // namespace

absl::StatusOr<std::unique_ptr<NetworkServer>> NetworkServer::Open(
    const Shared& shared, std::string network, const ServerOptions& options) {
  std::unique_ptr<NetworkServer> server(
      new NetworkServer(shared, std::move(network)));
  for (const IpAddress& address : options.addresses) {
    CAISSON_RETURN_IF_ERROR(server->AddListeners(address, options));
  }
  for (const ListenerPtr& listener : server->listeners_) {
    CAISSON_RETURN_IF_ERROR(server->WatchListener(listener));
  }
  return server;
}

NetworkServer::NetworkServer(const Shared& shared, std::string network)
    : shared_(shared), network_(std::move(network)) {}

absl::Status NetworkServer::AddListeners(const IpAddress& address,
                                         const ServerOptions& options) {
  absl::Status status;
  for (int i = 0; i < kTriesOfAnyPort; ++i) {
    status = TryListeners(address, options);
    if (options.port != 0 || base::ErrnoOf(status) != EADDRINUSE) break;
  }
  return status;
}

absl::Status NetworkServer::TryListeners(const IpAddress& address,
                                         const ServerOptions& options) {
  SocketAddress where = {.address = address, .port = options.port};
  std::vector<ListenerPtr> made;
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    auto listener = std::make_shared<Listener>();
    listener->transport = transport;
    CAISSON_ASSIGN_OR_RETURN(
        listener->fd, OpenServerSocket(transport, where, options.device));
    CAISSON_ASSIGN_OR_RETURN(listener->address,
                             LocalAddressOf(listener->fd.get()));
    where.port = listener->address.port;
    made.push_back(std::move(listener));
  }
  listeners_.insert(listeners_.end(), made.begin(), made.end());
  return absl::OkStatus();
}

absl::Status NetworkServer::WatchListener(const ListenerPtr& listener) {
  // The listener owns the watch, and the server the listener.
  Listener* const borrowed = listener.get();
  const std::weak_ptr<Listener> weak = listener;
  CAISSON_ASSIGN_OR_RETURN(
      borrowed->watch,
      shared_.loop->Watch(borrowed->fd.get(), EPOLLIN,
                          [this, borrowed, weak](uint32_t) {
                            if (borrowed->transport == Transport::kTcp) {
                              AcceptStreams(borrowed);
                            } else if (const ListenerPtr held = weak.lock()) {
                              ReceiveDatagrams(held);
                            }
                          }));
  return absl::OkStatus();
}

std::vector<SocketAddress> NetworkServer::Addresses() const {
  std::vector<SocketAddress> addresses;
  for (const ListenerPtr& listener : listeners_) {
    if (listener->transport == Transport::kUdp) {
      addresses.push_back(listener->address);
    }
  }
  return addresses;
}

void NetworkServer::ReceiveDatagrams(const ListenerPtr& listener) {
  QueryBuffer buffer;
  for (int i = 0; i < kFairShare; ++i) {
    RawSocketAddress from;
    const ssize_t got = ::recvfrom(listener->fd.get(), buffer.data(),
                                   buffer.size(), 0, from.get(), &from.size);
    if (got < 0) return;  // nothing more, or an error that is gone by now
    const std::weak_ptr<Listener> weak = listener;
    // From the socket that was asked, so from the address that was asked.
    Sender send = [weak, from](ByteView message) {
      const ListenerPtr held = weak.lock();
      if (held == nullptr) return;
      // A reply that finds no room is lost like one on the way.
      static_cast<void>(::sendto(held->fd.get(), message.data(), message.size(),
                                 MSG_NOSIGNAL, from.get(), from.size));
    };
    const ByteView query(buffer.data(), static_cast<size_t>(got));
    static_cast<void>(HandleQuery(query, Transport::kUdp, FromRaw(from).address,
                                  std::move(send)));
  }
}

void NetworkServer::AcceptStreams(Listener* listener) {
  for (int i = 0; i < kFairShare; ++i) {
    RawSocketAddress from;
    base::UniqueFd fd(::accept4(listener->fd.get(), from.get(), &from.size,
                                SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.is_valid()) {
      AddStream(std::move(fd), FromRaw(from).address);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
               errno == ENOMEM) {
      Pause(listener);
      return;
    } else if (errno == EAGAIN) {
      return;
    }
    // Others are errors of the connection, which is gone: accept(2).
  }
}

void NetworkServer::Pause(Listener* listener) {
  base::IgnoreError(listener->watch.Rewatch(0),
                    "it would be asked too often, and is none the worse");
  listener->pause = shared_.loop->At(shared_.loop->Now() + kPause, [listener] {
    base::IgnoreError(listener->watch.Rewatch(EPOLLIN),
                      "fails only without memory, where it tried before");
  });
}

bool NetworkServer::IsFull(const IpAddress& client) const {
  if (streams_.size() >= shared_.limits->streams_of_network) return true;
  const auto found = clients_.find(client);
  return found != clients_.end() &&
         found->second >= shared_.limits->streams_of_client;
}

void NetworkServer::AddStream(base::UniqueFd fd, const IpAddress& client) {
  if (IsFull(client)) return;  // closed at once: the client tries again
  const uint64_t id = ++last_stream_;
  ClientStream::Handlers handlers;
  handlers.on_query = [this, id](ByteView query) {
    const Stream& stream = streams_.at(id);
    const std::weak_ptr<ClientStream> weak = stream.stream;
    return HandleQuery(query, Transport::kTcp, stream.client,
                       [weak](ByteView message) {
                         if (const auto held = weak.lock()) {
                           held->Reply(message);
                         }
                       });
  };
  handlers.on_end = [this, id] { RemoveStream(id); };
  auto stream = std::make_shared<ClientStream>(
      shared_.loop, std::move(fd), shared_.limits->idle, std::move(handlers));
  if (!stream->Start().ok()) return;  // no memory for a watch: as when full
  streams_.emplace(id, Stream{client, std::move(stream)});
  ++clients_[client];
}

void NetworkServer::RemoveStream(uint64_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  const auto client = clients_.find(found->second.client);
  if (--client->second == 0) clients_.erase(client);
  streams_.erase(found);
}

bool NetworkServer::HandleQuery(ByteView query, Transport transport,
                                const IpAddress& client, Sender send) {
  ++shared_.stats->queries;
  const std::vector<ZonePtr> view = shared_.zones->ViewOf(network_, client);
  std::vector<const Zone*> zones;
  for (const ZonePtr& zone : view) zones.push_back(zone.get());
  const Answer answer = BuildAnswer(zones, query, transport, NextRotation());
  switch (answer.action) {
    case Answer::Action::kDrop:
      ++shared_.stats->dropped;
      return false;
    case Answer::Action::kRespond:
      send(answer.response);
      return true;
    case Answer::Action::kForward:
      ForwardQuery(query, transport, answer, client, std::move(send));
      return true;
  }
  return false;
}

void NetworkServer::ForwardQuery(ByteView query, Transport transport,
                                 const Answer& answer, const IpAddress& client,
                                 Sender send) {
  if (*pending_ >= shared_.limits->pending_of_network) {
    send(BuildError(query, ResponseCode::kServerFailure));
    return;
  }
  ++shared_.stats->forwarded;
  ++*pending_;
  shared_.forwarder->Forward(
      {.query = Bytes(query.begin(), query.end()),
       .question_end = answer.question_end,
       .transport = transport,
       .max_reply_bytes = answer.max_reply_bytes,
       .client = client,
       .reply = [send = std::move(send),
                 pending = pending_](const Bytes& reply) {
         --*pending;
         send(reply);
       }});
}

// Weyl's sequence: its upper bits are spread evenly, and so is every second
// one of it, as for clients that ask for both families in turn.
uint32_t NetworkServer::NextRotation() {
  rotation_ += 0x9e3779b9;
  return rotation_ >> 16;
}

}  // namespace caisson::netsetup::dns
