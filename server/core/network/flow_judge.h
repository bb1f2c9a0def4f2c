// Which connections began in a way that the firewall would not have let them:
// while its table was missing. A connection keeps the way it began with, and
// what is known passes, so these have to be forgotten when the table is there
// again: then their next packet is their first one.
//
//   what would have been              what it did meanwhile
//   to the owner of a published port  to the host itself (udp, sctp)
//   out with the host's address       out with the container's own
//   nowhere: internal, isolated,      through
//   from outside, to the host
//
// Process: caissond. Thread: any; pure. It borrows the elements.
#ifndef CAISSON_SERVER_CORE_NETWORK_FLOW_JUDGE_H_
#define CAISSON_SERVER_CORE_NETWORK_FLOW_JUDGE_H_

#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"

#include "netsetup/conntrack.h"
#include "netsetup/ip_address.h"
#include "netsetup/nft/element.h"
#include "netsetup/nft/ruleset.h"
#include "server/store/records.h"

namespace caisson::core {

class FlowJudge {
 public:
  // The host's own addresses, and what the table holds.
  FlowJudge(std::set<netsetup::IpAddress> host,
            const netsetup::nft::Elements* elements)
      : host_(std::move(host)), elements_(elements) {}

  // An endpoint that is attached. INVALID_ARGUMENT for what Validate does not
  // let pass.
  absl::Status Add(const store::NetworkRecord& network,
                   const store::Endpoint& endpoint);

  bool IsMisled(const netsetup::Flow& flow) const;

 private:
  struct Network {
    netsetup::nft::NetworkRules rules;
    std::set<netsetup::IpAddress> gateways;
  };

  // Null: of none.
  const Network* NetworkOf(const netsetup::IpAddress& address) const;
  bool IsHost(const netsetup::IpAddress& address) const;
  bool IsPastPort(const netsetup::Flow& flow) const;
  static bool IsForEverybody(const Network& from, const netsetup::Flow& flow);
  static bool LeavesAsItself(const Network& from, const netsetup::Flow& flow);
  static bool MayPass(const Network& from, const Network& to,
                      bool is_translated);

  const std::set<netsetup::IpAddress> host_;
  const netsetup::nft::Elements* const elements_;
  std::map<std::string, Network> networks_;  // by id
  std::map<netsetup::IpAddress, const Network*> containers_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_FLOW_JUDGE_H_
