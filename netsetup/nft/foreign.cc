#include "netsetup/nft/foreign.h"

// First: its structs and those of linux/in.h exclude each other otherwise.
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>
#include <utility>

#include <libmnl/libmnl.h>

#include "netsetup/attributes.h"

namespace caisson::netsetup::nft {
namespace {

using Kind = ForeignStep::Kind;
using What = ForeignStep::What;

constexpr size_t kRegisterBytes = 16 * sizeof(uint32_t);
constexpr size_t kLongRegister = 16;
// The kernel lets chains nest as deep; more rules than these are not followed.
constexpr int kMostLevels = 16;
constexpr int kMostRules = 100000;
constexpr uint16_t kNamesPort = 53;

// The attributes of one expression.
using Attributes = std::map<uint16_t, const nlattr*>;

std::optional<uint32_t> Number(const Attributes& attributes, uint16_t type) {
  const auto found = attributes.find(type);
  if (found == attributes.end()) return std::nullopt;
  return AttributeBe32(found->second);
}

std::string Text(const Attributes& attributes, uint16_t type) {
  const auto found = attributes.find(type);
  if (found == attributes.end()) return "";
  return std::string(AttributeText(found->second));
}

// A value in a nest.
std::string Data(const Attributes& attributes, uint16_t type) {
  std::string value;
  const auto found = attributes.find(type);
  if (found == attributes.end()) return value;
  ForEachNested(found->second, [&value](const nlattr* attribute) {
    if (::mnl_attr_get_type(attribute) == NFTA_DATA_VALUE) {
      value = AttributeBytes(attribute);
    }
  });
  return value;
}

// Where a register is among their bytes; the end for what is none.
size_t RegisterAt(std::optional<uint32_t> number) {
  if (!number.has_value() || *number == NFT_REG_VERDICT) return kRegisterBytes;
  const size_t at = *number >= NFT_REG32_00
                        ? (*number - NFT_REG32_00) * sizeof(uint32_t)
                        : (*number - NFT_REG_1) * kLongRegister;
  return std::min(at, kRegisterBytes);
}

ForeignStep Load(What what, size_t to, size_t bytes) {
  return {.kind = Kind::kLoad, .what = what, .to = to, .bytes = bytes};
}

ForeignStep ParseMeta(const Attributes& attributes) {
  if (attributes.contains(NFTA_META_SREG)) return {.kind = Kind::kNothing};
  const size_t to = RegisterAt(Number(attributes, NFTA_META_DREG));
  switch (Number(attributes, NFTA_META_KEY).value_or(UINT32_MAX)) {
    case NFT_META_IIFNAME:
      return Load(What::kInputName, to, IFNAMSIZ);
    case NFT_META_OIFNAME:
      return Load(What::kOutputName, to, IFNAMSIZ);
    case NFT_META_IIF:
      return Load(What::kInputIndex, to, sizeof(uint32_t));
    case NFT_META_OIF:
      return Load(What::kOutputIndex, to, sizeof(uint32_t));
    case NFT_META_L4PROTO:
      return Load(What::kProtocol, to, 1);
    default:
      return Load(What::kAnything, to, kLongRegister);
  }
}

ForeignStep ParseCt(const Attributes& attributes) {
  if (attributes.contains(NFTA_CT_SREG)) return {.kind = Kind::kNothing};
  const size_t to = RegisterAt(Number(attributes, NFTA_CT_DREG));
  if (Number(attributes, NFTA_CT_KEY) == uint32_t{NFT_CT_STATE}) {
    return Load(What::kState, to, sizeof(uint32_t));
  }
  return Load(What::kAnything, to, kLongRegister);
}

ForeignStep ParsePayload(const Attributes& attributes) {
  if (attributes.contains(NFTA_PAYLOAD_SREG)) return {.kind = Kind::kNothing};
  const size_t to = RegisterAt(Number(attributes, NFTA_PAYLOAD_DREG));
  const size_t bytes =
      Number(attributes, NFTA_PAYLOAD_LEN).value_or(kLongRegister);
  const std::optional<uint32_t> base = Number(attributes, NFTA_PAYLOAD_BASE);
  const std::optional<uint32_t> at = Number(attributes, NFTA_PAYLOAD_OFFSET);
  What what = What::kAnything;
  if (base == uint32_t{NFT_PAYLOAD_TRANSPORT_HEADER} && at == 2u &&
      bytes == 2) {
    what = What::kPort;
  }
  // Of IPv4 and, without other headers before it, of IPv6.
  if (base == uint32_t{NFT_PAYLOAD_NETWORK_HEADER} && (at == 9u || at == 6u) &&
      bytes == 1) {
    what = What::kProtocol;
  }
  return Load(what, to, bytes);
}

ForeignStep ParseCompare(const Attributes& attributes) {
  const uint32_t op = Number(attributes, NFTA_CMP_OP).value_or(UINT32_MAX);
  if (op != NFT_CMP_EQ && op != NFT_CMP_NEQ) return {};
  return {.kind = Kind::kCompare,
          .is_not = op == NFT_CMP_NEQ,
          .from = RegisterAt(Number(attributes, NFTA_CMP_SREG)),
          .data = Data(attributes, NFTA_CMP_DATA)};
}

ForeignStep ParseBitwise(const Attributes& attributes) {
  if (Number(attributes, NFTA_BITWISE_OP).value_or(NFT_BITWISE_BOOL) !=
      NFT_BITWISE_BOOL) {
    return {};
  }
  return {.kind = Kind::kMask,
          .from = RegisterAt(Number(attributes, NFTA_BITWISE_SREG)),
          .to = RegisterAt(Number(attributes, NFTA_BITWISE_DREG)),
          .bytes = Number(attributes, NFTA_BITWISE_LEN).value_or(0),
          .data = Data(attributes, NFTA_BITWISE_MASK),
          .toggle = Data(attributes, NFTA_BITWISE_XOR)};
}

ForeignStep ParseVerdict(const nlattr* nest) {
  ForeignStep step = {.kind = Kind::kSomeVerdict};
  ForEachNested(nest, [&step](const nlattr* attribute) {
    if (::mnl_attr_get_type(attribute) == NFTA_VERDICT_CHAIN) {
      step.chain = AttributeText(attribute);
    }
    if (::mnl_attr_get_type(attribute) != NFTA_VERDICT_CODE) return;
    switch (static_cast<int32_t>(AttributeBe32(attribute))) {
      case NF_ACCEPT:
        step.kind = Kind::kAccept;
        break;
      case NF_DROP:
        step.kind = Kind::kDrop;
        break;
      case NFT_JUMP:
        step.kind = Kind::kJump;
        break;
      case NFT_GOTO:
        step.kind = Kind::kGoto;
        break;
      case NFT_RETURN:
        step.kind = Kind::kReturn;
        break;
      case NFT_CONTINUE:
        step.kind = Kind::kNothing;
        break;
      default:
        break;
    }
  });
  return step;
}

ForeignStep ParseImmediate(const Attributes& attributes) {
  ForeignStep verdict;
  const auto data = attributes.find(NFTA_IMMEDIATE_DATA);
  if (data == attributes.end()) return verdict;
  if (Number(attributes, NFTA_IMMEDIATE_DREG) != uint32_t{NFT_REG_VERDICT}) {
    ForeignStep load = Load(
        What::kData, RegisterAt(Number(attributes, NFTA_IMMEDIATE_DREG)), 0);
    load.data = Data(attributes, NFTA_IMMEDIATE_DATA);
    load.bytes = load.data.size();
    return load;
  }
  ForEachNested(data->second, [&verdict](const nlattr* attribute) {
    if (::mnl_attr_get_type(attribute) == NFTA_DATA_VERDICT) {
      verdict = ParseVerdict(attribute);
    }
  });
  return verdict;
}

ForeignStep ParseLookup(const Attributes& attributes) {
  if (Number(attributes, NFTA_LOOKUP_DREG) == uint32_t{NFT_REG_VERDICT}) {
    return {.kind = Kind::kSomeVerdict};
  }
  return {};
}

// What iptables-nft has in its own way.
ForeignStep ParseTarget(const Attributes& attributes) {
  const std::string name = Text(attributes, NFTA_TARGET_NAME);
  if (name == "REJECT") return {.kind = Kind::kDrop};
  if (name == "NFQUEUE") return {.kind = Kind::kSomeVerdict};
  return {.kind = Kind::kNothing};
}
ForeignStep ParseMatch(const Attributes& attributes) {
  if (Text(attributes, NFTA_MATCH_NAME) == "comment") {
    return {.kind = Kind::kNothing};
  }
  return {};
}

ForeignStep ParseStep(std::string_view name, const Attributes& attributes) {
  using Parse = ForeignStep (*)(const Attributes&);
  constexpr std::pair<std::string_view, Parse> kParsers[] = {
      {"meta", &ParseMeta},       {"ct", &ParseCt},
      {"payload", &ParsePayload}, {"cmp", &ParseCompare},
      {"bitwise", &ParseBitwise}, {"immediate", &ParseImmediate},
      {"lookup", &ParseLookup},   {"target", &ParseTarget},
      {"match", &ParseMatch},
  };
  for (const auto& [known, parse] : kParsers) {
    if (known == name) return parse(attributes);
  }
  if (name == "reject") return {.kind = Kind::kDrop};
  if (name == "queue") return {.kind = Kind::kSomeVerdict};
  for (const std::string_view harmless :
       {"counter", "log", "notrack", "objref", "flow_offload", "dup", "last"}) {
    if (harmless == name) return {.kind = Kind::kNothing};
  }
  return {};
}

ForeignStep ParseExpression(const nlattr* entry) {
  std::string_view name;
  Attributes attributes;
  ForEachNested(entry, [&](const nlattr* attribute) {
    const uint16_t type = ::mnl_attr_get_type(attribute);
    if (type == NFTA_EXPR_NAME) name = AttributeText(attribute);
    if (type != NFTA_EXPR_DATA) return;
    ForEachNested(attribute, [&attributes](const nlattr* value) {
      attributes[::mnl_attr_get_type(value)] = value;
    });
  });
  return ParseStep(name, attributes);
}

// One packet on its way through the rules of a table.
class Walk {
 public:
  Walk(const ForeignChains& chains, const ForeignPacket& packet)
      : chains_(chains), packet_(packet) {}

