// Validation of networks: what a container wants of them, and what they are.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/spec/validate_cases_test.h"

namespace caisson::spec {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using C = ContainerSpec;
using N = NetworkSpec;

C AttachedSpec() {
  C spec = ValidSpec();
  spec.network.mode = NetworkMode::kAttach;
  spec.network.networks = {{.network = "lan"}};
  return spec;
}

// A change of the only attachment.
auto With(void (*change)(NetworkAttachment&)) {
  return [change](C& s) { change(s.network.networks[0]); };
}

TEST(ValidateNetworkTest, ModesAndWhatGoesWithThem) {
  CheckRows<C>(ValidSpec(),
               {
                   {[](C& s) { s.network.mode = NetworkMode::kNone; }, {}},
                   {[](C& s) { s.network.mode = NetworkMode::kHost; }, {}},
                   {[](C& s) { s.network.mode = static_cast<NetworkMode>(9); },
                    {"spec.network"}},
                   {[](C& s) { s.network.mode = NetworkMode::kAttach; },
                    {"spec.network.attach.networks"}},
                   {[](C& s) { s.network.mode = NetworkMode::kContainer; },
                    {"spec.network.container"}},
                   {[](C& s) { s.network.ports = {{.container_port = 80}}; },
                    {"spec.network.ports"}},
                   {[](C& s) {
                      s.network.mode = NetworkMode::kHost;
                      s.network.dns.emplace();
                      s.network.extra_hosts = {{"a", "10.0.0.1"}};
                    },
                    {"spec.network.dns", "spec.network.extra_hosts"}},
                   {[](C& s) {
                      s.network = {.mode = NetworkMode::kContainer,
                                   .container = "web"};
                      s.network.ports = {{.container_port = 80}};
                    },
                    {"spec.network.ports"}},
               });
}

TEST(ValidateNetworkTest, NamespacesHaveANameOrAPath) {
  constexpr char kName[] = "spec.network.namespace";
  constexpr char kPath[] = "spec.network.namespace_path";
  const auto named = [](C& s, const std::string& name) {
    s.network = {.mode = NetworkMode::kNamespace, .namespace_name = name};
  };
  for (const std::string& good : {std::string("a"), std::string("cni-0_1.x:y"),
                                  std::string("..."), std::string(255, 'n')}) {
    C spec = ValidSpec();
    named(spec, good);
    EXPECT_THAT(Validate(spec), IsEmpty()) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"),
        std::string("a b"), std::string("a\n"), std::string("a\0b", 3),
        std::string("\xc3\xa4"), std::string("\x7f"), std::string(256, 'n')}) {
    C spec = ValidSpec();
    named(spec, bad);
    const auto violations = Validate(spec);
    ASSERT_THAT(violations, SizeIs(1)) << bad;
    EXPECT_EQ(violations[0].field, kName);
  }
  CheckRows<C>(
      ValidSpec(),
      {
          {[](C& s) {
             s.network = {.mode = NetworkMode::kNamespacePath,
                          .namespace_path = "/run/netns/x"};
           },
           {}},
          {[](C& s) { s.network = {.mode = NetworkMode::kNamespacePath}; },
           {kPath}},
          {[](C& s) {
             s.network = {.mode = NetworkMode::kNamespacePath,
                          .namespace_path = "run/netns/x"};
           },
           {kPath}},
          {[](C& s) {
             s.network = {.mode = NetworkMode::kNamespace,
                          .namespace_name = "x"};
             s.network.ports = {{.container_port = 80}};
             s.network.dns.emplace();
             s.network.extra_hosts = {{"a", "10.0.0.1"}};
             s.sysctls["net.core.somaxconn"] = "9";
           },
           {"spec.network.ports", "spec.network.dns",
            "spec.network.extra_hosts", "spec.sysctls[net.core.somaxconn]"}},
      });
}

TEST(ValidateNetworkTest, NetworkParametersNeedANetworkOfItsOwn) {
  CheckRows<C>(AttachedSpec(),
               {{[](C& s) { s.sysctls["net.core.somaxconn"] = "9"; }, {}},
                {[](C& s) {
                   s.network = {.mode = NetworkMode::kHost};
                   s.sysctls["net.core.somaxconn"] = "9";
                 },
                 {"spec.sysctls[net.core.somaxconn]"}}});
}

