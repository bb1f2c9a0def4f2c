#include "server/core/host/host_system.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"

namespace caisson::core {
namespace {

constexpr int kLaneThreads = 2;

CgroupSummary SummaryOf(const cgroup::Facts& facts) {
  CgroupSummary summary;
  summary.version = facts.LimitsVersion() == cgroup::Version::kV2 ? 2 : 1;
  summary.driver = std::string(facts.Mode());
  std::set<std::string> controllers;
  for (const cgroup::Hierarchy& hierarchy : facts.hierarchies) {
    controllers.insert(hierarchy.controllers.begin(),
                       hierarchy.controllers.end());
  }
  summary.controllers.assign(controllers.begin(), controllers.end());
  return summary;
}

std::string_view StateName(store::ContainerState state) {
  switch (state) {
    case store::ContainerState::kCreated:
      return "containers.created";
    case store::ContainerState::kRunning:
      return "containers.running";
    case store::ContainerState::kPaused:
      return "containers.paused";
    case store::ContainerState::kRestarting:
      return "containers.restarting";
    case store::ContainerState::kExited:
      return "containers.exited";
    case store::ContainerState::kDeleted:
      return "containers.deleted";
  }
  return "containers.unknown";
}

std::map<std::string, int64_t> CountsOf(const store::Catalog& catalog) {
  std::map<std::string, int64_t> counts;
  for (const store::ContainerPtr& container : catalog.AllContainers()) {
    ++counts["containers"];
    ++counts[std::string(StateName(container->status.state))];
  }
  const store::Catalog::Counts all = catalog.counts();
  counts["execs"] = static_cast<int64_t>(all.execs);
  counts["networks"] = static_cast<int64_t>(all.networks);
  counts["network_namespaces"] = static_cast<int64_t>(all.network_namespaces);
  counts["requests"] = static_cast<int64_t>(all.requests);
  counts["tombstones"] = static_cast<int64_t>(all.tombstones);
  return counts;
}

absl::Status BadPageToken() {
  return base::MakeError(absl::StatusCode::kInvalidArgument, "BAD_PAGE_TOKEN",
                         "page_token is not from an earlier page");
}

// A page begins after the object that its token names.
std::string TokenOf(const AuditObject& object) {
  return absl::StrCat(object.kind, " ", object.key);
}

}  // namespace

HostSystem::HostSystem(Sources sources, store::Store* store, Executor* executor)
    : sources_(std::move(sources)),
      store_(store),
      lane_(executor, kLaneThreads) {}

Info HostSystem::GetInfo() const {
  Info info;
  info.store_id = store_->store_id();
  info.boot_id = sources_.facts.boot_id;
  info.kernel = sources_.facts.kernel_release;
  info.cgroup = SummaryOf(sources_.places.base.facts);
  info.features = sources_.facts.features;
  info.limits = sources_.limits;
  for (const char* type : kEventTypes) info.event_types.emplace_back(type);
  info.counts = CountsOf(store_->catalog());
  sources_.add_networks(&info);
  const store::StoreHealth health = store_->health();
  if (!health.last_error.ok()) {
    Warning warning;
    warning.code = "STORE_BROKEN";
    warning.text = std::string(health.last_error.message());
    info.warnings.push_back(std::move(warning));
  }
  return info;
}

absl::StatusOr<AuditResult> HostSystem::Look(const AuditArgs& args) {
  AuditResult result;
  result.revision = store_->catalog().revision();
  CAISSON_ASSIGN_OR_RETURN(std::vector<AuditObject> objects,
                           TakeInventory(sources_.places, sources_.expected()));
  CAISSON_ASSIGN_OR_RETURN(std::vector<AuditObject> networks,
                           sources_.networks());
  std::move(networks.begin(), networks.end(), std::back_inserter(objects));
  std::sort(objects.begin(), objects.end(),
            [](const AuditObject& a, const AuditObject& b) {
              return TokenOf(a) < TokenOf(b);
            });
  if (args.only_problems) {
    std::erase_if(objects, [](const AuditObject& object) {
      return object.state == AuditState::kOk;
    });
  }
  auto first = objects.begin();
  if (!args.page_token.empty()) {
    if (args.page_token.find(' ') == std::string::npos) return BadPageToken();
    first = std::find_if(objects.begin(), objects.end(),
                         [&args](const AuditObject& object) {
                           return TokenOf(object) > args.page_token;
                         });
  }
  const size_t left = static_cast<size_t>(objects.end() - first);
  const size_t count = std::min(left, std::max<size_t>(args.page_size, 1));
  const auto end = first + static_cast<ptrdiff_t>(count);
  if (count < left) result.next_page_token = TokenOf(*(end - 1));
  result.objects.assign(std::make_move_iterator(first),
                        std::make_move_iterator(end));
  return result;
}

void HostSystem::Audit(AuditArgs args, Callback<AuditResult> callback) {
  lane_.Run<AuditResult>([this, args = std::move(args)] { return Look(args); },
                         std::move(callback));
}

bool HostSystem::StillOrphan(const AuditObject& object) {
  const std::vector<ExpectedContainer> expected = sources_.expected();
  const auto owner = std::find_if(expected.begin(), expected.end(),
                                  [&object](const ExpectedContainer& one) {
                                    return one.id == object.owner;
                                  });
  if (owner == expected.end()) return true;
  if (object.kind == "exec") {
    uint64_t number = 0;
    const std::string name = object.key.substr(object.key.rfind('/') + 1);
    return !owner->changing &&
           (!absl::SimpleAtoi(name, &number) || !owner->execs.contains(number));
  }
  return object.kind != "directory" && !owner->changing && !owner->running;
}

absl::StatusOr<RepairResult> HostSystem::RemoveOrphans(const RepairArgs& args) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<AuditObject> objects,
                           TakeInventory(sources_.places, sources_.expected()));
  RepairResult result;
  std::set<std::string> cgroups;  // one removal takes all hierarchies
  for (AuditObject object : objects) {
    if (object.state != AuditState::kOrphan || !StillOrphan(object)) continue;
    const bool done = object.kind == "cgroup" && cgroups.contains(object.owner);
    const absl::Status status = args.dry_run || done
                                    ? absl::OkStatus()
                                    : RemoveOrphan(sources_.places, object);
    if (status.ok()) {
      if (object.kind == "cgroup") cgroups.insert(object.owner);
      result.removed.push_back(std::move(object));
    } else {
      object.detail = std::string(status.message());
      result.failed.push_back(std::move(object));
    }
  }
  CAISSON_RETURN_IF_ERROR(RepairNetworks(args, &result));
  return result;
}

