// The command line's networks: made, listed, joined, published, removed. What
// the kernel makes of them is in the tests of networks.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/integration/cli_fixture.h"

namespace caisson::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class CliNetworkTest : public CliTest {
 protected:
  void TearDown() override {
    if (!IsSkipped() && !HasFatalFailure()) {
      DeleteAll();
      for (const std::string& name : made_) {
        EXPECT_EQ(Cli({"network", "rm", "-f", name}).status, 0);
      }
    }
    CliTest::TearDown();
  }

  // Its id.
  std::string Make(const std::string& name,
                   const std::vector<std::string>& flags) {
    std::vector<std::string> words = {"network", "create"};
    words.insert(words.end(), flags.begin(), flags.end());
    words.push_back(name);
    const ProcessResult result = Cli(words);
    EXPECT_EQ(result.status, 0) << result.err;
    made_.push_back(name);
    return std::string(absl::StripSuffix(result.out, "\n"));
  }

 private:
  std::vector<std::string> made_;
};

TEST_F(CliNetworkTest, NetworksAreMadeListedAndRemoved) {
  const std::string id =
      Make("lan", {"--subnet", "10.77.0.0/24", "--gateway", "10.77.0.9",
                   "--subnet", "fd77::/64", "-l", "team=x"});
  EXPECT_THAT(id, MatchesRegex("[0-9a-f]{32}"));
  const std::string row = absl::StrCat(
      id.substr(0, 12), " +lan +bridge +10.77.0.0/24, fd77::/64 +0 *\n");
  EXPECT_THAT(Cli({"network", "ls"}).out,
              AllOf(MatchesRegex(absl::StrCat("NETWORK ID.*", row)),
                    HasSubstr(" default ")));
  EXPECT_EQ(Cli({"network", "ls", "-q", "-f", "label=team=x"}).out,
            id.substr(0, 12) + "\n");
  EXPECT_EQ(Cli({"network", "ls", "-q", "--no-trunc", "-f", "name=la"}).out,
            id + "\n");
  EXPECT_THAT(Cli({"network", "inspect", id.substr(0, 8)}).out,
              AllOf(StartsWith("["), HasSubstr("\"name\": \"lan\""),
                    HasSubstr("\"gateway\": \"10.77.0.9\""),
                    HasSubstr("\"gateway\": \"fd77::1\"")));
  EXPECT_THAT(Cli({"network", "create", "--subnet", "10.77.0.0/16", "x"}).err,
              HasSubstr("overlaps network 'lan'"));
  EXPECT_THAT(Cli({"network", "create", "lan"}).err, HasSubstr("'lan'"));
  // By the beginning of its id.
  EXPECT_EQ(Cli({"network", "rm", id.substr(0, 8)}).status, 0);
  EXPECT_EQ(Cli({"network", "rm", "lan"}).status, 1);
  EXPECT_EQ(Cli({"network", "rm", "-f", "lan"}).status, 0);
}

TEST_F(CliNetworkTest, ADryRunTellsThePlanAndDoesNothing) {
  const ProcessResult result =
      Cli({"network", "create", "--dry-run", "--subnet", "10.78.0.0/24", "x"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("bridge"), HasSubstr("10.78.0.1")));
  EXPECT_EQ(Cli({"network", "ls", "-q", "-f", "name=x"}).out, "");
  EXPECT_EQ(Cli({"network", "create", "--gateway", "10.78.0.1", "x"}).status,
            125);
}

TEST_F(CliNetworkTest, ExplainTellsWhatThereIsAndWhatWouldBeMade) {
  Make("lan", {"--subnet", "10.77.0.0/24"});
  EXPECT_THAT(Cli({"network", "explain", "lan"}).out,
              AllOf(HasSubstr(": bridge, up, mtu "), HasSubstr("10.77.0.1/24"),
                    HasSubstr("nothing is to be done\n")));
  const ProcessResult wanted =
      Cli({"network", "explain", "--subnet", "10.78.0.0/24", "wan"});
  EXPECT_EQ(wanted.status, 0) << wanted.err;
  EXPECT_THAT(wanted.out, AllOf(HasSubstr("create bridge"),
                                HasSubstr("add address 10.78.0.1/24"),
                                HasSubstr("# named after the id")));
  EXPECT_THAT(Cli({"network", "explain", "--subnet", "10.77.0.0/16"}).err,
              HasSubstr("overlaps network 'lan'"));
  EXPECT_THAT(Cli({"network", "explain", "nothing"}).err,
              HasSubstr("no network 'nothing'"));
  EXPECT_EQ(Cli({"network", "explain"}).status, 125);

  const ProcessResult start =
      Cli({"explain", "--rootfs", SharedRootfs(), "--network", "lan", "-p",
           "8080:80", "true"});
  EXPECT_EQ(start.status, 0) << start.err;
  EXPECT_THAT(start.out,
              AllOf(HasSubstr("network 'lan': eth0, 10.77.0.2, "
                              "127.0.0.1:8080/tcp to 80 (not reserved)"),
                    HasSubstr("\nDAEMON: "), HasSubstr("\nNETWORK: "),
                    HasSubstr("container: add address 10.77.0.2/24 to eth0")));
}

