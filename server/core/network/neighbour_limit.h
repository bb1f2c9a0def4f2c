// How many neighbours the kernel keeps, for all network namespaces together.
// With its table full nobody reaches whom he has not reached before, the host
// included, and nothing says why.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_NETWORK_NEIGHBOUR_LIMIT_H_
#define CAISSON_SERVER_CORE_NETWORK_NEIGHBOUR_LIMIT_H_

#include <cstdint>
#include <optional>
#include <string>

namespace caisson::core {

// The smaller one of both families; none where it cannot be read, as in every
// network namespace but the first.
std::optional<int64_t> NeighbourLimit();

// What an administrator should know; empty while so many endpoints have room. A
// pair of neighbours is two entries: an endpoint's of its gateway, and the
// gateway's of the endpoint.
std::string NeighbourWarning(int64_t endpoints, std::optional<int64_t> limit);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NEIGHBOUR_LIMIT_H_
