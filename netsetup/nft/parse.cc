#include "netsetup/nft/parse.h"

// First: its structs and those of linux/in.h exclude each other otherwise.
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstring>
#include <string_view>

#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>

#include "netsetup/attributes.h"
#include "netsetup/nft/expressions.h"
#include "runtime/base/check.h"

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
  RuleInfo info;
  RulePtr rule(::nftnl_rule_alloc());
  CAISSON_CHECK(rule != nullptr);
  if (header->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(nfgenmsg) ||
      ::nftnl_rule_nlmsg_parse(header, rule.get()) < 0) {
    return info;
  }
  ForEach(header, [&info](const nlattr* attribute) {
    const uint16_t type = ::mnl_attr_get_type(attribute);
    if (type == NFTA_RULE_TABLE) info.table = AttributeText(attribute);
    if (type == NFTA_RULE_CHAIN) info.chain = AttributeText(attribute);
  });
  info.expressions = ExpressionsText(rule.get());
  return info;
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