  enum class End : uint8_t { kOn, kAccepted, kDropped };

  End Through(const std::string& chain, int level) {
    const auto rules = chains_.find(chain);
    if (rules == chains_.end() || level == kMostLevels) return End::kOn;
    for (const ForeignRule& rule : rules->second) {
      if (++rules_ > kMostRules) return End::kOn;
      const ForeignStep* const verdict = Follow(rule);
      if (verdict == nullptr) continue;
      switch (verdict->kind) {
        case Kind::kAccept:
          return End::kAccepted;
        case Kind::kDrop:
          return End::kDropped;
        case Kind::kReturn:
          return End::kOn;
        case Kind::kGoto:
          return Through(verdict->chain, level + 1);
        case Kind::kJump:
          if (const End end = Through(verdict->chain, level + 1);
              end != End::kOn) {
            return end;
          }
          break;
        default:
          break;
      }
    }
    return End::kOn;
  }

  bool has_exceptions() const { return has_exceptions_; }

 private:
  using Registers = std::array<std::optional<uint8_t>, kRegisterBytes>;

  // The verdict that every such packet gets from the rule, or null.
  const ForeignStep* Follow(const ForeignRule& rule) {
    Registers registers = {};
    bool is_certain = true;
    for (const ForeignStep& step : rule.steps) {
      switch (step.kind) {
        case Kind::kNothing:
          break;
        case Kind::kLoad:
          Put(ValueOf(step), step, &registers);
          break;
        case Kind::kMask:
          Mask(step, &registers);
          break;
        case Kind::kCompare: {
          const std::optional<bool> is_equal = Compare(step, registers);
          if (!is_equal.has_value()) is_certain = false;
          if (is_equal == step.is_not) return nullptr;
          break;
        }
        case Kind::kUnknown:
          is_certain = false;
          registers = {};
          break;
        default:
          if (is_certain && step.kind != Kind::kSomeVerdict) return &step;
          // Of a drop it is no matter: others are left.
          has_exceptions_ |= step.kind != Kind::kDrop;
          return nullptr;
      }
    }
    return nullptr;
  }

