// The errors of networks; see errors.h.
//
// Process: caissond. Thread: any; pure.
#ifndef CAISSON_SERVER_CORE_NETWORK_NETWORK_ERRORS_H_
#define CAISSON_SERVER_CORE_NETWORK_NETWORK_ERRORS_H_

#include <cstddef>
#include <string_view>

#include "absl/status/status.h"

#include "server/store/network_records.h"

namespace caisson::core {

absl::Status NetworkNotFound(std::string_view network);
// Of a container: it has the network, or has not. `network` may be empty: it
// has none at all.
absl::Status AlreadyConnected(std::string_view network);
absl::Status NotConnected(std::string_view network);
absl::Status PortNotPublished(const store::PublishedPort& port);
absl::Status NetworkInUse(std::string_view network, size_t endpoints);
absl::Status SubnetOfNetwork(std::string_view subnet, std::string_view network);
absl::Status SubnetOfHost(std::string_view subnet, std::string_view route);
absl::Status AddressInUse(std::string_view network, std::string_view address);
absl::Status NoFreeAddress(std::string_view network, const absl::Status& why);
absl::Status PortInUse(const store::PublishedPort& port, std::string_view by);
// What a failure of netsetup means for a client: what was tried is in the
// text, errno and the kernel's own words in the metadata.
absl::Status SetupFailed(const absl::Status& status);

// `name` is that of a network namespace.
absl::Status NetworkNamespaceNotFound(std::string_view name);
absl::Status NetworkNamespaceInUse(std::string_view name,
                                   std::string_view container);
// The host has none, or another one, where it was made.
absl::Status NetworkNamespaceBroken(std::string_view name,
                                    std::string_view path,
                                    std::string_view why);
// Something that is not ours is at the path.
absl::Status NetworkNamespaceNameTaken(std::string_view name,
                                       std::string_view path);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NETWORK_ERRORS_H_
