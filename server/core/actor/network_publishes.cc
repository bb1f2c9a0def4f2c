// A published port more, or one less.

#include <utility>

#include "runtime/base/log.h"
#include "runtime/spec/ip.h"
#include "server/core/actor/network_change.h"
#include "server/core/network/network_errors.h"
#include "server/core/network/networks.h"

namespace caisson::core {
namespace {

using Endpoints = std::vector<store::Endpoint>;

class Publishing final : public Container::NetworkChange {
 public:
  Publishing(spec::PortMapping wanted, TicketPtr ticket,
             Callback<ContainerPtr> callback)
      : NetworkChange("published", std::move(ticket), std::move(callback)),
        wanted_(std::move(wanted)) {}

 private:
  void Run() override {
    absl::StatusOr<store::Endpoint> reserved =
        networks().ReservePort(endpoints(), wanted_);
    if (!reserved.ok()) return End(reserved.status());
    endpoint_ = *std::move(reserved);
    port_ = endpoint_.ports.back();
    networks().Publish(
        id(), endpoint_, port_,
        Then<absl::Status>([this](const auto& done) { OnPublished(done); }));
  }

  void OnPublished(const absl::Status& status) {
    if (!status.ok()) return Undone(status);
    if (Find(endpoint_.id) == nullptr) return Undo(RunEnded());
    Endpoints all = endpoints();
    for (store::Endpoint& endpoint : all) {
      if (endpoint.id == endpoint_.id) endpoint.ports.push_back(port_);
    }
    const absl::Status done = CommitDone(std::move(all), endpoint_.network_id);
    if (!done.ok()) return Undo(done);
    End(done);
  }

  void Undo(const absl::Status& why) {
    networks().Unpublish(id(), endpoint_, port_,
                         Then<absl::Status>([this, why](const auto& closed) {
                           if (!closed.ok()) {
                             CAISSON_LOG(kError, "port stays in the firewall",
                                         {"port", port_.host_port},
                                         {"error", closed.ToString()});
                           }
                           Undone(why);
                         }));
  }

  void Undone(const absl::Status& why) {
    networks().book()->ReleasePort(endpoint_, port_);
    End(why);
  }

  const spec::PortMapping wanted_;
  store::Endpoint endpoint_;
  store::PublishedPort port_;
};

class Unpublishing final : public Container::NetworkChange {
 public:
  Unpublishing(store::PublishedPort key, TicketPtr ticket,
               Callback<ContainerPtr> callback)
      : NetworkChange("unpublished", std::move(ticket), std::move(callback)),
        key_(std::move(key)) {}

 private:
  bool IsMeant(const store::PublishedPort& port) const {
    return port.protocol == key_.protocol && port.host_port == key_.host_port &&
           spec::ParseIp(port.host_ip) == spec::ParseIp(key_.host_ip);
  }

  void Run() override {
    for (const store::Endpoint& endpoint : endpoints()) {
      for (const store::PublishedPort& port : endpoint.ports) {
        if (!IsMeant(port)) continue;
        endpoint_ = endpoint;
        port_ = port;
      }
    }
    if (endpoint_.id.empty()) return End(PortNotPublished(key_));
    networks().Unpublish(
        id(), endpoint_, port_,
        Then<absl::Status>([this](const auto& done) { OnUnpublished(done); }));
  }

  void OnUnpublished(const absl::Status& status) {
    if (Find(endpoint_.id) == nullptr) return End(RunEnded());
    if (!status.ok()) return End(status);
    Endpoints all = endpoints();
    for (store::Endpoint& endpoint : all) std::erase(endpoint.ports, port_);
    const absl::Status done = CommitDone(std::move(all), endpoint_.network_id);
    if (!done.ok()) return Undo(done);
    networks().book()->ReleasePort(endpoint_, port_);
    End(done);
  }

  void Undo(const absl::Status& why) {
    networks().Publish(id(), endpoint_, port_,
                       Then<absl::Status>([this, why](const auto& opened) {
                         if (!opened.ok()) {
                           CAISSON_LOG(kError, "port is not in the firewall",
                                       {"port", port_.host_port},
                                       {"error", opened.ToString()});
                         }
                         End(why);
                       }));
  }

  const store::PublishedPort key_;
  store::Endpoint endpoint_;
  store::PublishedPort port_;
};

}  // namespace

Container::NetworkChangePtr NewPublish(spec::PortMapping wanted,
                                       TicketPtr ticket,
                                       Callback<ContainerPtr> callback) {
  return std::make_shared<Publishing>(std::move(wanted), std::move(ticket),
                                      std::move(callback));
}

Container::NetworkChangePtr NewUnpublish(store::PublishedPort key,
                                         TicketPtr ticket,
                                         Callback<ContainerPtr> callback) {
  return std::make_shared<Unpublishing>(std::move(key), std::move(ticket),
                                        std::move(callback));
}

}  // namespace caisson::core
