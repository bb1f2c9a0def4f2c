#include "server/core/network/flow_judge.h"

#include <netinet/in.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "server/core/network/host_values.h"

namespace caisson::core {
namespace {

using netsetup::Flow;
using netsetup::IpAddress;

IpAddress Ip(const std::string& text) {
  return *netsetup::ParseIpAddress(text);
}

class FlowJudgeTest : public ::testing::Test {
 protected:
  FlowJudgeTest()
      : judge_({Ip("192.0.2.1"), Ip("10.1.0.1"), Ip("10.2.0.1"),
                Ip("2001:db8::1"), Ip("::1")},
               &elements_) {}

  // Network n is 10.n.0.0/24 and fd00:n::/64, its container .2 and ::2.
  void Add(int n, const std::function<void(spec::NetworkSpec*)>& change = {},
           const std::vector<store::PublishedPort>& ports = {}) {
    const std::string digit = std::to_string(n);
    store::NetworkRecord network;
    network.id = std::string(31, '0') + digit;
    auto spec = std::make_shared<spec::NetworkSpec>();
    if (change) change(spec.get());
    network.spec = spec;
    network.subnets = {
        {.cidr = "10." + digit + ".0.0/24", .gateway = "10." + digit + ".0.1"}};
    store::Endpoint endpoint;
    endpoint.addresses = {"10." + digit + ".0.2/24",
                          "fd00:" + digit + "::2/64"};
    ASSERT_TRUE(judge_.Add(network, endpoint).ok());
    endpoint.addresses = {"10." + digit + ".0.3/24"};
    ASSERT_TRUE(judge_.Add(network, endpoint).ok());
    endpoint.addresses = {"10." + digit + ".0.2/24",
                          "fd00:" + digit + "::2/64"};
    for (const store::PublishedPort& port : ports) {
      const auto made = PortElements(port, endpoint);
      ASSERT_TRUE(made.ok()) << made.status();
      ASSERT_TRUE(elements_.Apply({.add = *made, .remove = {}}).ok());
    }
  }

  // Without translation, unless it is given.
  bool IsMisled(const std::string& source, const std::string& destination,
                int port, int protocol = IPPROTO_UDP,
                const std::string& answers = "",
                const std::string& answers_to = "") const {
    Flow flow;
    flow.protocol = static_cast<uint8_t>(protocol);
    flow.original_source = Ip(source);
    flow.original_destination = Ip(destination);
    flow.original_port = static_cast<uint16_t>(port);
    flow.reply_source = Ip(answers.empty() ? destination : answers);
    flow.reply_destination = Ip(answers_to.empty() ? source : answers_to);
    return judge_.IsMisled(flow);
  }