TEST(ValidateNetworkTest, Attachments) {
  const std::string f = "spec.network.attach.networks";
  CheckRows<C>(
      AttachedSpec(),
      {
          {[](C&) {}, {}},
          {With([](auto& a) { a.network = ""; }), {f + "[0].network"}},
          {With([](auto& a) { a.network = "a b"; }), {f + "[0].network"}},
          {[](C& s) { s.network.networks.push_back({.network = "lan"}); },
           {f + "[1].network"}},
          {[](C& s) {
             s.network.networks.clear();
             for (int i = 0; i < 17; ++i) {
               s.network.networks.push_back(
                   {.network = "n" + std::to_string(i)});
             }
           },
           {f}},
          {With([](auto& a) { a.interface = "lan0"; }), {}},
          {With([](auto& a) { a.interface = "lo"; }), {f + "[0].interface"}},
          {With([](auto& a) { a.interface = "a/b"; }), {f + "[0].interface"}},
          {With([](auto& a) { a.interface = "a b"; }), {f + "[0].interface"}},
          {With([](auto& a) { a.interface = "1234567890123456"; }),
           {f + "[0].interface"}},
          {[](C& s) {
             s.network.networks[0].interface = "eth1";
             s.network.networks.push_back({.network = "wan"});
           },
           {}},
          {[](C& s) {
             s.network.networks[0].interface = "lan0";
             s.network.networks.push_back(
                 {.network = "wan", .interface = "lan0"});
           },
           {f + "[1].interface"}},
          {[](C& s) {
             s.network.networks[0].default_route = true;
             s.network.networks.push_back(
                 {.network = "wan", .default_route = true});
           },
           {f + "[1].default_route"}},
          {With([](auto& a) { a.mac = "02:00:00:00:00:01"; }), {}},
          {With([](auto& a) { a.mac = "01:00:5e:00:00:01"; }), {f + "[0].mac"}},
          {With([](auto& a) { a.mac = "nonsense"; }), {f + "[0].mac"}},
          {With([](auto& a) { a.default_route = false; }), {}},
      });
}

TEST(ValidateNetworkTest, AddressesAndNames) {
  const std::string f = "spec.network.attach.networks[0]";
  std::vector<Row<C>> rows = {
      {With([](auto& a) {
         a.addresses = {"10.0.0.2", "fd00::2"};
       }),
       {}},
      {With([](auto& a) {
         a.addresses = {"fd00::2", "fd00:0::2"};
       }),
       {f + ".addresses[1]"}},
      {With([](auto& a) {
         for (int i = 1; i < 18; ++i) {
           a.addresses.push_back("10.0.0." + std::to_string(i));
         }
       }),
       {f + ".addresses"}},
      {With([](auto& a) {
         a.aliases = {"db", "db-1"};
       }),
       {}},
      {With([](auto& a) {
         a.aliases = {"db", "DB"};
       }),
       {f + ".aliases[1]"}},
      {With([](auto& a) { a.aliases = {"a.b"}; }), {f + ".aliases[0]"}},
      {With([](auto& a) { a.aliases = {""}; }), {f + ".aliases[0]"}},
  };
  for (const char* bad : {"", "10.0.0.2/24", "x", "0.0.0.0", "::", "224.0.0.1",
                          "127.0.0.1", "::1", "fe80::1", "255.255.255.255"}) {
    rows.push_back({[bad](C& s) { s.network.networks[0].addresses = {bad}; },
                    {f + ".addresses[0]"}});
  }
  CheckRows<C>(AttachedSpec(), rows);
}

