#include "netsetup/nft/describe.h"

#include <cstdint>

#include "absl/strings/str_format.h"

#include "runtime/base/crc32c.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::nft {
namespace {

using base::StrAppend;
using base::StrCat;

std::string TypesText(std::span<const Field> fields) {
  std::string text;
  for (const Field field : fields) {
    StrAppend(&text, text.empty() ? "" : " . ", FieldTypeName(field));
  }
  return text;
}

std::string NatText(const Term& term, std::string_view key) {
  const std::string_view family = IsIp6Map(term.set) ? "ip6" : "ip";
  const bool source = term.kind == TermKind::kSourceFrom;
  return StrCat(source ? "snat " : "dnat ", family, " to ", key, " map @",
                SetOf(term.set).name);
}

std::string TermText(const Term& term) {
  const std::string_view set = SetOf(term.set).name;
  switch (term.kind) {
    case TermKind::kInputIn:
      return StrCat("iifname @", set);
    case TermKind::kOutputIn:
      return StrCat("oifname @", set);
    case TermKind::kPairIn:
      return StrCat("iifname . oifname @", set);
    case TermKind::kGroupsIn:
      return StrCat("iifgroup . oifgroup @", set);
    case TermKind::kIsIp4:
      return "meta nfproto ipv4";
    case TermKind::kIsIp6:
      return "meta nfproto ipv6";
    case TermKind::kNoInput:
      return "iif 0";
    case TermKind::kFromLoopback4:
      return "ip saddr 127.0.0.0/8";
    case TermKind::kToLoopback4:
      return "ip daddr 127.0.0.0/8";
    case TermKind::kToLoopback6:
      return "ip6 daddr ::1";
    case TermKind::kToHost:
      return "fib daddr type local";
    case TermKind::kToInput:
      return "fib daddr . iif type local";
    case TermKind::kIcmp4:
      return "meta l4proto icmp";
    case TermKind::kIcmp6:
      return "meta l4proto ipv6-icmp";
    case TermKind::kNamesUdp:
      return "udp dport 53";
    case TermKind::kNamesTcp:
      return "tcp dport 53";
    case TermKind::kKnown:
      return "ct state established,related";
    case TermKind::kInvalid:
      return "ct state invalid";
    case TermKind::kDestination:
      return "ct status dnat";
    case TermKind::kAccept:
      return "accept";
    case TermKind::kDrop:
      return "drop";
    case TermKind::kReturn:
      return "return";
    case TermKind::kJump:
      return StrCat("jump ", ChainOf(term.chain).name);
    case TermKind::kGoto:
      return StrCat("goto ", ChainOf(term.chain).name);
    case TermKind::kMasquerade:
      return "masquerade";
    case TermKind::kSourceFrom:
      return NatText(term, "iifname");
    case TermKind::kDestinationFrom:
      return NatText(term, "meta l4proto . th dport");
    case TermKind::kDestinationAtFrom:
      return NatText(term, StrCat(IsIp6Map(term.set) ? "ip6" : "ip",
                                  " daddr . meta l4proto . th dport"));
  }
  return "";
}

// `content` may be empty: nothing of that set is there.
std::string SetText(const SetSchema& set, const std::string& content) {
  std::string text = StrCat("\t", set.is_map() ? "map " : "set ", set.name,
                            " {\n\t\ttype ", TypesText(set.key));
  if (set.is_map()) StrAppend(&text, " : ", TypesText(set.value));
  StrAppend(&text, "\n");
  if (!content.empty()) {
    StrAppend(&text, "\t\telements = { ", content, " }\n");
  }
  return StrCat(text, "\t}\n");
}

std::string ChainText(const ChainSchema& chain) {
  std::string text = StrCat("\tchain ", chain.name, " {\n");
  if (chain.is_base()) {
    StrAppend(&text, "\t\ttype ", chain.type, " hook ", chain.hook,
              " priority ", chain.priority, "; policy accept;\n");
  }
  for (const RuleSchema& rule : Rules()) {
    if (rule.chain == chain.id) StrAppend(&text, "\t\t", RuleText(rule), "\n");
  }
  return StrCat(text, "\t}\n");
}

std::string TableText(std::string_view table, std::string_view comment,
                      const Elements::Map& elements) {
  std::string text = StrCat("table inet ", table, " {\n");
  if (!comment.empty()) StrAppend(&text, "\tcomment \"", comment, "\"\n");
  auto next = elements.begin();
  for (const SetSchema& set : Sets()) {
    std::string content;
    for (; next != elements.end() && next->first.first == set.id; ++next) {
      StrAppend(&content, content.empty() ? "" : ", ",
                ElementText({set.id, next->first.second, next->second}));
    }
    StrAppend(&text, SetText(set, content));
  }
  for (const ChainSchema& chain : Chains()) StrAppend(&text, ChainText(chain));
  return StrCat(text, "}\n");
}

}  // namespace

std::string RuleText(const RuleSchema& rule) {
  std::string text;
  for (const Term& term : rule.terms) {
    StrAppend(&text, text.empty() ? "" : " ", TermText(term));
  }
  return text;
}

std::string SchemaComment() {
  const std::string text = TableText("", "", {});
  return StrCat(
      "caisson schema ",
      absl::StrFormat("%08x", base::Crc32c(text.data(), text.size())));
}

std::string Describe(std::string_view table, const Elements::Map& elements) {
  return TableText(table, SchemaComment(), elements);
}

std::string Describe(std::string_view table, const Change& change) {
  std::string text;
  const auto append = [&](std::string_view verb, const Element& element) {
    StrAppend(&text, verb, " element inet ", table, " ",
              SetOf(element.set).name, " { ", ElementText(element), " }\n");
  };
  for (const Element& element : change.remove) append("delete", element);
  for (const Element& element : change.add) append("add", element);
  return text;
}

}  // namespace caisson::netsetup::nft
