#include "clients/caisson/network_flags.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace caisson::cli {
namespace {

using ::testing::HasSubstr;

// The network of a command line, in one line of text format; or what is wrong.
std::string NetworkOf(const std::vector<std::string>& words) {
  NetworkFlags network;
  Flags flags("test", "");
  network.Declare(&flags);
  flags.Words(nullptr, 0, 0);
  EXPECT_EQ(flags.Parse(words), std::nullopt);
  v1::Network result;
  const std::string wrong = network.Fill(&result);
  return wrong.empty() ? result.ShortDebugString() : wrong;
}

// The same of a port alone.
std::string PortOf(const std::string& text) {
  v1::Network network;
  const std::string wrong = AddPort(text, &network);
  return wrong.empty() ? network.ports(0).ShortDebugString() : wrong;
}

TEST(NetworkFlagsTest, ModesStandAlone) {
  EXPECT_EQ(NetworkOf({"--network", "none"}), "none: true");
  EXPECT_EQ(NetworkOf({"--net", "host"}), "host: true");
  EXPECT_EQ(NetworkOf({"--network", "container:web"}), "container: \"web\"");
  EXPECT_EQ(NetworkOf({"--network", "ns:lab"}), "namespace: \"lab\"");
  EXPECT_EQ(NetworkOf({"--network", "ns:/run/netns/lab"}),
            "namespace_path: \"/run/netns/lab\"");
  EXPECT_THAT(NetworkOf({"--network", "ns:lab", "--network", "lan"}),
              HasSubstr("no other network"));
  EXPECT_THAT(NetworkOf({"--network", "none", "--network", "lan"}),
              HasSubstr("no other network"));
  EXPECT_THAT(NetworkOf({"--network", "lan", "--network", "host"}),
              HasSubstr("no other network"));
  EXPECT_THAT(NetworkOf({"--network", "host", "--network", "host"}),
              HasSubstr("no other network"));
}

TEST(NetworkFlagsTest, WithoutAnyItIsTheDefault) {
  const std::string attached = "attach { networks { network: \"default\" } }";
  EXPECT_EQ(NetworkOf({}), attached);
  EXPECT_EQ(NetworkOf({"-p", "80"}),
            attached + " ports { container_port: 80 }");
}

TEST(NetworkFlagsTest, NetworksHaveOptions) {
  EXPECT_EQ(
      NetworkOf({"--network",
                 "lan:ip=10.0.0.2,ip=fd00::2,mac=02:00:00:00:00:01,alias=db,"
                 "alias=sql,interface=lan0,default-route=false,ingress=10m,"
                 "egress=1g",
                 "--network", "wan"}),
      "attach { networks { network: \"lan\" interface: \"lan0\" addresses: "
      "\"10.0.0.2\" addresses: \"fd00::2\" mac: \"02:00:00:00:00:01\" aliases: "
      "\"db\" aliases: \"sql\" default_route: false ingress { bits_per_second: "
      "10000000 } egress { bits_per_second: 1000000000 } } networks { network: "
      "\"wan\" } }");
  for (const char* bad :
       {":ip=10.0.0.2", "lan:", "lan:ip", "lan:ip=", "lan:dns=x",
        "lan:default-route=maybe", "lan:ingress=fast", "lan:ip=10.0.0.2,"}) {
    EXPECT_THAT(NetworkOf({"--network", bad}), HasSubstr("--network: ")) << bad;
  }
}

TEST(NetworkFlagsTest, SomeFlagsAreOfTheFirstNetwork) {
  EXPECT_EQ(NetworkOf({"--network", "lan", "--network", "wan", "--mac-address",
                       "02:00:00:00:00:01", "--ip", "10.0.0.2", "--ip6",
                       "fd00::2", "--network-alias", "db"}),
            "attach { networks { network: \"lan\" addresses: \"10.0.0.2\" "
            "addresses: \"fd00::2\" mac: \"02:00:00:00:00:01\" aliases: \"db\" "
            "} networks { network: \"wan\" } }");
  EXPECT_THAT(NetworkOf({"--network", "none", "--ip", "10.0.0.2"}),
              HasSubstr("need a network"));
}

TEST(NetworkFlagsTest, NamesInside) {
  EXPECT_EQ(NetworkOf({"--network", "lan", "--dns", "10.0.0.1", "--dns-search",
                       "a.example", "--dns-option", "ndots:2", "--add-host",
                       "db:10.0.0.3", "--add-host", "six:fd00::3", "--add-host",
                       "seven=[fd00::4]"}),
            "attach { networks { network: \"lan\" } } dns { servers: "
            "\"10.0.0.1\" searches: \"a.example\" options: \"ndots:2\" } "
            "extra_hosts { name: \"db\" address: \"10.0.0.3\" } extra_hosts { "
            "name: \"six\" address: \"fd00::3\" } extra_hosts { name: "
            "\"seven\" address: \"fd00::4\" }");
  for (const char* bad : {"db", ":10.0.0.1", "db:", "db="}) {
    EXPECT_THAT(NetworkOf({"--add-host", bad}), HasSubstr("--add-host")) << bad;
  }
}

TEST(AddPortTest, TakesTheUsualForms) {
  EXPECT_EQ(PortOf("80"), "container_port: 80");
  EXPECT_EQ(PortOf("8080:80"), "container_port: 80 host_port: 8080");
  EXPECT_EQ(PortOf("0:80"), "container_port: 80");
  EXPECT_EQ(PortOf("53:53/udp"),
            "container_port: 53 host_port: 53 protocol: \"udp\"");
  EXPECT_EQ(PortOf("0.0.0.0:8080:80"),
            "container_port: 80 host_port: 8080 host_ip: \"0.0.0.0\"");
  EXPECT_EQ(PortOf("10.0.0.1::80/sctp"),
            "container_port: 80 host_ip: \"10.0.0.1\" protocol: \"sctp\"");
  EXPECT_EQ(PortOf("[::]:8080:80"),
            "container_port: 80 host_port: 8080 host_ip: \"::\"");
  EXPECT_EQ(PortOf("[fd00::1]::80"), "container_port: 80 host_ip: \"fd00::1\"");
}

TEST(AddPortTest, TakesRanges) {
  EXPECT_EQ(PortOf("8000-8009"), "container_port: 8000 count: 10");
  EXPECT_EQ(PortOf("8000-8009:80-89/udp"),
            "container_port: 80 host_port: 8000 protocol: \"udp\" count: 10");
  EXPECT_EQ(PortOf("80-80"), "container_port: 80");
  EXPECT_EQ(PortOf("1-65535:1-65535"),
            "container_port: 1 host_port: 1 count: 65535");
  EXPECT_THAT(PortOf("8000-8009:80"), HasSubstr("different lengths"));
  EXPECT_THAT(PortOf("8000:80-81"), HasSubstr("different lengths"));
}

TEST(ParseHostPortTest, TakesWhatPortPrints) {
  const auto parsed = [](const std::string& text) {
    v1::UnpublishPortRequest request;
    const std::string wrong = ParseHostPort(text, &request);
    return wrong.empty() ? request.ShortDebugString() : wrong;
  };
  EXPECT_EQ(parsed("8080"), "host_port: 8080");
  EXPECT_EQ(parsed("53/udp"), "host_port: 53 protocol: \"udp\"");
  EXPECT_EQ(parsed("0.0.0.0:80"), "host_port: 80 host_ip: \"0.0.0.0\"");
  EXPECT_EQ(parsed("[::]:80/tcp"),
            "host_port: 80 host_ip: \"::\" protocol: \"tcp\"");
  for (const char* bad : {"", "0", "65536", "x", "80/", ":80", "::1:80",
                          "1:", "127.0.0.1:8080:80-81"}) {
    EXPECT_THAT(parsed(bad), HasSubstr("is not [IP:]PORT")) << bad;
  }
}

TEST(AddPortTest, RefusesTheRest) {
  for (const char* bad :
       {"",         ":",       ":80",         "80:",
        "http",     "80/",     "/tcp",        "0",
        "65536",    "-1",      "80-",         "-80",
        "90-80",    "1:2:3:4", "::1:8080:80", "fd00::1:80:80",
        "8080:80:", "x:80",    "65536:80",    "65535-65536:1-2",
        ":8080:80"}) {
    EXPECT_THAT(PortOf(bad), HasSubstr("--publish")) << bad;
  }
}

}  // namespace
}  // namespace caisson::cli
