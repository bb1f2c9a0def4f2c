#include "netsetup/ipam/pool.h"

#include <algorithm>
#include <utility>

#include "netsetup/ipam/values.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::ipam {
namespace {

using base::StrCat;

}  // namespace

Pool::Pool(PoolConfig config, std::string boot_id)
    : config_(std::move(config)), boot_id_(std::move(boot_id)) {}

absl::StatusOr<Pool> Pool::Build(PoolConfig config, std::string boot_id) {
  Pool pool(std::move(config), std::move(boot_id));
  CAISSON_RETURN_IF_ERROR(pool.Initialize());
  return pool;
}

absl::Status Pool::Initialize() {
  const IpPrefix& subnet = config_.subnet;
  const int host_bits = subnet.address.bits() - subnet.length;
  if (host_bits < 0 || host_bits > subnet.address.bits() ||
      subnet.Network() != subnet) {
    return absl::InvalidArgumentError(
        StrCat("subnet '", subnet.ToString(), "'"));
  }
  host_mask_ = HostMask(subnet);
  // A point-to-point subnet has only addresses (RFC 3021, RFC 6164); IPv6 has
  // no broadcast, and its first address is every router's.
  if (host_bits >= 2) {
    forbidden_.Add(0, 0);
    if (subnet.address.is_v4()) forbidden_.Add(host_mask_, host_mask_);
  }
  if (config_.gateway) {
    CAISSON_ASSIGN_OR_RETURN(const Offset gateway, OffsetOf(*config_.gateway));
    if (forbidden_.Contains(gateway)) {
      return absl::InvalidArgumentError(
          StrCat("gateway '", config_.gateway->ToString(), "'"));
    }
    forbidden_.Add(gateway, gateway);
  }
  used_ = forbidden_;
  for (const IpAddress& address : config_.reserved) {
    CAISSON_ASSIGN_OR_RETURN(const Offset offset, OffsetOf(address));
    reserved_.Add(offset, offset);
    used_.Add(offset, offset);
  }
  return AddRanges();
}

absl::Status Pool::AddRanges() {
  for (const AddressRange& range : config_.ranges) {
    CAISSON_ASSIGN_OR_RETURN(const Offset first, OffsetOf(range.first));
    CAISSON_ASSIGN_OR_RETURN(const Offset last, OffsetOf(range.last));
    if (first > last) {
      return absl::InvalidArgumentError(StrCat("range '",
                                               range.first.ToString(), "' to '",
                                               range.last.ToString(), "'"));
    }
    ranges_.push_back({first, last});
  }
  if (ranges_.empty()) ranges_.push_back({0, host_mask_});
  std::sort(ranges_.begin(), ranges_.end(),
            [](const OffsetRange& a, const OffsetRange& b) {
              return a.first < b.first;
            });
  cursor_ = ranges_.front().first;
  return absl::OkStatus();
}

absl::StatusOr<Offset> Pool::OffsetOf(const IpAddress& address) const {
  if (address.is_v6() != config_.subnet.address.is_v6() ||
      !config_.subnet.Contains(address)) {
    return absl::InvalidArgumentError(StrCat("address '", address.ToString(),
                                             "' is not in '",
                                             config_.subnet.ToString(), "'"));
  }
  return ValueOf(address) & host_mask_;
}

IpAddress Pool::AddressOf(Offset offset) const {
  return AddressFrom(ValueOf(config_.subnet.address) | offset,
                     config_.subnet.address.is_v6());
}

std::optional<Offset> Pool::FindFree() const {
  for (const OffsetRange& range : ranges_) {
    const auto found =
        used_.NextFree(std::max(range.first, cursor_), range.last);
    if (found) return found;
  }
  for (const OffsetRange& range : ranges_) {
    const auto found = used_.NextFree(range.first, range.last);
    if (found) return found;
  }
  return std::nullopt;
}

Lease& Pool::Hold(Offset offset, Lease lease) {
  used_.Add(offset, offset);
  Lease& held = leases_[offset];
  held = std::move(lease);
  return held;
}

void Pool::Free(Offset offset) {
  leases_.erase(offset);
  if (!reserved_.Contains(offset)) used_.Remove(offset);
}

void Pool::Quarantine(Offset offset, const Lease& lease) {
  quarantines_[{lease.quarantined_until, lease.generation}] = offset;
}

void Pool::Expire(absl::Duration now) {
  while (!quarantines_.empty() && quarantines_.begin()->first.first <= now) {
    const auto [key, offset] = *quarantines_.begin();
    quarantines_.erase(quarantines_.begin());
    const auto found = leases_.find(offset);
    // Somebody took the address, or its release was taken back.
    if (found == leases_.end() || found->second.generation != key.second) {
      continue;
    }
    expired_.push_back(found->second);
    Free(offset);
  }
}

std::vector<Lease> Pool::Recover(std::span<const Lease> rows,
                                 absl::Duration now) {
  given_.Add(0, host_mask_);
  std::vector<Lease> dropped;
  for (const Lease& row : rows) {
    generation_ = std::max(generation_, row.generation);
    const absl::StatusOr<Offset> offset = OffsetOf(row.address);
    const bool is_over =
        row.state == LeaseState::kQuarantined && row.quarantined_until <= now;
    if (!offset.ok() || is_over || row.boot_id != boot_id_) {
      dropped.push_back(row);
      continue;
    }
    Hold(*offset, row);
    if (row.state == LeaseState::kQuarantined) Quarantine(*offset, row);
  }
  // Not from the start: the addresses before were given out last.
  if (!leases_.empty()) {
    const auto newest = std::max_element(
        leases_.begin(), leases_.end(), [](const auto& a, const auto& b) {
          return a.second.generation < b.second.generation;
        });
    cursor_ = newest->first == host_mask_ ? 0 : newest->first + 1;
  }
  return dropped;
}

