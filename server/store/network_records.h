// The records of networks, and what containers have of them. See records.h.
//
// Process: caissond. Thread: any (immutable once published).
#ifndef CAISSON_SERVER_STORE_NETWORK_RECORDS_H_
#define CAISSON_SERVER_STORE_NETWORK_RECORDS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "runtime/spec/network.h"

namespace caisson::store {

// What was about to be done when the row was committed. A row with an intent
// found at recovery is adopted, repaired or destroyed; kNone needs nothing.
enum class Intent {
  kNone,
  kCreate,  // the directory may be half made; not visible to readers yet
  kStart,   // a shim may exist
  kDelete,  // removal has begun and must be finished
};

// A port of the host that leads to a container, as it was resolved.
struct PublishedPort {
  std::string protocol;  // "tcp"
  std::string host_ip;   // "0.0.0.0", "::": all of that family
  int32_t host_port = 0;
  int32_t container_port = 0;
  int32_t count = 1;

  bool operator==(const PublishedPort&) const = default;
};

// What a container has of one network while it runs. Its leases are rows of
// their own, written in the same transactions.
struct Endpoint {
  std::string id;  // 32 hex digits
  std::string network_id;
  std::string network_name;
  // Of NetworkAttachment: as wanted, or chosen.
  std::string interface;
  std::string mac;
  std::vector<std::string> addresses;  // "10.1.0.2/16"
  std::vector<std::string> gateways;   // at most one of each family
  std::vector<std::string> aliases;
  // Others may know another owner of one of the addresses.
  bool announce = false;
  bool default_route = false;
  // The attachment said so: also when another network goes.
  bool never_default_route = false;
  std::vector<spec::NetworkRoute> routes;
  std::optional<spec::Bandwidth> ingress;
  std::optional<spec::Bandwidth> egress;
  std::vector<PublishedPort> ports;
  std::string host_link;  // the host's side; empty: it has none
  // Of the link in the container; 0: not known.
  int32_t inside_index = 0;
  // False: it was about to be attached, or to be detached.
  bool attached = false;

  bool operator==(const Endpoint&) const = default;
};

// A device of the host that an endpoint has (driver host-device), and what it
// was before.
struct LentDevice {
  std::string endpoint_id;
  std::string container_id;
  std::string interface;     // its name in the container
  std::string endpoint_mac;  // empty: its own
  // Devices begin anew with a boot, whoever had them.
  std::string boot_id;
  // 0: nobody wrote down what it was.
  int32_t index = 0;
  std::string kind;  // "veth"; empty: physical
  std::string mac;
  int64_t mtu = 0;
  int64_t group = 0;
  bool up = false;
  std::string alias;
  std::vector<std::string> alternative_names;
  // IN6_ADDR_GEN_MODE_*; of one with IPv6.
  std::optional<uint32_t> address_generation;

  bool operator==(const LentDevice&) const = default;
};

struct NetworkRecord {
  std::string id;    // 32 hex digits
  std::string name;  // effective: spec.name, or the first 12 of the id
  std::shared_ptr<const spec::NetworkSpec> spec;
  std::vector<spec::Subnet> subnets;  // effective: with gateways
  // kCreate: it is about to be made, and not visible to readers yet; kDelete.
  Intent intent = Intent::kNone;
  // The host has it: made on request, or with the first endpoint. Of another
  // boot it is to be made again.
  bool up = false;
  // From before the device is moved until it is the host's again.
  std::optional<LentDevice> lent;
  // The boot in which we told its bridge, which is not ours, to route loopback
  // addresses; empty: we have not.
  std::string loopback_boot_id;
  std::string request_id;
  absl::Time create_time = absl::InfinitePast();
  int64_t create_revision = 0;  // set by the store
  int64_t revision = 0;         // of the last change; set by the store
};

// A network namespace with a name of its own on the host.
struct NetworkNamespaceRecord {
  std::string id;  // 32 hex digits
  std::string name;
  // kCreate: it is about to be made, and not visible to readers yet; kDelete.
  Intent intent = Intent::kNone;
  // What the host has, of which boot. Of another boot, or 0, it is to be made
  // again.
  int64_t inode = 0;
  std::string boot_id;
  std::string request_id;
  absl::Time create_time = absl::InfinitePast();
  int64_t create_revision = 0;  // set by the store
  int64_t revision = 0;         // of the last change; set by the store

  bool operator==(const NetworkNamespaceRecord&) const = default;
};

// Who has an address of a network, as netsetup::ipam::Lease.
struct LeaseRow {
  std::string network_id;
  std::string address;  // the key, with network_id
  std::string endpoint_id;
  int32_t state = 0;
  int64_t quarantined_until_ns = 0;  // CLOCK_BOOTTIME
  std::string boot_id;
  // A row is replaced by a greater one only, and erased only with its own.
  int64_t generation = 0;

  bool operator==(const LeaseRow&) const = default;
};

using NetworkPtr = std::shared_ptr<const NetworkRecord>;
using NetworkNamespacePtr = std::shared_ptr<const NetworkNamespaceRecord>;

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_NETWORK_RECORDS_H_
