// Rules as the expressions that the kernel runs: register machine code, made
// with libnftnl.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_NFT_EXPRESSIONS_H_
#define CAISSON_NETSETUP_NFT_EXPRESSIONS_H_

#include <memory>
#include <string_view>

#include <libnftnl/rule.h>

#include "netsetup/nft/schema.h"

namespace caisson::netsetup::nft {

struct RuleDeleter {
  void operator()(nftnl_rule* rule) const { ::nftnl_rule_free(rule); }
};
using RulePtr = std::unique_ptr<nftnl_rule, RuleDeleter>;

// The rule with the names of its table and chain.
RulePtr BuildRule(std::string_view table, const RuleSchema& rule);

}  // namespace caisson::netsetup::nft

#endif  // CAISSON_NETSETUP_NFT_EXPRESSIONS_H_
