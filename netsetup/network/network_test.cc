#include "netsetup/network/network.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::IsOk;
using ::testing::ElementsAre;

constexpr char kNetwork[] = "0123456789abcdef0123456789abcdef";
constexpr char kEndpoint[] = "fedcba9876543210fedcba9876543210";

Network BridgeNetwork() {
  return {.id = kNetwork,
          .subnets = {{.prefix = *ParseIpPrefix("10.1.0.0/24"),
                       .gateway = *ParseIpAddress("10.1.0.1")},
                      {.prefix = *ParseIpPrefix("fd00:1::/64"),
                       .gateway = *ParseIpAddress("fd00:1::1")}}};
}

Endpoint EndpointOf(const Network& network) {
  return {.id = kEndpoint,
          .network_id = network.id,
          .addresses = {*ParseIpPrefix("10.1.0.2/24")}};
}

std::vector<std::string> FieldsOf(const absl::Status& status) {
  std::vector<std::string> fields;
  for (const base::FieldViolation& one : base::DetailOf(status).violations) {
    fields.push_back(one.field);
  }
  return fields;
}

TEST(NamesTest, FollowFromTheIdAndFitTheKernel) {
  Network network = BridgeNetwork();
  EXPECT_EQ(BridgeName(network), "cb0123456789");
  EXPECT_EQ(HostLinkName(kEndpoint), "cvfedcba98765");
  EXPECT_EQ(IfbName(kEndpoint), "cifedcba98765");
  EXPECT_TRUE(IsLinkName(HostLinkName(kEndpoint)));
  network.interface = "br0";
  EXPECT_EQ(BridgeName(network), "br0");
}

TEST(NamesTest, MacsAreLocalStableAndDifferByRole) {
  const MacAddress mac = MacOf("container", kEndpoint);
  // For ever: what was given out must not change with a version.
  EXPECT_EQ(mac.ToString(), "02:d6:c3:dc:39:6f");
  EXPECT_TRUE(mac.is_unicast());
  EXPECT_NE(mac, MacOf("host", kEndpoint));
  EXPECT_NE(mac, MacOf("container", kNetwork));
}

TEST(TagTest, ComesBackFromItsText) {
  for (const Tag& tag :
       {TagOfNetwork("ab12", kNetwork), TagOfEndpoint("ab12", kEndpoint)}) {
    EXPECT_EQ(ParseTag(tag.ToString()), tag);
    EXPECT_LT(tag.ToString().size(), 256u);
  }
  for (const char* text :
       {"", "caisson", "caisson:a:network:", "caisson::network:b",
        "caisson:a:other:b", "docker:a:network:b", "caisson:a:network:b:c"}) {
    EXPECT_EQ(ParseTag(text), std::nullopt) << text;
  }
}

TEST(TagTest, ALinkIsOursByNameAndTagTogether) {
  const Tag tag = TagOfEndpoint("ab12", kEndpoint);
  Link link = {.name = HostLinkName(kEndpoint), .alias = tag.ToString()};
  EXPECT_EQ(OwnTag(link), tag);
  EXPECT_TRUE(BelongsTo(link, tag));
  EXPECT_FALSE(BelongsTo(link, TagOfEndpoint("other", kEndpoint)));
  link.name = "veth0";
  EXPECT_EQ(OwnTag(link), std::nullopt);
  link = {.name = HostLinkName(kEndpoint)};
  EXPECT_EQ(OwnTag(link), std::nullopt);
  EXPECT_FALSE(BelongsTo(link, tag));
}

TEST(TagTest, ALinkWithoutItsTagYetIsKnownByItsMac) {
  const Tag tag = TagOfEndpoint("ab12", kEndpoint);
  Link link = {.name = HostLinkName(kEndpoint),
               .mac = MacOf("host", kEndpoint)};
  EXPECT_TRUE(BelongsTo(link, tag));
  link.name = IfbName(kEndpoint);
  EXPECT_FALSE(BelongsTo(link, tag));
  link.mac = MacOf("ifb", kEndpoint);
  EXPECT_TRUE(BelongsTo(link, tag));
  const Network network = BridgeNetwork();
  link = {.name = BridgeName(network), .mac = MacOf("bridge", kNetwork)};
  EXPECT_TRUE(BelongsTo(link, TagOfNetwork("ab12", kNetwork)));
  link.alias = "somebody's";
  EXPECT_FALSE(BelongsTo(link, TagOfNetwork("ab12", kNetwork)));
}

