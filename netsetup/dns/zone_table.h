// The zones of all networks of the host.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_NETSETUP_DNS_ZONE_TABLE_H_
#define CAISSON_NETSETUP_DNS_ZONE_TABLE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

#include "netsetup/dns/zone.h"
#include "netsetup/ip_address.h"

namespace caisson::netsetup::dns {

class ZoneTable {
 public:
  void Set(const std::string& network, ZonePtr zone);
  void Remove(const std::string& network);

  // What a client of a network sees: the zone of that network and those of
  // its further ones. Empty when the network has none.
  std::vector<ZonePtr> ViewOf(const std::string& network,
                              const IpAddress& client) const;

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, ZonePtr> zones_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_ZONE_TABLE_H_
