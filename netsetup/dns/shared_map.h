// An ordered map in parts whose copies share all parts that are equal: a copy
// with one change costs the copy of one part, whatever the size of the map.
//
// Process: daemon. Thread: a map that is not changed any more, any; its copies
// are changed elsewhere meanwhile.
#ifndef CAISSON_NETSETUP_DNS_SHARED_MAP_H_
#define CAISSON_NETSETUP_DNS_SHARED_MAP_H_

#include <array>
#include <cstddef>
#include <functional>
#include <memory>

#include "absl/container/btree_map.h"

namespace caisson::netsetup::dns {

// `Hash` of a key, and of what is looked up as one, says the part.
template <typename Key, typename Value, typename Hash>
class SharedMap {
 public:
  // Null when there is none. Valid as long as the map or a copy of it that has
  // the same value.
  template <typename Like>
  const Value* Find(const Like& key) const {
    const std::shared_ptr<Part>& part = parts_[PartOf(key)];
    if (part == nullptr) return nullptr;
    const auto found = part->find(key);
    return found == part->end() ? nullptr : &found->second;
  }

  // For change; made when there is none. Valid until the next call.
  Value& Change(const Key& key) { return OwnPart(PartOf(key))[key]; }

  void Erase(const Key& key) {
    if (Find(key) != nullptr) OwnPart(PartOf(key)).erase(key);
  }

 private:
  using Part = absl::btree_map<Key, Value, std::less<>>;
  // About 10 names of a full bridge in each.
  static constexpr size_t kParts = 256;

  template <typename Like>
  static size_t PartOf(const Like& key) {
    return Hash()(key) % kParts;
  }

  // The part, after which no other map has it. One that was copied stays
  // shared while the map that it came from lives, as it has to until here.
  Part& OwnPart(size_t number) {
    std::shared_ptr<Part>& part = parts_[number];
    if (part == nullptr) {
      part = std::make_shared<Part>();
    } else if (part.use_count() > 1) {
      part = std::make_shared<Part>(*part);
    }
    return *part;
  }

  std::array<std::shared_ptr<Part>, kParts> parts_;
};

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_SHARED_MAP_H_
