#include "netsetup/nft/messages.h"

// First: its structs and those of linux/in.h exclude each other otherwise.
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstddef>
#include <memory>
#include <span>

#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include "netsetup/attributes.h"
#include "netsetup/nft/describe.h"
#include "netsetup/nft/expressions.h"
#include "netsetup/nft/parse.h"
#include "runtime/base/check.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::nft {
namespace {

using base::StrCat;

// More than any message but an element list needs.
constexpr size_t kRoom = 4096;
// An attribute's length has 16 bits; the list stays well below.
constexpr size_t kListBytes = 60000;
// An element's own attributes, padded: list entry, key, value and their data.
constexpr size_t kElementOverhead = 5 * sizeof(nlattr) + 8;

constexpr uint16_t kAdd = NLM_F_CREATE;
// Fails where something of that name is there already.
constexpr uint16_t kAddNew = NLM_F_CREATE | NLM_F_EXCL;
constexpr uint16_t kAppend = NLM_F_CREATE | NLM_F_APPEND;

// Puts messages one behind the other.
class Writer {
 public:
  // A message with `room` bytes for its attributes; End before the next.
  nlmsghdr* Begin(uint16_t type, uint16_t flags, size_t room = kRoom) {
    start_ = bytes_.size();
    bytes_.resize(start_ + MNL_NLMSG_HDRLEN + sizeof(nfgenmsg) + room);
    return ::nftnl_nlmsg_build_hdr(
        reinterpret_cast<char*>(bytes_.data() + start_), type, NFPROTO_INET,
        flags, sequence_++);
  }
  void End() { bytes_.resize(start_ + MNL_ALIGN(Last()->nlmsg_len)); }

  void BeginBatch() {
    start_ = bytes_.size();
    bytes_.resize(start_ + kRoom);
    ::nftnl_batch_begin(reinterpret_cast<char*>(bytes_.data() + start_),
                        sequence_++);
    End();
  }
  Batch EndBatch() {
    Last()->nlmsg_flags |= NLM_F_ACK;
    start_ = bytes_.size();
    bytes_.resize(start_ + kRoom);
    ::nftnl_batch_end(reinterpret_cast<char*>(bytes_.data() + start_),
                      sequence_++);
    End();
    return std::move(bytes_);
  }
  Batch Take() { return std::move(bytes_); }

 private:
  nlmsghdr* Last() {
    return reinterpret_cast<nlmsghdr*>(bytes_.data() + start_);
  }