  // Empty: not known.
  std::string ValueOf(const ForeignStep& step) const {
    const auto name = [](const std::optional<std::string>& interface) {
      std::string value = interface.value_or("");
      if (interface.has_value()) value.resize(IFNAMSIZ, '\0');
      return value;
    };
    switch (step.what) {
      case What::kInputName:
        return name(packet_.input);
      case What::kOutputName:
        return name(packet_.output);
      // Rules name by number what was there before them and stays.
      case What::kInputIndex:
        return packet_.input.has_value() ? std::string(4, '\xff') : "";
      case What::kOutputIndex:
        return packet_.output.has_value() ? std::string(4, '\xff') : "";
      case What::kState: {
        const uint32_t state = NF_CT_STATE_BIT(IP_CT_NEW);
        std::string value(sizeof(state), '\0');
        std::memcpy(value.data(), &state, sizeof(state));
        return value;
      }
      case What::kProtocol:
        return packet_.asks_names ? std::string(1, IPPROTO_UDP) : "";
      case What::kPort:
        return packet_.asks_names
                   ? std::string({'\0', static_cast<char>(kNamesPort)})
                   : "";
      case What::kData:
        return step.data;
      case What::kAnything:
        break;
    }
    return "";
  }

  static void Put(const std::string& value, const ForeignStep& step,
                  Registers* registers) {
    // Whole registers are written.
    const size_t end =
        std::min(kRegisterBytes,
                 step.to + MNL_ALIGN(std::max(step.bytes, value.size())));
    for (size_t i = step.to; i < end; ++i) {
      const size_t at = i - step.to;
      (*registers)[i].reset();
      if (value.empty()) continue;
      (*registers)[i] =
          at < value.size() ? static_cast<uint8_t>(value[at]) : uint8_t{0};
    }
  }

