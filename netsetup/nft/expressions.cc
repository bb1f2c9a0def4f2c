#include "netsetup/nft/expressions.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include <libnftnl/expr.h>

#include "runtime/base/check.h"

namespace caisson::netsetup::nft {
namespace {

// libnftnl allocates; it fails only without memory, as operator new would.
nftnl_expr* NewExpression(const char* name) {
  nftnl_expr* expression = ::nftnl_expr_alloc(name);
  CAISSON_CHECK(expression != nullptr);
  return expression;
}

// Register `word` of the 4-byte registers. The first is called by its older
// 16-byte name, as nft does, and so is each that begins 16 bytes.
uint32_t Register(size_t bytes_before) {
  const auto word = static_cast<uint32_t>(bytes_before / 4);
  return word % 4 == 0 ? NFT_REG_1 + word / 4 : NFT_REG32_00 + word;
}

void LoadMeta(nftnl_rule* rule, uint32_t key, uint32_t target) {
  nftnl_expr* meta = NewExpression("meta");
  ::nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, key);
  ::nftnl_expr_set_u32(meta, NFTNL_EXPR_META_DREG, target);
  ::nftnl_rule_add_expr(rule, meta);
}

void LoadPayload(nftnl_rule* rule, uint32_t base, uint32_t offset,
                 uint32_t bytes, uint32_t target) {
  nftnl_expr* payload = NewExpression("payload");
  ::nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_BASE, base);
  ::nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
  ::nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_LEN, bytes);
  ::nftnl_expr_set_u32(payload, NFTNL_EXPR_PAYLOAD_DREG, target);
  ::nftnl_rule_add_expr(rule, payload);
}

void Compare(nftnl_rule* rule, uint32_t operation, const void* data,
             uint32_t bytes) {
  nftnl_expr* compare = NewExpression("cmp");
  ::nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
  ::nftnl_expr_set_u32(compare, NFTNL_EXPR_CMP_OP, operation);
  ::nftnl_expr_set(compare, NFTNL_EXPR_CMP_DATA, data, bytes);
  ::nftnl_rule_add_expr(rule, compare);
}

void CompareByte(nftnl_rule* rule, uint8_t value) {
  Compare(rule, NFT_CMP_EQ, &value, sizeof(value));
}

// A lookup of what starts in the first register; `is_map`: the value replaces
// it there.
void LookUp(nftnl_rule* rule, SetId id, bool is_map) {
  const std::string name(SetOf(id).name);
  nftnl_expr* lookup = NewExpression("lookup");
  ::nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
  if (is_map) {
    ::nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_1);
  }
  ::nftnl_expr_set_str(lookup, NFTNL_EXPR_LOOKUP_SET, name.c_str());
  ::nftnl_rule_add_expr(rule, lookup);
}

void MatchFamily(nftnl_rule* rule, uint8_t family) {
  LoadMeta(rule, NFT_META_NFPROTO, NFT_REG_1);
  CompareByte(rule, family);
}

constexpr uint32_t kSource4Offset = 12;
constexpr uint32_t kDestination4Offset = 16;
constexpr uint32_t kDestination6Offset = 24;
constexpr uint32_t kDestinationPortOffset = 2;

void MatchNoInput(nftnl_rule* rule) {
  const uint32_t none = 0;
  LoadMeta(rule, NFT_META_IIF, NFT_REG_1);
  Compare(rule, NFT_CMP_EQ, &none, sizeof(none));
}

// Of an address in the header.
void MatchLoopback4(nftnl_rule* rule, uint32_t offset) {
  MatchFamily(rule, NFPROTO_IPV4);
  LoadPayload(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, 1, NFT_REG_1);
  CompareByte(rule, 127);
}

void MatchLoopback6(nftnl_rule* rule) {
  MatchFamily(rule, NFPROTO_IPV6);
  LoadPayload(rule, NFT_PAYLOAD_NETWORK_HEADER, kDestination6Offset, 16,
              NFT_REG_1);
  std::array<uint8_t, 16> loopback = {};
  loopback[15] = 1;
  Compare(rule, NFT_CMP_EQ, loopback.data(), loopback.size());
}

