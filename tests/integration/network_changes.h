// Changes of the networks of containers that run, as short calls.
#ifndef CAISSON_TESTS_INTEGRATION_NETWORK_CHANGES_H_
#define CAISSON_TESTS_INTEGRATION_NETWORK_CHANGES_H_

#include <string>
#include <vector>

#include "tests/integration/network_fixture.h"

namespace caisson::testing {

class NetworkChangesTest : public NetworkDaemonTest {
 protected:
  // With a network namespace of its own and nothing in it.
  static v1::Container StartAlone();

  static v1::ConnectContainerRequest ConnectOf(const v1::Container& container,
                                               const std::string& network);
  static grpc::Status TryConnect(const v1::ConnectContainerRequest& request);
  // A failure of the test when it fails.
  static v1::Container Connect(const v1::ConnectContainerRequest& request);

  static v1::DisconnectContainerRequest DisconnectOf(
      const v1::Container& container, const std::string& network);
  static grpc::Status TryDisconnect(const v1::Container& container,
                                    const std::string& network);

  // Of port 8000 of the container.
  static v1::PublishPortRequest PublishOf(const v1::Container& container,
                                          const std::string& host_ip,
                                          int host_port,
                                          const std::string& protocol = "tcp");
  static grpc::Status TryPublish(const v1::PublishPortRequest& request,
                                 v1::Container* container = nullptr);
  static v1::UnpublishPortRequest UnpublishOf(
      const v1::PublishPortRequest& published);
  static grpc::Status TryUnpublish(const v1::PublishPortRequest& published);

  // Of its networks, as it says and as it is.
  static std::vector<std::string> InterfacesOf(const v1::Container& container);
  static std::vector<std::string> LinksIn(const v1::Container& container);
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_NETWORK_CHANGES_H_
