// The service itself: what it is and can do, what it owns on this host, and
// the removal of what nobody owns.
//
// Process: caissond. Thread: any; nothing blocks. Callbacks: see types.h.
#ifndef CAISSON_SERVER_CORE_SYSTEM_H_
#define CAISSON_SERVER_CORE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "runtime/linux/host_facts.h"
#include "server/core/types.h"

namespace caisson::core {

struct CgroupSummary {
  int32_t version = 0;  // that enforces limits
  std::string driver;   // "v1", "v2", "hybrid"
  std::vector<std::string> controllers;
};

struct Warning {
  std::string code;  // "STORE_BROKEN"
  std::string text;
  absl::Time since;
};

struct Info {
  std::string store_id;
  std::string boot_id;
  std::string kernel;
  CgroupSummary cgroup;
  std::vector<linux_::Feature> features;
  std::map<std::string, int64_t> limits;  // core's; the doors add their own
  std::vector<std::string> event_types;
  std::map<std::string, int64_t> counts;  // "containers.running"
  std::vector<Warning> warnings;
};

enum class AuditState { kOk, kOrphan, kMissing, kDrifted };

struct AuditObject {
  std::string kind;   // "cgroup", "process", "link", "nftables", "lease"
  std::string key;    // path or number
  std::string owner;  // id of the container or exec; may be empty
  AuditState state = AuditState::kOk;
  std::string detail;
};

struct AuditArgs {
  size_t page_size = 1000;
  std::string page_token;
  bool only_problems = false;
};
struct AuditResult {
  std::vector<AuditObject> objects;  // by kind and key
  int64_t revision = 0;
  std::string next_page_token;
};

struct RepairArgs {
  bool dry_run = false;
  std::string request_id;  // only a name for the operation
};
struct RepairResult {
  std::vector<AuditObject> removed;
  std::vector<AuditObject> failed;  // the reason is in detail
};

class System {
 public:
  virtual ~System() = default;

  // From memory.
  virtual Info GetInfo() const = 0;

  // Looks at the host, on a thread of its own: UNAVAILABLE STUCK_IN_KERNEL
  // after 2 s. INVALID_ARGUMENT BAD_PAGE_TOKEN.
  virtual void Audit(AuditArgs args, Callback<AuditResult> callback) = 0;

  // Removes what Audit calls an orphan, below our own directories and cgroup
  // base only.
  virtual void Repair(RepairArgs args, Callback<RepairResult> callback) = 0;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_SYSTEM_H_
