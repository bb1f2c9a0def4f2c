#include "server/core/manager/network_calls.h"

#include <utility>
#include <vector>

#include "runtime/base/error_detail.h"
#include "runtime/spec/validate.h"
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
    env_->networks->Explain(std::move(args.spec), std::move(callback));
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

}  // namespace caisson::core
