#include "server/core/network/flow_judge.h"

#include <netinet/in.h>

#include <optional>

#include "runtime/base/status_macros.h"
#include "server/core/network/host_values.h"

namespace caisson::core {
namespace {

namespace nft = netsetup::nft;
using netsetup::Flow;
using netsetup::IpAddress;

constexpr uint16_t kNamesPort = 53;

bool IsLoopback(const IpAddress& address) {
  return address.is_v4() && address.bytes()[0] == 127;
}

}  // namespace

absl::Status FlowJudge::Add(const store::NetworkRecord& network,
                            const store::Endpoint& endpoint) {
  if (!IsFiltered(network)) return absl::OkStatus();
  const auto [found, is_new] = networks_.try_emplace(network.id);
  if (is_new) {
    CAISSON_ASSIGN_OR_RETURN(found->second.rules, FirewallRules(network));
    for (const spec::Subnet& subnet : network.subnets) {
      const auto gateway = netsetup::ParseIpAddress(subnet.gateway);
      if (gateway.ok()) found->second.gateways.insert(*gateway);
    }
  }
  for (const std::string& text : endpoint.addresses) {
    CAISSON_ASSIGN_OR_RETURN(const netsetup::IpPrefix address,
                             netsetup::ParseIpPrefix(text));
    containers_[address.address] = &found->second;
  }
  return absl::OkStatus();
}

const FlowJudge::Network* FlowJudge::NetworkOf(const IpAddress& address) const {
  const auto found = containers_.find(address);
  return found == containers_.end() ? nullptr : found->second;
}

bool FlowJudge::IsHost(const IpAddress& address) const {
  return IsLoopback(address) || host_.contains(address);
}

// A connection of TCP that a process of the host answers goes on; another one
// was refused, and is over.
bool FlowJudge::IsPastPort(const Flow& flow) const {
  if (flow.protocol != IPPROTO_UDP && flow.protocol != IPPROTO_SCTP) {
    return false;
  }
  if (!IsHost(flow.original_destination)) return false;
  const std::optional<IpAddress> owner = nft::OwnerOfPort(
      *elements_, flow.protocol, flow.original_destination, flow.original_port);
  return owner.has_value() && *owner != flow.reply_source;
}

// What a container may ask of a host that is guarded.
bool FlowJudge::IsForEverybody(const Network& from, const Flow& flow) {
  return flow.protocol == IPPROTO_ICMP || flow.protocol == IPPROTO_ICMPV6 ||
         (flow.original_port == kNamesPort &&
          from.gateways.contains(flow.original_destination));
}

bool FlowJudge::LeavesAsItself(const Network& from, const Flow& flow) {
  const nft::Nat& nat =
      flow.original_source.is_v6() ? from.rules.nat6 : from.rules.nat4;
  return nat.mode != nft::Nat::Mode::kRouted &&
         flow.reply_destination == flow.original_source;
}

// As the chain "managed" has it, from its rules for siblings on.
bool FlowJudge::MayPass(const Network& from, const Network& to,
                        bool is_translated) {
  const bool is_own = &from == &to;
  if (is_own && from.rules.siblings) return true;
  if (from.rules.internal || to.rules.internal) return false;
  if (is_own && is_translated) return true;
  if (from.rules.isolation == nft::Isolation::kStrict ||
      to.rules.isolation == nft::Isolation::kStrict) {
    return false;
  }
  return is_translated || (from.rules.isolation == nft::Isolation::kOpen &&
                           to.rules.isolation == nft::Isolation::kOpen);
}

bool FlowJudge::IsMisled(const Flow& flow) const {
  if (IsPastPort(flow)) return true;
  const Network* const from = NetworkOf(flow.original_source);
  const Network* const to = NetworkOf(flow.reply_source);
  const bool is_translated = flow.reply_source != flow.original_destination;
  if (from != nullptr && to != nullptr) {
    return !MayPass(*from, *to, is_translated);
  }
  if (from != nullptr) {
    if (IsHost(flow.reply_source)) {
      return from->rules.guards_host && !IsForEverybody(*from, flow);
    }
    return from->rules.internal || LeavesAsItself(*from, flow);
  }
  if (to == nullptr || IsHost(flow.original_source)) return false;
  return to->rules.internal || !(is_translated || to->rules.ingress);
}

}  // namespace caisson::core