TEST_F(CliNetworkTest, RunJoinsTheDefaultNetworkUnlessTold) {
  const std::string links = "ls /sys/class/net";
  EXPECT_EQ(Run({"--rm", "sh", "-c", links}).out, "eth0\nlo\n");
  EXPECT_EQ(Run({"--rm", "--network", "none", "sh", "-c", links}).out, "lo\n");
  EXPECT_THAT(Run({"--rm", "--network", "nothing", "true"}).err,
              HasSubstr("no network 'nothing'"));
}

TEST_F(CliNetworkTest, RunTakesOptionsOfNetworks) {
  Make("lan", {"--subnet", "10.77.0.0/24"});
  Make("wan", {"--subnet", "10.78.0.0/24"});
  const ProcessResult result =
      Run({"--rm", "--network",
           "lan:ip=10.77.0.77,mac=02:00:00:00:00:77,interface=lan0",
           "--network", "wan", "--dns", "192.0.2.53", "--dns-search",
           "a.example", "--add-host", "db:10.0.0.3", "sh", "-c",
           "ip addr show lan0; ip route; cat /etc/hosts /etc/resolv.conf"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("10.77.0.77/24"), HasSubstr("02:00:00:00:00:77"),
                    HasSubstr("default via 10.77.0.1 dev lan0"),
                    HasSubstr("10.78.0.0/24 dev eth0"),
                    HasSubstr("10.0.0.3\tdb"), HasSubstr("search a.example")));
}

TEST_F(CliNetworkTest, PortsAreShown) {
  const std::string id =
      RunDetached({"--name", "web", "-p", "8080:80", "-p",
                   "0.0.0.0:7000-7001:70-71/udp", "sleep", "1000000"});
  EXPECT_THAT(Cli({"ps"}).out, AllOf(HasSubstr("127.0.0.1:8080->80/tcp, "
                                               "0.0.0.0:7000-7001->70-71/udp"),
                                     HasSubstr(" default ")));
  EXPECT_EQ(Cli({"port", "web"}).out,
            "80/tcp -> 127.0.0.1:8080\n"
            "70/udp -> 0.0.0.0:7000\n"
            "71/udp -> 0.0.0.0:7001\n");
  EXPECT_EQ(Cli({"port", id.substr(0, 12), "71/udp"}).out, "0.0.0.0:7001\n");
  const ProcessResult none = Cli({"port", "web", "81"});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.out, IsEmpty());
  EXPECT_THAT(Run({"-d", "-p", "8080:80", "sleep", "1000000"}).err,
              HasSubstr("127.0.0.1:8080/tcp"));
  // While it does not run, nothing leads to it.
  EXPECT_EQ(Cli({"kill", "web"}).status, 0);
  EXPECT_EQ(Cli({"wait", "web"}).status, 0);
  EXPECT_EQ(Cli({"port", "web"}).out, "");
}

