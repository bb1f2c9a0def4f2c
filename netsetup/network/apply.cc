#include "netsetup/network/apply.h"

#include <errno.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

#include "netsetup/addr.h"
#include "netsetup/announce.h"
#include "netsetup/link.h"
#include "netsetup/netlink/net_error.h"
#include "netsetup/netns.h"
#include "netsetup/route.h"
#include "netsetup/tc.h"
#include "runtime/base/check.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/base/unique_fd.h"

namespace caisson::netsetup {
namespace {

// Goes alone: what follows needs what it made, or it is no message.
bool IsAlone(const Op& op) {
  return std::holds_alternative<CreateLink>(op.action) ||
         std::holds_alternative<MoveLink>(op.action) ||
         std::holds_alternative<Announce>(op.action) ||
         std::holds_alternative<SetSysctl>(op.action);
}

// Whether an undo that fails with this has nothing to undo.
bool IsGone(const absl::Status& status) {
  const int err = base::ErrnoOf(status);
  return err == ENODEV || err == ENOENT || err == ESRCH || err == EADDRNOTAVAIL;
}

class Applier {
 public:
  Applier(const Plan& plan, const Places& places, const FaultHook& fault)
      : plan_(plan), places_(places), fault_(fault) {}

  Applied Run() {
    Applied applied;
    for (size_t at = 0; at < plan_.size() && applied.status.ok();) {
      size_t count = 0;
      applied.status = RunSome(at, &count);
      applied.failed = failed_;
      at += count;
    }
    if (!applied.status.ok()) {
      applied.status = base::Annotate(applied.status, "step ",
                                      applied.failed + 1, " of ", plan_.size());
      applied.undone = Undo();
    }
    applied.indexes = std::move(indexes_);
    return applied;
  }

 private:
  // One way back; a name for errors.
  struct Step {
    size_t op;
    std::function<absl::Status()> undo;
  };

  const Place& PlaceOf(const NetnsName& netns) const {
    if (netns.empty()) return places_.host;
    const auto found = places_.containers.find(netns);
    // The caller gives every namespace that it planned for.
    return found == places_.containers.end() ? kNowhere : found->second;
  }

  absl::Status Fail(size_t op, absl::Status status) {
    failed_ = op;
    return status;
  }

  // Does op `at` and those that go with it; `count` is how many.
  absl::Status RunSome(size_t at, size_t* count) {
    const Op& op = plan_[at];
    *count = 1;
    if (fault_) {
      const absl::Status status = fault_(at);
      if (!status.ok()) return Fail(at, status);
    }
    if (PlaceOf(op.netns).socket == nullptr) {
      return Fail(at, absl::FailedPreconditionError("no such namespace"));
    }
    if (const auto* create = std::get_if<CreateLink>(&op.action)) {
      return Fail(at, RunCreate(at, *create));
    }
    if (const auto* move = std::get_if<MoveLink>(&op.action)) {
      return Fail(at, RunMove(at, *move));
    }
    if (const auto* announce = std::get_if<Announce>(&op.action)) {
      return Fail(at, RunAnnounce(at, *announce));
    }
    if (const auto* sysctl = std::get_if<SetSysctl>(&op.action)) {
      return Fail(at, RunSysctl(at, sysctl->sysctl));
    }
    return RunBatch(at, count);
  }

  // --- Links by name -----------------------------------------------------

  absl::StatusOr<int> IndexOf(const NetnsName& netns, const LinkRef& link) {
    if (link.index > 0) return link.index;
    const auto known = indexes_.find({netns, link.name});
    if (known != indexes_.end()) return known->second;
    CAISSON_ASSIGN_OR_RETURN(const Link found,
                             GetLink(PlaceOf(netns).socket, link));
    indexes_[{netns, link.name}] = found.index;
    return found.index;
  }

  // The reference that is best for a message: the index where it is known.
  LinkRef Known(const NetnsName& netns, const LinkRef& link) const {
    const auto known = indexes_.find({netns, link.name});
    if (link.index > 0 || known == indexes_.end()) return link;
    return {.index = known->second, .name = link.name};
  }