absl::StatusOr<Lease> Pool::Allocate(std::string_view endpoint,
                                     absl::Duration now) {
  Expire(now);
  const std::optional<Offset> offset = FindFree();
  if (!offset) {
    const std::string subnet = config_.subnet.ToString();
    if (quarantines_.empty()) {
      return absl::ResourceExhaustedError(
          StrCat("no free address in '", subnet, "'"));
    }
    const absl::Duration wait = quarantines_.begin()->first.first - now;
    return absl::ResourceExhaustedError(
        StrCat("no free address in '", subnet, "', the next in ",
               absl::FormatDuration(absl::Ceil(wait, absl::Milliseconds(1)))));
  }
  cursor_ = *offset == host_mask_ ? 0 : *offset + 1;
  return Hold(*offset, {.address = AddressOf(*offset),
                        .endpoint = std::string(endpoint),
                        .boot_id = boot_id_,
                        .generation = ++generation_});
}

absl::StatusOr<Lease> Pool::AllocateAt(const IpAddress& address,
                                       std::string_view endpoint,
                                       absl::Duration now) {
  Expire(now);
  CAISSON_ASSIGN_OR_RETURN(const Offset offset, OffsetOf(address));
  if (forbidden_.Contains(offset)) {
    return absl::InvalidArgumentError(
        StrCat("address '", address.ToString(), "' of '",
               config_.subnet.ToString(), "' can be no container's"));
  }
  const auto found = leases_.find(offset);
  if (found != leases_.end() &&
      (found->second.state != LeaseState::kQuarantined ||
       releasing_.contains(offset))) {
    return absl::AlreadyExistsError(StrCat("address '", address.ToString(),
                                           "' belongs to '",
                                           found->second.endpoint, "'"));
  }
  return Hold(offset, {.address = address,
                       .endpoint = std::string(endpoint),
                       .boot_id = boot_id_,
                       .generation = ++generation_});
}

absl::StatusOr<Lease*> Pool::Held(const IpAddress& address,
                                  std::string_view endpoint) {
  CAISSON_ASSIGN_OR_RETURN(const Offset offset, OffsetOf(address));
  const auto found = leases_.find(offset);
  if (found == leases_.end() || found->second.endpoint != endpoint ||
      found->second.state == LeaseState::kQuarantined) {
    return absl::NotFoundError(
        StrCat("'", endpoint, "' does not have '", address.ToString(), "'"));
  }
  return &found->second;
}

absl::StatusOr<Lease> Pool::Activate(const IpAddress& address,
                                     std::string_view endpoint) {
  CAISSON_ASSIGN_OR_RETURN(Lease* const lease, Held(address, endpoint));
  lease->state = LeaseState::kActive;
  lease->generation = ++generation_;
  return *lease;
}

absl::StatusOr<Lease> Pool::BeginRelease(const IpAddress& address,
                                         std::string_view endpoint,
                                         absl::Duration now) {
  CAISSON_ASSIGN_OR_RETURN(Lease* const lease, Held(address, endpoint));
  lease->state = LeaseState::kQuarantined;
  lease->quarantined_until = now + config_.quarantine;
  lease->generation = ++generation_;
  const Offset offset = ValueOf(address) & host_mask_;
  releasing_.insert(offset);
  given_.Add(offset, offset);
  return *lease;
}

void Pool::FinishRelease(const IpAddress& address, std::string_view endpoint) {
  const absl::StatusOr<Offset> offset = OffsetOf(address);
  if (!offset.ok() || !releasing_.contains(*offset)) return;
  const Lease& lease = leases_.at(*offset);
  if (lease.endpoint != endpoint) return;
  releasing_.erase(*offset);
  Quarantine(*offset, lease);
}

absl::StatusOr<Lease> Pool::Release(const IpAddress& address,
                                    std::string_view endpoint,
                                    absl::Duration now) {
  absl::StatusOr<Lease> lease = BeginRelease(address, endpoint, now);
  if (lease.ok()) FinishRelease(address, endpoint);
  return lease;
}

void Pool::Restore(const IpAddress& address, std::optional<Lease> before) {
  const absl::StatusOr<Offset> offset = OffsetOf(address);
  if (!offset.ok()) return;
  releasing_.erase(*offset);
  if (!before) return Free(*offset);
  const Lease& lease = Hold(*offset, *std::move(before));
  if (lease.state == LeaseState::kQuarantined) Quarantine(*offset, lease);
}

bool Pool::WasGiven(const IpAddress& address) const {
  const absl::StatusOr<Offset> offset = OffsetOf(address);
  return offset.ok() && given_.Contains(*offset);
}

std::vector<Lease> Pool::TakeExpired(absl::Duration now) {
  Expire(now);
  return std::exchange(expired_, {});
}

void Pool::ReturnExpired(std::vector<Lease> leases) {
  leases.insert(leases.end(), expired_.begin(), expired_.end());
  expired_ = std::move(leases);
}

std::optional<Lease> Pool::Find(const IpAddress& address) const {
  const absl::StatusOr<Offset> offset = OffsetOf(address);
  if (!offset.ok()) return std::nullopt;
  const auto found = leases_.find(*offset);
  if (found == leases_.end()) return std::nullopt;
  return found->second;
}

std::vector<Lease> Pool::Leases() const {
  std::vector<Lease> leases;
  leases.reserve(leases_.size());
  for (const auto& [offset, lease] : leases_) leases.push_back(lease);
  return leases;
}

}  // namespace caisson::netsetup::ipam
