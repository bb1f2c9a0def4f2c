// A set of numbers as the ranges that it is made of. Finding the next number
// that is free takes a search in the ranges, however many numbers they hold:
// a /64 costs what a /24 does.
//
// Process: daemon. Thread: one at a time.
#ifndef CAISSON_NETSETUP_IPAM_OFFSETS_H_
#define CAISSON_NETSETUP_IPAM_OFFSETS_H_

#include <cstddef>
#include <optional>

#include "absl/container/btree_map.h"
#include "absl/numeric/int128.h"

namespace caisson::netsetup::ipam {

using Offset = absl::uint128;

class Offsets {
 public:
  // Adds first to last, both of them; some may be there already.
  void Add(Offset first, Offset last);
  void Remove(Offset offset);
  bool Contains(Offset offset) const;

  // The least number from `first` to `last` that is not there.
  std::optional<Offset> NextFree(Offset first, Offset last) const;

  // Of how many ranges it is made.
  size_t ranges() const { return ranges_.size(); }

 private:
  using Ranges = absl::btree_map<Offset, Offset>;
  // The range that holds `offset`, or the end.
  Ranges::const_iterator Find(Offset offset) const;

  // First to last; ranges neither touch nor overlap.
  Ranges ranges_;
};

}  // namespace caisson::netsetup::ipam

#endif  // CAISSON_NETSETUP_IPAM_OFFSETS_H_
