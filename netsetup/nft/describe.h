// The table in nft's own language: what explain shows, and what the tests load
// with nft to compare it with what our messages make.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_NFT_DESCRIBE_H_
#define CAISSON_NETSETUP_NFT_DESCRIBE_H_

#include <string>
#include <string_view>

#include "netsetup/nft/element.h"
#include "netsetup/nft/schema.h"

namespace caisson::netsetup::nft {

// The whole table with its elements, as `nft -f` reads it.
std::string Describe(std::string_view table, const Elements::Map& elements);

// One command a line: "add element inet caisson_a ports4 { tcp . 80 : ... }".
std::string Describe(std::string_view table, const Change& change);

// "iifname @nets goto managed".
std::string RuleText(const RuleSchema& rule);

// The comment of the table: changes whenever sets, chains or rules do.
std::string SchemaComment();

}  // namespace caisson::netsetup::nft

#endif  // CAISSON_NETSETUP_NFT_DESCRIBE_H_
