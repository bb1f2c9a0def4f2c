// The part of NetworkBook that gives something away.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

#include "netsetup/ip_address.h"
#include "runtime/base/error_detail.h"
#include "runtime/base/random_id.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "server/core/network/host_values.h"
#include "server/core/network/network_book.h"
#include "server/core/network/network_errors.h"

namespace caisson::core {
namespace {

namespace ipam = netsetup::ipam;
namespace nft = netsetup::nft;
using netsetup::IpAddress;
using netsetup::IpPrefix;

// Where ports are chosen from: what IANA leaves to everybody (RFC 6335).
constexpr int kFirstChosenPort = 49152;
constexpr int kLastChosenPort = 65535;
constexpr int kChosenPorts = kLastChosenPort - kFirstChosenPort + 1;
// Addresses that the host has itself and that are passed over.
constexpr int kMostOfHost = 256;

using Endpoints = std::vector<store::Endpoint>;

std::string At(const std::string& field, size_t index) {
  return absl::StrCat(field, "[", index, "]");
}

absl::Status BadField(const std::string& field, std::string text) {
  return base::InvalidFields({{field, std::move(text)}});
}

}  // namespace

// One reservation; unless it is finished, the book becomes what it was before.
class NetworkBook::Reserving {
 public:
  // `held`: what the container has already.
  Reserving(NetworkBook* book, const spec::Network& wanted,
            const std::string& field, const Endpoints& held)
      : book_(book),
        wanted_(wanted),
        field_(field),
        held_(held),
        now_(book->clock_()) {}

  absl::StatusOr<Reservation> Run() { return Do(&Reserving::Take); }

  absl::StatusOr<Reservation> RunPreview() {
    is_preview_ = true;
    return Do(&Reserving::Take);
  }

  // The one attachment of `wanted`, beside those that are held.
  absl::StatusOr<Reservation> RunConnect() {
    return Do(&Reserving::TakeOneMore);
  }

  // The one port of `wanted`, of one of those that are held.
  absl::StatusOr<store::Endpoint> RunPort() {
    is_port_ = true;
    CAISSON_ASSIGN_OR_RETURN(Reservation out, Do(&Reserving::TakePort));
    return std::move(out.endpoints[taken_.front().endpoint]);
  }

 private:
  // A published port of `out_`; one for each that is wanted, in that order.
  struct Taken {
    size_t endpoint;
    size_t port;
    bool is_chosen;  // any other will do as well
  };
  // Where something is given away next.
  struct Cursor {
    ipam::Offset before;
    ipam::Offset after;
  };
  using Step = absl::Status (Reserving::*)();

  // Whether the host itself has an address, or a process a port, is a question
  // to the kernel: it is asked for what is taken already, without the lock, and
  // nobody else is given it meanwhile. With one that was chosen and that
  // somebody has, all begins anew.
  absl::StatusOr<Reservation> Do(Step take) {
    while (true) {
      CAISSON_RETURN_IF_ERROR(Try(take));
      bool is_taken = false;
      absl::Status asked = AskForAddresses(&is_taken);
      if (asked.ok() && !is_taken) asked = AskForPorts(&is_taken);
      if (asked.ok() && is_taken) continue;
      if (asked.ok()) return std::move(out_);
      absl::MutexLock lock(&book_->mutex_);
      Undo();
      return asked;
    }
  }

  absl::Status Try(Step take) {
    absl::MutexLock lock(&book_->mutex_);
    Undo();
    out_ = {};
    taken_.clear();
    if (resume_.has_value()) {
      book_->next_port_ = *std::exchange(resume_, std::nullopt);
    }
    holds_ = true;
    const absl::Status status = (this->*take)();
    for (auto& [pool, cursor] : cursors_) cursor.after = pool->position();
    last_port_ = book_->next_port_;
    if (!status.ok() || is_preview_) Undo();
    return status;
  }

  // What others did meanwhile stays.
  void Undo() ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    if (!std::exchange(holds_, false)) return;
    if (is_port_) {
      for (const Taken& taken : taken_) {
        const store::Endpoint& endpoint = out_.endpoints[taken.endpoint];
        book_->ReleasePortLocked(endpoint, endpoint.ports[taken.port]);
      }
    } else {
      book_->TakeBackLocked(out_);
    }
    for (const auto& [pool, cursor] : cursors_) {
      if (pool->position() == cursor.after) pool->SetPosition(cursor.before);
    }
    cursors_.clear();
    if (first_port_.has_value() && book_->next_port_ == last_port_) {
      book_->next_port_ = *first_port_;
    }
  }