void MatchLocal(nftnl_rule* rule, uint32_t of) {
  nftnl_expr* fib = NewExpression("fib");
  ::nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
  ::nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_FLAGS, of);
  ::nftnl_expr_set_u32(fib, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
  ::nftnl_rule_add_expr(rule, fib);
  const uint32_t local = RTN_LOCAL;
  Compare(rule, NFT_CMP_EQ, &local, sizeof(local));
}

void MatchProtocol(nftnl_rule* rule, uint8_t protocol) {
  LoadMeta(rule, NFT_META_L4PROTO, NFT_REG_1);
  CompareByte(rule, protocol);
}

void MatchNames(nftnl_rule* rule, uint8_t protocol) {
  MatchProtocol(rule, protocol);
  LoadPayload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPortOffset,
              sizeof(uint16_t), NFT_REG_1);
  constexpr uint8_t kPort[] = {0, 53};
  Compare(rule, NFT_CMP_EQ, kPort, sizeof(kPort));
}

// Any bit of `mask` is set in what conntrack knows.
void MatchConntrack(nftnl_rule* rule, uint32_t key, uint32_t mask) {
  const uint32_t zero = 0;
  nftnl_expr* load = NewExpression("ct");
  ::nftnl_expr_set_u32(load, NFTNL_EXPR_CT_KEY, key);
  ::nftnl_expr_set_u32(load, NFTNL_EXPR_CT_DREG, NFT_REG_1);
  ::nftnl_rule_add_expr(rule, load);
  nftnl_expr* bits = NewExpression("bitwise");
  ::nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
  ::nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
  ::nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
  ::nftnl_expr_set_u32(bits, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
  ::nftnl_expr_set(bits, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof(mask));
  ::nftnl_expr_set(bits, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
  ::nftnl_rule_add_expr(rule, bits);
  Compare(rule, NFT_CMP_NEQ, &zero, sizeof(zero));
}

void Verdict(nftnl_rule* rule, int verdict, std::string_view chain = {}) {
  nftnl_expr* immediate = NewExpression("immediate");
  ::nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  ::nftnl_expr_set_u32(immediate, NFTNL_EXPR_IMM_VERDICT,
                       static_cast<uint32_t>(verdict));
  if (!chain.empty()) {
    ::nftnl_expr_set_str(immediate, NFTNL_EXPR_IMM_CHAIN,
                         std::string(chain).c_str());
  }
  ::nftnl_rule_add_expr(rule, immediate);
}

// Translates to the address, and the port behind it, in the first registers.
void Translate(nftnl_rule* rule, uint32_t type, bool ip6, bool with_port) {
  const size_t address_bytes = FieldBytes(ip6 ? Field::kIp6 : Field::kIp4);
  nftnl_expr* nat = NewExpression("nat");
  ::nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_TYPE, type);
  ::nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_FAMILY,
                       ip6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
  ::nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
  if (with_port) {
    ::nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_PROTO_MIN,
                         Register(address_bytes));
  }
  ::nftnl_rule_add_expr(rule, nat);
}

void TranslateSource(nftnl_rule* rule, SetId set) {
  LoadMeta(rule, NFT_META_IIFNAME, NFT_REG_1);
  LookUp(rule, set, true);
  Translate(rule, NFT_NAT_SNAT, IsIp6Map(set), false);
}

void TranslateDestination(nftnl_rule* rule, SetId set, bool with_address) {
  const bool ip6 = IsIp6Map(set);
  size_t bytes = 0;
  if (with_address) {
    MatchFamily(rule, ip6 ? NFPROTO_IPV6 : NFPROTO_IPV4);
    const size_t address_bytes = FieldBytes(ip6 ? Field::kIp6 : Field::kIp4);
    LoadPayload(rule, NFT_PAYLOAD_NETWORK_HEADER,
                ip6 ? kDestination6Offset : kDestination4Offset,
                static_cast<uint32_t>(address_bytes), Register(bytes));
    bytes += address_bytes;
  }
  LoadMeta(rule, NFT_META_L4PROTO, Register(bytes));
  bytes += FieldBytes(Field::kProtocol);
  LoadPayload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPortOffset,
              sizeof(uint16_t), Register(bytes));
  LookUp(rule, set, true);
  Translate(rule, NFT_NAT_DNAT, ip6, true);
}

