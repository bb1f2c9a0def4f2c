// The steps of a change of the network, as data: what is compared in tests,
// printed by explain, and executed by Apply. No step decides anything.
//
// Process: daemon. Thread: any; plain values.
#ifndef CAISSON_NETSETUP_NETWORK_OP_H_
#define CAISSON_NETSETUP_NETWORK_OP_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "netsetup/ip_address.h"
#include "netsetup/link.h"
#include "netsetup/route.h"
#include "netsetup/sysctl.h"
#include "netsetup/tc.h"

namespace caisson::netsetup {

// A namespace in a plan: "" is the host's, else the id of the endpoint whose
// container it is. Apply is given the descriptors.
using NetnsName = std::string;

// Undone by deleting it, if it is still the one that was made.
struct CreateLink {
  // Its descriptors, master and parent are not read: see below.
  NewLink link;
  // Where it is made, or its peer if it is a veth.
  NetnsName inside;
  // Of the namespace of the op.
  std::optional<LinkRef> master;
  std::optional<LinkRef> parent;
  bool operator==(const CreateLink&) const = default;
};
// Undone by the opposite change, if there is one.
struct ChangeLink {
  LinkRef link;
  LinkChange change;
  // In place of the number in `change`.
  std::optional<LinkRef> master;
  std::optional<LinkChange> undo;
  // A link that is gone is no error: it was to be removed.
  bool may_be_gone = false;
  bool operator==(const ChangeLink&) const = default;
};
// The kernel takes it down and its addresses away. Undone by moving it back
// under its old name and number, as it was: MAC, MTU, up.
struct MoveLink {
  LinkRef link;
  std::string old_name;
  NetnsName to;
  std::string new_name;
  // Its number there; 0, or where that is taken: the kernel's choice.
  int new_index = 0;
  // With the move, so that it is in no other one for a moment.
  std::optional<uint32_t> group;
  bool operator==(const MoveLink&) const = default;
};
struct AddAlternativeName {
  LinkRef link;
  std::string name;
  bool operator==(const AddAlternativeName&) const = default;
};
// Undone by adding it again.
struct RemoveAlternativeName {
  LinkRef link;
  std::string name;
  bool operator==(const RemoveAlternativeName&) const = default;
};
// Of a whole group. Cannot be undone: plans have it last.
struct DeleteGroup {
  uint32_t group = 0;
  bool operator==(const DeleteGroup&) const = default;
};
// These two are undone by removing what they added.
struct AddAddress {
  LinkRef link;
  IpPrefix prefix;
  bool operator==(const AddAddress&) const = default;
};
struct AddRoute {
  LinkRef link;
  Route route;
  bool operator==(const AddRoute&) const = default;
};
// Undone by adding it again.
struct DeleteRoute {
  LinkRef link;
  Route route;
  bool operator==(const DeleteRoute&) const = default;
};
// The next two are undone by removing what they added.
struct SetRate {
  LinkRef link;
  Rate rate;
  bool operator==(const SetRate&) const = default;
};
struct AddIngress {
  LinkRef link;
  bool operator==(const AddIngress&) const = default;
};
struct RedirectIngress {
  LinkRef link;
  LinkRef target;
  bool operator==(const RedirectIngress&) const = default;
};
// For who may know another owner of the address: the namespace of the op, and
// the others on the link. Fails only where the link is gone, and needs no way
// back: the address was nobody's before.
struct Announce {
  LinkRef link;
  IpAddress address;
  MacAddress mac;
  bool operator==(const Announce&) const = default;
};
// Undone by writing what was there before.
struct SetSysctl {
  Sysctl sysctl;
  bool operator==(const SetSysctl&) const = default;
};

using Action =
    std::variant<CreateLink, ChangeLink, MoveLink, AddAlternativeName,
                 RemoveAlternativeName, DeleteGroup, AddAddress, AddRoute,
                 DeleteRoute, SetRate, AddIngress, RedirectIngress, Announce,
                 SetSysctl>;

struct Op {
  // Where it is done.
  NetnsName netns;
  Action action;

  bool operator==(const Op&) const = default;
};
using Plan = std::vector<Op>;

// "add address" and "10.0.0.2/24 to eth0": the two halves of an error's text.
std::string VerbOf(const Op& op);
std::string ObjectOf(const Op& op);
// One line for people: "container: add address 10.0.0.2/24 to eth0".
std::string Describe(const Op& op);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETWORK_OP_H_