  // ADDRESS_IN_USE for an address that was named; `is_taken` for one that was
  // chosen.
  absl::Status AskForAddresses(bool* is_taken) {
    if (is_port_) return absl::OkStatus();
    for (const store::Endpoint& endpoint : out_.endpoints) {
      for (const std::string& text : endpoint.addresses) {
        CAISSON_ASSIGN_OR_RETURN(const IpPrefix prefix,
                                 netsetup::ParseIpPrefix(text));
        if (book_->is_address_free_(prefix.address)) continue;
        if (named_.contains(text)) {
          return AddressInUse(endpoint.network_name, prefix.address.ToString());
        }
        of_host_.insert(prefix.address.ToString());
        *is_taken = true;
      }
    }
    return absl::OkStatus();
  }

  // The same for PORT_IN_USE, and `resume_`.
  absl::Status AskForPorts(bool* is_taken) {
    for (size_t i = 0; i < taken_.size(); ++i) {
      const Taken& taken = taken_[i];
      if (asked_.contains(i)) continue;
      store::PublishedPort one =
          out_.endpoints[taken.endpoint].ports[taken.port];
      const store::PublishedPort whole = one;
      for (one.count = 1; one.host_port < whole.host_port + whole.count;
           ++one.host_port) {
        if (book_->is_port_free_(one)) continue;
        if (!taken.is_chosen) return PortInUse(whole, "a process of the host");
        busy_.insert(one.host_port);
        resume_ = (one.host_port - kFirstChosenPort + 1) % kChosenPorts;
        *is_taken = true;
        return absl::OkStatus();
      }
      if (!taken.is_chosen) asked_.insert(i);
    }
    return absl::OkStatus();
  }

  // What a preview makes up differs within the container.
  std::string NewId() const {
    if (!is_preview_) return base::RandomId();
    return absl::StrCat(absl::Dec(out_.endpoints.size(), absl::kZeroPad11),
                        std::string(21, '0'));
  }

