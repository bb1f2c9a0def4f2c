// The addresses of one subnet of one network, and who has them. Pure: leases
// are rows of the store, which the caller commits; a pool is rebuilt from
// them at any time.
//
//            Allocate, AllocateAt        Activate
//     free ----------------------> pending -----> active
//      ^  <----------------------      \            /
//      |           Restore              \ Release  /
//      |                                 v        v
//      +------------------------------- quarantined
//               its time is over
//
// An address is held in memory before its row is committed, and set free there
// after its row says so: where a crash cuts, the rows that are committed are
// right. So a release has two halves: BeginRelease gives the row, and until
// FinishRelease nobody else gets the address, however long that takes. Rows are
// written and deleted in the order in which they came. The quarantine keeps the
// next owner away from the last one's neighbours, who still know its MAC
// address, and from its connections.
//
// Process: daemon. Thread: one at a time.
#ifndef CAISSON_NETSETUP_IPAM_POOL_H_
#define CAISSON_NETSETUP_IPAM_POOL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "netsetup/ip_address.h"
#include "netsetup/ipam/offsets.h"

namespace caisson::netsetup::ipam {

enum class LeaseState : uint8_t { kPending, kActive, kQuarantined };

// One row. Its key in the store is network and address.
struct Lease {
  IpAddress address;
  std::string endpoint;  // the last one, in quarantine
  LeaseState state = LeaseState::kPending;
  // Since boot, as CLOCK_BOOTTIME or CLOCK_MONOTONIC have it: nobody sets
  // these back, and the row ends with the boot.
  absl::Duration quarantined_until;
  std::string boot_id;
  // Grows with every change of any lease of the pool. A row may be deleted
  // only where it still has the number of the lease that is gone.
  uint64_t generation = 0;

  bool operator==(const Lease&) const = default;
};

struct AddressRange {
  IpAddress first;
  IpAddress last;
};

struct PoolConfig {
  // Without bits behind its length.
  IpPrefix subnet;
  // The bridge's own; without it nobody's.
  std::optional<IpAddress> gateway;
  // From where addresses are given out; empty: all of the subnet.
  std::vector<AddressRange> ranges;
  // Given out only to who asks for them by name.
  std::vector<IpAddress> reserved;
  absl::Duration quarantine = absl::Seconds(10);
};

class Pool {
 public:
  // INVALID_ARGUMENT for a subnet with bits behind its length, and for what
  // lies outside of it.
  static absl::StatusOr<Pool> Build(PoolConfig config, std::string boot_id);

  // Takes over the rows of the store, once, in a fresh pool. Returns those to
  // delete: of another boot, of a quarantine that is over, or outside of the
  // subnet.
  std::vector<Lease> Recover(std::span<const Lease> rows, absl::Duration now);

  // The next free address behind the last one given out, so that none comes
  // again soon. RESOURCE_EXHAUSTED when there is none; the text says when the
  // next quarantine ends.
  absl::StatusOr<Lease> Allocate(std::string_view endpoint, absl::Duration now);

  // That very address, also out of a reservation or a quarantine: who asks for
  // it by name wants no other. ALREADY_EXISTS when another endpoint has it,
  // INVALID_ARGUMENT when it can be nobody's.
  absl::StatusOr<Lease> AllocateAt(const IpAddress& address,
                                   std::string_view endpoint,
                                   absl::Duration now);

  // The new row. NOT_FOUND when the endpoint does not have the address.
  absl::StatusOr<Lease> Activate(const IpAddress& address,
                                 std::string_view endpoint);
  absl::StatusOr<Lease> BeginRelease(const IpAddress& address,
                                     std::string_view endpoint,
                                     absl::Duration now);
  // Nothing for an address whose release was not begun, or not by the endpoint.
  void FinishRelease(const IpAddress& address, std::string_view endpoint);
  // Both, where no row tells of the lease.
  absl::StatusOr<Lease> Release(const IpAddress& address,
                                std::string_view endpoint, absl::Duration now);

  // Takes back what one of the above did, when its row could not be
  // committed: the lease as Find had it before, or none.
  void Restore(const IpAddress& address, std::optional<Lease> before);

  // Leases that a quarantine ended for since the last call; their addresses
  // are free, or somebody's again. Their rows may be deleted where they still
  // have the same generation.
  std::vector<Lease> TakeExpired(absl::Duration now);
  // Those of them whose rows could not be deleted: the next call has them too.
  void ReturnExpired(std::vector<Lease> leases);

  // Where Allocate goes on, for who takes back what it did.
  Offset position() const { return cursor_; }
  void SetPosition(Offset position) { cursor_ = position; }

  // Whether it was somebody's before, whose MAC others may still know. A pool
  // that took over rows does not know who had which, so everything was.
  bool WasGiven(const IpAddress& address) const;
  std::optional<Lease> Find(const IpAddress& address) const;
  // In the order of addresses.
  std::vector<Lease> Leases() const;
  const PoolConfig& config() const { return config_; }

 private:
  struct OffsetRange {
    Offset first;
    Offset last;
  };

  Pool(PoolConfig config, std::string boot_id);

  absl::Status Initialize();
  absl::Status AddRanges();
  absl::StatusOr<Offset> OffsetOf(const IpAddress& address) const;
  IpAddress AddressOf(Offset offset) const;
  // The first free offset at or behind the cursor, then from the start.
  std::optional<Offset> FindFree() const;
  absl::Status CheckFree(const IpAddress& address, Offset offset,
                         std::string_view endpoint) const;
  Lease& Hold(Offset offset, Lease lease);
  void Free(Offset offset);
  absl::StatusOr<Lease*> Held(const IpAddress& address,
                              std::string_view endpoint);
  // Frees what may be used again, keeping it for TakeExpired.
  void Expire(absl::Duration now);
  void Quarantine(Offset offset, const Lease& lease);

  PoolConfig config_;
  std::string boot_id_;
  Offset host_mask_ = 0;
  std::vector<OffsetRange> ranges_;
  // Never anybody's: the network, the broadcast address, the gateway.
  Offsets forbidden_;
  // What Allocate passes over: the above, reserved ones, and leases.
  Offsets used_;
  Offsets reserved_;
  absl::btree_map<Offset, Lease> leases_;
  // When a quarantine ends, by time; the generation tells whether it is still
  // the same one.
  absl::btree_map<std::pair<absl::Duration, uint64_t>, Offset> quarantines_;
  // Of leases that were released; grows only.
  Offsets given_;
  // Whose release was begun and is not finished.
  absl::btree_set<Offset> releasing_;
  std::vector<Lease> expired_;
  Offset cursor_ = 0;
  uint64_t generation_ = 0;
};

}  // namespace caisson::netsetup::ipam

#endif  // CAISSON_NETSETUP_IPAM_POOL_H_
