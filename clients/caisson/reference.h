// Names of containers and networks as people type them: exact names and ids,
// and the beginning of an id.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_REFERENCE_H_
#define CAISSON_CLIENTS_CAISSON_REFERENCE_H_

#include <functional>
#include <string>

#include "grpcpp/support/status.h"

#include "clients/cpp/connection.h"

namespace caisson::cli {

// Whether it could be the beginning of an id: 4 to 31 hex digits.
bool MayBeIdPrefix(const std::string& reference);

// Whether the status says that there is no such container.
bool IsContainerNotFound(const grpc::Status& status);

// Calls with the reference as it is; only when there is no such container and
// it could be the beginning of an id, it is looked up and called again.
grpc::Status WithContainer(
    const client::Connection& connection, const std::string& reference,
    const std::function<grpc::Status(const std::string& container)>& call);

// The same for a network.
grpc::Status WithNetwork(
    const client::Connection& connection, const std::string& reference,
    const std::function<grpc::Status(const std::string& network)>& call);

// The full id for the beginning of one; the reference itself otherwise.
grpc::Status ResolvePrefix(const client::Connection& connection,
                           const std::string& reference, std::string* id);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_REFERENCE_H_