  netsetup::nft::Elements elements_;
  FlowJudge judge_;
};

TEST_F(FlowJudgeTest, WhatIsOfNobodyHereIsNoMatter) {
  Add(1);
  EXPECT_FALSE(IsMisled("192.0.2.2", "192.0.2.1", 22, IPPROTO_TCP));
  EXPECT_FALSE(IsMisled("192.0.2.2", "203.0.113.1", 443));
  EXPECT_FALSE(IsMisled("192.0.2.1", "10.1.0.2", 80)) << "the host asks";
}

TEST_F(FlowJudgeTest, APortLeadsToItsOwner) {
  Add(1, {},
      {{.protocol = "udp",
        .host_ip = "0.0.0.0",
        .host_port = 8080,
        .container_port = 80,
        .count = 2},
       {.protocol = "udp",
        .host_ip = "127.0.0.1",
        .host_port = 9090,
        .container_port = 80,
        .count = 1},
       {.protocol = "udp",
        .host_ip = "::",
        .host_port = 7070,
        .container_port = 80,
        .count = 1}});
  EXPECT_TRUE(IsMisled("192.0.2.2", "192.0.2.1", 8080));
  EXPECT_TRUE(IsMisled("192.0.2.2", "192.0.2.1", 8081));
  EXPECT_TRUE(IsMisled("127.0.0.1", "127.0.0.1", 9090));
  EXPECT_TRUE(IsMisled("2001:db8::2", "2001:db8::1", 7070));
  EXPECT_FALSE(IsMisled("::1", "::1", 7070)) << "never led anywhere";
  EXPECT_FALSE(IsMisled("192.0.2.2", "192.0.2.1", 9090)) << "another address";
  EXPECT_FALSE(IsMisled("192.0.2.2", "192.0.2.1", 8082));
  EXPECT_FALSE(IsMisled("192.0.2.2", "203.0.113.1", 8080)) << "not the host's";
  EXPECT_FALSE(
      IsMisled("192.0.2.2", "192.0.2.1", 8080, IPPROTO_UDP, "10.1.0.2"));
  EXPECT_TRUE(
      IsMisled("192.0.2.2", "192.0.2.1", 8080, IPPROTO_UDP, "10.1.0.3"));
  EXPECT_FALSE(IsMisled("192.0.2.2", "192.0.2.1", 8080, IPPROTO_TCP));
}

TEST_F(FlowJudgeTest, OutsideIsReachedWithTheAddressOfTheHost) {
  Add(1);
  Add(2, [](auto* spec) { spec->nat4.routed = true; });
  Add(3, [](auto* spec) { spec->internal = true; });
  for (const int protocol : {IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP}) {
    EXPECT_TRUE(IsMisled("10.1.0.2", "203.0.113.1", 443, protocol));
    EXPECT_FALSE(
        IsMisled("10.1.0.2", "203.0.113.1", 443, protocol, "", "192.0.2.1"));
    EXPECT_FALSE(IsMisled("10.2.0.2", "203.0.113.1", 443, protocol));
    EXPECT_TRUE(IsMisled("10.3.0.2", "203.0.113.1", 443, protocol));
  }
  EXPECT_TRUE(IsMisled("fd00:1::2", "2001:db8::2", 443));
  EXPECT_TRUE(IsMisled("fd00:2::2", "2001:db8::2", 443)) << "IPv4 is routed";
}

TEST_F(FlowJudgeTest, OutsideComesByPortsOnly) {
  Add(1);
  Add(2, [](auto* spec) { spec->ingress = true; });
  EXPECT_TRUE(IsMisled("192.0.2.2", "10.1.0.2", 80, IPPROTO_TCP));
  EXPECT_FALSE(
      IsMisled("192.0.2.2", "192.0.2.1", 8080, IPPROTO_TCP, "10.1.0.2"));
  EXPECT_FALSE(IsMisled("192.0.2.2", "10.2.0.2", 80, IPPROTO_TCP));
}

TEST_F(FlowJudgeTest, NetworksAreApart) {
  const auto open = [](auto* spec) {
    spec->isolation = spec::NetworkIsolation::kNone;
  };
  Add(1);
  Add(2);
  Add(3, open);
  Add(4, open);
  Add(5, [](auto* spec) { spec->isolation = spec::NetworkIsolation::kStrict; });
  Add(6, [](auto* spec) { spec->internal = true; });
  Add(7, [](auto* spec) { spec->isolate_endpoints = true; });
  EXPECT_FALSE(IsMisled("10.1.0.2", "10.1.0.3", 80));
  EXPECT_TRUE(IsMisled("10.1.0.2", "10.2.0.2", 80));
  EXPECT_FALSE(IsMisled("10.3.0.2", "10.4.0.2", 80));
  EXPECT_TRUE(IsMisled("10.3.0.2", "10.1.0.2", 80));
  EXPECT_FALSE(IsMisled("10.6.0.2", "10.6.0.3", 80));
  EXPECT_TRUE(IsMisled("10.7.0.2", "10.7.0.3", 80));
  // Through a published port.
  const auto by_port = [this](const char* from, const char* to) {
    return IsMisled(from, "192.0.2.1", 8080, IPPROTO_TCP, to);
  };
  EXPECT_FALSE(by_port("10.1.0.2", "10.2.0.2"));
  EXPECT_FALSE(by_port("10.7.0.2", "10.7.0.3"));
  EXPECT_TRUE(by_port("10.1.0.2", "10.5.0.2"));
  EXPECT_TRUE(by_port("10.1.0.2", "10.6.0.2"));
}

TEST_F(FlowJudgeTest, TheHostIsGuarded) {
  Add(1);
  Add(2, [](auto* spec) { spec->isolation = spec::NetworkIsolation::kNone; });
  EXPECT_TRUE(IsMisled("10.1.0.2", "192.0.2.1", 22, IPPROTO_TCP));
  EXPECT_TRUE(IsMisled("10.1.0.2", "10.2.0.1", 53)) << "names of another one";
  EXPECT_FALSE(IsMisled("10.1.0.2", "10.1.0.1", 53));
  EXPECT_FALSE(IsMisled("10.1.0.2", "10.1.0.1", 0, IPPROTO_ICMP));
  EXPECT_FALSE(IsMisled("10.2.0.2", "192.0.2.1", 22, IPPROTO_TCP));
}

}  // namespace
}  // namespace caisson::core