  // --- Ops that go alone -------------------------------------------------

  absl::Status RunCreate(size_t at, const CreateLink& op) {
    const NetnsName& netns = plan_[at].netns;
    NewLink link = op.link;
    if (op.master.has_value()) {
      CAISSON_ASSIGN_OR_RETURN(link.master, IndexOf(netns, *op.master));
    }
    if (op.parent.has_value()) {
      CAISSON_ASSIGN_OR_RETURN(link.parent, IndexOf(netns, *op.parent));
    }
    auto* const veth = std::get_if<VethOptions>(&link.kind);
    const int inside_fd = op.inside.empty() ? -1 : PlaceOf(op.inside).fd;
    if (!op.inside.empty() && inside_fd < 0) {
      return absl::FailedPreconditionError("no such namespace");
    }
    (veth != nullptr ? veth->peer_netns_fd : link.netns_fd) = inside_fd;
    Result result = Send(netns, BuildCreateLink(link));
    const int err = result.ack.error;
    if ((err == EEXIST || err == EBUSY) && link.index > 0) {
      // One of the indexes may be taken, of all things: the kernel's choice
      // then. If it is the name, it says so again.
      link.index = 0;
      if (veth != nullptr) veth->peer_index = 0;
      result = Send(netns, BuildCreateLink(link));
    }
    if (result.ok() || result.is_unknown) {
      AddUndo(at, [this, where = veth != nullptr ? netns : op.inside, link] {
        return DeleteCreated(where, link);
      });
    }
    // From here on a number: a guest may change a name between two steps.
    if (result.ok() && link.index > 0) {
      indexes_[{veth != nullptr ? netns : op.inside, link.name}] = link.index;
      if (veth != nullptr && veth->peer_index > 0) {
        indexes_[{op.inside, veth->peer_name}] = veth->peer_index;
      }
    }
    return StatusOf(at, result);
  }

  absl::Status DeleteCreated(const NetnsName& where, const NewLink& created) {
    Socket* const socket = PlaceOf(where).socket;
    CAISSON_ASSIGN_OR_RETURN(
        const Link link,
        GetLink(socket, {.index = created.index, .name = created.name}));
    // When the answer was lost, it may be somebody else's link. Its guest may
    // have changed its MAC, but no number.
    if (link.kind != KindName(created.kind) ||
        (created.index == 0 && !created.mac.is_zero() &&
         link.mac != created.mac)) {
      return absl::OkStatus();
    }
    return socket->Request(BuildDeleteLink({.index = link.index}),
                           "delete link", link.name);
  }

  absl::Status RunMove(size_t at, const MoveLink& op) {
    const NetnsName& netns = plan_[at].netns;
    const Place& to = PlaceOf(op.to);
    if (to.socket == nullptr) {
      return absl::FailedPreconditionError("no such namespace");
    }
    CAISSON_ASSIGN_OR_RETURN(
        const Link before,
        GetLink(PlaceOf(netns).socket, op.link, WithCounters::kYes));
    int new_index = op.new_index;
    const auto move = [&] {
      return Send(netns, BuildChangeLink({.index = before.index},
                                         {.group = op.group,
                                          .name = op.new_name,
                                          .netns_fd = to.fd,
                                          .new_index = new_index}));
    };
    Result result = move();
    if (result.ack.error == EBUSY && new_index > 0) {
      new_index = 0;
      result = move();
    }
    // Also when it failed: the kernel moves first, and may then refuse the
    // name.
    AddUndo(at, [this, netns, op, before, new_index] {
      return MoveBack(netns, op, before, new_index);
    });
    if (result.ok() && new_index > 0) {
      indexes_[{op.to, op.new_name}] = new_index;
    }
    return StatusOf(at, result);
  }