TEST(ValidateNetworkTest, RoutesAndRates) {
  const std::string f = "spec.network.attach.networks[0]";
  CheckRows<C>(AttachedSpec(),
               {
                   {With([](auto& a) {
                      a.routes = {{"10.9.0.0/16", "10.0.0.1", 5},
                                  {"0.0.0.0/0", "", 4294967295},
                                  {"fd09::/64", "fe80::1", 0}};
                    }),
                    {}},
                   {With([](auto& a) {
                      a.routes = {{"10.9.0.1/16", "", 0}};
                    }),
                    {f + ".routes[0].destination"}},
                   {With([](auto& a) {
                      a.routes = {{"10.9.0.1", "", 0}};
                    }),
                    {f + ".routes[0].destination"}},
                   {With([](auto& a) {
                      a.routes = {{"10.9.0.0/16", "fd00::1", 0}};
                    }),
                    {f + ".routes[0].gateway"}},
                   {With([](auto& a) {
                      a.routes = {{"10.9.0.0/16", "0.0.0.0", 0}};
                    }),
                    {f + ".routes[0].gateway"}},
                   {With([](auto& a) {
                      a.routes = {{"10.9.0.0/16", "", -1}};
                    }),
                    {f + ".routes[0].metric"}},
                   {With([](auto& a) {
                      a.routes = {{"10.9.0.0/16", "", 1LL << 32}};
                    }),
                    {f + ".routes[0].metric"}},
                   {With([](auto& a) {
                      a.ingress = Bandwidth{8, 0};
                    }),
                    {}},
                   {With([](auto& a) {
                      a.ingress = Bandwidth{0, 0};
                    }),
                    {f + ".ingress.bits_per_second"}},
                   {With([](auto& a) {
                      a.egress = Bandwidth{1000, -1};
                    }),
                    {f + ".egress.burst_bytes"}},
               });
}

// A change of the only mapping, which is of port 80.
auto Port(void (*change)(PortMapping&)) {
  return [change](C& s) {
    s.network.ports = {{.container_port = 80}};
    change(s.network.ports[0]);
  };
}

TEST(ValidateNetworkTest, Ports) {
  const std::string f = "spec.network.ports[0]";
  CheckRows<C>(
      AttachedSpec(),
      {
          {Port([](auto&) {}), {}},
          {Port([](auto& p) { p.container_port = 0; }),
           {f + ".container_port"}},
          {Port([](auto& p) { p.container_port = 65536; }),
           {f + ".container_port"}},
          {Port([](auto& p) { p.host_port = 65535; }), {}},
          {Port([](auto& p) { p.host_port = -1; }), {f + ".host_port"}},
          {Port([](auto& p) { p.host_port = 65536; }), {f + ".host_port"}},
          {Port([](auto& p) { p.count = 65456; }), {}},
          {Port([](auto& p) { p.count = 65457; }), {f + ".count"}},
          {Port([](auto& p) {
             p.host_port = 65535;
             p.count = 2;
           }),
           {f + ".count"}},
          {Port([](auto& p) { p.count = -1; }), {f + ".count"}},
          {Port([](auto& p) { p.count = 65536; }), {f + ".count"}},
          {Port([](auto& p) { p.host_ip = "0.0.0.0"; }), {}},
          {Port([](auto& p) { p.host_ip = "::"; }), {}},
          {Port([](auto& p) { p.host_ip = "127.0.0.2"; }), {}},
          {Port([](auto& p) { p.host_ip = "::1"; }), {f + ".host_ip"}},
          {Port([](auto& p) { p.host_ip = "localhost"; }), {f + ".host_ip"}},
          {Port([](auto& p) { p.host_ip = "224.0.0.1"; }), {f + ".host_ip"}},
          {Port([](auto& p) { p.protocol = "sctp"; }), {}},
          {Port([](auto& p) { p.protocol = "TCP"; }), {f + ".protocol"}},
          {Port([](auto& p) { p.network = "lan"; }), {}},
          {Port([](auto& p) { p.network = "-"; }), {f + ".network"}},
      });
}

TEST(ValidateNetworkTest, WhyLoopbackOfIpv6CannotBePublished) {
  C spec = AttachedSpec();
  spec.network.ports = {{.container_port = 80, .host_ip = "::1"}};
  const auto violations = Validate(spec);
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_THAT(violations[0].description, testing::HasSubstr("kernel"));
}