  static void Mask(const ForeignStep& step, Registers* registers) {
    const Registers before = *registers;
    const size_t bytes = std::min(step.bytes, step.data.size());
    for (size_t i = 0; i < bytes && step.to + i < kRegisterBytes; ++i) {
      const auto mask = static_cast<uint8_t>(step.data[i]);
      const auto toggle =
          static_cast<uint8_t>(i < step.toggle.size() ? step.toggle[i] : 0);
      std::optional<uint8_t>& out = (*registers)[step.to + i];
      out.reset();
      if (step.from + i >= kRegisterBytes) continue;
      const std::optional<uint8_t>& in = before[step.from + i];
      // What is masked away need not be known.
      if (mask == 0) out = toggle;
      if (in.has_value()) out = static_cast<uint8_t>((*in & mask) ^ toggle);
    }
  }

  static std::optional<bool> Compare(const ForeignStep& step,
                                     const Registers& registers) {
    if (step.data.empty()) return std::nullopt;
    bool is_known = true;
    for (size_t i = 0; i < step.data.size(); ++i) {
      if (step.from + i >= kRegisterBytes) return std::nullopt;
      const std::optional<uint8_t>& have = registers[step.from + i];
      if (!have.has_value()) {
        is_known = false;
      } else if (*have != static_cast<uint8_t>(step.data[i])) {
        return false;
      }
    }
    if (!is_known) return std::nullopt;
    return true;
  }

  const ForeignChains& chains_;
  const ForeignPacket& packet_;
  bool has_exceptions_ = false;
  int rules_ = 0;
};

// What a rule compares names of interfaces with, whole or their beginnings.
void AddNames(const ForeignRule& rule, std::set<std::string>* names) {
  std::optional<size_t> at;
  for (const ForeignStep& step : rule.steps) {
    if (step.kind == Kind::kLoad) {
      at.reset();
      if (step.what == What::kInputName || step.what == What::kOutputName) {
        at = step.to;
      }
    }
    if (step.kind == Kind::kCompare && at == step.from) {
      names->insert(step.data);
    }
  }
}

}  // namespace

ForeignRule ParseForeignRule(const nlmsghdr* header) {
  ForeignRule rule;
  ForEachInMessage(header, sizeof(nfgenmsg), [&rule](const nlattr* attribute) {
    switch (::mnl_attr_get_type(attribute)) {
      case NFTA_RULE_TABLE:
        rule.table = AttributeText(attribute);
        break;
      case NFTA_RULE_CHAIN:
        rule.chain = AttributeText(attribute);
        break;
      case NFTA_RULE_EXPRESSIONS:
        ForEachNested(attribute, [&rule](const nlattr* entry) {
          rule.steps.push_back(ParseExpression(entry));
        });
        break;
      default:
        break;
    }
  });
  return rule;
}

Fate FateOf(const ForeignChains& chains, const std::string& base_chain,
            bool drops_by_policy, const ForeignPacket& packet) {
  Walk walk(chains, packet);
  const Walk::End end = walk.Through(base_chain, 0);
  return {.is_dropped = end == Walk::End::kDropped ||
                        (end == Walk::End::kOn && drops_by_policy),
          .has_exceptions = walk.has_exceptions()};
}

std::set<std::string> ToldApart(const ForeignChains& chains,
                                const std::set<std::string>& names) {
  std::set<std::string> known;
  for (const auto& [chain, rules] : chains) {
    for (const ForeignRule& rule : rules) AddNames(rule, &known);
  }
  std::map<std::vector<bool>, std::string> kinds;
  for (const std::string& name : names) {
    std::string whole = name;
    whole.resize(IFNAMSIZ, '\0');
    std::vector<bool> kind;
    kind.reserve(known.size());
    for (const std::string& one : known) {
      kind.push_back(whole.compare(0, one.size(), one) == 0);
    }
    kinds.emplace(std::move(kind), name);
  }
  std::set<std::string> some;
  for (auto& [kind, name] : kinds) some.insert(std::move(name));
  return some;
}

}  // namespace caisson::netsetup::nft