// Everything at once: the firewall is one table, and links hang together.
absl::Status HostSystem::RepairNetworks(const RepairArgs& args,
                                        RepairResult* result) {
  CAISSON_ASSIGN_OR_RETURN(std::vector<AuditObject> before,
                           sources_.networks());
  std::erase_if(before, [](const AuditObject& object) {
    return object.state == AuditState::kOk;
  });
  if (before.empty()) return absl::OkStatus();
  std::set<std::string> left;
  absl::Status repaired;
  if (!args.dry_run) {
    // What fails keeps the rest from nothing, and is told with what stays.
    repaired = sources_.repair_networks();
    CAISSON_ASSIGN_OR_RETURN(const std::vector<AuditObject> after,
                             sources_.networks());
    for (const AuditObject& object : after) {
      if (object.state != AuditState::kOk) left.insert(TokenOf(object));
    }
  }
  for (AuditObject& object : before) {
    const bool stays = left.contains(TokenOf(object));
    if (stays && !repaired.ok()) {
      object.detail = std::string(repaired.message());
    }
    (stays ? result->failed : result->removed).push_back(std::move(object));
  }
  return absl::OkStatus();
}

void HostSystem::Repair(RepairArgs args, Callback<RepairResult> callback) {
  lane_.Run<RepairResult>(
      [this, args = std::move(args)] { return RemoveOrphans(args); },
      std::move(callback));
}

}  // namespace caisson::core
