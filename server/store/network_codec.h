// As codec.h, for network_records.h. Leases are plain columns.
//
// Process: caissond. Thread: any (pure).
#ifndef CAISSON_SERVER_STORE_NETWORK_CODEC_H_
#define CAISSON_SERVER_STORE_NETWORK_CODEC_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "server/store/json_fields.h"
#include "server/store/network_records.h"

namespace caisson::store {

// All but id. The spec is in the row itself: networks are few, and seldom
// change.
std::string EncodeNetwork(const NetworkRecord& record);
absl::Status DecodeNetwork(std::string_view text, NetworkRecord* record);

std::string EncodeNetworkNamespace(const NetworkNamespaceRecord& record);
absl::Status DecodeNetworkNamespace(std::string_view text,
                                    NetworkNamespaceRecord* record);

// Part of a container's row.
Json EncodeEndpoint(const Endpoint& endpoint);
Endpoint DecodeEndpoint(const Json& json);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_NETWORK_CODEC_H_