TEST(ValidateNetworkTest, PortsDoNotCollide) {
  const std::string f = "spec.network.ports";
  const auto with = [](const std::vector<PortMapping>& ports) {
    return [ports](C& s) { s.network.ports = ports; };
  };
  CheckRows<C>(
      AttachedSpec(),
      {
          {with({{80, 80, "", "", 0, ""}, {81, 81, "", "", 0, ""}}), {}},
          {with({{80, 80, "", "", 0, ""}, {80, 80, "", "udp", 0, ""}}), {}},
          {with({{80, 80, "", "", 0, ""}, {80, 80, "10.0.0.1", "", 0, ""}}),
           {}},
          {with({{80, 0, "", "", 0, ""}, {80, 0, "", "", 0, ""}}), {}},
          {with({{80, 80, "0.0.0.0", "", 0, ""}, {80, 80, "::", "", 0, ""}}),
           {}},
          {with({{80, 80, "", "", 0, ""}, {90, 80, "", "tcp", 0, ""}}),
           {f + "[1].host_port"}},
          {with({{80, 80, "", "", 0, ""}, {90, 75, "127.0.0.1", "", 6, ""}}),
           {f + "[1].host_port"}},
          {with({{80, 80, "10.0.0.1", "", 0, ""},
                 {80, 80, "0.0.0.0", "", 0, ""}}),
           {f + "[1].host_port"}},
          {with({{1, 1, "", "", 60000, ""}, {1, 1, "", "udp", 5537, ""}}), {f}},
          {with(std::vector<PortMapping>(1025, {80, 0, "", "", 0, ""})), {f}},
      });
}

TEST(ValidateNetworkTest, NamesInside) {
  const std::string f = "spec.network";
  const auto dns = [](const Dns& all) {
    return [all](C& s) { s.network.dns = all; };
  };
  const auto hosts = [](const std::vector<ExtraHost>& all) {
    return [all](C& s) { s.network.extra_hosts = all; };
  };
  CheckRows<C>(
      AttachedSpec(),
      {
          {dns({}), {}},
          {dns({{"10.0.0.1", "fd00::1"}, {"a.example"}, {"ndots:2"}}), {}},
          {dns({{"x"}, {}, {}}), {f + ".dns.servers[0]"}},
          {dns({{"0.0.0.0"}, {}, {}}), {f + ".dns.servers[0]"}},
          {dns({std::vector<std::string>(33, "10.0.0.1"), {}, {}}),
           {f + ".dns.servers"}},
          {dns({{}, {"a b"}, {}}), {f + ".dns.searches[0]"}},
          {dns({{}, {}, {"a b"}}), {f + ".dns.options[0]"}},
          {dns({{}, {}, {"a\nnameserver"}}), {f + ".dns.options[0]"}},
          {hosts({{"db", "10.0.0.1"}, {"db.example", "fd00::1"}}), {}},
          {hosts({{"db\n", "10.0.0.1"}}), {f + ".extra_hosts[0].name"}},
          {hosts({{"db", "db"}}), {f + ".extra_hosts[0].address"}},
          {hosts(std::vector<ExtraHost>(1025, {"a", "10.0.0.1"})),
           {f + ".extra_hosts"}},
      });
}

// --- Networks themselves ---------------------------------------------------

N Driver(const std::string& driver) {
  N spec;
  spec.driver = driver;
  if (driver != "bridge" && driver != "ptp") spec.interface = "eth0";
  return spec;
}

