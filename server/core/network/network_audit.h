// What the host has of networks against what the rows say that it shall have.
//
// Process: caissond. Thread: the network lane; waits for the kernel.
#ifndef CAISSON_SERVER_CORE_NETWORK_NETWORK_AUDIT_H_
#define CAISSON_SERVER_CORE_NETWORK_NETWORK_AUDIT_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/core/network/network_lane.h"
#include "server/core/network/network_names.h"
#include "server/core/system.h"
#include "server/store/store.h"

namespace caisson::core {

// Endpoints that some container's row has, to the container. Whoever looks at
// leases reads these after them: one that began between is not an orphan.
std::map<std::string, std::string> OwnersOfEndpoints(
    const store::Catalog& catalog);

bool IsQuarantined(const store::LeaseRow& row);

class NetworkAudit {
 public:
  struct Subject {
    store::Store* store = nullptr;
    NetworkLane* lane = nullptr;          // null: only leases
    const NetworkNames* names = nullptr;  // null: no names
    // What shall be.
    std::vector<store::NetworkPtr> networks;
    std::vector<LiveEndpoint> endpoints;
    // Whether the endpoint's link is on its way out.
    std::function<bool(const std::string& endpoint_id)> is_leaving;
  };

  explicit NetworkAudit(Subject subject);

  absl::StatusOr<std::vector<AuditObject>> Run();

 private:
  absl::Status LookForWrong();
  absl::Status AddOwnLinks();
  void AddMissingLinks();
  absl::Status AddTable();
  void AddNames();
  absl::Status AddDevices();
  absl::Status AddLeases();
  // Of a link that is there: what is wrong with it, taken from `wrong_`.
  void AddLink(const std::string& name, const std::string& owner,
               const std::string& id);
  void Add(std::string kind, std::string key, std::string owner,
           AuditState state, std::string detail = "");

  const Subject subject_;
  // What a repair would do of a link, or why it cannot.
  struct Wrong {
    std::string steps;
    std::string problem;
  };
  std::map<std::string, Wrong> wrong_;  // by network or endpoint
  std::vector<AuditObject> objects_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NETWORK_AUDIT_H_