  absl::Status TakePort() ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    const spec::PortMapping& wanted = wanted_.ports.front();
    const store::NetworkPtr named =
        wanted.network.empty() ? nullptr : book_->find_(wanted.network);
    const bool is_held =
        std::any_of(held_.begin(), held_.end(), [&named](const auto& endpoint) {
          return named == nullptr || endpoint.network_id == named->id;
        });
    if (!is_held) return NotConnected(wanted.network);
    out_.endpoints = held_;
    return Publish(wanted, field_);
  }

  absl::Status Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    for (size_t i = 0; i < wanted_.networks.size(); ++i) {
      CAISSON_RETURN_IF_ERROR(
          Attach(wanted_.networks[i],
                 At(absl::StrCat(field_, ".attach.networks"), i)));
    }
    CAISSON_RETURN_IF_ERROR(ChooseDefaultRoute());
    for (size_t i = 0; i < wanted_.ports.size(); ++i) {
      CAISSON_RETURN_IF_ERROR(
          Publish(wanted_.ports[i], At(absl::StrCat(field_, ".ports"), i)));
    }
    return absl::OkStatus();
  }

  absl::Status TakeOneMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    const spec::NetworkAttachment& wanted = wanted_.networks.front();
    bool has_default_route = false;
    for (const store::Endpoint& other : held_) {
      has_default_route = has_default_route || other.default_route;
      if (other.interface != wanted.interface) continue;
      return BadField(absl::StrCat(field_, ".interface"),
                      "is that of another network already");
    }
    if (has_default_route && wanted.default_route.value_or(false)) {
      return BadField(absl::StrCat(field_, ".default_route"),
                      "is set for another network already");
    }
    CAISSON_RETURN_IF_ERROR(Attach(wanted, field_));
    store::Endpoint& endpoint = out_.endpoints.front();
    if (!wanted.default_route.has_value()) {
      endpoint.default_route = !has_default_route && !endpoint.gateways.empty();
    }
    return absl::OkStatus();
  }

  absl::Status Attach(const spec::NetworkAttachment& wanted,
                      const std::string& field)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    const store::NetworkPtr network = book_->find_(wanted.network);
    const auto entry = network == nullptr ? book_->networks_.end()
                                          : book_->networks_.find(network->id);
    if (entry == book_->networks_.end() || entry->second.closed) {
      return NetworkNotFound(wanted.network);
    }
    for (const store::Endpoint& other : held_) {
      if (other.network_id == network->id) {
        return AlreadyConnected(network->name);
      }
    }
    for (const store::Endpoint& other : out_.endpoints) {
      if (other.network_id == network->id) {
        return BadField(absl::StrCat(field, ".network"),
                        "names a network a second time");
      }
    }
    std::string id = NewId();
    out_.endpoints.emplace_back();
    store::Endpoint& endpoint = out_.endpoints.back();
    endpoint.id = std::move(id);
    endpoint.network_id = network->id;
    endpoint.network_name = network->name;
    endpoint.interface = InterfaceFor(wanted);
    endpoint.mac = wanted.mac;
    endpoint.aliases = wanted.aliases;
    endpoint.routes = wanted.routes;
    endpoint.ingress = wanted.ingress;
    endpoint.egress = wanted.egress;
    endpoint.default_route = wanted.default_route.value_or(false);
    endpoint.never_default_route = !wanted.default_route.value_or(true);
    CAISSON_RETURN_IF_ERROR(
        TakeAddresses(wanted, field, &entry->second, &endpoint));
    // An interface that the host itself would be given, or none.
    if (network->spec->internal) endpoint.gateways.clear();
    entry->second.endpoints.insert(endpoint.id);
    return absl::OkStatus();
  }

  // "eth<n>", the first that no attachment names.
  std::string InterfaceFor(const spec::NetworkAttachment& wanted) const {
    if (!wanted.interface.empty()) return wanted.interface;
    for (int n = 0;; ++n) {
      std::string name = absl::StrCat("eth", n);
      const auto is_taken = [&name](const auto& other) {
        return other.interface == name;
      };
      if (std::none_of(wanted_.networks.begin(), wanted_.networks.end(),
                       is_taken) &&
          std::none_of(held_.begin(), held_.end(), is_taken) &&
          std::none_of(out_.endpoints.begin(), out_.endpoints.end(),
                       is_taken)) {
        return name;
      }
    }
  }

  absl::Status TakeAddresses(const spec::NetworkAttachment& wanted,
                             const std::string& field, Entry* entry,
                             store::Endpoint* endpoint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    std::set<int> families;
    for (size_t i = 0; i < wanted.addresses.size(); ++i) {
      const std::string path = At(absl::StrCat(field, ".addresses"), i);
      const auto address = netsetup::ParseIpAddress(wanted.addresses[i]);
      if (!address.ok()) return BadField(path, "is no IP address");
      CAISSON_RETURN_IF_ERROR(TakeAddress(*address, path, entry, endpoint));
      families.insert(address->family());
    }
    // One of each family that the network has.
    std::map<int, absl::Status> exhausted;
    for (size_t i = 0; i < entry->pools.size(); ++i) {
      ipam::Pool& pool = entry->pools[i];
      const int family = pool.config().subnet.address.family();
      if (families.contains(family)) continue;
      Touch(entry->id, &pool);
      const auto lease = Allocate(&pool, endpoint->id);
      if (!lease.ok()) {
        exhausted[family] =
            NoFreeAddress(endpoint->network_name, lease.status());
        continue;
      }
      families.insert(family);
      exhausted.erase(family);
      Hold(*entry, i, *lease, endpoint);
    }
    return exhausted.empty() ? absl::OkStatus() : exhausted.begin()->second;
  }

  // The next one that is not the host's own.
  absl::StatusOr<ipam::Lease> Allocate(ipam::Pool* pool,
                                       const std::string& endpoint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    for (int i = 0; i < kMostOfHost; ++i) {
      absl::StatusOr<ipam::Lease> lease = pool->Allocate(endpoint, now_);
      if (!lease.ok() || !of_host_.contains(lease->address.ToString())) {
        return lease;
      }
      pool->Restore(lease->address, std::nullopt);
    }
    return absl::ResourceExhaustedError("the host has the addresses itself");
  }

  absl::Status TakeAddress(const IpAddress& address, const std::string& path,
                           Entry* entry, store::Endpoint* endpoint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    for (size_t i = 0; i < entry->pools.size(); ++i) {
      ipam::Pool& pool = entry->pools[i];
      if (!pool.config().subnet.Contains(address)) continue;
      Touch(entry->id, &pool);
      const auto before = pool.Find(address);
      const auto lease = pool.AllocateAt(address, endpoint->id, now_);
      if (lease.ok()) {
        if (before.has_value()) {
          out_.replaced.push_back(RowOf(entry->id, *before));
        }
        Hold(*entry, i, *lease, endpoint);
        named_.insert(endpoint->addresses.back());
        return absl::OkStatus();
      }
      if (absl::IsAlreadyExists(lease.status())) {
        return AddressInUse(endpoint->network_name, address.ToString());
      }
      return BadField(path, std::string(lease.status().message()));
    }
    return BadField(path, base::StrCat("is in no subnet of network '",
                                       endpoint->network_name, "'"));
  }

  // Before the first change of a pool: what ended until now is told of once.
  void Touch(const std::string& network_id, ipam::Pool* pool) {
    for (const ipam::Lease& expired : pool->TakeExpired(now_)) {
      out_.erase.push_back(RowOf(network_id, expired));
    }
    cursors_.emplace(pool, Cursor{.before = pool->position(), .after = {}});
  }

  void Hold(Entry& entry, size_t index, const ipam::Lease& pending,
            store::Endpoint* endpoint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    ipam::Pool& pool = entry.pools[index];
    // The container's own row tells whether its start was completed.
    const auto lease = pool.Activate(pending.address, endpoint->id);
    out_.put.push_back(
        RowOf(endpoint->network_id, lease.ok() ? *lease : pending));
    const IpPrefix prefix = {pending.address, pool.config().subnet.length};
    endpoint->addresses.push_back(prefix.ToString());
    endpoint->announce = endpoint->announce || pool.WasGiven(pending.address);
    const std::string& gateway = entry.subnets[index].gateway;
    if (!gateway.empty()) endpoint->gateways.push_back(gateway);
  }

  // The first attachment that has a way out, unless one is named.
  absl::Status ChooseDefaultRoute() {
    size_t wanted = 0;
    for (size_t i = 0; i < wanted_.networks.size(); ++i) {
      if (!wanted_.networks[i].default_route.value_or(false)) continue;
      if (++wanted > 1) {
        return BadField(
            absl::StrCat(At(absl::StrCat(field_, ".attach.networks"), i),
                         ".default_route"),
            "is set for two attachments");
      }
    }
    if (wanted > 0) return absl::OkStatus();
    for (size_t i = 0; i < out_.endpoints.size(); ++i) {
      store::Endpoint& endpoint = out_.endpoints[i];
      if (endpoint.gateways.empty()) continue;
      if (wanted_.networks[i].default_route.has_value()) continue;
      endpoint.default_route = true;
      return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  absl::Status Publish(const spec::PortMapping& wanted,
                       const std::string& field)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    store::PublishedPort port;
    port.protocol = wanted.protocol.empty() ? "tcp" : wanted.protocol;
    port.host_ip = wanted.host_ip.empty() ? "127.0.0.1" : wanted.host_ip;
    port.host_port = wanted.host_port;
    port.container_port = wanted.container_port;
    port.count = std::max(wanted.count, 1);
    const auto host = netsetup::ParseIpAddress(port.host_ip);
    if (!host.ok())
      return BadField(absl::StrCat(field, ".host_ip"), "is no IP address");
    store::Endpoint* endpoint = nullptr;
    CAISSON_ASSIGN_OR_RETURN(endpoint, EndpointFor(wanted, *host, field));
    const bool is_chosen = port.host_port == 0;
    if (is_chosen) CAISSON_RETURN_IF_ERROR(ChoosePorts(*endpoint, &port));
    CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                             ElementsOf(port, *endpoint, field));
    if (!TakePorts(elements)) return PortInUse(port, "a container");
    endpoint->ports.push_back(port);
    taken_.push_back(
        {.endpoint = static_cast<size_t>(endpoint - out_.endpoints.data()),
         .port = endpoint->ports.size() - 1,
         .is_chosen = is_chosen});
    return absl::OkStatus();
  }

  // None of them is there yet, not even for the same container.
  bool TakePorts(const std::vector<nft::Element>& elements)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    const auto applied = book_->ports_.Apply({.add = elements, .remove = {}});
    if (!applied.ok()) return false;
    if (applied->add.size() == elements.size()) return true;
    book_->ports_.Undo(*applied);
    return false;
  }

  // The next ports in a row that no container has; each is looked at once.
  absl::Status ChoosePorts(const store::Endpoint& endpoint,
                           store::PublishedPort* port)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(book_->mutex_) {
    int& next = book_->next_port_;
    if (!first_port_.has_value()) first_port_ = next;
    store::PublishedPort one = *port;
    one.count = 1;
    int in_a_row = 0;
    for (int looked = 0; looked < kChosenPorts + port->count; ++looked) {
      if (next == 0) in_a_row = 0;
      one.host_port = kFirstChosenPort + next;
      next = (next + 1) % kChosenPorts;
      CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                               ElementsOf(one, endpoint, field_));
      const bool is_free = !busy_.contains(one.host_port) &&
                           book_->ports_.IsFree(elements.front());
      in_a_row = is_free ? in_a_row + 1 : 0;
      if (in_a_row < port->count) continue;
      port->host_port = one.host_port - port->count + 1;
      return absl::OkStatus();
    }
    return PortInUse(*port, "every port to choose from");
  }

  absl::StatusOr<std::vector<nft::Element>> ElementsOf(
      const store::PublishedPort& port, const store::Endpoint& endpoint,
      const std::string& field) const {
    auto elements = PortElements(port, endpoint);
    if (!elements.ok()) {
      return BadField(field, std::string(elements.status().message()));
    }
    return elements;
  }

  // The attachment whose container address the port leads to.
  absl::StatusOr<store::Endpoint*> EndpointFor(const spec::PortMapping& wanted,
                                               const IpAddress& host,
                                               const std::string& field) {
    const store::NetworkPtr named =
        wanted.network.empty() ? nullptr : book_->find_(wanted.network);
    if (!wanted.network.empty() && named == nullptr) {
      return NetworkNotFound(wanted.network);
    }
    for (store::Endpoint& endpoint : out_.endpoints) {
      if (named != nullptr && endpoint.network_id != named->id) continue;
      const store::NetworkPtr network = book_->find_(endpoint.network_id);
      if (network == nullptr || !IsFiltered(*network)) continue;
      for (const std::string& text : endpoint.addresses) {
        const auto address = netsetup::ParseIpPrefix(text);
        if (address.ok() && address->address.family() == host.family()) {
          return &endpoint;
        }
      }
    }
    return BadField(field, base::StrCat("no attachment has an address that '",
                                        host.ToString(), "' can lead to"));
  }

  NetworkBook* const book_;
  const spec::Network& wanted_;
  const std::string& field_;
  const Endpoints& held_;
  const absl::Duration now_;
  bool is_preview_ = false;
  bool is_port_ = false;
  Reservation out_;
  std::set<std::string> named_;    // addresses, with their lengths
  std::set<std::string> of_host_;  // addresses that are passed over
  std::vector<Taken> taken_;
  std::set<size_t> asked_;     // of those, which are named and free
  std::set<int> busy_;         // of those that are chosen from
  std::optional<int> resume_;  // where the next try begins to choose
  // For Undo: whether there is anything, and what it was before.
  bool holds_ = false;
  std::map<ipam::Pool*, Cursor> cursors_;
  std::optional<int> first_port_;
  int last_port_ = 0;
};

absl::StatusOr<Reservation> NetworkBook::Reserve(const spec::Network& wanted,
                                                 const std::string& field) {
  return Reserving(this, wanted, field, {}).Run();
}

absl::StatusOr<Reservation> NetworkBook::Preview(const spec::Network& wanted,
                                                 const std::string& field) {
  return Reserving(this, wanted, field, {}).RunPreview();
}

absl::StatusOr<Reservation> NetworkBook::ReserveConnect(
    const std::vector<store::Endpoint>& held,
    const spec::NetworkAttachment& wanted, const std::string& field) {
  spec::Network network;
  network.networks = {wanted};
  return Reserving(this, network, field, held).RunConnect();
}

absl::StatusOr<store::Endpoint> NetworkBook::ReservePort(
    const std::vector<store::Endpoint>& held, const spec::PortMapping& wanted,
    const std::string& field) {
  spec::Network network;
  network.ports = {wanted};
  return Reserving(this, network, field, held).RunPort();
}

}  // namespace caisson::core
