// Elements of the table's sets: the only thing that changes in it. Elements is
// what the table has to hold; it finds conflicts before the kernel is asked.
//
// Process: daemon. Thread: plain values; Elements is not for several threads.
#ifndef CAISSON_NETSETUP_NFT_ELEMENT_H_
#define CAISSON_NETSETUP_NFT_ELEMENT_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/nft/schema.h"

namespace caisson::netsetup::nft {

// Key and value are as in the kernel's registers: FieldBytes each.
struct Element {
  SetId set = SetId::kNets;
  std::string key;
  std::string value;  // empty in a set

  auto operator<=>(const Element&) const = default;
};

// Whether key and value have the sizes that the set says.
bool IsWellFormed(const Element& element);

// As nft writes it: "tcp . 80 : 10.0.0.1 . 8080". Any bytes give some text.
std::string ElementText(const Element& element);

// What is to be taken out and put in, in one transaction.
struct Change {
  std::vector<Element> add;
  std::vector<Element> remove;

  bool empty() const { return add.empty() && remove.empty(); }
};

class Elements {
 public:
  // Set and key to value, in the order of the sets.
  using Map = absl::btree_map<std::pair<SetId, std::string>, std::string>;

  // Takes out and puts in, and tells what that really changed: additions that
  // are there already and removals of what is not (removing twice is no error;
  // a key with another value is not it) are left out. Removals come first, so a
  // port can go from one container to another in one change. ALREADY_EXISTS,
  // and nothing changed, when a key is there with another value, or when a port
  // of one address and the same port of every address would have two owners.
  absl::StatusOr<Change> Apply(const Change& change);

  // Whether Apply would put it in: neither it nor another owner of its port is
  // there.
  bool IsFree(const Element& element) const;

  // Takes back what Apply has told.
  void Undo(const Change& applied);

  const Map& map() const { return map_; }
  size_t size() const { return map_.size(); }

 private:
  // A port, over all addresses of one family: whether it is taken at every
  // address, and at how many single ones.
  struct PortUse {
    bool everywhere = false;
    size_t places = 0;
  };

  absl::Status CheckPort(const Element& element) const;
  absl::StatusOr<bool> Add(const Element& element);
  // The element that was there; nothing when there was none.
  std::optional<Element> Remove(const Element& element);
  void CountPort(const Element& element, bool added);

  Map map_;
  absl::flat_hash_map<std::string, PortUse> ports_;
};

// What is in `want` and not in `have`, and the reverse.
Change Difference(const Elements::Map& have, const Elements::Map& want);

}  // namespace caisson::netsetup::nft

#endif  // CAISSON_NETSETUP_NFT_ELEMENT_H_