TEST(TagTest, GraveyardsAreApartFromGroupsOfPeople) {
  EXPECT_NE(GraveyardOf("a"), GraveyardOf("b"));
  EXPECT_GE(GraveyardOf("a"), 0x40000000u);
  EXPECT_LE(GraveyardOf("a"), 0x7fffffffu);
}

TEST(ValidateNetworkTest, WhatPeopleAskForIsFine) {
  EXPECT_THAT(ValidateNetwork(BridgeNetwork()), IsOk());
  Network internal = {.id = kNetwork, .internal = true};
  EXPECT_THAT(ValidateNetwork(internal), IsOk());
  Network macvlan = {.id = kNetwork,
                     .driver = Driver::kMacvlan,
                     .interface = "eth0",
                     .subnets = {{.prefix = *ParseIpPrefix("10.1.0.0/24")}}};
  EXPECT_THAT(ValidateNetwork(macvlan), IsOk());
}

TEST(ValidateNetworkTest, EveryMistakeIsNamed) {
  Network network = {.id = "short",
                     .driver = Driver::kPtp,
                     .interface = "eth0",
                     .subnets = {{.prefix = *ParseIpPrefix("10.1.0.5/24"),
                                  .gateway = *ParseIpAddress("10.2.0.1")},
                                 {.prefix = *ParseIpPrefix("10.1.0.0/16")}},
                     .mtu = 40,
                     .isolate_endpoints = true};
  EXPECT_THAT(FieldsOf(ValidateNetwork(network)),
              ElementsAre("id", "interface", "subnets[0].prefix",
                          "subnets[0].gateway", "subnets[1].prefix",
                          "subnets[1].gateway", "mtu", "isolateEndpoints"));
  network = BridgeNetwork();
  network.mtu = 1000;  // Too little for IPv6.
  EXPECT_THAT(FieldsOf(ValidateNetwork(network)), ElementsAre("mtu"));
  network = {.id = kNetwork, .driver = Driver::kMacvlan};
  EXPECT_THAT(FieldsOf(ValidateNetwork(network)), ElementsAre("interface"));
}

TEST(ValidateEndpointTest, EveryMistakeIsNamed) {
  const Network network = BridgeNetwork();
  Endpoint endpoint = EndpointOf(network);
  EXPECT_THAT(ValidateEndpoint(network, endpoint), IsOk());
  endpoint = {.id = "x",
              .network_id = "y",
              .interface = "eth%d",
              .mac = *ParseMacAddress("01:00:00:00:00:00"),
              .addresses = {*ParseIpPrefix("10.2.0.2/24"),
                            *ParseIpPrefix("10.1.0.1/24"),
                            *ParseIpPrefix("10.1.0.2/25")},
              .ingress = Rate{},
              .sysctls = {{"kernel/hostname", "x"}},
              .alternative_name = "a b"};
  EXPECT_THAT(FieldsOf(ValidateEndpoint(network, endpoint)),
              ElementsAre("id", "networkId", "interface", "mac", "addresses[0]",
                          "addresses[1]", "addresses[2]", "sysctls[0]",
                          "ingress", "alternativeName"));
}

TEST(ValidateEndpointTest, ADriverIsNotAskedForWhatItCannot) {
  const Network network = {
      .id = kNetwork, .driver = Driver::kIpvlan, .interface = "eth0"};
  Endpoint endpoint = {.id = kEndpoint,
                       .network_id = kNetwork,
                       .mac = *ParseMacAddress("02:00:00:00:00:01"),
                       .egress = Rate{.bytes_per_second = 1}};
  EXPECT_THAT(FieldsOf(ValidateEndpoint(network, endpoint)),
              ElementsAre("mac", "egress"));
}

}  // namespace
}  // namespace caisson::netsetup
