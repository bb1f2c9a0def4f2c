#include "tests/integration/network_changes.h"

#include <algorithm>

namespace caisson::testing {
namespace {

using Stub = v1::NetworkService::Stub;

}  // namespace

v1::Container NetworkChangesTest::StartAlone() {
  v1::ContainerSpec spec = WaitingSpec();
  spec.mutable_network()->set_none(true);
  return CreateAndStart(spec);
}

v1::ConnectContainerRequest NetworkChangesTest::ConnectOf(
    const v1::Container& container, const std::string& network) {
  v1::ConnectContainerRequest request;
  request.set_container(container.id());
  request.mutable_attachment()->set_network(network);
  return request;
}

grpc::Status NetworkChangesTest::TryConnect(
    const v1::ConnectContainerRequest& request) {
  v1::ConnectContainerResponse response;
  return Call(stubs().networks, &Stub::ConnectContainer, request, &response);
}

v1::Container NetworkChangesTest::Connect(
    const v1::ConnectContainerRequest& request) {
  v1::ConnectContainerResponse response;
  EXPECT_THAT(
      Call(stubs().networks, &Stub::ConnectContainer, request, &response),
      IsOk());
  return response.container();
}

v1::DisconnectContainerRequest NetworkChangesTest::DisconnectOf(
    const v1::Container& container, const std::string& network) {
  v1::DisconnectContainerRequest request;
  request.set_container(container.id());
  request.set_network(network);
  return request;
}

grpc::Status NetworkChangesTest::TryDisconnect(const v1::Container& container,
                                               const std::string& network) {
  v1::DisconnectContainerResponse response;
  return Call(stubs().networks, &Stub::DisconnectContainer,
              DisconnectOf(container, network), &response);
}

v1::PublishPortRequest NetworkChangesTest::PublishOf(
    const v1::Container& container, const std::string& host_ip, int host_port,
    const std::string& protocol) {
  v1::PublishPortRequest request;
  request.set_container(container.id());
  request.mutable_port()->set_container_port(8000);
  request.mutable_port()->set_host_port(host_port);
  request.mutable_port()->set_host_ip(host_ip);
  request.mutable_port()->set_protocol(protocol);
  return request;
}

grpc::Status NetworkChangesTest::TryPublish(
    const v1::PublishPortRequest& request, v1::Container* container) {
  v1::PublishPortResponse response;
  const grpc::Status status =
      Call(stubs().networks, &Stub::PublishPort, request, &response);
  if (container != nullptr) *container = response.container();
  return status;
}

v1::UnpublishPortRequest NetworkChangesTest::UnpublishOf(
    const v1::PublishPortRequest& published) {
  v1::UnpublishPortRequest request;
  request.set_container(published.container());
  request.set_host_port(published.port().host_port());
  request.set_host_ip(published.port().host_ip());
  request.set_protocol(published.port().protocol());
  return request;
}

grpc::Status NetworkChangesTest::TryUnpublish(
    const v1::PublishPortRequest& published) {
  v1::UnpublishPortResponse response;
  return Call(stubs().networks, &Stub::UnpublishPort, UnpublishOf(published),
              &response);
}

std::vector<std::string> NetworkChangesTest::InterfacesOf(
    const v1::Container& container) {
  std::vector<std::string> names;
  const v1::Container seen = Get(container.id());
  for (const auto& endpoint : seen.status().networks()) {
    names.push_back(endpoint.interface());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> NetworkChangesTest::LinksIn(
    const v1::Container& container) {
  std::vector<std::string> names;
  for (const auto& link : Json(Inside(container), {"ip", "-j", "link"})) {
    const std::string name = link.value("ifname", "");
    if (name.rfind("eth", 0) == 0) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace caisson::testing
