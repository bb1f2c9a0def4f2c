// Devices of the host that containers have (driver host-device). The network's
// row tells who has the device and what it was, and a mount keeps its
// namespace: with that the kernel would delete a virtual device, and give a
// physical one to the host's first namespace under a name that it makes up. So
// whoever comes then, also the next daemon, gives it back as it was.
//
//   commit(lent) --> mount --> move ... move, settle --> commit(not) -->
//   unmount
//
// One mount for each device, <directory>/<endpoint>: few, and gone with the
// boot as the namespaces are. The directory is a shared mount, so that what
// goes there goes from the mount namespaces of all containers.
//
// Process: caissond. Thread: the network executor's one thread.
#ifndef CAISSON_SERVER_CORE_NETWORK_LENT_DEVICES_H_
#define CAISSON_SERVER_CORE_NETWORK_LENT_DEVICES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/network/host.h"
#include "runtime/base/unique_fd.h"
#include "server/core/network/endpoint_ref.h"
#include "server/core/system.h"
#include "server/store/store.h"

namespace caisson::core {

class LentDevices {
 public:
  struct Options {
    store::Store* store = nullptr;  // null: there are no devices to lend
    std::string boot_id;
    std::string directory;
  };

  // `host` is borrowed.
  LentDevices(Options options, const netsetup::Host* host);
  LentDevices(const LentDevices&) = delete;
  LentDevices& operator=(const LentDevices&) = delete;

  // The container has the device, or the host has it again.
  // FAILED_PRECONDITION when another endpoint has it.
  absl::StatusOr<netsetup::Attachment> Attach(const EndpointRef& ref,
                                              int netns_fd);
  // Gives it back; no error when that is done. `netns_fd` may be -1. ENODEV
  // when it is nowhere, EEXIST when another link of the host has its name: it
  // stays written down.
  absl::Status Detach(const EndpointRef& ref, int netns_fd);
  // The same before the network goes; one that is nowhere goes with it.
  absl::Status Detach(const store::NetworkRecord& network);

  // After a start and where something failed: gives back what no endpoint of
  // `live` has, and keeps the namespaces of the others. An object for each that
  // was given back, or could not be; one that is nowhere waits for somebody to
  // plug it in.
  std::vector<netsetup::Recovered> Recover(
      const std::vector<LiveEndpoint>& live);

  // Every device that is lent: ORPHAN when it stayed behind, MISSING when it is
  // nowhere, or not with the container that has it. And mounts of none.
  absl::StatusOr<std::vector<AuditObject>> Audit(
      const std::vector<LiveEndpoint>& live) const;

 private:
  std::vector<store::NetworkPtr> Rows() const;
  absl::StatusOr<store::LentDevice> Lend(const EndpointRef& ref,
                                         const netsetup::Network& network);
  absl::Status GiveBack(const store::NetworkRecord& network, int netns_fd);
  absl::Status Adopt(const LiveEndpoint& live);
  absl::Status Commit(const std::string& network_id,
                      std::optional<store::LentDevice> lent);

  absl::Status Pin(const std::string& endpoint_id, int netns_fd) const;
  absl::Status Unpin(const std::string& endpoint_id) const;
  // Not valid when there is none.
  absl::StatusOr<base::UniqueFd> OpenPin(const std::string& endpoint_id) const;
  // Those of endpoints that have no device.
  absl::StatusOr<std::vector<std::string>> StrayPins() const;
  absl::Status RemoveStrayPins() const;

  absl::StatusOr<AuditObject> Look(const store::NetworkRecord& network,
                                   const std::vector<LiveEndpoint>& live) const;

  const Options options_;
  const netsetup::Host* const host_;
};

// The endpoint as the host shall have it, with what its device goes back as.
absl::StatusOr<netsetup::Endpoint> HostEndpointOf(const EndpointRef& ref);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_LENT_DEVICES_H_