  // The one that was moved, under its new name or the old one. ENODEV: it was
  // not.
  absl::StatusOr<Link> FindMoved(const MoveLink& op, const Link& before,
                                 int new_index) {
    Socket* const socket = PlaceOf(op.to).socket;
    if (new_index > 0) {
      absl::StatusOr<Link> link = GetLink(socket, {.index = new_index});
      if (link.ok() && link->kind == before.kind) return link;
    }
    for (const std::string& name : {op.new_name, op.old_name}) {
      absl::StatusOr<Link> link = GetLink(socket, {.name = name});
      if (link.ok() && link->kind == before.kind && link->mac == before.mac) {
        return link;
      }
    }
    return NetErrorFrom(ENODEV, "find link", op.new_name);
  }

  absl::Status MoveBack(const NetnsName& netns, const MoveLink& op,
                        const Link& before, int new_index) {
    CAISSON_ASSIGN_OR_RETURN(const Link moved,
                             FindMoved(op, before, new_index));
    LinkChange back = {.group = before.group,
                       .name = op.old_name,
                       .netns_fd = PlaceOf(netns).fd,
                       .new_index = before.index};
    Socket* const socket = PlaceOf(op.to).socket;
    const auto move = [&] {
      return socket->Request(BuildChangeLink({.index = moved.index}, back),
                             "move link", op.new_name);
    };
    absl::Status status = move();
    if (base::ErrnoOf(status) == EBUSY) {
      back.new_index = 0;
      status = move();
    }
    CAISSON_RETURN_IF_ERROR(status);
    const auto change = [&](const LinkChange& rest) {
      if (rest == LinkChange{}) return absl::OkStatus();
      return PlaceOf(netns).socket->Request(
          BuildChangeLink({.name = op.old_name}, rest), "set link",
          op.old_name);
    };
    // First, since with too small a one the link knows no IPv6.
    LinkChange size;
    if (moved.mtu != before.mtu) size.mtu = before.mtu;
    CAISSON_RETURN_IF_ERROR(change(size));
    CAISSON_ASSIGN_OR_RETURN(
        const Link home, GetLink(PlaceOf(netns).socket, {.name = op.old_name},
                                 WithCounters::kYes));
    // Before it comes up and makes one; the kernel forgets it with a move.
    LinkChange generation;
    if (home.address_generation.has_value() &&
        home.address_generation != before.address_generation &&
        before.address_generation != AddressGeneration::kStablePrivacy) {
      generation.address_generation = before.address_generation;
    }
    CAISSON_RETURN_IF_ERROR(change(generation));
    LinkChange rest;
    if (moved.mac != before.mac) rest.mac = before.mac;
    if (before.up) rest.up = true;
    return change(rest);
  }

  // Nothing of it that fails keeps the container from its network.
  absl::Status RunAnnounce(size_t at, const Announce& op) {
    const NetnsName& netns = plan_[at].netns;
    CAISSON_ASSIGN_OR_RETURN(const int link, IndexOf(netns, op.link));
    Send(netns, BuildRenewNeighbour(
                    {.link = link, .address = op.address, .mac = op.mac}));
    if (places_.announcer == nullptr) return absl::OkStatus();
    base::UniqueFd socket;
    if (!netns.empty()) {
      base::IgnoreError(RunInNetns(PlaceOf(netns).fd,
                                   [&]() -> absl::Status {
                                     CAISSON_ASSIGN_OR_RETURN(
                                         socket, OpenAnnouncementSocket());
                                     return absl::OkStatus();
                                   }),
                        "who missed it asks later");
      if (!socket.is_valid()) return absl::OkStatus();
    }
    places_.announcer->Post({.socket = std::move(socket),
                             .link = link,
                             .address = op.address,
                             .mac = op.mac});
    return absl::OkStatus();
  }

  absl::Status RunSysctl(size_t at, const Sysctl& sysctl) {
    const NetnsName& netns = plan_[at].netns;
    Sysctl before = {.key = sysctl.key};
    absl::Status status = Inside(netns, [&]() -> absl::Status {
      CAISSON_ASSIGN_OR_RETURN(before.value, ReadSysctl(sysctl.key));
      return WriteSysctl(sysctl);
    });
    if (!status.ok()) return status;
    AddUndo(at, [this, netns, before] {
      return Inside(netns, [&] { return WriteSysctl(before); });
    });
    return absl::OkStatus();
  }

