// A network of its own for a test: the test program moves into a fresh network
// namespace, and containers are further namespaces with names that `ip netns`
// knows. What it asserts is what ip, bridge, tc and ping say.
#ifndef CAISSON_TESTS_INTEGRATION_NETWORK_WORLD_H_
#define CAISSON_TESTS_INTEGRATION_NETWORK_WORLD_H_

#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "netsetup/netlink/socket.h"
#include "netsetup/netns.h"

namespace caisson::testing {

class NetworkWorld : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A namespace as containers have it, as /run/netns/<name>.
  const netsetup::Netns& AddContainer(const std::string& name);

  // Runs a program in a namespace; "" is that of the test. Its output; a
  // failure of the test when it fails.
  std::string Run(const std::string& netns,
                  const std::vector<std::string>& argv);
  bool Succeeds(const std::string& netns, const std::vector<std::string>& argv);
  // The output as JSON: {"ip", "-j", ...}.
  nlohmann::json Json(const std::string& netns,
                      const std::vector<std::string>& argv);
  // The one entry that `ip -j -d link show dev NAME` has; null when there is
  // no such link.
  nlohmann::json LinkJson(const std::string& netns, const std::string& name);
  bool Ping(const std::string& netns, const std::string& address);
  std::string ReadSysctlIn(const std::string& netns, const std::string& key);

  netsetup::Socket& host() { return *host_; }

 private:
  std::optional<netsetup::Socket> host_;
  std::vector<std::pair<std::string, netsetup::Netns>> containers_;
  netsetup::Netns before_;
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_NETWORK_WORLD_H_
