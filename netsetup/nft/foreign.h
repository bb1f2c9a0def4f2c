// What the rules of somebody else do to a packet of ours. Accepting it in our
// table does not help where another chain drops it; whether one does is found
// by following its rules with a packet of which little is known.
//
//   the match is   true       false   not known (addresses, sets, limits ...)
//   drop           dropped    -       goes on: some packets are
//   accept         accepted   -       goes on: some packets are not
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_NFT_FOREIGN_H_
#define CAISSON_NETSETUP_NFT_FOREIGN_H_

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace caisson::netsetup::nft {

// One expression of a rule.
struct ForeignStep {
  enum class Kind : uint8_t {
    kNothing,  // counts, logs, marks
    kLoad,     // `what` into the registers, `bytes` of it
    kMask,     // (registers & data) ^ toggle
    kCompare,  // goes on when they are the data, with `is_not` when they differ
    kUnknown,  // goes on or not; the registers have anything
    kAccept,
    kDrop,
    kJump,
    kGoto,
    kReturn,
    kSomeVerdict,  // of a map
  };
  enum class What : uint8_t {
    kAnything,
    kInputName,
    kOutputName,
    kInputIndex,
    kOutputIndex,
    kState,
    kProtocol,
    kPort,
    kData,
  };
  Kind kind = Kind::kUnknown;
  What what = What::kAnything;
  bool is_not = false;
  size_t from = 0;  // first bytes of the registers
  size_t to = 0;
  size_t bytes = 0;
  std::string data;
  std::string toggle;
  std::string chain;
};

struct ForeignRule {
  std::string table;
  std::string chain;
  std::vector<ForeignStep> steps;
};
// What is not understood becomes a step of which nothing is known.
ForeignRule ParseForeignRule(const nlmsghdr* header);

// The rules of one table, by chain.
using ForeignChains = std::map<std::string, std::vector<ForeignRule>>;

// The first one of a connection. Without a name: any interface.
struct ForeignPacket {
  std::optional<std::string> input;
  std::optional<std::string> output;
  bool asks_names = false;  // UDP, to port 53
};

struct Fate {
  bool is_dropped = false;
  // Rules before may have accepted some.
  bool has_exceptions = false;

  bool operator==(const Fate&) const = default;
};
Fate FateOf(const ForeignChains& chains, const std::string& base_chain,
            bool drops_by_policy, const ForeignPacket& packet);

// Some of the names, one of each kind that the rules tell apart.
std::set<std::string> ToldApart(const ForeignChains& chains,
                                const std::set<std::string>& names);

}  // namespace caisson::netsetup::nft

#endif  // CAISSON_NETSETUP_NFT_FOREIGN_H_
