// SystemService's side of core: what the host can do, what the service owns on
// it, and the removal of what nobody owns.
//
// Process: caissond. Thread: any; nothing blocks. Looks at the host on a lane
// of its own.
#ifndef CAISSON_SERVER_CORE_HOST_HOST_SYSTEM_H_
#define CAISSON_SERVER_CORE_HOST_HOST_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/linux/host_facts.h"
#include "server/core/executor.h"
#include "server/core/host/inventory.h"
#include "server/core/host/slow_lane.h"
#include "server/core/system.h"
#include "server/store/store.h"

namespace caisson::core {

class HostSystem : public System {
 public:
  struct Sources {
    Places places;
    linux_::HostFacts facts;
    // The containers that have a row, as memory knows them; never waits.
    std::function<std::vector<ExpectedContainer>()> expected;
    // What networks have on the host, and putting it right; block.
    std::function<absl::StatusOr<std::vector<AuditObject>>()> networks;
    std::function<absl::Status()> repair_networks;
    // What networks add to GetInfo; never waits.
    std::function<void(Info*)> add_networks;
    std::map<std::string, int64_t> limits;
  };

  // Store and executor outlive this.
  HostSystem(Sources sources, store::Store* store, Executor* executor);

  Info GetInfo() const override;
  void Audit(AuditArgs args, Callback<AuditResult> callback) override;
  void Repair(RepairArgs args, Callback<RepairResult> callback) override;

 private:
  absl::StatusOr<AuditResult> Look(const AuditArgs& args);
  absl::StatusOr<RepairResult> RemoveOrphans(const RepairArgs& args);
  absl::Status RepairNetworks(const RepairArgs& args, RepairResult* result);
  // An object that is an orphan in two looks, the second one after the rows
  // were read again: a container made in between is not taken for one.
  bool StillOrphan(const AuditObject& object);

  const Sources sources_;
  store::Store* const store_;
  SlowLane lane_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_HOST_HOST_SYSTEM_H_
