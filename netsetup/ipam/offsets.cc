#include "netsetup/ipam/offsets.h"

#include <algorithm>
#include <iterator>

namespace caisson::netsetup::ipam {

Offsets::Ranges::const_iterator Offsets::Find(Offset offset) const {
  auto after = ranges_.upper_bound(offset);
  if (after == ranges_.begin()) return ranges_.end();
  const auto range = std::prev(after);
  return range->second >= offset ? range : ranges_.end();
}

void Offsets::Add(Offset first, Offset last) {
  // What begins before or right behind the new range becomes part of it.
  auto range = ranges_.upper_bound(first);
  if (range != ranges_.begin()) {
    const auto before = std::prev(range);
    // No sum: the last number there is would have none behind it.
    if (before->second >= first || first - before->second == 1) {
      range = before;
    }
  }
  while (range != ranges_.end() &&
         (range->first <= last || range->first - last == 1)) {
    first = std::min(first, range->first);
    last = std::max(last, range->second);
    range = ranges_.erase(range);
  }
  ranges_.emplace(first, last);
}

void Offsets::Remove(Offset offset) {
  const auto range = Find(offset);
  if (range == ranges_.end()) return;
  const auto [first, last] = *range;
  ranges_.erase(range);
  if (first < offset) ranges_.emplace(first, offset - 1);
  if (offset < last) ranges_.emplace(offset + 1, last);
}

bool Offsets::Contains(Offset offset) const {
  return Find(offset) != ranges_.end();
}

std::optional<Offset> Offsets::NextFree(Offset first, Offset last) const {
  if (first > last) return std::nullopt;
  const auto range = Find(first);
  if (range == ranges_.end()) return first;
  // Ranges do not touch: what is behind one is free.
  if (range->second >= last) return std::nullopt;
  return range->second + 1;
}

}  // namespace caisson::netsetup::ipam