  absl::Status Inside(const NetnsName& netns,
                      absl::FunctionRef<absl::Status()> body) {
    if (netns.empty()) return body();
    return RunInNetns(PlaceOf(netns).fd, body);
  }

  // --- Batches -------------------------------------------------------------

  absl::Status RunBatch(size_t at, size_t* count) {
    const NetnsName& netns = plan_[at].netns;
    std::vector<Message> messages;
    absl::Status built;
    for (size_t i = at; i < plan_.size(); ++i) {
      // With a hook every op goes alone, so that it comes between all of them.
      if (i > at && (plan_[i].netns != netns || IsAlone(plan_[i]) || fault_)) {
        break;
      }
      absl::StatusOr<Message> message = BuildMessage(plan_[i]);
      if (!message.ok()) {
        built = message.status();
        break;
      }
      messages.push_back(*std::move(message));
    }
    if (messages.empty()) return Fail(at, built);
    *count = messages.size();
    const std::vector<Result> results =
        PlaceOf(netns).socket->Transact(messages);
    absl::Status first;
    for (size_t i = 0; i < results.size(); ++i) {
      if (results[i].ok() || results[i].is_unknown) AddUndoOf(at + i);
      absl::Status status = StatusOf(at + i, results[i]);
      if (first.ok() && !status.ok()) first = Fail(at + i, std::move(status));
    }
    return first;
  }

  absl::StatusOr<Message> BuildMessage(const Op& op) {
    const NetnsName& netns = op.netns;
    if (const auto* change = std::get_if<ChangeLink>(&op.action)) {
      LinkChange wanted = change->change;
      if (change->master.has_value()) {
        CAISSON_ASSIGN_OR_RETURN(wanted.master,
                                 IndexOf(netns, *change->master));
      }
      return BuildChangeLink(Known(netns, change->link), wanted);
    }
    if (const auto* name = std::get_if<AddAlternativeName>(&op.action)) {
      return BuildAddAlternativeName(Known(netns, name->link), name->name);
    }
    if (const auto* name = std::get_if<RemoveAlternativeName>(&op.action)) {
      return BuildRemoveAlternativeName(Known(netns, name->link), name->name);
    }
    if (const auto* group = std::get_if<DeleteGroup>(&op.action)) {
      return BuildDeleteGroup(group->group);
    }
    return BuildByIndex(op);
  }

  absl::StatusOr<Message> BuildByIndex(const Op& op) {
    if (const auto* add = std::get_if<AddAddress>(&op.action)) {
      CAISSON_ASSIGN_OR_RETURN(const int index, IndexOf(op.netns, add->link));
      return BuildAddAddress({.link = index, .prefix = add->prefix});
    }
    if (const auto* add = std::get_if<AddRoute>(&op.action)) {
      Route route = add->route;
      CAISSON_ASSIGN_OR_RETURN(route.link, IndexOf(op.netns, add->link));
      return BuildAddRoute(route);
    }
    if (const auto* gone = std::get_if<DeleteRoute>(&op.action)) {
      Route route = gone->route;
      CAISSON_ASSIGN_OR_RETURN(route.link, IndexOf(op.netns, gone->link));
      return BuildDeleteRoute(route);
    }
    if (const auto* rate = std::get_if<SetRate>(&op.action)) {
      CAISSON_ASSIGN_OR_RETURN(const int index, IndexOf(op.netns, rate->link));
      return BuildSetRate(index, rate->rate);
    }
    if (const auto* add = std::get_if<AddIngress>(&op.action)) {
      CAISSON_ASSIGN_OR_RETURN(const int index, IndexOf(op.netns, add->link));
      return BuildAddIngress(index);
    }
    const auto& redirect = std::get<RedirectIngress>(op.action);
    CAISSON_ASSIGN_OR_RETURN(const int from, IndexOf(op.netns, redirect.link));
    CAISSON_ASSIGN_OR_RETURN(const int to, IndexOf(op.netns, redirect.target));
    return BuildRedirectIngress(from, to);
  }

