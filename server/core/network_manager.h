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

// One of them.
struct ExplainNetworkArgs {
  std::optional<spec::NetworkSpec> spec;
  std::string network;
};
struct NetworkExplanation {
  NetworkPtr network;                // of a spec: as it would be, no id
  std::vector<PlanStep> steps;       // to make or repair it; none: all is well
  std::vector<std::string> present;  // what the host has of it, for people
};

// Of a container that runs.
struct ConnectArgs {
  std::string container;
  spec::NetworkAttachment attachment;
  RequestKey request;
};
struct DisconnectArgs {
  std::string container;
  std::string network;
  RequestKey request;
};
struct PublishArgs {
  std::string container;
  spec::PortMapping port;
  RequestKey request;
};
// These three say which entry; its first port, where it has several.
struct UnpublishArgs {
  std::string container;
  int32_t host_port = 0;
  std::string host_ip;   // empty: "127.0.0.1"
  std::string protocol;  // empty: "tcp"
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

  // What Create would do, or what is to be done for a network to be as its
  // record says. UNAVAILABLE STUCK_IN_KERNEL when the kernel does not tell; of
  // a spec what Create says.
  virtual void Explain(ExplainNetworkArgs args,
                       Callback<NetworkExplanation> callback) = 0;

  // The final record; null with allow_missing and nothing there. NETWORK_IN_USE
  // while a container is attached; ABORTED REVISION_CHANGED.
  virtual void Delete(DeleteNetworkArgs args,
                      Callback<NetworkPtr> callback) = 0;

  // What follows changes a container for as long as it runs: its next start
  // goes by its spec again. Done whole, or not at all. CONTAINER_NOT_FOUND,
  // WRONG_STATE when it does not run, or when its network is the host's or
  // another container's; NETWORK_SETUP_FAILED, INVALID_FIELD, LIMIT_REACHED.
  // The container as it became; with a replay, as it is now.

  // ALREADY_CONNECTED, ADDRESS_IN_USE, NO_FREE_ADDRESS.
  virtual void Connect(ConnectArgs args, Callback<ContainerPtr> callback) = 0;
  // NOT_CONNECTED. Its published ports go with it.
  virtual void Disconnect(DisconnectArgs args,
                          Callback<ContainerPtr> callback) = 0;
  // NOT_CONNECTED, PORT_IN_USE.
  virtual void Publish(PublishArgs args, Callback<ContainerPtr> callback) = 0;
  // PORT_NOT_PUBLISHED.
  virtual void Unpublish(UnpublishArgs args,
                         Callback<ContainerPtr> callback) = 0;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_MANAGER_H_
