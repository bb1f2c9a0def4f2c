#include "clients/caisson/reference.h"

#include <algorithm>

#include "grpcpp/client_context.h"

#include "clients/cpp/error.h"

namespace caisson::cli {

bool MayBeIdPrefix(const std::string& reference) {
  return reference.size() >= 4 && reference.size() < 32 &&
         std::all_of(reference.begin(), reference.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool IsContainerNotFound(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::NOT_FOUND &&
         client::CauseOf(status).reason == "CONTAINER_NOT_FOUND";
}

grpc::Status ResolvePrefix(const client::Connection& connection,
                           const std::string& reference, std::string* id) {
  *id = reference;
  if (!MayBeIdPrefix(reference)) return grpc::Status::OK;
  grpc::ClientContext context;
  v1::GetContainerRequest request;
  request.set_container(reference);
  request.set_view(v1::VIEW_BASIC);
  v1::GetContainerResponse response;
  grpc::Status status =
      connection.containers().GetContainer(&context, request, &response);
  if (status.ok()) *id = response.container().id();
  return status;
}

grpc::Status WithContainer(
    const client::Connection& connection, const std::string& reference,
    const std::function<grpc::Status(const std::string& container)>& call) {
  grpc::Status status = call(reference);
  if (!IsContainerNotFound(status) || !MayBeIdPrefix(reference)) return status;
  std::string id;
  const grpc::Status found = ResolvePrefix(connection, reference, &id);
  return found.ok() ? call(id) : found;
}

grpc::Status WithNetwork(
    const client::Connection& connection, const std::string& reference,
    const std::function<grpc::Status(const std::string& network)>& call) {
  grpc::Status status = call(reference);
  const bool missing = status.error_code() == grpc::StatusCode::NOT_FOUND &&
                       client::CauseOf(status).reason == "NETWORK_NOT_FOUND";
  if (!missing || !MayBeIdPrefix(reference)) return status;
  grpc::ClientContext context;
  v1::GetNetworkRequest request;
  request.set_network(reference);
  v1::GetNetworkResponse response;
  const grpc::Status found =
      connection.networks().GetNetwork(&context, request, &response);
  return found.ok() ? call(response.network().id()) : found;
}

}  // namespace caisson::cli
