// What is done for networks, step by step, for people and programs: made of the
// plans and elements that are executed (netsetup, nft), never told twice.
//
// Process: caissond. Thread: any; pure.
#ifndef CAISSON_SERVER_CORE_NETWORK_NETWORK_EXPLAIN_H_
#define CAISSON_SERVER_CORE_NETWORK_NETWORK_EXPLAIN_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

#include "netsetup/dns/zone.h"
#include "netsetup/network/plan.h"
#include "netsetup/nft/element.h"
#include "netsetup/sysctl.h"
#include "runtime/spec/spec.h"
#include "server/core/network/name_files.h"
#include "server/core/network/network_lane.h"
#include "server/core/types.h"
#include "server/store/records.h"

namespace caisson::core {

// Whether what an object has is its own; if not, ids are made up and what is
// free now may be another's by then.
enum class Reserved : bool { kNo, kYes };

// A start, as far as networks go.
struct StartSubject {
  std::string container_id;
  std::string name;
  spec::ContainerSpec effective;
  // What it has; unset: what it would get now.
  std::optional<std::vector<store::Endpoint>> held;
};
struct StartExplanation {
  std::vector<std::string> summary;
  std::vector<PlanStep> steps;
};

// Collects the steps in the order in which they are done: each call sees the
// host as those before it leave it.
class NetworkExplainer {
 public:
  // `view`: what the first step meets.
  explicit NetworkExplainer(HostView view) : view_(std::move(view)) {}

  // --- Of a start.
  void WriteFiles(const NameFiles& files);
  // As NetworkLane::Prepare.
  void Prepare(const std::vector<netsetup::Sysctl>& sysctls);
  // As NetworkLane::Make. `servers` are where its names are answered for.
  absl::Status Make(const store::NetworkRecord& network, Reserved reserved,
                    const std::vector<std::string>& servers);
  // As NetworkLane::Attach.
  absl::Status Attach(const EndpointRef& ref, Reserved reserved);
  void AnswerNames(const std::string& network,
                   const netsetup::dns::ZoneEntry& names,
                   const std::vector<std::string>& servers);

  // --- Of a recovery.
  void Repair(const std::string& network, const netsetup::Part& part);
  // `differences` as of NetworkLane::CheckTable.
  void RebuildTable(const std::vector<std::string>& differences);

  // Numbered from 0.
  std::vector<PlanStep> Take();

 private:
  // Why a step is what it is, by what it is.
  using Why = std::string (*)(const netsetup::Op&);

  PlanStep& Add(std::string op, std::string target, std::string text);
  void AddPlan(const std::string& network, const netsetup::Plan& plan, Why why);
  void AddElements(const std::string& network,
                   const std::vector<netsetup::nft::Element>& elements,
                   const std::string& why);

  HostView view_;
  std::vector<PlanStep> steps_;
};

// What the host has of a network and of those of its endpoints that are
// attached, one line each.
std::vector<std::string> DescribePresent(
    const store::NetworkRecord& network,
    const std::vector<store::Endpoint>& endpoints,
    const netsetup::Observed& observed);

// The networks of a start for its summary: "network 'lan': eth0 10.1.0.2/24".
std::vector<std::string> SummaryOf(
    const std::vector<store::Endpoint>& endpoints, Reserved reserved);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NETWORK_EXPLAIN_H_