  Batch bytes_;
  size_t start_ = 0;
  uint32_t sequence_ = 0;
};

uint32_t NftType(Field field) {
  // The numbers of nft's data types (its datatype.h): the kernel only keeps
  // them, for whoever lists the set.
  switch (field) {
    case Field::kInterface:
      return 41;
    case Field::kGroup:
      return 35;
    case Field::kIp4:
      return 7;
    case Field::kIp6:
      return 8;
    case Field::kProtocol:
      return 12;
    case Field::kPort:
      return 13;
  }
  return 0;
}

// Joined types, 6 bits each.
uint32_t NftType(std::span<const Field> fields) {
  uint32_t type = 0;
  for (const Field field : fields) type = type << 6 | NftType(field);
  return type;
}

void AppendTable(Writer* out, const std::string& table, uint16_t type,
                 uint16_t flags, bool with_comment) {
  std::unique_ptr<nftnl_table, decltype(&::nftnl_table_free)> object(
      ::nftnl_table_alloc(), ::nftnl_table_free);
  CAISSON_CHECK(object != nullptr);
  ::nftnl_table_set_str(object.get(), NFTNL_TABLE_NAME, table.c_str());
  nlmsghdr* header = out->Begin(type, flags);
  ::nftnl_table_nlmsg_build_payload(header, object.get());
  if (with_comment) {
    // User data in nft's format: kind, length, text with its zero.
    const std::string comment = SchemaComment();
    std::string data;
    data.push_back(static_cast<char>(NFTNL_UDATA_TABLE_COMMENT));
    data.push_back(static_cast<char>(comment.size() + 1));
    data.append(comment.c_str(), comment.size() + 1);
    ::mnl_attr_put(header, NFTA_TABLE_USERDATA, data.size(), data.data());
  }
  out->End();
}

void AppendSet(Writer* out, const std::string& table, const SetSchema& schema,
               uint32_t number) {
  std::unique_ptr<nftnl_set, decltype(&::nftnl_set_free)> set(
      ::nftnl_set_alloc(), ::nftnl_set_free);
  CAISSON_CHECK(set != nullptr);
  nftnl_set* object = set.get();
  ::nftnl_set_set_str(object, NFTNL_SET_TABLE, table.c_str());
  ::nftnl_set_set_str(object, NFTNL_SET_NAME, std::string(schema.name).c_str());
  // Numbers a set within the batch.
  ::nftnl_set_set_u32(object, NFTNL_SET_ID, number);
  ::nftnl_set_set_u32(object, NFTNL_SET_FAMILY, NFPROTO_INET);
  ::nftnl_set_set_u32(object, NFTNL_SET_FLAGS,
                      schema.is_map() ? uint32_t{NFT_SET_MAP} : 0);
  ::nftnl_set_set_u32(object, NFTNL_SET_KEY_TYPE, NftType(schema.key));
  ::nftnl_set_set_u32(object, NFTNL_SET_KEY_LEN,
                      static_cast<uint32_t>(KeyBytes(schema)));
  if (schema.is_map()) {
    ::nftnl_set_set_u32(object, NFTNL_SET_DATA_TYPE, NftType(schema.value));
    ::nftnl_set_set_u32(object, NFTNL_SET_DATA_LEN,
                        static_cast<uint32_t>(ValueBytes(schema)));
  }
  // A single name is in the host's byte order: nft prints none otherwise.
  constexpr uint32_t kHostOrder = 1;
  std::string data;
  if (schema.key.size() == 1 && schema.key[0] == Field::kInterface) {
    data.push_back(static_cast<char>(NFTNL_UDATA_SET_KEYBYTEORDER));
    data.push_back(static_cast<char>(sizeof(kHostOrder)));
    data.append(reinterpret_cast<const char*>(&kHostOrder), sizeof(kHostOrder));
    ::nftnl_set_set_data(object, NFTNL_SET_USERDATA, data.data(),
                         static_cast<uint32_t>(data.size()));
  }
  ::nftnl_set_nlmsg_build_payload(out->Begin(NFT_MSG_NEWSET, kAdd), object);
  out->End();
}

void AppendChain(Writer* out, const std::string& table,
                 const ChainSchema& schema) {
  std::unique_ptr<nftnl_chain, decltype(&::nftnl_chain_free)> chain(
      ::nftnl_chain_alloc(), ::nftnl_chain_free);
  CAISSON_CHECK(chain != nullptr);
  nftnl_chain* object = chain.get();
  ::nftnl_chain_set_str(object, NFTNL_CHAIN_TABLE, table.c_str());
  ::nftnl_chain_set_str(object, NFTNL_CHAIN_NAME,
                        std::string(schema.name).c_str());
  if (schema.is_base()) {
    ::nftnl_chain_set_str(object, NFTNL_CHAIN_TYPE,
                          std::string(schema.type).c_str());
    ::nftnl_chain_set_u32(object, NFTNL_CHAIN_HOOKNUM, schema.hook_number);
    ::nftnl_chain_set_s32(object, NFTNL_CHAIN_PRIO, schema.priority);
    ::nftnl_chain_set_u32(object, NFTNL_CHAIN_POLICY, NF_ACCEPT);
  }
  ::nftnl_chain_nlmsg_build_payload(out->Begin(NFT_MSG_NEWCHAIN, kAdd), object);
  out->End();
}

void AppendRule(Writer* out, std::string_view table, const RuleSchema& schema) {
  const RulePtr rule = BuildRule(table, schema);
  ::nftnl_rule_nlmsg_build_payload(out->Begin(NFT_MSG_NEWRULE, kAppend),
                                   rule.get());
  out->End();
}

void PutData(nlmsghdr* header, uint16_t type, std::string_view data) {
  nlattr* nest = ::mnl_attr_nest_start(header, type);
  ::mnl_attr_put(header, NFTA_DATA_VALUE, data.size(), data.data());
  ::mnl_attr_nest_end(header, nest);
}

size_t ElementBytes(const Element& element) {
  return element.key.size() + element.value.size() + kElementOverhead;
}

// Elements of one set, in as many messages as they need.
void AppendElements(Writer* out, const std::string& table,
                    std::span<const Element> elements, bool is_removal) {
  while (!elements.empty()) {
    size_t count = 0;
    size_t room = 0;
    while (count < elements.size() &&
           room + ElementBytes(elements[count]) <= kListBytes) {
      room += ElementBytes(elements[count++]);
    }
    nlmsghdr* header =
        out->Begin(is_removal ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM,
                   is_removal ? uint16_t{0} : kAddNew, kRoom + room);
    ::mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
    ::mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET,
                        std::string(SetOf(elements[0].set).name).c_str());
    nlattr* list = ::mnl_attr_nest_start(header, NFTA_SET_ELEM_LIST_ELEMENTS);
    for (const Element& element : elements.first(count)) {
      nlattr* entry = ::mnl_attr_nest_start(header, NFTA_LIST_ELEM);
      PutData(header, NFTA_SET_ELEM_KEY, element.key);
      if (!element.value.empty() && !is_removal) {
        PutData(header, NFTA_SET_ELEM_DATA, element.value);
      }
      ::mnl_attr_nest_end(header, entry);
    }
    ::mnl_attr_nest_end(header, list);
    out->End();
    elements = elements.subspan(count);
  }
}

// The same for elements of several sets: a run of one set after the other.
void AppendRuns(Writer* out, const std::string& table,
                std::span<const Element> elements, bool is_removal) {
  while (!elements.empty()) {
    size_t count = 1;
    while (count < elements.size() && elements[count].set == elements[0].set) {
      ++count;
    }
    AppendElements(out, table, elements.first(count), is_removal);
    elements = elements.subspan(count);
  }
}

