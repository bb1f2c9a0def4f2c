#include "server/core/network/name_files.h"

#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr char kWellKnown[] =
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "ff00::0\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n";

std::string OwnLines(const std::string& hosts) {
  EXPECT_THAT(hosts, StartsWith(kWellKnown));
  return hosts.substr(std::string(kWellKnown).size());
}

// A host that asks servers of its network.
HostResolver Plain(const std::string& resolv_conf) {
  return {.resolv_conf = resolv_conf, .upstream = ""};
}

TEST(HostsFileTest, HasTheWellKnownTheWantedAndTheContainersOwnNames) {
  EXPECT_EQ(OwnLines(HostsFile("box", "", {"10.0.0.2", "fd00::2"},
                               {{"db", "10.9.9.9"}, {"db", "fd00::9"}})),
            "10.9.9.9\tdb\nfd00::9\tdb\n10.0.0.2\tbox\nfd00::2\tbox\n");
}

TEST(HostsFileTest, TheFullNameComesFirst) {
  EXPECT_EQ(OwnLines(HostsFile("box", "a.example", {"10.0.0.2"}, {})),
            "10.0.0.2\tbox.a.example box\n");
  EXPECT_EQ(OwnLines(HostsFile("box.a.example", "", {"10.0.0.2"}, {})),
            "10.0.0.2\tbox.a.example box\n");
}

TEST(HostsFileTest, WithoutANameOrAnAddressThereIsNoLine) {
  EXPECT_EQ(OwnLines(HostsFile("", "a.example", {"10.0.0.2"}, {})), "");
  EXPECT_EQ(OwnLines(HostsFile("box", "", {}, {})), "");
}

TEST(HostnameFileTest, IsOneLine) {
  EXPECT_EQ(HostnameFile("box"), "box\n");
}

TEST(ResolvConfTest, WithoutWishesItIsTheHosts) {
  EXPECT_EQ(ResolvConf(std::nullopt,
                       Plain("# made by hand\n"
                             "nameserver 10.0.0.1\n"
                             "nameserver\tfd00::1 \r\n"
                             "search a.example b.example.\n"
                             "options timeout:1 edns0\n"
                             "options rotate\n"),
                       {}),
            "nameserver 10.0.0.1\n"
            "nameserver fd00::1\n"
            "search a.example b.example.\n"
            "options timeout:1 edns0 rotate\n");
}

TEST(ResolvConfTest, ServersThatOnlyTheHostReachesAreLeftOut) {
  const std::string text = ResolvConf(std::nullopt,
                                      Plain("nameserver 127.0.0.53\n"
                                            "nameserver 127.1.2.3\n"
                                            "nameserver ::1\n"
                                            "nameserver 0.0.0.0\n"
                                            "nameserver fe80::1%eth0\n"
                                            "nameserver fe80::1\n"
                                            "nameserver 169.254.169.253\n"
                                            "nameserver 169.254.169.253\n"),
                                      {});
  EXPECT_EQ(text, "nameserver 169.254.169.253\n");
}

TEST(ResolvConfTest, BehindALocalResolverItsServersAreTaken) {
  HostResolver host = {.resolv_conf =
                           "nameserver 127.0.0.53\n"
                           "options edns0 trust-ad\n"
                           "search .\n",
                       .upstream =
                           "nameserver 10.0.0.1\n"
                           "search other.example\n"};
  EXPECT_EQ(ResolvConf(std::nullopt, host, {}),
            "nameserver 10.0.0.1\noptions edns0 trust-ad\n");
  host.upstream = "";
  EXPECT_EQ(ResolvConf(std::nullopt, host, {}), "options edns0 trust-ad\n");
  host.resolv_conf = "nameserver 127.0.0.53\nnameserver 10.0.0.2\n";
  host.upstream = "nameserver 10.0.0.1\n";
  EXPECT_EQ(ResolvConf(std::nullopt, host, {}), "nameserver 10.0.0.2\n");
}

TEST(ResolvConfTest, TheSpecReplacesWhatItNames) {
  const HostResolver host =
      Plain("nameserver 10.0.0.1\nsearch a.example\noptions rotate\n");
  EXPECT_EQ(ResolvConf(spec::Dns{{"127.0.0.1", "10.1.1.1"}, {}, {}}, host, {}),
            "nameserver 127.0.0.1\nnameserver 10.1.1.1\n"
            "search a.example\noptions rotate\n")
      << "a server in the container itself";
  EXPECT_EQ(ResolvConf(spec::Dns{{}, {"b.example"}, {}}, host, {}),
            "nameserver 10.0.0.1\nsearch b.example\noptions rotate\n");
  EXPECT_EQ(ResolvConf(spec::Dns{{}, {}, {"ndots:2"}}, host, {}),
            "nameserver 10.0.0.1\nsearch a.example\noptions ndots:2\n");
}

TEST(ResolvConfTest, RespondersAreAskedAloneAndForShortNamesFirst) {
  const HostResolver host =
      Plain("nameserver 10.0.0.1\nsearch a.example\noptions rotate\n");
  EXPECT_EQ(ResolvConf(std::nullopt, host, {"10.88.0.1", "fd00::1"}),
            "nameserver 10.88.0.1\nnameserver fd00::1\n"
            "search a.example\noptions rotate ndots:0\n");
  EXPECT_EQ(
      ResolvConf(spec::Dns{{"10.1.1.1"}, {}, {"ndots:3"}}, host, {"10.88.0.1"}),
      "nameserver 10.88.0.1\nsearch a.example\noptions ndots:3\n");
}

TEST(ResolvConfTest, TheLastListOfDomainsCounts) {
  EXPECT_EQ(ResolvConf(std::nullopt,
                       Plain("search a.example b.example\n"
                             "domain c.example ignored.example\n"),
                       {}),
            "search c.example\n");
}

TEST(ResolvConfTest, NonsenseOfTheHostIsLeftOut) {
  using std::string_literals::operator""s;
  const std::string text =
      ResolvConf(std::nullopt,
                 Plain("nameserver\nnameserver nonsense\nname server\n"
                       "; nameserver 10.0.0.7\nnameserver 10.0.0.1 # one\n"
                       "search a.example b/c \x01x -d\nsortlist 10.0.0.0\n"
                       "options \x1b[2J good\0bad rotate\n"s),
                 {});
  EXPECT_EQ(text, "nameserver 10.0.0.1\nsearch a.example\noptions rotate\n");
}

TEST(ForwardServersTest, TheHostAsksAsItAlwaysDoes) {
  EXPECT_THAT(ForwardServers(Plain("nameserver 127.0.0.53\n"
                                   "nameserver 10.0.0.1\n")),
              ElementsAre("127.0.0.53", "10.0.0.1"));
  EXPECT_THAT(ForwardServers(Plain("")), IsEmpty());
}

}  // namespace
}  // namespace caisson::core
