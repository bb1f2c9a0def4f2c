// Networks through a real daemon. The daemon's network namespace is the host
// under test; "the outside" is a namespace beside it, at the other end of a
// wire. What is asserted is what ip, nft, ping and socat see there and inside
// of containers.
//
//   outside 192.0.2.2, 2001:db8::2 --- out 192.0.2.1, 2001:db8::1 host
//                                      cb... (bridges)    cv... (containers)
#ifndef CAISSON_TESTS_INTEGRATION_NETWORK_FIXTURE_H_
#define CAISSON_TESTS_INTEGRATION_NETWORK_FIXTURE_H_

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json.hpp"

#include "tests/integration/network_asker.h"
#include "tests/testing/daemon_fixture.h"
#include "tests/testing/process.h"

namespace caisson::testing {

inline constexpr char kHostAddress[] = "192.0.2.1";
inline constexpr char kOutsideAddress[] = "192.0.2.2";
inline constexpr char kHostAddress6[] = "2001:db8::1";
inline constexpr char kOutsideAddress6[] = "2001:db8::2";

// Where a program runs: a network namespace as a path.
struct Place {
  std::string path;
};

class NetworkDaemonTest : public DaemonTest {
 protected:
  static void SetUpTestSuite();
  // Removes all networks, and fails when the host is not as before.
  static void TearDownTestSuite();

  // Removes what the test made, and fails when the host is not as before it.
  void TearDown() override;

  // --- Places, and programs there ------------------------------------------

  static Place Host();
  // The one that the tests run on: nobody may change anything there.
  static Place RealHost();
  static Place Outside();
  static Place Inside(const v1::Container& container);

  static ProcessOptions OptionsIn(const Place& place,
                                  const std::vector<std::string>& argv);
  static ProcessResult RunIn(const Place& place,
                             const std::vector<std::string>& argv);
  // The output; a failure of the test when it fails.
  static std::string Run(const Place& place,
                         const std::vector<std::string>& argv);
  static std::string Shell(const Place& place, const std::string& script);
  static bool Succeeds(const Place& place,
                       const std::vector<std::string>& argv);
  // The output as JSON: {"ip", "-j", ...}.
  static nlohmann::json Json(const Place& place,
                             const std::vector<std::string>& argv);
  // One echo within a second.
  static bool Ping(const Place& place, const std::string& address);
  static void ExpectPing(const Place& place, const std::string& address);

  // Answers with its name and the address that it was asked from, on a port of
  // TCP and of UDP, both families, until the end of the test.
  void Serve(const Place& place, const std::string& name, int port = 8000);
  // Before the end of the test: a server holds the namespace that it is in.
  void StopServing() { servers_.clear(); }
  // What is said at the address, empty when nobody answers. From the same port
  // each time, all is one connection of UDP to the kernel; 0: from any.
  static std::string Ask(const Place& place, std::string_view protocol,
                         const std::string& address, int port,
                         int from_port = 0);
  // It is answered so, at once or within some seconds.
  static void ExpectAnswer(const Place& place, std::string_view protocol,
                           const std::string& address, int port,
                           const std::string& expected);
  static void ExpectSilence(const Place& place, std::string_view protocol,
                            const std::string& address, int port);

  // All of them at once; what caisson-probe prints.
  static std::string AskFrom(const Place& place,
                             const std::vector<Question>& questions);
  static std::string AskFrom(const v1::Container& container,
                             const std::vector<Question>& questions);

  // --- Networks ------------------------------------------------------------

  static grpc::Status CreateNetwork(const v1::CreateNetworkRequest& request,
                                    v1::CreateNetworkResponse* response);
  // A failure of the test when it fails.
  static v1::ManagedNetwork MakeNetwork(const v1::NetworkSpec& spec);
  // Of the default driver.
  static v1::NetworkSpec NetworkOf(const std::string& name,
                                   const std::vector<std::string>& subnets);
  static grpc::Status DeleteNetwork(const std::string& network);
  static v1::ManagedNetwork GetNetwork(const std::string& network);
  static std::vector<v1::ManagedNetwork> ListNetworks(
      const v1::NetworkFilter& filter = {});

  // caisson-probe that answers with its name on kServed, over TCP and UDP, and
  // echoes on kEchoed.
  static constexpr int kServed = 8000;
  static constexpr int kEchoed = 8001;
  static std::vector<std::string> ServeArguments(const std::string& name);
  static v1::ContainerSpec ServerSpec(const std::string& name,
                                      const std::string& network);
  // Started, and listening.
  static v1::Container StartServing(const v1::ContainerSpec& spec);

  // Waits until it is told to end, in these networks.
  static v1::ContainerSpec AttachedSpec(
      const std::vector<std::string>& networks);
  static v1::NetworkAttachment* Attachment(v1::ContainerSpec* spec, int index);
  static void Publish(v1::ContainerSpec* spec, const std::string& host_ip,
                      int host_port, int container_port,
                      const std::string& protocol = "tcp");
  // Of its endpoint in the network, without the length; 4 or 6.
  static std::string AddressOf(const v1::Container& container, int family,
                               int endpoint = 0);
  static grpc::Status TryStart(const std::string& container);

  // Every event after the revision, in order, up to the first of the type; a
  // failure of the test when it does not come.
  static std::vector<v1::Event> EventsUntil(int64_t after_revision,
                                            const std::string& type);
  static int64_t Revision();

  // --- The state of the host -----------------------------------------------

  // Links, addresses, routes, rules, sysctls and the firewall, a line each,
  // without what counts or differs by itself.
  static std::set<std::string> StateOf(const Place& place);
  // What one of them has and the other has not.
  static std::string Differences(const std::set<std::string>& before,
                                 const std::set<std::string>& after);
  // Polls until the host is as it was after the suite's first container.
  static std::string DifferencesFromIdle();
  // From now on this is idle: what a test made anew stays.
  static void TakeIdle() { idle_ = StateOf(Host()); }
  // As somebody else would; a failure of the test when it is not as it was
  // within a second.
  static void FlushFirewall();
  // Names of links of the host that begin so.
  static std::vector<std::string> Links(const std::string& prefix);

 private:
  static void MakeWorld();

  static std::set<std::string> real_;
  static std::set<std::string> before_;
  static std::set<std::string> idle_;
  std::vector<std::unique_ptr<Interactive>> servers_;
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_INTEGRATION_NETWORK_FIXTURE_H_
