#include "netsetup/nft/parse.h"

// First: its structs and those of linux/in.h exclude each other otherwise.
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "absl/strings/str_join.h"
#include <libmnl/libmnl.h>
#include <libnftnl/udata.h>

#include "netsetup/attributes.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::nft {
namespace {

template <typename Visit>
void ForEach(const nlmsghdr* header, Visit visit) {
  ForEachInMessage(header, sizeof(nfgenmsg), visit);
}

uint8_t FamilyOf(const nlmsghdr* header) {
  if (header->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(nfgenmsg)) return 0;
  nfgenmsg general = {};
  std::memcpy(&general, ::mnl_nlmsg_get_payload(header), sizeof(general));
  return general.nfgen_family;
}

std::string DataValue(const nlattr* data) {
  std::string value;
  ForEachNested(data, [&value](const nlattr* attribute) {
    if (::mnl_attr_get_type(attribute) == NFTA_DATA_VALUE) {
      value = AttributeBytes(attribute);
    }
  });
  return value;
}

Element ParseElement(SetId set, const nlattr* entry) {
  Element element{set, {}, {}};
  ForEachNested(entry, [&element](const nlattr* attribute) {
    const uint16_t type = ::mnl_attr_get_type(attribute);
    if (type == NFTA_SET_ELEM_KEY) element.key = DataValue(attribute);
    if (type == NFTA_SET_ELEM_DATA) element.value = DataValue(attribute);
  });
  return element;
}

// Attributes nest a few levels deep; what would be deeper is taken as bytes.
constexpr int kMostLevels = 6;

// Attributes sorted and without flags, inside of each other as well; bytes
// that are no list of attributes as they are. Some bytes could be either: they
// are read the same way on both sides of a comparison.
std::string Canonical(std::string_view bytes, int level) {
  std::vector<std::string> parts;
  std::string_view left = bytes;
  while (!left.empty()) {
    nlattr attribute = {};
    if (level == kMostLevels || left.size() < sizeof(attribute)) break;
    std::memcpy(&attribute, left.data(), sizeof(attribute));
    const size_t length = attribute.nla_len;
    if (length < sizeof(attribute) || length > left.size()) break;
    const std::string_view value =
        left.substr(sizeof(attribute), length - sizeof(attribute));
    parts.push_back(base::StrCat(attribute.nla_type & NLA_TYPE_MASK, "=",
                                 Canonical(value, level + 1), ";"));
    left.remove_prefix(std::min(left.size(), size_t{MNL_ALIGN(length)}));
  }
  if (!left.empty() || parts.empty()) return std::string(bytes);
  std::sort(parts.begin(), parts.end());
  return absl::StrJoin(parts, "");
}

ExpressionInfo ParseExpression(const nlattr* entry) {
  ExpressionInfo expression;
  ForEachNested(entry, [&expression](const nlattr* attribute) {
    const uint16_t type = ::mnl_attr_get_type(attribute);
    if (type == NFTA_EXPR_NAME) expression.name = AttributeText(attribute);
    if (type != NFTA_EXPR_DATA) return;
    ForEachNested(attribute, [&expression](const nlattr* value) {
      expression.attributes[::mnl_attr_get_type(value)] =
          Canonical(AttributeBytes(value), 0);
    });
  });
  return expression;
}

// The comment in user data: a list of kind, length, bytes.
std::string CommentOf(std::string_view data) {
  while (data.size() >= 2) {
    const auto kind = static_cast<uint8_t>(data[0]);
    const auto bytes = static_cast<uint8_t>(data[1]);
    const std::string_view value = data.substr(2, bytes);
    if (kind == NFTNL_UDATA_TABLE_COMMENT) {
      return std::string(value.substr(0, value.find('\0')));
    }
    data.remove_prefix(2 + value.size());
  }
  return "";
}

}  // namespace

ElementList ParseElements(const nlmsghdr* header) {
  ElementList list;
  const nlattr* entries = nullptr;
  ForEach(header, [&](const nlattr* attribute) {
    switch (::mnl_attr_get_type(attribute)) {
      case NFTA_SET_ELEM_LIST_TABLE:
        list.table = AttributeText(attribute);
        break;
      case NFTA_SET_ELEM_LIST_SET:
        list.set = AttributeText(attribute);
        break;
      case NFTA_SET_ELEM_LIST_ELEMENTS:
        entries = attribute;
        break;
      default:
        break;
    }
  });
  const SetSchema* set = FindSet(list.set);
  if (set == nullptr || entries == nullptr) return list;
  ForEachNested(entries, [&](const nlattr* entry) {
    list.elements.push_back(ParseElement(set->id, entry));
    list.offsets.push_back(
        static_cast<uint32_t>(reinterpret_cast<const char*>(entry) -
                              reinterpret_cast<const char*>(header)));
  });
  return list;
}