  // The way back of an op of a batch, which has been sent with success: the
  // indexes that it needs are known.
  void AddUndoOf(size_t at) {
    const Op& op = plan_[at];
    std::optional<Message> message;
    if (const auto* change = std::get_if<ChangeLink>(&op.action)) {
      if (change->undo.has_value()) {
        message = BuildChangeLink(Known(op.netns, change->link), *change->undo);
      }
    } else if (const auto* name =
                   std::get_if<RemoveAlternativeName>(&op.action)) {
      message =
          BuildAddAlternativeName(Known(op.netns, name->link), name->name);
    } else if (const auto* address = std::get_if<AddAddress>(&op.action)) {
      message = BuildDeleteAddress(
          {.link = KnownIndex(op, address->link), .prefix = address->prefix});
    } else if (const auto* add = std::get_if<AddRoute>(&op.action)) {
      Route route = add->route;
      route.link = KnownIndex(op, add->link);
      message = BuildDeleteRoute(route);
    } else if (const auto* gone = std::get_if<DeleteRoute>(&op.action)) {
      Route route = gone->route;
      route.link = KnownIndex(op, gone->link);
      message = BuildAddRoute(route);
    } else if (const auto* rate = std::get_if<SetRate>(&op.action)) {
      message = BuildRemoveRate(KnownIndex(op, rate->link));
    } else if (const auto* ingress = std::get_if<AddIngress>(&op.action)) {
      message = BuildRemoveIngress(KnownIndex(op, ingress->link));
    }
    // The rest goes with the link.
    if (!message.has_value()) return;
    auto shared = std::make_shared<Message>(*std::move(message));
    AddUndo(at, [this, at, shared] {
      Socket* const socket = PlaceOf(plan_[at].netns).socket;
      // RunSome saw it before it did the op.
      CAISSON_CHECK(socket != nullptr);
      return StatusOf(at, socket->Transact({shared.get(), 1})[0]);
    });
  }

  int KnownIndex(const Op& op, const LinkRef& link) const {
    return Known(op.netns, link).index;
  }

  // --- Results and the way back ------------------------------------------

  Result Send(const NetnsName& netns, Message message) {
    return PlaceOf(netns).socket->Transact({&message, 1})[0];
  }

  absl::Status StatusOf(size_t at, const Result& result) const {
    const Op& op = plan_[at];
    if (result.ack.error == ENODEV) {
      const auto* const change = std::get_if<ChangeLink>(&op.action);
      if ((change != nullptr && change->may_be_gone) ||
          std::holds_alternative<DeleteGroup>(op.action)) {
        return absl::OkStatus();
      }
    }
    // Most succeed, and texts cost.
    if (result.ok()) return absl::OkStatus();
    return ToStatus(
        {.op = VerbOf(op), .object = ObjectOf(op), .ack = result.ack});
  }

  void AddUndo(size_t at, std::function<absl::Status()> undo) {
    undo_.push_back({at, std::move(undo)});
  }

  absl::Status Undo() {
    absl::Status first;
    for (auto step = undo_.rbegin(); step != undo_.rend(); ++step) {
      const absl::Status status = step->undo();
      if (!status.ok() && !IsGone(status) && first.ok()) {
        first = base::Annotate(status, "undo of step ", step->op + 1);
      }
    }
    return first;
  }

  static inline const Place kNowhere = {};

  const Plan& plan_;
  const Places& places_;
  const FaultHook& fault_;
  size_t failed_ = 0;
  LinkIndexes indexes_;
  std::vector<Step> undo_;
};

}  // namespace

Applied Apply(const Plan& plan, const Places& places, const FaultHook& fault) {
  return Applier(plan, places, fault).Run();
}

}  // namespace caisson::netsetup