TEST_F(CliNetworkTest, RunningContainersGetNetworksAndPorts) {
  const std::string lan = Make("lan", {"--subnet", "10.79.0.0/24"});
  const std::string id =
      RunDetached({"--name", "web", "--network", "none", "sleep", "1000000"});
  ProcessResult result =
      Cli({"network", "connect", "--ip", "10.79.0.9", "--alias", "www",
           "--interface", "net0", lan.substr(0, 8), id.substr(0, 8)});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(Cli({"exec", "web", "ip", "addr", "show", "net0"}).out,
              HasSubstr("10.79.0.9/24"));
  result = Cli({"publish", "web", "0.0.0.0:8079:80"});
  EXPECT_EQ(result.out, "0.0.0.0:8079\n") << result.err;
  EXPECT_THAT(Cli({"publish", "web", "81"}).out, StartsWith("127.0.0.1:"));
  EXPECT_EQ(Cli({"port", "web", "80"}).out, "0.0.0.0:8079\n");
  result = Cli({"publish", "web", "0.0.0.0:8079:80"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("port 0.0.0.0:8079/tcp is taken"));
  EXPECT_EQ(Cli({"unpublish", "web", "0.0.0.0:8079"}).status, 0);
  EXPECT_EQ(Cli({"unpublish", "web", "0.0.0.0:8079"}).status, 1);
  EXPECT_EQ(Cli({"unpublish", "web", "http"}).status, 125);
  EXPECT_EQ(Cli({"network", "disconnect", "lan", "web"}).status, 0);
  EXPECT_EQ(Cli({"port", "web"}).out, "");
  EXPECT_THAT(Cli({"network", "disconnect", "lan", "web"}).err,
              HasSubstr("is not connected to network 'lan'"));
}

TEST_F(CliNetworkTest, ANetworkInUseStays) {
  Make("lan", {"--subnet", "10.77.0.0/24"});
  RunDetached({"--name", "web", "--network", "lan", "sleep", "1000000"});
  EXPECT_THAT(Cli({"network", "ls"}).out,
              MatchesRegex("(.|\n)* lan +bridge +10.77.0.0/24 +1 *\n(.|\n)*"));
  const ProcessResult refused = Cli({"network", "rm", "lan"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err,
              StartsWith("caisson: remove network lan: network 'lan'"));
  EXPECT_EQ(Cli({"rm", "-f", "web"}).status, 0);
  EXPECT_EQ(Cli({"network", "rm", "lan"}).status, 0);
  EXPECT_THAT(Cli({"network", "ls"}).out, Not(HasSubstr(" lan ")));
}

TEST_F(CliNetworkTest, NamespacesAreMadeJoinedListedAndRemoved) {
  // The daemon's own, or the host would have files there.
  ProcessOptions mount;
  mount.argv = {"/usr/bin/env",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                "nsenter",
                absl::StrCat("--mount=/proc/", daemon().pid(), "/ns/mnt"),
                "sh",
                "-euc",
                "mkdir -p /run/netns; mount -t tmpfs netns /run/netns"};
  ASSERT_EQ(RunProgram(mount).status, 0);
  ProcessResult result = Cli({"network", "namespace", "create", "lab"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "lab\n");
  EXPECT_EQ(Run({"--rm", "--network", "ns:lab", "ls", "/sys/class/net"}).out,
            "lo\n");
  const std::string id = RunDetached(
      {"--name", "web", "--network", "ns:/run/netns/lab", "sleep", "1000000"});
  RunDetached({"--name", "db", "--network", "ns:lab", "sleep", "1000000"});
  EXPECT_THAT(Cli({"network", "namespace", "ls"}).out,
              MatchesRegex("NAME .*\nlab +/run/netns/lab +[0-9]+ .* ago +"
                           "[0-9a-f]{12} *\n"));
  EXPECT_EQ(Cli({"network", "namespace", "ls", "-q", "--prefix", "la"}).out,
            "lab\n");
  EXPECT_THAT(Cli({"network", "namespace", "ls", "--format", "json"}).out,
              AllOf(StartsWith("["), HasSubstr("\"name\": \"lab\"")));
  EXPECT_THAT(Cli({"explain", "db"}).out, HasSubstr("/run/netns/lab"));
  EXPECT_THAT(Cli({"inspect", "db"}).out, HasSubstr("\"namespace\": \"lab\""));
  result = Cli({"network", "namespace", "rm", "lab"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, StartsWith("caisson: remove network namespace lab: "
                                     "container '"));
  EXPECT_EQ(Cli({"rm", "-f", "web", "db"}).status, 0);
  EXPECT_EQ(Cli({"network", "namespace", "rm", "lab"}).out, "lab\n");
  EXPECT_EQ(Cli({"network", "namespace", "rm", "lab"}).status, 1);
  EXPECT_EQ(Cli({"network", "namespace", "rm", "-f", "lab"}).status, 0);
  EXPECT_THAT(Run({"--rm", "--network", "ns:lab", "true"}).err,
              HasSubstr("no network namespace 'lab'"));
  EXPECT_THAT(Cli({"events", "--after", "0", "--until-now", "--type",
                   "network_namespace.*"})
                  .out,
              MatchesRegex("(.|\n)*.created [0-9a-f]{12} lab\n"
                           "(.|\n)*.deleted [0-9a-f]{12} lab\n"));
  EXPECT_THAT(Cli({"network", "namespace"}).err,
              HasSubstr("is followed by one of: create, ls, rm"));
  EXPECT_EQ(Cli({"network", "namespace", "--help"}).status, 0);
  // The mount of the directory stays, as it does after ip-netns(8).
  TakeBaseline();
}

TEST_F(CliNetworkTest, InterfacesAreListedWithWhatPassedThrough) {
  const std::string lan = Make("lan", {"--subnet", "10.77.0.0/24"});
  const std::string id = RunDetached({"--network", "lan", "sleep", "1000000"});
  EXPECT_THAT(
      Cli({"network", "interfaces", id.substr(0, 8)}).out,
      AllOf(MatchesRegex("NAME +STATE +MTU .*\nlo +unknown +65536 (.|\n)*"),
            MatchesRegex("(.|\n)*\neth0 +up .* [0-9a-f:]{17} +" +
                         lan.substr(0, 12) + " +10.77.0.2/24(.|\n)*")));
  EXPECT_THAT(Cli({"network", "interfaces", "--format", "json", id}).out,
              AllOf(HasSubstr("\"rxBytes\": "), HasSubstr("\"eth0\"")));
  const ProcessResult refused = Cli({"network", "interfaces", "nobody"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("no container 'nobody'"));
}

TEST_F(CliNetworkTest, EventsTellOfNetworks) {
  Make("lan", {"--subnet", "10.77.0.0/24"});
  EXPECT_EQ(Cli({"network", "rm", "lan"}).status, 0);
  EXPECT_THAT(
      Cli({"events", "--after", "0", "--until-now", "--type", "network.*"}).out,
      MatchesRegex("(.|\n)*network.created [0-9a-f]{12} lan\n"
                   "(.|\n)*network.deleted [0-9a-f]{12} lan\n(.|\n)*"));
}

}  // namespace
}  // namespace caisson::testing