void MatchInterface(nftnl_rule* rule, uint32_t key, SetId set) {
  LoadMeta(rule, key, NFT_REG_1);
  LookUp(rule, set, false);
}

void MatchPair(nftnl_rule* rule, uint32_t in, uint32_t out, Field field,
               SetId set) {
  LoadMeta(rule, in, NFT_REG_1);
  LoadMeta(rule, out, Register(FieldBytes(field)));
  LookUp(rule, set, false);
}

void AppendMatch(const Term& term, nftnl_rule* rule) {
  switch (term.kind) {
    case TermKind::kInputIn:
      return MatchInterface(rule, NFT_META_IIFNAME, term.set);
    case TermKind::kOutputIn:
      return MatchInterface(rule, NFT_META_OIFNAME, term.set);
    case TermKind::kPairIn:
      return MatchPair(rule, NFT_META_IIFNAME, NFT_META_OIFNAME,
                       Field::kInterface, term.set);
    case TermKind::kGroupsIn:
      return MatchPair(rule, NFT_META_IIFGROUP, NFT_META_OIFGROUP,
                       Field::kGroup, term.set);
    case TermKind::kIsIp4:
      return MatchFamily(rule, NFPROTO_IPV4);
    case TermKind::kIsIp6:
      return MatchFamily(rule, NFPROTO_IPV6);
    case TermKind::kNoInput:
      return MatchNoInput(rule);
    case TermKind::kFromLoopback4:
      return MatchLoopback4(rule, kSource4Offset);
    case TermKind::kToLoopback4:
      return MatchLoopback4(rule, kDestination4Offset);
    case TermKind::kToLoopback6:
      return MatchLoopback6(rule);
    case TermKind::kToHost:
      return MatchLocal(rule, NFTA_FIB_F_DADDR);
    case TermKind::kToInput:
      return MatchLocal(rule, NFTA_FIB_F_DADDR | NFTA_FIB_F_IIF);
    case TermKind::kIcmp4:
      return MatchProtocol(rule, IPPROTO_ICMP);
    case TermKind::kIcmp6:
      return MatchProtocol(rule, IPPROTO_ICMPV6);
    case TermKind::kNamesUdp:
      return MatchNames(rule, IPPROTO_UDP);
    case TermKind::kNamesTcp:
      return MatchNames(rule, IPPROTO_TCP);
    case TermKind::kKnown:
      return MatchConntrack(
          rule, NFT_CT_STATE,
          NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED));
    case TermKind::kInvalid:
      return MatchConntrack(rule, NFT_CT_STATE, NF_CT_STATE_INVALID_BIT);
    case TermKind::kDestination:
      return MatchConntrack(rule, NFT_CT_STATUS, IPS_DST_NAT);
    default:
      CAISSON_CHECK(false);
  }
}

void AppendTerm(const Term& term, nftnl_rule* rule) {
  switch (term.kind) {
    case TermKind::kAccept:
      return Verdict(rule, NF_ACCEPT);
    case TermKind::kDrop:
      return Verdict(rule, NF_DROP);
    case TermKind::kReturn:
      return Verdict(rule, NFT_RETURN);
    case TermKind::kJump:
      return Verdict(rule, NFT_JUMP, ChainOf(term.chain).name);
    case TermKind::kGoto:
      return Verdict(rule, NFT_GOTO, ChainOf(term.chain).name);
    case TermKind::kMasquerade:
      return ::nftnl_rule_add_expr(rule, NewExpression("masq"));
    case TermKind::kSourceFrom:
      return TranslateSource(rule, term.set);
    case TermKind::kDestinationFrom:
      return TranslateDestination(rule, term.set, false);
    case TermKind::kDestinationAtFrom:
      return TranslateDestination(rule, term.set, true);
    default:
      return AppendMatch(term, rule);
  }
}

}  // namespace

RulePtr BuildRule(std::string_view table, const RuleSchema& schema) {
  RulePtr rule(::nftnl_rule_alloc());
  CAISSON_CHECK(rule != nullptr);
  ::nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
  ::nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE,
                       std::string(table).c_str());
  ::nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN,
                       std::string(ChainOf(schema.chain).name).c_str());
  for (const Term& term : schema.terms) AppendTerm(term, rule.get());
  return rule;
}

}  // namespace caisson::netsetup::nft
