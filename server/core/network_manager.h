// Networks: everything that NetworkService does, without gRPC. Reads of records
// (Get, List, Watch) go to the store's catalog and the event log.
//
// A `network` argument is an exact id or name, as is a `container`; that of a
// network namespace is its name.
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

using store::NetworkNamespacePtr;
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

struct CreateNetworkNamespaceArgs {
  std::string name;
  RequestKey request;
};
struct DeleteNetworkNamespaceArgs {
  std::string name;
  std::optional<int64_t> expected_revision;
  bool allow_missing = false;
  RequestKey request;
};

// An interface of a container, as the kernel has it.
struct InterfaceEntry {
  std::string name;
  int32_t index = 0;
  std::string kind;  // "veth"; empty: none, as loopback
  std::string mac;   // empty: none
  int64_t mtu = 0;
  bool up = false;
  std::string state;                   // "up", "lowerlayerdown"
  std::vector<std::string> addresses;  // "10.1.0.2/16"
  std::string network_id;              // empty: it is of none of ours
  int64_t rx_bytes = 0, rx_packets = 0, rx_errors = 0, rx_dropped = 0;
  int64_t tx_bytes = 0, tx_packets = 0, tx_errors = 0, tx_dropped = 0;
};
struct InterfaceList {
  std::vector<InterfaceEntry> interfaces;  // by index
  bool truncated = false;
  absl::Time read_time;
};
// What a container may make of its own must not fill an answer.
inline constexpr size_t kMaxListedInterfaces = 1024;
inline constexpr size_t kMaxListedAddresses = 4096;

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

  // The interfaces of a running container, observed. CONTAINER_NOT_FOUND,
  // WRONG_STATE when it does not run or has the host's network, UNAVAILABLE
  // STUCK_IN_KERNEL.
  virtual void ListInterfaces(std::string container,
                              Callback<InterfaceList> callback) = 0;

  // INVALID_FIELD, NAME_IN_USE, LIMIT_REACHED, NETWORK_SETUP_FAILED.
  virtual void CreateNamespace(CreateNetworkNamespaceArgs args,
                               Callback<NetworkNamespacePtr> callback) = 0;

  // The final record; null with allow_missing and nothing there.
  // NETWORK_NAMESPACE_NOT_FOUND; NETWORK_NAMESPACE_IN_USE while a container
  // that joined it runs; ABORTED REVISION_CHANGED.
  virtual void DeleteNamespace(DeleteNetworkNamespaceArgs args,
                               Callback<NetworkNamespacePtr> callback) = 0;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_MANAGER_H_
