#include "server/core/manager/containers.h"

#include "absl/time/clock.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/random_id.h"
#include "runtime/base/status_macros.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/validate.h"
#include "server/core/errors.h"
#include "server/core/host/process_table.h"
#include "server/core/launch/explain.h"
#include "server/core/manager/replies.h"
#include "server/core/manager/tombstone.h"
#include "server/core/network/networks.h"

namespace caisson::core {
namespace {

constexpr size_t kNameDigits = 12;
// Stands for the id in plans that are only shown.
constexpr char kNoId[] = "00000000000000000000000000000000";

}  // namespace

absl::Status Containers::CheckSpec(const spec::ContainerSpec& spec) const {
  std::vector<base::FieldViolation> violations = spec::Validate(spec);
  if (!violations.empty()) return base::InvalidFields(std::move(violations));
  return absl::OkStatus();
}

absl::StatusOr<store::ContainerRecord> Containers::NewRecord(
    const spec::ContainerSpec& spec, const std::string& request_id) const {
  const store::Catalog& catalog = env_->store->catalog();
  if (static_cast<int64_t>(catalog.counts().containers) >= kMaxContainers) {
    return LimitReached("containers", kMaxContainers);
  }
  store::ContainerRecord record;
  record.id = base::RandomId();
  while (spec.name.empty() &&
         catalog.NameHolder(record.id.substr(0, kNameDigits)) != nullptr) {
    record.id = base::RandomId();
  }
  auto named = std::make_shared<spec::ContainerSpec>(spec);
  if (named->name.empty()) named->name = record.id.substr(0, kNameDigits);
  record.name = named->name;
  record.spec = std::move(named);
  record.intent = store::Intent::kCreate;
  record.request_id = request_id;
  record.create_time = absl::Now();
  return record;
}

CallPtr Containers::Create(CreateArgs args, Callback<CreateResult> callback) {
  const absl::Time begin = absl::Now();
  absl::Status status = env_->Gate();
  if (status.ok()) status = CheckSpec(args.spec);
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return NoCall();
  }
  if (args.validate_only) {
    ValidateOnly(std::move(args), std::move(callback));
    return NoCall();
  }
  return BeginRequest<Callback<CreateResult>>(
      env_, args.request, std::move(callback),
      [this](const RequestOutcome& outcome, Callback<CreateResult> done) {
        ReplayCreate(outcome, std::move(done));
      },
      [this, begin, &args](TicketPtr ticket, Callback<CreateResult> done) {
        absl::StatusOr<store::ContainerRecord> record =
            NewRecord(args.spec, ticket->id());
        if (!record.ok()) {
          ticket->Announce(record.status(), "");
          Reply(env_, std::move(done), record.status());
          return NoCall();
        }
        ActorPtr actor =
            Container::New(env_, *std::move(record), State::kCreating);
        registry_->Add(actor);
        actor->queue().Post(
            [actor, ticket, begin, done = std::move(done)]() mutable {
              actor->Create(ticket, begin, std::move(done));
            });
        return CallPtr(
            std::make_shared<FunctionCall>([ticket] { ticket->CancelOwn(); }));
      });
}

void Containers::ReplayCreate(const RequestOutcome& outcome,
                              Callback<CreateResult> callback) const {
  if (!outcome.status.ok()) {
    callback(outcome.status);
    return;
  }
  const store::Catalog& catalog = env_->store->catalog();
  CreateResult result;
  result.container = catalog.ContainerById(outcome.object_id);
  if (result.container == nullptr) {
    result.container = catalog.Tombstone(outcome.object_id);
  }
  if (result.container == nullptr) {
    callback(ContainerNotFound(outcome.object_id));
    return;
  }
  result.replayed = true;
  callback(std::move(result));
}

