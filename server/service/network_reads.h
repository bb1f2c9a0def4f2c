// Networks and network namespaces, got and listed: answered from the published
// tables, never waiting for anything.
//
// Process: caissond. Thread: any; no I/O.
#ifndef CAISSON_SERVER_SERVICE_NETWORK_READS_H_
#define CAISSON_SERVER_SERVICE_NETWORK_READS_H_

#include "absl/status/status.h"

#include "caisson/v1/network_service.pb.h"
#include "server/service/backend.h"

namespace caisson::service {

absl::Status ReadNetwork(const Backend& backend,
                         const caisson::v1::GetNetworkRequest& request,
                         caisson::v1::GetNetworkResponse* response);
absl::Status ReadNetworks(const Backend& backend,
                          const caisson::v1::ListNetworksRequest& request,
                          caisson::v1::ListNetworksResponse* response);

absl::Status ReadNamespace(
    const Backend& backend,
    const caisson::v1::GetNetworkNamespaceRequest& request,
    caisson::v1::GetNetworkNamespaceResponse* response);
absl::Status ReadNamespaces(
    const Backend& backend,
    const caisson::v1::ListNetworkNamespacesRequest& request,
    caisson::v1::ListNetworkNamespacesResponse* response);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_NETWORK_READS_H_
