#include "netsetup/network/op.h"

#include "absl/strings/str_join.h"

#include "runtime/base/str_cat.h"

namespace caisson::netsetup {
namespace {

using base::StrCat;

std::string NameOf(const LinkRef& link) {
  return link.name.empty() ? StrCat("link ", link.index) : link.name;
}

std::string TextOf(AddressGeneration generation) {
  switch (generation) {
    case AddressGeneration::kEui64:
      return "link-local address of its MAC";
    case AddressGeneration::kNone:
      return "no link-local address of its own";
    case AddressGeneration::kStablePrivacy:
      return "link-local address of a secret";
    case AddressGeneration::kRandom:
      return "link-local address by chance";
  }
  return "";
}

// What a change does, in the order of the fields.
std::string TextOf(const LinkChange& change) {
  std::vector<std::string> parts;
  if (change.up) parts.push_back(*change.up ? "up" : "down");
  if (change.master) parts.push_back(StrCat("master ", *change.master));
  if (change.mtu) parts.push_back(StrCat("mtu ", *change.mtu));
  if (change.group) parts.push_back(StrCat("group ", *change.group));
  if (change.alias) parts.push_back(StrCat("tag '", *change.alias, "'"));
  if (change.name) parts.push_back(StrCat("name ", *change.name));
  if (change.mac) parts.push_back(StrCat("mac ", change.mac->ToString()));
  if (change.port) {
    parts.push_back(change.port->isolated ? "isolated from other ports"
                                          : "open to other ports");
    if (change.port->hairpin) parts.push_back("hairpin");
  }
  if (change.address_generation) {
    parts.push_back(TextOf(*change.address_generation));
  }
  return absl::StrJoin(parts, ", ");
}

struct Verb {
  std::string operator()(const CreateLink& op) const {
    return StrCat("create ", KindName(op.link.kind));
  }
  std::string operator()(const ChangeLink&) const { return "set link"; }
  std::string operator()(const MoveLink&) const { return "move link"; }
  std::string operator()(const AddAlternativeName&) const {
    return "add alternative name";
  }
  std::string operator()(const RemoveAlternativeName&) const {
    return "remove alternative name";
  }
  std::string operator()(const DeleteGroup&) const { return "delete links"; }
  std::string operator()(const AddAddress&) const { return "add address"; }
  std::string operator()(const AddRoute&) const { return "add route"; }
  std::string operator()(const DeleteRoute&) const { return "delete route"; }
  std::string operator()(const SetRate&) const { return "limit rate"; }
  std::string operator()(const AddIngress&) const { return "add ingress"; }
  std::string operator()(const RedirectIngress&) const {
    return "redirect ingress";
  }
  std::string operator()(const Announce&) const { return "announce"; }
  std::string operator()(const SetSysctl&) const { return "write sysctl"; }
};

struct Object {
  std::string operator()(const CreateLink& op) const {
    std::string text = op.link.name;
    if (const auto* veth = std::get_if<VethOptions>(&op.link.kind)) {
      base::StrAppend(&text, " with peer ", veth->peer_name);
    }
    if (!op.inside.empty()) text += " in the container";
    if (op.master) base::StrAppend(&text, ", master ", NameOf(*op.master));
    if (op.parent) base::StrAppend(&text, ", above ", NameOf(*op.parent));
    if (op.link.mtu > 0) base::StrAppend(&text, ", mtu ", op.link.mtu);
    return text;
  }
  std::string operator()(const ChangeLink& op) const {
    std::string text = TextOf(op.change);
    if (op.master) {
      base::StrAppend(&text, text.empty() ? "" : ", ", "master ",
                      NameOf(*op.master));
    }
    return StrCat(NameOf(op.link), ": ", text);
  }
  std::string operator()(const MoveLink& op) const {
    return StrCat(
        op.old_name,
        op.to.empty() ? " to the host as " : " into the container as ",
        op.new_name);
  }
  std::string operator()(const AddAlternativeName& op) const {
    return StrCat(op.name, " to ", NameOf(op.link));
  }
  std::string operator()(const RemoveAlternativeName& op) const {
    return StrCat(op.name, " of ", NameOf(op.link));
  }
  std::string operator()(const DeleteGroup& op) const {
    return StrCat("of group ", op.group);
  }
  std::string operator()(const AddAddress& op) const {
    return StrCat(op.prefix.ToString(), " to ", NameOf(op.link));
  }
  std::string operator()(const AddRoute& op) const {
    return StrCat(op.route.ToString(), " on ", NameOf(op.link));
  }
  std::string operator()(const DeleteRoute& op) const {
    return StrCat(op.route.ToString(), " on ", NameOf(op.link));
  }
  std::string operator()(const SetRate& op) const {
    return StrCat("of ", NameOf(op.link), " to ", op.rate.bytes_per_second,
                  " bytes/s, burst ", BurstOf(op.rate));
  }
  std::string operator()(const AddIngress& op) const {
    return StrCat("queue to ", NameOf(op.link));
  }
  std::string operator()(const RedirectIngress& op) const {
    return StrCat("of ", NameOf(op.link), " to ", NameOf(op.target));
  }
  std::string operator()(const Announce& op) const {
    return StrCat(op.address.ToString(), " at ", op.mac.ToString(), " on ",
                  NameOf(op.link));
  }
  std::string operator()(const SetSysctl& op) const {
    return StrCat(op.sysctl.key, " = ", op.sysctl.value);
  }
};

}  // namespace

std::string VerbOf(const Op& op) {
  return std::visit(Verb(), op.action);
}

std::string ObjectOf(const Op& op) {
  return std::visit(Object(), op.action);
}

std::string Describe(const Op& op) {
  return StrCat(op.netns.empty() ? "host: " : "container: ", VerbOf(op), " ",
                ObjectOf(op));
}

}  // namespace caisson::netsetup