void Containers::ValidateOnly(CreateArgs args,
                              Callback<CreateResult> callback) {
  env_->lane->Run<CreateResult>(
      [this, spec = std::move(args.spec)]() -> absl::StatusOr<CreateResult> {
        CAISSON_ASSIGN_OR_RETURN(store::ContainerRecord record,
                                 NewRecord(spec, ""));
        const ContainerPtr holder =
            env_->store->catalog().NameHolder(record.name);
        if (holder != nullptr) {
          return base::MakeError(
              absl::StatusCode::kAlreadyExists, "NAME_IN_USE",
              base::StrCat("a container is named '", record.name, "' already"),
              {{"container", holder->id}});
        }
        CreateResult result;
        CAISSON_ASSIGN_OR_RETURN(result.plan, ExplainSpec(spec, nullptr));
        record.id.clear();
        record.create_time = absl::InfinitePast();
        record.spec = std::make_shared<spec::ContainerSpec>(spec);
        record.name = spec.name;
        result.container = std::make_shared<store::ContainerRecord>(record);
        return result;
      },
      std::move(callback));
}

absl::StatusOr<Explanation> Containers::ExplainSpec(
    const spec::ContainerSpec& spec, const ContainerPtr& row) const {
  const std::string id = row == nullptr ? kNoId : row->id;
  const int64_t run = row == nullptr ? 1 : row->status.run + 1;
  const spec::ContainerSpec effective = spec::WithDefaults(spec, id);
  CAISSON_ASSIGN_OR_RETURN(
      const plan::Plan plan,
      PlanContainer(*env_, id, effective, run, /*named_reader=*/false, {}));
  Explanation explanation = core::Explain(plan, effective);
  if (spec.network.mode != spec::NetworkMode::kAttach) return explanation;
  StartSubject start = {.container_id = id,
                        .name = row == nullptr ? spec.name : row->name,
                        .effective = effective,
                        .held = std::nullopt};
  if (row != nullptr && row->status.state == store::ContainerState::kRunning) {
    start.held = row->status.networks;
  }
  CAISSON_ASSIGN_OR_RETURN(StartExplanation networks,
                           env_->networks->ExplainStart(std::move(start)));
  AddNetworks(std::move(networks.summary), std::move(networks.steps),
              &explanation);
  return explanation;
}

CallPtr Containers::Run(RunArgs args, Callback<Started> callback) {
  const absl::Time begin = absl::Now();
  absl::Status status = env_->Gate();
  if (status.ok()) status = CheckSpec(args.spec);
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return NoCall();
  }
  return BeginRequest<Callback<Started>>(
      env_, args.request, std::move(callback),
      [this](const RequestOutcome& outcome, Callback<Started> done) {
        ReplayRun(outcome, std::move(done));
      },
      [this, begin, &args](TicketPtr ticket, Callback<Started> done) {
        const ActorPtr left = LeftOf(*ticket);
        if (left == nullptr) {
          return Launch(std::move(ticket), begin, args, std::move(done));
        }
        left->queue().Post([this, left, ticket, begin, args = std::move(args),
                            done = std::move(done)]() mutable {
          left->AwaitLaunch([this, ticket, begin, args = std::move(args),
                             done = std::move(done)]() mutable {
            GoOnWithRun(ticket, begin, args, std::move(done));
          });
        });
        return CallPtr(
            std::make_shared<FunctionCall>([ticket] { ticket->CancelOwn(); }));
      });
}

// The container that an earlier daemon began to run for this request.
ActorPtr Containers::LeftOf(const Ticket& ticket) const {
  if (!ticket.interrupted()) return nullptr;
  const store::RequestPtr row = env_->store->catalog().Request(ticket.id());
  return row == nullptr ? nullptr : registry_->ById(row->object_id);
}

void Containers::GoOnWithRun(TicketPtr ticket, absl::Time begin,
                             const RunArgs& args, Callback<Started> callback) {
  if (const auto recovered = ticket->Recovered()) {
    ticket->Announce(recovered->status, recovered->object_id);
    ReplayRun(*recovered, std::move(callback));
  } else if (env_->shutting_down) {
    ticket->Announce(ShuttingDown(), "");
    callback(ShuttingDown());
  } else {
    Launch(std::move(ticket), begin, args, std::move(callback));
  }
}

