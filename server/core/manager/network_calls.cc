#include "server/core/manager/network_calls.h"

#include <utility>
#include <vector>

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/validate.h"
#include "server/core/actor/network_change.h"
#include "server/core/errors.h"
#include "server/core/manager/replies.h"
#include "server/core/network/network_errors.h"
#include "server/core/network/networks.h"

namespace caisson::core {

void NetworkCalls::Create(CreateNetworkArgs args,
                          Callback<CreateNetworkResult> callback) {
  absl::Status status = env_->Gate();
  if (status.ok()) {
    std::vector<base::FieldViolation> violations = spec::Validate(args.spec);
    if (!violations.empty()) {
      status = base::InvalidFields(std::move(violations));
    }
  }
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  if (args.validate_only) {
    ValidateOnly(std::move(args.spec), std::move(callback));
    return;
  }
  BeginRequest<Callback<CreateNetworkResult>>(
      env_, args.request, std::move(callback),
      [this](const RequestOutcome& outcome,
             Callback<CreateNetworkResult> done) {
        Replay(outcome, std::move(done));
      },
      [this, &args](TicketPtr ticket, Callback<CreateNetworkResult> done) {
        env_->networks->Create(std::move(args.spec), std::move(ticket),
                               std::move(done));
        return NoCall();
      });
}

void NetworkCalls::ValidateOnly(spec::NetworkSpec spec,
                                Callback<CreateNetworkResult> callback) {
  env_->lane->Run<CreateNetworkResult>(
      [networks = env_->networks,
       spec = std::move(spec)]() -> absl::StatusOr<CreateNetworkResult> {
        CAISSON_ASSIGN_OR_RETURN(NetworkExplanation explanation,
                                 networks->Explain({.spec = spec}));
        CreateNetworkResult result;
        result.network = std::move(explanation.network);
        for (PlanStep& step : explanation.steps) {
          result.plan.push_back(std::move(step.text));
        }
        return result;
      },
      std::move(callback));
}

void NetworkCalls::Explain(ExplainNetworkArgs args,
                           Callback<NetworkExplanation> callback) {
  absl::Status status = env_->Gate();
  if (status.ok() && args.spec.has_value()) {
    std::vector<base::FieldViolation> violations = spec::Validate(*args.spec);
    if (!violations.empty()) {
      status = base::InvalidFields(std::move(violations));
    }
  }
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  env_->lane->Run<NetworkExplanation>(
      [networks = env_->networks, args = std::move(args)]() mutable {
        return networks->Explain(std::move(args));
      },
      std::move(callback));
}

void NetworkCalls::Replay(const RequestOutcome& outcome,
                          Callback<CreateNetworkResult> callback) const {
  if (!outcome.status.ok()) {
    callback(outcome.status);
    return;
  }
  CreateNetworkResult result;
  result.network = env_->store->catalog().NetworkById(outcome.object_id);
  if (result.network == nullptr) {
    callback(NetworkNotFound(outcome.object_id));
    return;
  }
  result.replayed = true;
  callback(std::move(result));
}

void NetworkCalls::Delete(DeleteNetworkArgs args,
                          Callback<NetworkPtr> callback) {
  if (absl::Status status = env_->Gate(); !status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  BeginRequest<Callback<NetworkPtr>>(
      env_, args.request, std::move(callback),
      [](const RequestOutcome& outcome, Callback<NetworkPtr> done) {
        if (!outcome.status.ok()) return done(outcome.status);
        // It was deleted, and its record went with it.
        done(NetworkPtr());
      },
      [this, &args](TicketPtr ticket, Callback<NetworkPtr> done) {
        env_->networks->Delete(std::move(args), std::move(ticket),
                               std::move(done));
        return NoCall();
      });
}

void NetworkCalls::Change(const std::string& container,
                          const RequestKey& request,
                          std::vector<base::FieldViolation> violations,
                          MakeChange make, Callback<ContainerPtr> callback) {
  absl::Status status = env_->Gate();
  if (status.ok() && !violations.empty()) {
    status = base::InvalidFields(std::move(violations));
  }
  if (!status.ok()) {
    Reply(env_, std::move(callback), std::move(status));
    return;
  }
  BeginRequest<Callback<ContainerPtr>>(
      env_, request, std::move(callback),
      [this](const RequestOutcome& outcome, Callback<ContainerPtr> done) {
        done(ReplayChange(outcome));
      },
      [this, &container, &make](TicketPtr ticket, Callback<ContainerPtr> done) {
        const absl::StatusOr<ActorPtr> actor = registry_->Find(container);
        if (!actor.ok()) {
          ticket->Announce(actor.status(), "");
          Reply(env_, std::move(done), actor.status());
          return NoCall();
        }
        Container::NetworkChangePtr change =
            make(std::move(ticket), std::move(done));
        (*actor)->queue().Post(
            [actor = *actor, change = std::move(change)]() mutable {
              actor->ChangeNetworks(std::move(change));
            });
        return NoCall();
      });
}

absl::StatusOr<ContainerPtr> NetworkCalls::ReplayChange(
    const RequestOutcome& outcome) const {
  if (!outcome.status.ok()) return outcome.status;
  const store::Catalog& catalog = env_->store->catalog();
  ContainerPtr container = catalog.ContainerById(outcome.object_id);
  if (container == nullptr) container = catalog.Tombstone(outcome.object_id);
  if (container == nullptr) return ContainerNotFound(outcome.object_id);
  return container;
}

void NetworkCalls::Connect(ConnectArgs args, Callback<ContainerPtr> callback) {
  Change(
      args.container, args.request,
      spec::Validate(args.attachment, "attachment"),
      [&args](TicketPtr ticket, Callback<ContainerPtr> done) {
        return NewConnect(std::move(args.attachment), std::move(ticket),
                          std::move(done));
      },
      std::move(callback));
}

void NetworkCalls::Disconnect(DisconnectArgs args,
                              Callback<ContainerPtr> callback) {
  Change(
      args.container, args.request, {},
      [&args](TicketPtr ticket, Callback<ContainerPtr> done) {
        return NewDisconnect(std::move(args.network), std::move(ticket),
                             std::move(done));
      },
      std::move(callback));
}

void NetworkCalls::Publish(PublishArgs args, Callback<ContainerPtr> callback) {
  Change(
      args.container, args.request, spec::Validate(args.port, "port"),
      [&args](TicketPtr ticket, Callback<ContainerPtr> done) {
        return NewPublish(std::move(args.port), std::move(ticket),
                          std::move(done));
      },
      std::move(callback));
}

void NetworkCalls::Unpublish(UnpublishArgs args,
                             Callback<ContainerPtr> callback) {
  store::PublishedPort key;
  key.host_port = args.host_port;
  key.host_ip =
      args.host_ip.empty() ? std::string(spec::kDefaultHostIp) : args.host_ip;
  key.protocol = args.protocol.empty() ? std::string(spec::kDefaultProtocol)
                                       : args.protocol;
  Change(
      args.container, args.request, {},
      [&key](TicketPtr ticket, Callback<ContainerPtr> done) {
        return NewUnpublish(std::move(key), std::move(ticket), std::move(done));
      },
      std::move(callback));
}

}  // namespace caisson::core
