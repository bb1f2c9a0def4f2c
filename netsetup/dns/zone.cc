#include "netsetup/dns/zone.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "netsetup/dns/name.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::dns {

using Kind = ZoneAnswer::Kind;

absl::StatusOr<ZonePtr> Zone::Build(const ZoneOptions& options,
                                    std::span<const ZoneEntry> entries) {
  std::shared_ptr<Zone> zone(new Zone);
  if (!options.domain.empty()) {
    CAISSON_ASSIGN_OR_RETURN(zone->domain_, ParseName(options.domain));
  }
  zone->subnets_ = options.subnets;
  zone->internal_ = options.internal;
  zone->names_.reserve(2 * entries.size());
  for (const ZoneEntry& entry : entries) zone->Add(entry);
  return ZonePtr(std::move(zone));
}

void Zone::Add(const ZoneEntry& entry) {
  AddName(entry.name, entry.addresses);
  AddName(entry.short_id, entry.addresses);
  for (const std::string& alias : entry.aliases) {
    AddName(alias, entry.addresses);
  }
  absl::StatusOr<std::string> pointer = ParseName(entry.name);
  if (!pointer.ok()) pointer = ParseName(entry.short_id);
  // What is too long with the domain exists without it alone.
  if (pointer.ok() && pointer->size() + domain_.size() < kMaxNameBytes) {
    *pointer += domain_;
  }
  for (const IpAddress& address : entry.addresses) {
    if (pointer.ok()) pointers_.try_emplace(address, *pointer);
    if (!entry.other_networks.empty()) {
      other_networks_.try_emplace(address, entry.other_networks);
    }
  }
}

void Zone::AddName(std::string_view text,
                   std::span<const IpAddress> addresses) {
  absl::StatusOr<std::string> name = ParseName(text);
  if (!name.ok()) return;  // as the header says
  std::vector<IpAddress>& known = names_[*std::move(name)];
  // A name and an alias may be the same, and then stand at the end. Nothing
  // before has these addresses: no two entries share one.
  const bool is_known =
      known.size() >= addresses.size() &&
      std::equal(addresses.begin(), addresses.end(),
                 known.end() - static_cast<ptrdiff_t>(addresses.size()));
  if (is_known) return;
  known.insert(known.end(), addresses.begin(), addresses.end());
}

ZoneAnswer Zone::Find(std::string_view name) const {
  if (const std::optional<IpAddress> address = ParseReverseName(name)) {
    return FindReverse(*address);
  }
  if (const auto found = names_.find(base::AbslView(name));
      found != names_.end()) {
    return {.kind = Kind::kFound, .addresses = found->second};
  }
  if (domain_.empty()) return {};
  const std::optional<std::string_view> rest = BelowDomain(name, domain_);
  if (!rest) return {};
  if (rest->empty()) return {.kind = Kind::kFound};  // the domain itself
  const auto found = names_.find(base::AbslView(*rest));
  if (found == names_.end()) return {.kind = Kind::kMissing};
  return {.kind = Kind::kFound, .addresses = found->second};
}

ZoneAnswer Zone::FindReverse(const IpAddress& address) const {
  if (const auto found = pointers_.find(address); found != pointers_.end()) {
    return {.kind = Kind::kFound, .pointer = found->second};
  }
  const bool ours = std::any_of(
      subnets_.begin(), subnets_.end(),
      [&](const IpPrefix& subnet) { return subnet.Contains(address); });
  return {.kind = ours ? Kind::kMissing : Kind::kForeign};
}

std::span<const std::string> Zone::OtherNetworksOf(
    const IpAddress& client) const {
  const auto found = other_networks_.find(client);
  if (found == other_networks_.end()) return {};
  return found->second;
}

}  // namespace caisson::netsetup::dns