CallPtr Containers::Launch(TicketPtr ticket, absl::Time begin,
                           const RunArgs& args, Callback<Started> callback) {
  absl::StatusOr<store::ContainerRecord> record =
      NewRecord(args.spec, ticket->id());
  if (!record.ok()) {
    ticket->Announce(record.status(), "");
    Reply(env_, std::move(callback), record.status());
    return NoCall();
  }
  ActorPtr actor = Container::New(env_, *std::move(record), State::kLaunching);
  registry_->Add(actor);
  actor->queue().Post([actor, ticket, begin, policy = args.on_disconnect,
                       callback = std::move(callback)]() mutable {
    actor->Launch(ticket, begin, policy, std::move(callback));
  });
  return std::make_shared<FunctionCall>([weak = WeakActorPtr(actor), ticket] {
    ticket->CancelOwn();
    const ActorPtr alive = weak.lock();
    if (alive == nullptr) return;
    alive->queue().Post([alive] { alive->AbandonLaunch(); });
  });
}

void Containers::ReplayRun(const RequestOutcome& outcome,
                           Callback<Started> callback) const {
  if (!outcome.status.ok()) {
    callback(outcome.status);
    return;
  }
  const store::Catalog& catalog = env_->store->catalog();
  const ActorPtr actor = registry_->ById(outcome.object_id);
  if (actor != nullptr && catalog.ContainerById(outcome.object_id) != nullptr) {
    actor->queue().Post([actor, callback = std::move(callback)]() mutable {
      actor->Attach(StreamRole::kOwner, /*replayed=*/true, std::move(callback));
    });
    return;
  }
  const ContainerPtr tombstone = catalog.Tombstone(outcome.object_id);
  if (tombstone == nullptr) {
    callback(ContainerNotFound(outcome.object_id));
    return;
  }
  callback(AttachTombstone(env_, tombstone, /*replayed=*/true));
}

