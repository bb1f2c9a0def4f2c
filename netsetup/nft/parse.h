// Messages of the kernel about tables, as values. Whatever the bytes are,
// nothing is read behind them; what is not understood is left out.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_NFT_PARSE_H_
#define CAISSON_NETSETUP_NFT_PARSE_H_

#include <linux/netlink.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "netsetup/nft/element.h"

namespace caisson::netsetup::nft {

// Elements of one set, of a dump, an event or a batch of ours.
struct ElementList {
  std::string table;
  std::string set;
  // Empty when the set is not one of ours.
  std::vector<Element> elements;
  // Where in the message each of them is.
  std::vector<uint32_t> offsets;
};
ElementList ParseElements(const nlmsghdr* header);

struct TableInfo {
  std::string name;
  std::string comment;
};
TableInfo ParseTable(const nlmsghdr* header);

struct ChainInfo {
  uint8_t family = 0;
  std::string table;
  std::string name;
  std::string type;
  // Of base chains.
  bool is_base = false;
  uint32_t hook = 0;
  bool drops = false;  // its policy
};
ChainInfo ParseChain(const nlmsghdr* header);

// One step of a rule: its kind, and its attributes in a form that does not
// depend on flags and order.
struct ExpressionInfo {
  std::string name;
  std::map<uint16_t, std::string> attributes;
};

struct RuleInfo {
  std::string table;
  std::string chain;
  std::vector<ExpressionInfo> expressions;
};
// libnftnl's own parser ends the process when an attribute has a size that it
// does not expect: it is not used.
RuleInfo ParseRule(const nlmsghdr* header);

// Whether the kernel's rule does what ours says: the same steps, each with all
// attributes that we gave it. Others are the kernel's own defaults.
bool Implements(const RuleInfo& kernel, const RuleInfo& ours);

// The table that any message about tables is about.
struct Subject {
  bool is_nft = false;
  uint8_t family = 0;
  uint16_t message = 0;  // NFT_MSG_*
  std::string table;
};
Subject ParseSubject(const nlmsghdr* header);

}  // namespace caisson::netsetup::nft

#endif  // CAISSON_NETSETUP_NFT_PARSE_H_