TEST(ValidateNetworkSpecTest, NamesAndDrivers) {
  CheckRows<N>(N(), {
                        {[](N&) {}, {}},
                        {[](N& s) { s.name = "lan"; }, {}},
                        {[](N& s) { s.name = "default"; }, {}},
                        {[](N& s) { s.name = "host"; }, {"spec.name"}},
                        {[](N& s) { s.name = "none"; }, {"spec.name"}},
                        {[](N& s) { s.name = "a/b"; }, {"spec.name"}},
                        {[](N& s) { s.labels[""] = "x"; }, {"spec.labels[]"}},
                        {[](N& s) { s.driver = "bridge"; }, {}},
                        {[](N& s) { s.driver = "overlay"; }, {"spec.driver"}},
                        {[](N& s) { s.driver = "Bridge"; }, {"spec.driver"}},
                        {[](N& s) { s.interface = "br0"; }, {}},
                        {[](N& s) { s.interface = "a b"; }, {"spec.interface"}},
                        {[](N& s) { s.interface = "lo"; }, {"spec.interface"}},
                        {[](N& s) { s.mode = "l2"; }, {"spec.mode"}},
                    });
  CheckRows<N>(Driver("ptp"),
               {{[](N& s) { s.interface = "eth0"; }, {"spec.interface"}}});
  for (const char* driver : {"macvlan", "ipvlan", "host-device"}) {
    CheckRows<N>(Driver(driver),
                 {{[](N&) {}, {}},
                  {[](N& s) { s.interface = ""; }, {"spec.interface"}},
                  {[](N& s) { s.mode = "x"; }, {"spec.mode"}}});
  }
  CheckRows<N>(Driver("macvlan"),
               {{[](N& s) { s.mode = "passthru"; }, {}},
                {[](N& s) { s.mode = "l2"; }, {"spec.mode"}}});
  CheckRows<N>(Driver("ipvlan"),
               {{[](N& s) { s.mode = "l3s"; }, {}},
                {[](N& s) { s.mode = "vepa"; }, {"spec.mode"}}});
}

TEST(ValidateNetworkSpecTest, Subnets) {
  std::vector<Row<N>> rows = {
      {[](N& s) {
         s.subnets = {{.cidr = "10.1.0.0/16"}, {.cidr = "fd00:1::/64"}};
       },
       {}},
      {[](N& s) { s.subnets = {{.cidr = "10.1.0.0/31"}}; }, {}},
      {[](N& s) {
         s.subnets = {{.cidr = "10.1.0.0/16"}, {.cidr = "10.1.2.0/24"}};
       },
       {"spec.subnets[1].cidr"}},
      {[](N& s) { s.subnets.resize(17); }, {"spec.subnets"}},
  };
  for (const char* bad :
       {"", "10.1.0.0", "10.1.0.1/16", "10.0.0.0/7", "10.1.0.0/32",
        "127.0.0.0/8", "224.0.0.0/8", "0.0.0.0/8", "fd00::/128", "fe80::/64",
        "ff02::/64", "::/64", "fd00::1/64"}) {
    rows.push_back({[bad](N& s) { s.subnets = {{.cidr = bad}}; },
                    {"spec.subnets[0].cidr"}});
  }
  CheckRows<N>(N(), rows);
}

TEST(ValidateNetworkSpecTest, WhatIsInASubnet) {
  const std::string f = "spec.subnets[0]";
  const auto with = [](Subnet subnet) {
    if (subnet.cidr.empty()) subnet.cidr = "10.1.0.0/24";
    return [subnet](N& s) { s.subnets = {subnet}; };
  };
  CheckRows<N>(
      N(),
      {
          {with({.gateway = "10.1.0.254"}), {}},
          {with({.gateway = "10.1.1.1"}), {f + ".gateway"}},
          {with({.gateway = "10.1.0.0"}), {f + ".gateway"}},
          {with({.gateway = "10.1.0.255"}), {f + ".gateway"}},
          {with({.gateway = "x"}), {f + ".gateway"}},
          {with({.cidr = "10.1.0.0/31", .gateway = "10.1.0.0"}), {}},
          {with({.cidr = "fd00::/64", .gateway = "fd00::ffff:ffff:ffff:ffff"}),
           {}},
          {with({.cidr = "fd00::/64", .gateway = "fd00::"}), {f + ".gateway"}},
          {with({.ranges = {{"10.1.0.10", "10.1.0.20"},
                            {"10.1.0.30", "10.1.0.30"}}}),
           {}},
          {with({.ranges = {{"10.1.0.20", "10.1.0.10"}}}),
           {f + ".ranges[0].last"}},
          {with({.ranges = {{"10.1.0.20", "10.1.1.10"}}}),
           {f + ".ranges[0].last"}},
          {with({.ranges = {{"", "fd00::1"}}}),
           {f + ".ranges[0].first", f + ".ranges[0].last"}},
          {with({.ranges =
                     std::vector<AddressRange>(65, {"10.1.0.1", "10.1.0.2"})}),
           {f + ".ranges"}},
          {with({.reserved = {"10.1.0.5"}}), {}},
          {with({.reserved = {"10.1.0.5", "10.2.0.5"}}), {f + ".reserved[1]"}},
          {with({.reserved = std::vector<std::string>(1025, "10.1.0.5")}),
           {f + ".reserved"}},
      });
}

