#include "server/core/network/network_audit.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_join.h"

#include "netsetup/ipam/pool.h"
#include "netsetup/network/network.h"
#include "netsetup/network/op.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "server/core/network/host_values.h"

namespace caisson::core {
namespace {

// Of the host as a whole: forwarding.
bool HasSysctlsAlone(const netsetup::Plan& plan) {
  return std::all_of(plan.begin(), plan.end(), [](const netsetup::Op& op) {
    return op.netns.empty() &&
           std::holds_alternative<netsetup::SetSysctl>(op.action);
  });
}

std::string TextOf(const netsetup::Plan& plan) {
  std::vector<std::string> steps;
  steps.reserve(plan.size());
  for (const netsetup::Op& op : plan) steps.push_back(netsetup::Describe(op));
  return absl::StrJoin(steps, "; ");
}

std::string DetailOf(std::string_view what, std::string_view name,
                     std::string_view problem) {
  return base::StrCat(what, name, problem.empty() ? "" : ": ", problem);
}

}  // namespace

std::map<std::string, std::string> OwnersOfEndpoints(
    const store::Catalog& catalog) {
  std::map<std::string, std::string> owners;
  for (const ContainerPtr& container : catalog.AllContainers()) {
    for (const store::Endpoint& endpoint : container->status.networks) {
      owners[endpoint.id] = container->id;
    }
  }
  return owners;
}

bool IsQuarantined(const store::LeaseRow& row) {
  return row.state ==
         static_cast<int32_t>(netsetup::ipam::LeaseState::kQuarantined);
}

NetworkAudit::NetworkAudit(Subject subject) : subject_(std::move(subject)) {}

absl::StatusOr<std::vector<AuditObject>> NetworkAudit::Run() {
  if (subject_.lane != nullptr) {
    CAISSON_RETURN_IF_ERROR(LookForWrong());
    CAISSON_RETURN_IF_ERROR(AddOwnLinks());
    AddMissingLinks();
    CAISSON_RETURN_IF_ERROR(AddTable());
    AddNames();
    CAISSON_RETURN_IF_ERROR(AddDevices());
  }
  CAISSON_RETURN_IF_ERROR(AddLeases());
  return std::move(objects_);
}

void NetworkAudit::Add(std::string kind, std::string key, std::string owner,
                       AuditState state, std::string detail) {
  AuditObject object;
  object.kind = std::move(kind);
  object.key = std::move(key);
  object.owner = std::move(owner);
  object.state = state;
  object.detail = std::move(detail);
  objects_.push_back(std::move(object));
}

// What is as it shall be has no steps; those of orphans are of no object.
absl::Status NetworkAudit::LookForWrong() {
  CAISSON_ASSIGN_OR_RETURN(
      const std::vector<netsetup::Part> parts,
      subject_.lane->PlanRecover(subject_.networks, subject_.endpoints));
  std::map<std::string, std::string> sysctls;
  for (const netsetup::Part& part : parts) {
    const std::string& id =
        part.endpoint_id.empty() ? part.network_id : part.endpoint_id;
    if (id.empty() || (part.plan.empty() && part.problem.ok())) continue;
    if (part.problem.ok() && HasSysctlsAlone(part.plan)) {
      for (const netsetup::Op& op : part.plan) {
        const auto& sysctl = std::get<netsetup::SetSysctl>(op.action).sysctl;
        sysctls[sysctl.key] = sysctl.value;
      }
      continue;
    }
    wrong_[id] = {
        .steps = TextOf(part.plan),
        .problem = std::string(base::StdView(part.problem.message()))};
  }
  for (const auto& [key, value] : sysctls) {
    Add("sysctl", key, "", AuditState::kDrifted,
        base::StrCat("shall be ", value));
  }
  return absl::OkStatus();
}

void NetworkAudit::AddLink(const std::string& name, const std::string& owner,
                           const std::string& id) {
  const auto wrong = wrong_.extract(id);
  if (wrong.empty()) return Add("link", name, owner, AuditState::kOk);
  const Wrong& what = wrong.mapped();
  Add("link", name, owner, AuditState::kDrifted,
      what.problem.empty() ? what.steps : what.problem);
}

absl::Status NetworkAudit::AddOwnLinks() {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<netsetup::Link> links,
                           subject_.lane->ListOwnLinks());
  const auto owners = OwnersOfEndpoints(subject_.store->catalog());
  std::set<std::string> up;
  for (const store::NetworkPtr& network : subject_.networks) {
    up.insert(network->id);
  }
  for (const netsetup::Link& link : links) {
    const auto tag = netsetup::ParseTag(link.alias);
    if (!tag.has_value()) continue;
    if (!tag->endpoint_id.empty()) {
      const auto owner = owners.find(tag->endpoint_id);
      if (owner != owners.end()) {
        AddLink(link.name, owner->second, tag->endpoint_id);
      } else if (!subject_.is_leaving(tag->endpoint_id)) {
        Add("link", link.name, "", AuditState::kOrphan,
            base::StrCat("of endpoint ", tag->endpoint_id));
      }
    } else if (up.contains(tag->network_id)) {
      AddLink(link.name, tag->network_id, tag->network_id);
    } else {
      Add("link", link.name, "", AuditState::kOrphan,
          base::StrCat("of network ", tag->network_id));
    }
  }
  return absl::OkStatus();
}

