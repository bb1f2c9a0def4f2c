// What would be done for networks, as of now: looks, and changes nothing.

#include <algorithm>
#include <memory>
#include <utility>

#include "runtime/base/status_macros.h"
#include "server/core/network/ask_lane.h"
#include "server/core/network/host_values.h"
#include "server/core/network/network_errors.h"
#include "server/core/network/network_explain.h"
#include "server/core/network/networks.h"

namespace caisson::core {
namespace {

// Of a network that is not there yet. Names of links show it.
constexpr char kNoId[] = "00000000000000000000000000000000";

}  // namespace

absl::StatusOr<StartExplanation> Networks::ExplainStart(StartSubject subject) {
  return AskLane<StartExplanation>(&lane_thread_,
                                   [this, subject = std::move(subject)] {
                                     return ExplainStartNow(subject);
                                   });
}

absl::StatusOr<StartExplanation> Networks::ExplainStartNow(
    const StartSubject& subject) {
  if (lane_ == nullptr) return lane_status_;
  LiveContainer live;
  live.name = subject.name;
  const Reserved reserved =
      subject.held.has_value() ? Reserved::kYes : Reserved::kNo;
  if (subject.held.has_value()) {
    live.endpoints = *subject.held;
  } else {
    CAISSON_ASSIGN_OR_RETURN(
        Reservation preview,
        book_.Preview(subject.effective.network, "spec.network"));
    live.endpoints = std::move(preview.endpoints);
  }
  CAISSON_ASSIGN_OR_RETURN(HostView host, lane_->Look());
  NetworkExplainer explainer(std::move(host));
  explainer.WriteFiles(BuildNameFiles(subject.effective, live.endpoints,
                                      ReadHostResolver(),
                                      NameServersOf(live.endpoints)));
  explainer.Prepare(
      NamespaceSysctls(options_.store->catalog(), live.endpoints));
  for (const store::Endpoint& endpoint : live.endpoints) {
    CAISSON_ASSIGN_OR_RETURN(const EndpointRef ref,
                             RefOf(subject.container_id, endpoint));
    if (!ref.network->up) {
      CAISSON_RETURN_IF_ERROR(explainer.Make(*ref.network, Reserved::kYes,
                                             NameServersOf(ref.network)));
    }
    CAISSON_RETURN_IF_ERROR(explainer.Attach(ref, reserved));
  }
  for (const store::Endpoint& endpoint : live.endpoints) {
    explainer.AnswerNames(endpoint.network_name,
                          NamesOf(subject.container_id, live, endpoint),
                          NameServersOf(Endpoints{endpoint}));
  }
  return StartExplanation{.summary = SummaryOf(live.endpoints, reserved),
                          .steps = explainer.Take()};
}

absl::StatusOr<NetworkExplanation> Networks::Explain(ExplainNetworkArgs args) {
  return AskLane<NetworkExplanation>(
      &lane_thread_,
      [this, args = std::move(args)]() -> absl::StatusOr<NetworkExplanation> {
        if (lane_ == nullptr) return lane_status_;
        if (args.spec.has_value()) return ExplainSpec(*args.spec);
        const NetworkPtr network =
            options_.store->catalog().FindNetwork(args.network);
        if (network == nullptr) return NetworkNotFound(args.network);
        return ExplainNetwork(network);
      });
}

absl::StatusOr<NetworkExplanation> Networks::ExplainSpec(
    const spec::NetworkSpec& spec) {
  CAISSON_ASSIGN_OR_RETURN(store::NetworkRecord record, NewRecord(spec, ""));
  record.id = kNoId;
  record.name = spec.name;
  const auto network = std::make_shared<store::NetworkRecord>(record);
  CAISSON_ASSIGN_OR_RETURN(HostView host, lane_->Look());
  NetworkExplainer explainer(std::move(host));
  CAISSON_RETURN_IF_ERROR(
      explainer.Make(*network, Reserved::kNo, NameServersOf(network)));
  record.id.clear();
  record.intent = store::Intent::kNone;
  record.create_time = absl::InfinitePast();
  return NetworkExplanation{
      .network = std::make_shared<store::NetworkRecord>(std::move(record)),
      .steps = explainer.Take(),
      .present = {}};
}

absl::StatusOr<NetworkExplanation> Networks::ExplainNetwork(
    const NetworkPtr& network) {
  CAISSON_ASSIGN_OR_RETURN(HostView host, lane_->Look());
  NetworkExplanation explanation = {
      .network = network, .steps = {}, .present = {}};
  Endpoints endpoints;
  std::vector<LiveEndpoint> all = LiveEndpoints();
  for (const LiveEndpoint& live : all) {
    const store::Endpoint& endpoint = live.ref.endpoint;
    if (endpoint.network_id == network->id) endpoints.push_back(endpoint);
  }
  explanation.present = DescribePresent(*network, endpoints, host.observed);
  NetworkExplainer explainer(std::move(host));
  if (network->up) {
    CAISSON_ASSIGN_OR_RETURN(const std::vector<netsetup::Part> parts,
                             lane_->PlanRecover(NetworksUp(), all));
    for (const netsetup::Part& part : parts) {
      const bool is_its = std::any_of(
          endpoints.begin(), endpoints.end(),
          [&part](const auto& one) { return one.id == part.endpoint_id; });
      if (!is_its && part.network_id != network->id) continue;
      explainer.Repair(network->name, part);
    }
    CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> differences,
                             lane_->CheckTable(NetworksUp(), all));
    if (IsFiltered(*network)) explainer.RebuildTable(differences);
  } else {
    CAISSON_RETURN_IF_ERROR(
        explainer.Make(*network, Reserved::kYes, NameServersOf(network)));
  }
  explanation.steps = explainer.Take();
  return explanation;
}

}  // namespace caisson::core
