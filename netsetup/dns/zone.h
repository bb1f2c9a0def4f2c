// The names of one network at one moment. A change is a new zone: readers
// keep the one that they have. The two share what did not change, so a change
// costs the same with one container and with a thousand.
//
// Process: daemon. Thread: any; immutable.
#ifndef CAISSON_NETSETUP_DNS_ZONE_H_
#define CAISSON_NETSETUP_DNS_ZONE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/dns/shared_map.h"
#include "netsetup/ip_address.h"

namespace caisson::netsetup::dns {

// One container on the network.
struct ZoneEntry {
  // What the reverse name says; empty: the short id.
  std::string name;
  std::vector<std::string> aliases;
  std::string short_id;
  std::vector<IpAddress> addresses;
  // Ids of the container's further networks. Whichever of its servers it asks,
  // it gets the names of all of them.
  std::vector<std::string> other_networks;
};

struct ZoneOptions {
  // The network's own domain: names are known with it and without it. Empty:
  // only without.
  std::string domain;
  // Their reverse names are nobody else's.
  std::vector<IpPrefix> subnets;
  // Nothing outside exists: no question is forwarded.
  bool internal = false;
};

// What a zone says about a name.
struct ZoneAnswer {
  enum class Kind {
    kForeign,  // not ours
    kMissing,  // ours, and there is no such name
    kFound,    // exists; with the data below, if any
  };
  Kind kind = Kind::kForeign;
  // Valid as long as the zone.
  std::span<const IpAddress> addresses;
  // The canonical name (name.h) of a reverse name; empty when there is none.
  std::string_view pointer;
};

class Zone;
using ZonePtr = std::shared_ptr<const Zone>;

class Zone {
 public:
  // Names that DNS cannot carry (name.h) are left out: a container may be
  // called what no label can hold, and is found by its short id then. Several
  // entries may share names; their addresses are joined, in the order in which
  // they came. No two entries share an address. INVALID_ARGUMENT for a domain
  // that is none.
  static absl::StatusOr<ZonePtr> Build(const ZoneOptions& options,
                                       std::span<const ZoneEntry> entries);

  // The same zone with one entry more, or without one. Either twice is no
  // harm.
  ZonePtr With(const ZoneEntry& entry) const;
  ZonePtr Without(const ZoneEntry& entry) const;

  // For a canonical name (name.h).
  ZoneAnswer Find(std::string_view name) const;

  // The further networks of the container with that address.
  std::span<const std::string> OtherNetworksOf(const IpAddress& client) const;

  bool internal() const { return internal_; }

 private:
  struct Client {
    std::string pointer;  // canonical; empty: none
    std::vector<std::string> other_networks;
  };
  struct AddressHash {
    size_t operator()(const IpAddress& address) const;
  };

  Zone() = default;

  void Add(const ZoneEntry& entry);
  void Remove(const ZoneEntry& entry);
  std::string PointerOf(const ZoneEntry& entry) const;
  ZoneAnswer FindReverse(const IpAddress& address) const;

  std::string domain_;
  std::vector<IpPrefix> subnets_;
  bool internal_ = false;
  // Without the domain.
  SharedMap<std::string, std::vector<IpAddress>, std::hash<std::string_view>>
      names_;
  SharedMap<IpAddress, Client, AddressHash> clients_;
};

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_ZONE_H_