TableInfo ParseTable(const nlmsghdr* header) {
  TableInfo table;
  ForEach(header, [&table](const nlattr* attribute) {
    const uint16_t type = ::mnl_attr_get_type(attribute);
    if (type == NFTA_TABLE_NAME) table.name = AttributeText(attribute);
    if (type == NFTA_TABLE_USERDATA) {
      table.comment = CommentOf(AttributeBytes(attribute));
    }
  });
  return table;
}

ChainInfo ParseChain(const nlmsghdr* header) {
  ChainInfo chain;
  chain.family = FamilyOf(header);
  const auto read_hook = [&chain](const nlattr* attribute) {
    if (::mnl_attr_get_type(attribute) != NFTA_HOOK_HOOKNUM) return;
    chain.is_base = true;
    chain.hook = AttributeBe32(attribute);
  };
  ForEach(header, [&](const nlattr* attribute) {
    switch (::mnl_attr_get_type(attribute)) {
      case NFTA_CHAIN_TABLE:
        chain.table = AttributeText(attribute);
        break;
      case NFTA_CHAIN_NAME:
        chain.name = AttributeText(attribute);
        break;
      case NFTA_CHAIN_TYPE:
        chain.type = AttributeText(attribute);
        break;
      case NFTA_CHAIN_POLICY:
        chain.drops =
            ::mnl_attr_get_payload_len(attribute) == sizeof(uint32_t) &&
            AttributeBe32(attribute) == NF_DROP;
        break;
      case NFTA_CHAIN_HOOK:
        ForEachNested(attribute, read_hook);
        break;
      default:
        break;
    }
  });
  return chain;
}

RuleInfo ParseRule(const nlmsghdr* header) {
  RuleInfo rule;
  ForEach(header, [&rule](const nlattr* attribute) {
    switch (::mnl_attr_get_type(attribute)) {
      case NFTA_RULE_TABLE:
        rule.table = AttributeText(attribute);
        break;
      case NFTA_RULE_CHAIN:
        rule.chain = AttributeText(attribute);
        break;
      case NFTA_RULE_EXPRESSIONS:
        ForEachNested(attribute, [&rule](const nlattr* entry) {
          rule.expressions.push_back(ParseExpression(entry));
        });
        break;
      default:
        break;
    }
  });
  return rule;
}

bool Implements(const RuleInfo& kernel, const RuleInfo& ours) {
  const auto has_all = [](const ExpressionInfo& have,
                          const ExpressionInfo& want) {
    return have.name == want.name &&
           std::includes(have.attributes.begin(), have.attributes.end(),
                         want.attributes.begin(), want.attributes.end());
  };
  return std::equal(kernel.expressions.begin(), kernel.expressions.end(),
                    ours.expressions.begin(), ours.expressions.end(), has_all);
}

Subject ParseSubject(const nlmsghdr* header) {
  Subject subject;
  subject.is_nft = header->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES;
  subject.message = header->nlmsg_type & 0xff;
  subject.family = FamilyOf(header);
  // The table has the same number in messages of every kind.
  constexpr int kTable = NFTA_TABLE_NAME;
  static_assert(kTable == int{NFTA_SET_ELEM_LIST_TABLE});
  static_assert(kTable == int{NFTA_CHAIN_TABLE});
  static_assert(kTable == int{NFTA_RULE_TABLE});
  static_assert(kTable == int{NFTA_SET_TABLE});
  static_assert(kTable == int{NFTA_OBJ_TABLE});
  static_assert(kTable == int{NFTA_FLOWTABLE_TABLE});
  if (!subject.is_nft || subject.message == NFT_MSG_NEWGEN) return subject;
  ForEach(header, [&subject](const nlattr* attribute) {
    if (::mnl_attr_get_type(attribute) == kTable) {
      subject.table = AttributeText(attribute);
    }
  });
  return subject;
}

}  // namespace caisson::netsetup::nft