// The table may be there or not: what is made first can be deleted.
void AppendRemoval(Writer* out, const std::string& table) {
  AppendTable(out, table, NFT_MSG_NEWTABLE, kAdd, false);
  AppendTable(out, table, NFT_MSG_DELTABLE, 0, false);
}

nlmsghdr* BeginDump(Writer* out, uint16_t type) {
  return out->Begin(type, NLM_F_DUMP);
}

std::string MessageText(const nlmsghdr* header, uint32_t offset) {
  const auto name = [header](uint16_t wanted) {
    std::string text;
    ForEachInMessage(header, sizeof(nfgenmsg), [&](const nlattr* attribute) {
      if (::mnl_attr_get_type(attribute) == wanted) {
        text = AttributeText(attribute);
      }
    });
    return text;
  };
  switch (header->nlmsg_type & 0xff) {
    case NFT_MSG_NEWTABLE:
    case NFT_MSG_DELTABLE:
      return StrCat("table ", name(NFTA_TABLE_NAME));
    case NFT_MSG_NEWSET:
      return StrCat("set ", name(NFTA_SET_NAME));
    case NFT_MSG_NEWCHAIN:
      return StrCat("chain ", name(NFTA_CHAIN_NAME));
    case NFT_MSG_NEWRULE:
      return StrCat("rule in ", name(NFTA_RULE_CHAIN));
    default:
      break;
  }
  const ElementList list = ParseElements(header);
  for (size_t i = 0; i < list.elements.size(); ++i) {
    if (list.offsets[i] != offset && list.elements.size() > 1) continue;
    return StrCat(list.set, " { ", ElementText(list.elements[i]), " }");
  }
  return StrCat("elements of ", list.set);
}

}  // namespace

Batch BuildTable(std::string_view table, const Elements::Map& elements) {
  const std::string name(table);
  Writer out;
  out.BeginBatch();
  AppendRemoval(&out, name);
  AppendTable(&out, name, NFT_MSG_NEWTABLE, kAddNew, true);
  uint32_t number = 0;
  for (const SetSchema& set : Sets()) AppendSet(&out, name, set, ++number);
  for (const ChainSchema& chain : Chains()) AppendChain(&out, name, chain);
  for (const RuleSchema& rule : Rules()) AppendRule(&out, table, rule);
  std::vector<Element> list;
  list.reserve(elements.size());
  for (const auto& [place, value] : elements) {
    list.push_back({place.first, place.second, value});
  }
  AppendRuns(&out, name, list, false);
  return out.EndBatch();
}

Batch BuildRemoval(std::string_view table) {
  Writer out;
  out.BeginBatch();
  AppendRemoval(&out, std::string(table));
  return out.EndBatch();
}

Batch BuildChange(std::string_view table, const Change& change) {
  CAISSON_CHECK(!change.empty());
  Writer out;
  out.BeginBatch();
  AppendRuns(&out, std::string(table), change.remove, true);
  AppendRuns(&out, std::string(table), change.add, false);
  return out.EndBatch();
}

Batch BuildElementsRequest(std::string_view table, SetId set) {
  Writer out;
  nlmsghdr* header = BeginDump(&out, NFT_MSG_GETSETELEM);
  ::mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_TABLE,
                      std::string(table).c_str());
  ::mnl_attr_put_strz(header, NFTA_SET_ELEM_LIST_SET,
                      std::string(SetOf(set).name).c_str());
  out.End();
  return out.Take();
}

Batch BuildChainsRequest() {
  Writer out;
  nlmsghdr* header = BeginDump(&out, NFT_MSG_GETCHAIN);
  static_cast<nfgenmsg*>(::mnl_nlmsg_get_payload(header))->nfgen_family =
      NFPROTO_UNSPEC;
  out.End();
  return out.Take();
}

Batch BuildRulesRequest(uint8_t family, std::string_view table) {
  Writer out;
  nlmsghdr* header = BeginDump(&out, NFT_MSG_GETRULE);
  static_cast<nfgenmsg*>(::mnl_nlmsg_get_payload(header))->nfgen_family =
      family;
  ::mnl_attr_put_strz(header, NFTA_RULE_TABLE, std::string(table).c_str());
  out.End();
  return out.Take();
}

Batch BuildTablesRequest() {
  Writer out;
  BeginDump(&out, NFT_MSG_GETTABLE);
  out.End();
  return out.Take();
}

std::string ObjectText(const Batch& batch, uint32_t sequence, uint32_t offset) {
  int left = static_cast<int>(batch.size());
  const auto* header = reinterpret_cast<const nlmsghdr*>(batch.data());
  uint32_t number = 0;
  for (; ::mnl_nlmsg_ok(header, left);
       header = ::mnl_nlmsg_next(header, &left), ++number) {
    if (number != sequence) continue;
    const bool is_frame = header->nlmsg_type == NFNL_MSG_BATCH_BEGIN ||
                          header->nlmsg_type == NFNL_MSG_BATCH_END;
    return is_frame ? "batch" : MessageText(header, offset);
  }
  return "unknown message";
}

}  // namespace caisson::netsetup::nft