// What is wrong with what is not there, or is somebody else's.
void NetworkAudit::AddMissingLinks() {
  for (const store::NetworkPtr& network : subject_.networks) {
    const auto wrong = wrong_.find(network->id);
    const auto wanted = HostNetwork(*network);
    if (wrong == wrong_.end() || !wanted.ok() || !wanted->has_own_bridge()) {
      continue;
    }
    Add("link", netsetup::BridgeName(*wanted), network->id,
        AuditState::kMissing,
        DetailOf("bridge of ", network->name, wrong->second.problem));
  }
  for (const LiveEndpoint& live : subject_.endpoints) {
    const store::Endpoint& endpoint = live.ref.endpoint;
    const auto wrong = wrong_.find(endpoint.id);
    if (wrong == wrong_.end()) continue;
    // Told as a device.
    if (live.ref.network->lent.has_value()) continue;
    Add("link",
        endpoint.host_link.empty() ? endpoint.interface : endpoint.host_link,
        live.ref.container_id, AuditState::kMissing,
        DetailOf("of an endpoint of ", endpoint.network_name,
                 wrong->second.problem));
  }
}

absl::Status NetworkAudit::AddTable() {
  CAISSON_ASSIGN_OR_RETURN(
      const std::vector<std::string> differences,
      subject_.lane->CheckTable(subject_.networks, subject_.endpoints));
  for (const std::string& difference : differences) {
    Add("nftables", difference, "", AuditState::kDrifted);
  }
  return absl::OkStatus();
}

absl::Status NetworkAudit::AddDevices() {
  CAISSON_ASSIGN_OR_RETURN(std::vector<AuditObject> devices,
                           subject_.lane->AuditDevices(subject_.endpoints));
  std::move(devices.begin(), devices.end(), std::back_inserter(objects_));
  return absl::OkStatus();
}

void NetworkAudit::AddNames() {
  if (subject_.names == nullptr) return;
  for (const store::NetworkPtr& network : subject_.networks) {
    std::string why_not = subject_.names->WhyNot(network->id);
    if (why_not.empty()) continue;
    Add("names", network->name, network->id, AuditState::kMissing,
        std::move(why_not));
  }
}

absl::Status NetworkAudit::AddLeases() {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<store::LeaseRow> rows,
                           subject_.store->ReadLeases());
  const auto owners = OwnersOfEndpoints(subject_.store->catalog());
  for (const store::LeaseRow& row : rows) {
    if (IsQuarantined(row)) continue;
    const auto owner = owners.find(row.endpoint_id);
    if (owner != owners.end()) {
      Add("lease", row.address, owner->second, AuditState::kOk);
    } else {
      Add("lease", row.address, "", AuditState::kOrphan,
          "nobody has the address");
    }
  }
  return absl::OkStatus();
}

}  // namespace caisson::core
