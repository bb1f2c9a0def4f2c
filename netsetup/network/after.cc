#include <algorithm>
#include <utility>
#include <variant>

#include "netsetup/network/plan.h"

namespace caisson::netsetup {
namespace {

// Of a link of which nothing else was said (ether_setup).
constexpr uint32_t kEthernetMtu = 1500;

// Does to what was observed what Apply does to the kernel.
class Effect {
 public:
  explicit Effect(Observed* observed) : observed_(*observed) {}

  void operator()(const CreateLink& op) {
    // Nothing of it stays in this namespace.
    if (!op.inside.empty() &&
        !std::holds_alternative<VethOptions>(op.link.kind)) {
      return;
    }
    Link link;
    link.index = op.link.index > 0 ? op.link.index : FreeIndex();
    link.name = op.link.name;
    link.kind = std::string(KindName(op.link.kind));
    link.mac = op.link.mac;
    link.mtu = op.link.mtu > 0 ? op.link.mtu : kEthernetMtu;
    link.group = op.link.group;
    if (op.master) link.master = IndexOf(*op.master);
    if (op.parent) link.parent = IndexOf(*op.parent);
    observed_.links.push_back(std::move(link));
  }

  void operator()(const ChangeLink& op) {
    Link* const link = Find(op.link);
    if (link == nullptr) return;
    const LinkChange& change = op.change;
    if (op.master) link->master = IndexOf(*op.master);
    if (change.up) link->up = *change.up;
    if (change.master) link->master = *change.master;
    if (change.mtu) link->mtu = *change.mtu;
    if (change.group) link->group = *change.group;
    if (change.alias) link->alias = *change.alias;
    if (change.mac) link->mac = *change.mac;
    if (change.port) link->port = change.port;
    if (change.name) link->name = *change.name;
  }

  void operator()(const MoveLink& op) {
    const int index = IndexOf(op.link);
    std::erase_if(observed_.links,
                  [index](const Link& link) { return link.index == index; });
  }

  void operator()(const AddAlternativeName& op) {
    Link* const link = Find(op.link);
    if (link != nullptr) link->alternative_names.push_back(op.name);
  }

  void operator()(const RemoveAlternativeName& op) {
    Link* const link = Find(op.link);
    if (link != nullptr) std::erase(link->alternative_names, op.name);
  }

  void operator()(const DeleteGroup& op) {
    std::erase_if(observed_.links,
                  [&op](const Link& link) { return link.group == op.group; });
  }

  void operator()(const AddAddress& op) {
    observed_.addresses.push_back({IndexOf(op.link), op.prefix});
  }

  void operator()(const AddRoute& op) {
    observed_.routes.push_back(op.route);
    observed_.routes.back().link = IndexOf(op.link);
  }

  void operator()(const DeleteRoute& op) {
    Route route = op.route;
    route.link = IndexOf(op.link);
    std::erase(observed_.routes, route);
  }

  void operator()(const SetSysctl& op) {
    observed_.sysctls[op.sysctl.key] = op.sysctl.value;
  }

  // No plan reads these.
  void operator()(const SetRate&) {}
  void operator()(const AddIngress&) {}
  void operator()(const RedirectIngress&) {}
  void operator()(const Announce&) {}

 private:
  Link* Find(const LinkRef& ref) {
    for (Link& link : observed_.links) {
      if (ref.index > 0 ? link.index == ref.index : link.name == ref.name) {
        return &link;
      }
    }
    return nullptr;
  }
  int IndexOf(const LinkRef& ref) {
    const Link* const link = Find(ref);
    return link == nullptr ? ref.index : link->index;
  }
  int FreeIndex() const {
    int most = 0;
    for (const Link& link : observed_.links) most = std::max(most, link.index);
    return most + 1;
  }

  Observed& observed_;
};

}  // namespace

Observed After(const Plan& plan, Observed observed) {
  Effect effect(&observed);
  for (const Op& op : plan) {
    // What is inside of containers is of interest only where it was looked at.
    if (op.netns.empty()) std::visit(effect, op.action);
  }
  return observed;
}

}  // namespace caisson::netsetup