void Containers::Start(StartArgs args, Callback<StartResult> callback) {
  const absl::Time begin = absl::Now();
  if (absl::Status status = env_->Gate(); !status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  BeginRequest<Callback<StartResult>>(
      env_, args.request, std::move(callback),
      [this](const RequestOutcome& outcome, Callback<StartResult> done) {
        ReplayCreate(outcome, [done = std::move(done)](
                                  absl::StatusOr<CreateResult> made) mutable {
          if (!made.ok()) {
            done(made.status());
            return;
          }
          done(StartResult{
              .container = made->container, .timings = {}, .replayed = true});
        });
      },
      [this, begin, &args](TicketPtr ticket, Callback<StartResult> done) {
        absl::StatusOr<ActorPtr> actor = registry_->Find(args.container);
        if (!actor.ok()) {
          ticket->Announce(actor.status(), "");
          Reply(env_, std::move(done), actor.status());
          return NoCall();
        }
        (*actor)->queue().Post(
            [actor = *actor, ticket, begin, done = std::move(done)]() mutable {
              actor->Start(ticket, begin, std::move(done));
            });
        return NoCall();
      });
}

void Containers::Stop(StopArgs args, Callback<ContainerPtr> callback) {
  absl::Status status = env_->Gate();
  absl::StatusOr<ActorPtr> actor = registry_->Find(args.container);
  if (status.ok()) status = actor.status();
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  (*actor)->queue().Post([actor = *actor, args = std::move(args),
                          callback = std::move(callback)]() mutable {
    actor->Stop(std::move(args), std::move(callback));
  });
}

void Containers::Attach(AttachArgs args, Callback<Started> callback) {
  if (absl::Status status = env_->Gate(); !status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  absl::StatusOr<ActorPtr> actor = registry_->Find(args.container);
  if (!actor.ok()) {
    const ContainerPtr tombstone =
        env_->store->catalog().Tombstone(args.container);
    if (tombstone == nullptr) {
      Reply(env_, std::move(callback), actor.status());
    } else {
      Reply(env_, std::move(callback),
            AttachTombstone(env_, tombstone, /*replayed=*/false));
    }
    return;
  }
  const StreamRole role =
      args.no_stdin ? StreamRole::kLogs : StreamRole::kAttached;
  (*actor)->queue().Post(
      [actor = *actor, role, callback = std::move(callback)]() mutable {
        actor->Attach(role, /*replayed=*/false, std::move(callback));
      });
}

absl::StatusOr<SessionPtr> Containers::OpenLogs(std::string_view container) {
  CAISSON_RETURN_IF_ERROR(env_->Gate());
  CAISSON_ASSIGN_OR_RETURN(const ActorPtr actor, registry_->Find(container));
  return actor->OpenLogs();
}

std::optional<PendingOperation> Containers::Pending(std::string_view id) const {
  const ActorPtr actor = registry_->ById(id);
  if (actor == nullptr) return std::nullopt;
  return actor->Pending();
}

CallPtr Containers::Wait(WaitArgs args, Callback<WaitResult> callback) {
  if (absl::Status status = env_->Gate(); !status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return NoCall();
  }
  absl::StatusOr<ActorPtr> found = registry_->Find(args.container);
  if (!found.ok()) {
    const ContainerPtr tombstone =
        env_->store->catalog().Tombstone(args.container);
    // Its record goes first, and who waits hears of the end of all of it.
    const ActorPtr leaving =
        tombstone == nullptr ? nullptr : registry_->ById(tombstone->id);
    if (leaving != nullptr) {
      found = leaving;
    } else if (tombstone == nullptr ||
               args.condition == WaitCondition::kRunning) {
      Reply(env_, std::move(callback), found.status());
      return NoCall();
    } else {
      Reply(env_, std::move(callback), WaitOnTombstone(tombstone));
      return NoCall();
    }
  }
  const ActorPtr actor = *found;
  // Set and read on the queue.
  auto waiter = std::make_shared<uint64_t>(0);
  actor->queue().Post([actor, args = std::move(args), waiter,
                       callback = std::move(callback)]() mutable {
    *waiter = actor->Wait(args.condition, args.run, std::move(callback));
  });
  // A call that its caller keeps must not keep the container.
  return std::make_shared<FunctionCall>([weak = WeakActorPtr(actor), waiter] {
    const ActorPtr alive = weak.lock();
    if (alive == nullptr) return;
    alive->queue().Post([alive, waiter] { alive->CancelWait(*waiter); });
  });
}

void Containers::ListProcesses(std::string container,
                               Callback<std::vector<ProcessEntry>> callback) {
  absl::Status status = env_->Gate();
  absl::StatusOr<ActorPtr> actor = registry_->Find(container);
  if (status.ok()) status = actor.status();
  const ContainerPtr row = env_->store->catalog().Find(container);
  if (status.ok() && (row == nullptr ||
                      row->status.state != store::ContainerState::kRunning)) {
    status = row == nullptr
                 ? ContainerNotFound(container)
                 : WrongState(container, row->status.state, "RUNNING");
  }
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  const cgroup::Base& base = env_->places.base;
  std::vector<ProcessGroup> groups;
  groups.push_back(
      {.group = cgroup::Child(base.Container(row->id), "init"), .exec = ""});
  for (const ExecPtr& exec : env_->store->catalog().ExecsOf(row->id)) {
    groups.push_back(
        {.group = base.Exec(row->id, static_cast<uint32_t>(exec->number)),
         .exec = exec->id});
  }
  env_->lane->Run<std::vector<ProcessEntry>>(
      [groups = std::move(groups)] { return ReadProcesses(groups); },
      std::move(callback));
}

void Containers::Explain(spec::ContainerSpec spec,
                         Callback<Explanation> callback) {
  absl::Status status = env_->Gate();
  if (status.ok()) status = CheckSpec(spec);
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  env_->lane->Run<Explanation>(
      [this, spec = std::move(spec)] { return ExplainSpec(spec, nullptr); },
      std::move(callback));
}

void Containers::ExplainExisting(std::string container,
                                 Callback<Explanation> callback) {
  absl::Status status = env_->Gate();
  const ContainerPtr row = env_->store->catalog().Find(container);
  if (status.ok() && row == nullptr) status = ContainerNotFound(container);
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  env_->lane->Run<Explanation>(
      [this, row] { return ExplainSpec(*row->spec, row); },
      std::move(callback));
}

}  // namespace caisson::core