TEST(ValidateNetworkSpecTest, Mtu) {
  CheckRows<N>(N(), {
                        {[](N& s) { s.mtu = 68; }, {}},
                        {[](N& s) { s.mtu = 65535; }, {}},
                        {[](N& s) { s.mtu = 67; }, {"spec.mtu"}},
                        {[](N& s) { s.mtu = 65536; }, {"spec.mtu"}},
                        {[](N& s) { s.mtu = -1; }, {"spec.mtu"}},
                        {[](N& s) {
                           s.mtu = 1279;
                           s.subnets = {{.cidr = "fd00:1::/64"}};
                         },
                         {"spec.mtu"}},
                        {[](N& s) {
                           s.mtu = 1280;
                           s.subnets = {{.cidr = "fd00:1::/64"}};
                         },
                         {}},
                    });
}

TEST(ValidateNetworkSpecTest, WhatPasses) {
  CheckRows<N>(
      N(),
      {
          {[](N& s) { s.internal = true; }, {}},
          {[](N& s) { s.ingress = true; }, {}},
          {[](N& s) { s.isolation = NetworkIsolation::kStrict; }, {}},
          {[](N& s) { s.isolation = static_cast<NetworkIsolation>(7); },
           {"spec.isolation"}},
          {[](N& s) { s.isolate_endpoints = true; }, {}},
          {[](N& s) { s.nat4.routed = true; }, {}},
          {[](N& s) { s.nat4.source = "192.0.2.1"; }, {}},
          {[](N& s) { s.nat6.source = "2001:db8::1"; }, {}},
          {[](N& s) { s.nat4.source = "2001:db8::1"; }, {"spec.nat4.source"}},
          {[](N& s) { s.nat6.source = "192.0.2.1"; }, {"spec.nat6.source"}},
          {[](N& s) { s.nat4.source = "127.0.0.1"; }, {"spec.nat4.source"}},
          {[](N& s) {
             s.nat4 = {true, "192.0.2.1"};
           },
           {"spec.nat4"}},
          {[](N& s) {
             s.internal = true;
             s.ingress = true;
             s.nat6.routed = true;
           },
           {"spec.ingress", "spec.nat6"}},
      });
  CheckRows<N>(Driver("ptp"), {{[](N& s) { s.isolate_endpoints = true; },
                                {"spec.isolate_endpoints"}}});
  CheckRows<N>(Driver("macvlan"),
               {{[](N& s) { s.internal = true; }, {"spec.internal"}},
                {[](N& s) { s.isolation = NetworkIsolation::kNetwork; },
                 {"spec.isolation"}},
                {[](N& s) { s.nat4.routed = true; }, {"spec.nat4"}},
                {[](N& s) { s.no_dns = true; }, {}}});
}

TEST(AdminFieldsOfNetworksTest, AreThoseThatReachLinksOfTheHost) {
  EXPECT_THAT(AdminFields(N()), IsEmpty());
  EXPECT_THAT(AdminFields(Driver("bridge")), IsEmpty());
  EXPECT_THAT(AdminFields(Driver("ptp")), IsEmpty());
  EXPECT_THAT(AdminFields(Driver("macvlan")),
              ElementsAre("spec.driver", "spec.interface"));
  N bridge;
  bridge.interface = "br0";
  EXPECT_THAT(AdminFields(bridge), ElementsAre("spec.interface"));
}

}  // namespace
}  // namespace caisson::spec
