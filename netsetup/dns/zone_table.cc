#include "netsetup/dns/zone_table.h"

#include <utility>

namespace caisson::netsetup::dns {

void ZoneTable::Set(const std::string& network, ZonePtr zone) {
  {
    absl::MutexLock lock(&mutex_);
    std::swap(zones_[network], zone);
  }
  // The old zone, perhaps with thousands of names, ends without the lock.
}

void ZoneTable::Remove(const std::string& network) {
  ZonePtr zone;
  absl::MutexLock lock(&mutex_);
  const auto found = zones_.find(network);
  if (found == zones_.end()) return;
  zone = std::move(found->second);
  zones_.erase(found);
}

std::vector<ZonePtr> ZoneTable::ViewOf(const std::string& network,
                                       const IpAddress& client) const {
  std::vector<ZonePtr> view;
  absl::MutexLock lock(&mutex_);
  const auto asked = zones_.find(network);
  if (asked == zones_.end()) return view;
  view.push_back(asked->second);
  for (const std::string& id : asked->second->OtherNetworksOf(client)) {
    const auto other = zones_.find(id);
    if (other != zones_.end()) view.push_back(other->second);
  }
  return view;
}

}  // namespace caisson::netsetup::dns
