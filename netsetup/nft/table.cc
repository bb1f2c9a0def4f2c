#include "netsetup/nft/table.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include <libmnl/libmnl.h>

#include "netsetup/nft/describe.h"
#include "netsetup/nft/parse.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup::nft {
namespace {

using base::StrAppend;
using base::StrCat;

constexpr size_t kTagBytes = 32;
// An error names this many objects of a batch; others are counted.
constexpr size_t kNamedErrors = 8;
// The kernel makes the hash of a set larger behind its last change, and a dump
// beside that passes over some elements. A difference is one that stays.
constexpr int kDumps = 8;
constexpr absl::Duration kDumpPause = absl::Milliseconds(20);

bool IsTag(std::string_view tag) {
  return !tag.empty() && tag.size() <= kTagBytes &&
         std::all_of(tag.begin(), tag.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

// The kernel's table is not what we made: somebody else changed it.
bool IsDrift(const absl::Status& status) {
  const int err = base::ErrnoOf(status);
  return err == ENOENT || err == EEXIST;
}

// All errors of a batch in one status; the first one gives the number.
absl::Status StatusOf(const Batch& batch, uint32_t last,
                      const std::vector<NetfilterAnswer>& answers) {
  std::string text;
  size_t errors = 0;
  int first = 0;
  bool acknowledged = false;
  for (const NetfilterAnswer& answer : answers) {
    if (answer.err == 0) {
      acknowledged |= answer.sequence == last;
      continue;
    }
    if (first == 0) first = answer.err;
    if (++errors > kNamedErrors) continue;
    StrAppend(&text, errors == 1 ? "" : "; ",
              ObjectText(batch, answer.sequence, answer.offset));
    if (answer.err != first) {
      StrAppend(&text, " (", base::ErrnoName(answer.err), ")");
    }
    if (!answer.text.empty()) StrAppend(&text, " (", answer.text, ")");
  }
  if (errors > kNamedErrors) {
    StrAppend(&text, " and ", errors - kNamedErrors, " more");
  }
  if (first != 0) return base::SyscallErrorFrom(first, "nftables", text);
  if (acknowledged) return absl::OkStatus();
  return base::SyscallErrorFrom(ENOBUFS, "nftables", "acknowledgement");
}

template <typename Visit>
void ForEachMessage(const Batch& batch, Visit visit) {
  int left = static_cast<int>(batch.size());
  const auto* header = reinterpret_cast<const nlmsghdr*>(batch.data());
  while (::mnl_nlmsg_ok(header, left)) {
    visit(header);
    header = ::mnl_nlmsg_next(header, &left);
  }
}

uint32_t CountMessages(const Batch& batch) {
  uint32_t count = 0;
  ForEachMessage(batch, [&count](const nlmsghdr*) { ++count; });
  return count;
}

using RulesByChain = std::map<std::string, std::vector<RuleInfo>>;

// What we send to make the rules, read as what the kernel sends is.
RulesByChain OwnRules(std::string_view table) {
  RulesByChain rules;
  ForEachMessage(BuildTable(table, {}), [&rules](const nlmsghdr* header) {
    if (ParseSubject(header).message != NFT_MSG_NEWRULE) return;
    RuleInfo rule = ParseRule(header);
    rules[rule.chain].push_back(std::move(rule));
  });
  return rules;
}

const char* FamilyName(uint8_t family) {
  switch (family) {
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_BRIDGE:
      return "bridge";
    default:
      return "";
  }
}

std::set<std::string> OwnInterfaces(const Elements& elements) {
  std::set<std::string> names;
  for (const auto& [place, value] : elements.map()) {
    if (place.first != SetId::kNets) continue;
    names.insert(place.second.substr(0, place.second.find('\0')));
  }
  return names;
}

// Whether the chain is in the way of one of our interfaces. A bridge's filter
// sees its ports, which are not ours to name.
bool Defeats(const ChainInfo& base, const ForeignChains& chains,
             const std::set<std::string>& interfaces) {
  const auto fate = [&](const ForeignPacket& packet) {
    return FateOf(chains, base.name, base.drops, packet);
  };
  const bool is_forward = base.hook == NF_INET_FORWARD;
  if (base.family == NFPROTO_BRIDGE || interfaces.empty()) {
    return is_forward && fate({}).is_dropped;
  }
  for (const std::string& name : ToldApart(chains, interfaces)) {
    if (!is_forward) {
      const Fate asked =
          fate({.input = name, .output = {}, .asks_names = true});
      if (asked.is_dropped && !asked.has_exceptions) return true;
      continue;
    }
    if (fate({.input = name, .output = {}}).is_dropped ||
        fate({.input = {}, .output = name}).is_dropped) {
      return true;
    }
  }
  return false;
}

void Append(const Change& change, std::vector<std::string>* differences) {
  for (const Element& element : change.remove) {
    differences->push_back(StrCat("unknown element ", SetOf(element.set).name,
                                  " { ", ElementText(element), " }"));
  }
  for (const Element& element : change.add) {
    differences->push_back(StrCat("missing element ", SetOf(element.set).name,
                                  " { ", ElementText(element), " }"));
  }
}

}  // namespace

Table::Table(std::string name, NetfilterSocket socket)
    : name_(std::move(name)), socket_(std::move(socket)) {}

absl::StatusOr<Table> Table::Open(std::string_view tag) {
  if (!IsTag(tag)) {
    return absl::InvalidArgumentError(StrCat("tag '", tag, "' of a table"));
  }
  CAISSON_ASSIGN_OR_RETURN(NetfilterSocket socket, NetfilterSocket::Open());
  return Table(StrCat(kTablePrefix, tag), std::move(socket));
}

absl::Status Table::Commit(Batch batch) {
  CAISSON_ASSIGN_OR_RETURN(std::vector<NetfilterAnswer> answers,
                           socket_.Exchange(batch));
  if (answers.empty()) {
    // All answers were lost, and what was asked for is done or not. Asked
    // again it is done: a table is made anew, and an element that is there, or
    // gone, is drift, which has its way.
    CAISSON_ASSIGN_OR_RETURN(answers, socket_.Exchange(batch));
  }
  // The last command is before the end of the batch.
  return StatusOf(batch, CountMessages(batch) - 2, answers);
}

absl::Status Table::Create(Elements elements) {
  CAISSON_RETURN_IF_ERROR(Commit(BuildTable(name_, elements.map())));
  elements_ = std::move(elements);
  return absl::OkStatus();
}

absl::Status Table::Rebuild() {
  return Commit(BuildTable(name_, elements_.map()));
}

absl::Status Table::Destroy() {
  CAISSON_RETURN_IF_ERROR(Commit(BuildRemoval(name_)));
  elements_ = Elements();
  return absl::OkStatus();
}

absl::Status Table::Apply(const Change& change) {
  CAISSON_ASSIGN_OR_RETURN(const Change applied, elements_.Apply(change));
  if (applied.empty()) return absl::OkStatus();
  absl::Status status = Commit(BuildChange(name_, applied));
  if (IsDrift(status)) status = Rebuild();
  if (!status.ok()) elements_.Undo(applied);
  return status;
}

absl::Status Table::CheckComment(std::vector<std::string>* differences) {
  std::vector<TableInfo> tables;
  Batch request = BuildTablesRequest();
  CAISSON_RETURN_IF_ERROR(socket_.Dump(
      request, [&tables] { tables.clear(); },
      [&](const nlmsghdr* header) {
        TableInfo table = ParseTable(header);
        if (table.name == name_) tables.push_back(std::move(table));
        return absl::OkStatus();
      }));
  if (tables.empty()) {
    differences->push_back("missing table");
  } else if (tables[0].comment != SchemaComment()) {
    differences->push_back(StrCat("table of '", tables[0].comment, "'"));
  }
  return absl::OkStatus();
}

absl::Status Table::CheckRules(std::vector<std::string>* differences) {
  RulesByChain have;
  Batch request = BuildRulesRequest(NFPROTO_INET, name_);
  CAISSON_RETURN_IF_ERROR(socket_.Dump(
      request, [&have] { have.clear(); },
      [&](const nlmsghdr* header) {
        RuleInfo rule = ParseRule(header);
        if (rule.table == name_) have[rule.chain].push_back(std::move(rule));
        return absl::OkStatus();
      }));
  RulesByChain want = OwnRules(name_);
  for (const auto& [chain, rules] : want) {
    const std::vector<RuleInfo>& there = have[chain];
    if (std::equal(there.begin(), there.end(), rules.begin(), rules.end(),
                   Implements)) {
      continue;
    }
    differences->push_back(StrCat("rules of chain ", chain));
  }
  for (const auto& [chain, rules] : have) {
    if (!want.contains(chain)) {
      differences->push_back(StrCat("unknown chain ", chain));
    }
  }
  return absl::OkStatus();
}

absl::Status Table::CompareElements(const Elements& wanted,
                                    std::vector<std::string>* differences) {
  Elements::Map have;
  for (const SetSchema& set : Sets()) {
    Elements::Map of_set;
    Batch request = BuildElementsRequest(name_, set.id);
    absl::Status status = socket_.Dump(
        request, [&of_set] { of_set.clear(); },
        [&](const nlmsghdr* header) {
          for (Element& element : ParseElements(header).elements) {
            of_set.insert_or_assign(std::pair(element.set, element.key),
                                    std::move(element.value));
          }
          return absl::OkStatus();
        });
    if (base::ErrnoOf(status) == ENOENT) {
      differences->push_back(StrCat("missing set ", set.name));
    } else if (!status.ok()) {
      return status;
    }
    have.insert(of_set.begin(), of_set.end());
  }
  Append(Difference(have, wanted.map()), differences);
  return absl::OkStatus();
}

absl::Status Table::CheckElements(const Elements& wanted,
                                  std::vector<std::string>* differences) {
  for (int dump = 1;; ++dump) {
    std::vector<std::string> found;
    CAISSON_RETURN_IF_ERROR(CompareElements(wanted, &found));
    if (found.empty() || dump == kDumps) {
      differences->insert(differences->end(), found.begin(), found.end());
      return absl::OkStatus();
    }
    absl::SleepFor(kDumpPause);
  }
}

absl::StatusOr<std::vector<std::string>> Table::Check(const Elements& wanted) {
  std::vector<std::string> differences;
  CAISSON_RETURN_IF_ERROR(CheckComment(&differences));
  if (!differences.empty()) return differences;
  CAISSON_RETURN_IF_ERROR(CheckRules(&differences));
  CAISSON_RETURN_IF_ERROR(CheckElements(wanted, &differences));
  return differences;
}

absl::StatusOr<std::vector<ChainInfo>> Table::ListForeignFilters() {
  std::vector<ChainInfo> filters;
  Batch request = BuildChainsRequest();
  CAISSON_RETURN_IF_ERROR(socket_.Dump(
      request, [&filters] { filters.clear(); },
      [&](const nlmsghdr* header) {
        ChainInfo chain = ParseChain(header);
        const bool is_ours =
            chain.family == NFPROTO_INET && chain.table == name_;
        if (chain.is_base && !is_ours && FamilyName(chain.family)[0] != '\0' &&
            (chain.hook == NF_INET_FORWARD || chain.hook == NF_INET_LOCAL_IN)) {
          filters.push_back(std::move(chain));
        }
        return absl::OkStatus();
      }));
  return filters;
}

absl::StatusOr<ForeignChains> Table::ReadForeignChains(
    uint8_t family, const std::string& table) {
  ForeignChains chains;
  Batch request = BuildRulesRequest(family, table);
  CAISSON_RETURN_IF_ERROR(socket_.Dump(
      request, [&chains] { chains.clear(); },
      [&](const nlmsghdr* header) {
        ForeignRule rule = ParseForeignRule(header);
        if (rule.table == table) chains[rule.chain].push_back(std::move(rule));
        return absl::OkStatus();
      }));
  return chains;
}

absl::StatusOr<std::vector<ForeignDrop>> Table::DetectForeignDrops() {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<ChainInfo> filters,
                           ListForeignFilters());
  const std::set<std::string> interfaces = OwnInterfaces(elements_);
  std::map<std::pair<uint8_t, std::string>, ForeignChains> tables;
  std::vector<ForeignDrop> drops;
  for (const ChainInfo& base : filters) {
    const auto [table, is_new] = tables.try_emplace({base.family, base.table});
    if (is_new) {
      CAISSON_ASSIGN_OR_RETURN(table->second,
                               ReadForeignChains(base.family, base.table));
    }
    if (!Defeats(base, table->second, interfaces)) continue;
    drops.push_back({.family = FamilyName(base.family),
                     .table = base.table,
                     .chain = base.name,
                     .is_of_names = base.hook == NF_INET_LOCAL_IN});
  }
  return drops;
}

}  // namespace caisson::netsetup::nft
