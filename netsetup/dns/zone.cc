#include "netsetup/dns/zone.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "netsetup/dns/name.h"
#include "runtime/base/status_macros.h"

namespace caisson::netsetup::dns {
namespace {

using Kind = ZoneAnswer::Kind;

// All names of an entry that DNS can carry, each once.
std::vector<std::string> NamesOf(const ZoneEntry& entry) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view text) {
    absl::StatusOr<std::string> name = ParseName(text);
    if (!name.ok()) return;  // as the header says
    if (std::find(names.begin(), names.end(), *name) != names.end()) return;
    names.push_back(*std::move(name));
  };
  add(entry.name);
  add(entry.short_id);
  for (const std::string& alias : entry.aliases) add(alias);
  return names;
}

}  // namespace

size_t Zone::AddressHash::operator()(const IpAddress& address) const {
  const std::span<const uint8_t> bytes = address.bytes();
  return std::hash<std::string_view>()(std::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

absl::StatusOr<ZonePtr> Zone::Build(const ZoneOptions& options,
                                    std::span<const ZoneEntry> entries) {
  std::shared_ptr<Zone> zone(new Zone);
  if (!options.domain.empty()) {
    CAISSON_ASSIGN_OR_RETURN(zone->domain_, ParseName(options.domain));
  }
  zone->subnets_ = options.subnets;
  zone->internal_ = options.internal;
  for (const ZoneEntry& entry : entries) zone->Add(entry);
  return ZonePtr(std::move(zone));
}

ZonePtr Zone::With(const ZoneEntry& entry) const {
  std::shared_ptr<Zone> zone(new Zone(*this));
  zone->Add(entry);
  return zone;
}

ZonePtr Zone::Without(const ZoneEntry& entry) const {
  std::shared_ptr<Zone> zone(new Zone(*this));
  zone->Remove(entry);
  return zone;
}

void Zone::Add(const ZoneEntry& entry) {
  for (const std::string& name : NamesOf(entry)) {
    std::vector<IpAddress>& known = names_.Change(name);
    for (const IpAddress& address : entry.addresses) {
      if (std::find(known.begin(), known.end(), address) == known.end()) {
        known.push_back(address);
      }
    }
  }
  const Client client = {.pointer = PointerOf(entry),
                         .other_networks = entry.other_networks};
  for (const IpAddress& address : entry.addresses) {
    clients_.Change(address) = client;
  }
}

void Zone::Remove(const ZoneEntry& entry) {
  for (const std::string& name : NamesOf(entry)) {
    if (names_.Find(name) == nullptr) continue;
    std::vector<IpAddress>& known = names_.Change(name);
    const auto is_its = [&](const IpAddress& address) {
      return std::find(entry.addresses.begin(), entry.addresses.end(),
                       address) != entry.addresses.end();
    };
    known.erase(std::remove_if(known.begin(), known.end(), is_its),
                known.end());
    if (known.empty()) names_.Erase(name);
  }
  for (const IpAddress& address : entry.addresses) clients_.Erase(address);
}

std::string Zone::PointerOf(const ZoneEntry& entry) const {
  absl::StatusOr<std::string> pointer = ParseName(entry.name);
  if (!pointer.ok()) pointer = ParseName(entry.short_id);
  if (!pointer.ok()) return {};
  // What is too long with the domain exists without it alone.
  if (pointer->size() + domain_.size() < kMaxNameBytes) *pointer += domain_;
  return *std::move(pointer);
}

ZoneAnswer Zone::Find(std::string_view name) const {
  if (const std::optional<IpAddress> address = ParseReverseName(name)) {
    return FindReverse(*address);
  }
  if (const std::vector<IpAddress>* found = names_.Find(name)) {
    return {.kind = Kind::kFound, .addresses = *found};
  }
  if (domain_.empty()) return {};
  const std::optional<std::string_view> rest = BelowDomain(name, domain_);
  if (!rest) return {};
  if (rest->empty()) return {.kind = Kind::kFound};  // the domain itself
  const std::vector<IpAddress>* found = names_.Find(*rest);
  if (found == nullptr) return {.kind = Kind::kMissing};
  return {.kind = Kind::kFound, .addresses = *found};
}

ZoneAnswer Zone::FindReverse(const IpAddress& address) const {
  const Client* client = clients_.Find(address);
  if (client != nullptr && !client->pointer.empty()) {
    return {.kind = Kind::kFound, .pointer = client->pointer};
  }
  const bool ours = std::any_of(
      subnets_.begin(), subnets_.end(),
      [&](const IpPrefix& subnet) { return subnet.Contains(address); });
  return {.kind = ours ? Kind::kMissing : Kind::kForeign};
}

std::span<const std::string> Zone::OtherNetworksOf(
    const IpAddress& client) const {
  const Client* found = clients_.Find(client);
  if (found == nullptr) return {};
  return found->other_networks;
}

}  // namespace caisson::netsetup::dns
