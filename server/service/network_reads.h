// GetNetwork and ListNetworks: answered from the published tables, never
// waiting for anything.
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

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_NETWORK_READS_H_
