#include "netsetup/dns/responder.h"

#include <utility>

#include "absl/container/flat_hash_map.h"

#include "netsetup/dns/network_server.h"
#include "netsetup/dns/zone_table.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::dns {

class Responder::Impl {
 public:
  Impl(std::unique_ptr<Loop> loop, const ResponderLimits& limits)
      : limits_(limits),
        loop_(std::move(loop)),
        forwarder_(loop_.get(), limits_.forward) {
    loop_->Start("dns");
  }
  // What the thread uses is destroyed behind it.
  ~Impl() { loop_->Stop(); }

  absl::StatusOr<std::vector<SocketAddress>> Add(const std::string& network,
                                                 const ServerOptions& options);
  void SetZone(const std::string& network, ZonePtr zone) {
    zones_.Set(network, std::move(zone));
  }
  void Remove(const std::string& network);
  void SetUpstreams(std::vector<SocketAddress> upstreams);
  ResponderStats Stats();

 private:
  absl::StatusOr<std::vector<SocketAddress>> AddOnLoop(
      const std::string& network, const ServerOptions& options);

  const ResponderLimits limits_;
  ZoneTable zones_;
  const std::unique_ptr<Loop> loop_;

  // The loop's alone.
  ResponderStats stats_;
  Forwarder forwarder_;
  absl::flat_hash_map<std::string, std::unique_ptr<NetworkServer>> servers_;
};

absl::StatusOr<std::vector<SocketAddress>> Responder::Impl::Add(
    const std::string& network, const ServerOptions& options) {
  absl::StatusOr<std::vector<SocketAddress>> addresses;
  loop_->Run([&] { addresses = AddOnLoop(network, options); });
  return addresses;
}

absl::StatusOr<std::vector<SocketAddress>> Responder::Impl::AddOnLoop(
    const std::string& network, const ServerOptions& options) {
  if (servers_.contains(network)) {
    return absl::AlreadyExistsError(
        base::StrCat("network '", network, "' has a DNS server"));
  }
  const NetworkServer::Shared shared = {.loop = loop_.get(),
                                        .forwarder = &forwarder_,
                                        .zones = &zones_,
                                        .limits = &limits_,
                                        .stats = &stats_};
  CAISSON_ASSIGN_OR_RETURN(std::unique_ptr<NetworkServer> server,
                           NetworkServer::Open(shared, network, options));
  std::vector<SocketAddress> addresses = server->Addresses();
  servers_.emplace(network, std::move(server));
  return addresses;
}

void Responder::Impl::Remove(const std::string& network) {
  loop_->Run([&] { servers_.erase(network); });
  zones_.Remove(network);
}

void Responder::Impl::SetUpstreams(std::vector<SocketAddress> upstreams) {
  loop_->Run([&] { forwarder_.SetUpstreams(std::move(upstreams)); });
}

ResponderStats Responder::Impl::Stats() {
  ResponderStats stats;
  loop_->Run([&] {
    stats = stats_;
    stats.pending = forwarder_.pending();
    for (const auto& [network, server] : servers_) {
      stats.streams += server->streams();
    }
  });
  return stats;
}

absl::StatusOr<std::unique_ptr<Responder>> Responder::Open(
    const ResponderLimits& limits) {
  CAISSON_ASSIGN_OR_RETURN(std::unique_ptr<Loop> loop, Loop::Open());
  return std::unique_ptr<Responder>(
      new Responder(std::make_unique<Impl>(std::move(loop), limits)));
}

Responder::Responder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Responder::~Responder() = default;

absl::StatusOr<std::vector<SocketAddress>> Responder::Add(
    const std::string& network, const ServerOptions& options) {
  return impl_->Add(network, options);
}
void Responder::SetZone(const std::string& network, ZonePtr zone) {
  impl_->SetZone(network, std::move(zone));
}
void Responder::Remove(const std::string& network) {
  impl_->Remove(network);
}
void Responder::SetUpstreams(std::vector<SocketAddress> upstreams) {
  impl_->SetUpstreams(std::move(upstreams));
}
ResponderStats Responder::Stats() {
  return impl_->Stats();
}

}  // namespace caisson::netsetup::dns
