// Networks: everything that NetworkService does, without gRPC. Reads of records
// (Get, List, Watch) go to the store's catalog and the event log.
//
// A `network` argument is an exact id or name, as is a `container`.
//
// Process: caissond. Thread: any; nothing blocks. Callbacks: see types.h.
// Errors besides those said: UNAVAILABLE RECOVERING, UNAVAILABLE SHUTTING_DOWN,
// NETWORK_NOT_FOUND, RESOURCE_EXHAUSTED DISK_FULL, and for calls with a key
// INVALID_ARGUMENT INVALID_FIELD, REQUEST_ID_REUSED.
#ifndef CAISSON_SERVER_CORE_NETWORK_MANAGER_H_
#define CAISSON_SERVER_CORE_NETWORK_MANAGER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/spec/network.h"
#include "server/core/types.h"
#include "server/store/records.h"

namespace caisson::core {

using store::NetworkPtr;

struct CreateNetworkArgs {
  spec::NetworkSpec spec;
  RequestKey request;
  bool validate_only = false;
};
struct CreateNetworkResult {
  NetworkPtr network;             // validate_only: as it would be, no id
  std::vector<std::string> plan;  // validate_only: the steps, for people
  bool replayed = false;
};

struct DeleteNetworkArgs {
  std::string network;
  std::optional<int64_t> expected_revision;
  bool allow_missing = false;
  RequestKey request;
};

class NetworkManager {
 public:
  virtual ~NetworkManager() = default;

  // INVALID_FIELD, NAME_IN_USE, LIMIT_REACHED, SUBNET_IN_USE (another network
  // or a route of the host), UNIMPLEMENTED FEATURE_UNAVAILABLE for a driver
  // that this kernel lacks, FAILED_PRECONDITION NETWORK_SETUP_FAILED when the
  // host refuses: then nothing is left.
  virtual void Create(CreateNetworkArgs args,
                      Callback<CreateNetworkResult> callback) = 0;

  // The final record; null with allow_missing and nothing there. NETWORK_IN_USE
  // while a container is attached; ABORTED REVISION_CHANGED.
  virtual void Delete(DeleteNetworkArgs args,
                      Callback<NetworkPtr> callback) = 0;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_MANAGER_H_
