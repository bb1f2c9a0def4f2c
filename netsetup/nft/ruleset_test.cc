#include "netsetup/nft/ruleset.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/nft/describe.h"
#include "runtime/base/status_matchers.h"

namespace caisson::netsetup::nft {
namespace {

using base::IsOk;
using base::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Texts(
    const absl::StatusOr<std::vector<Element>>& elements) {
  std::vector<std::string> texts;
  if (!elements.ok()) return {elements.status().ToString()};
  for (const Element& element : *elements) {
    EXPECT_TRUE(IsWellFormed(element)) << ElementText(element);
    texts.push_back(std::string(SetOf(element.set).name) + " " +
                    ElementText(element));
  }
  return texts;
}

PublishedPort Port(std::string_view host, std::string_view container) {
  PublishedPort port{.host_port = 8080,
                     .container_address = *ParseIpAddress(container),
                     .container_port = 80};
  if (!host.empty()) port.host_address = *ParseIpAddress(host);
  return port;
}

TEST(InterfaceElementsTest, ABridgeIsApartAndHasAWayOut) {
  EXPECT_THAT(Texts(BuildInterfaceElements({}, "br")),
              ElementsAre("nets \"br\"", "own \"br\" . \"br\"",
                          "siblings \"br\" . \"br\"", "egress \"br\"",
                          "masquerade4 \"br\"", "masquerade6 \"br\""));
}

TEST(InterfaceElementsTest, AnInternalNetworkHasNoWayOut) {
  EXPECT_THAT(
      Texts(BuildInterfaceElements({.internal = true, .ingress = true}, "br")),
      ElementsAre("nets \"br\"", "own \"br\" . \"br\"",
                  "siblings \"br\" . \"br\"", "internal \"br\""));
}

TEST(InterfaceElementsTest, EveryOptionHasItsSet) {
  const NetworkRules network{
      .isolation = Isolation::kStrict,
      .siblings = false,
      .ingress = true,
      .nat4 = {Nat::Mode::kSource, *ParseIpAddress("192.0.2.7")},
      .nat6 = {Nat::Mode::kRouted, {}}};
  EXPECT_THAT(Texts(BuildInterfaceElements(network, "br")),
              ElementsAre("nets \"br\"", "own \"br\" . \"br\"", "strict \"br\"",
                          "egress \"br\"", "ingress \"br\"",
                          "source4 \"br\" : 192.0.2.7"));
  EXPECT_THAT(
      Texts(BuildInterfaceElements({.isolation = Isolation::kOpen}, "br")),
      ::testing::Contains("open \"br\""));
  for (const bool internal : {false, true}) {
    EXPECT_THAT(Texts(BuildInterfaceElements(
                    {.internal = internal, .guards_host = true}, "br")),
                ::testing::Contains("guarded \"br\""));
  }
}

TEST(InterfaceElementsTest, RoutedInterfacesAreSiblingsByGroup) {
  const NetworkRules network{.group = 4711};
  EXPECT_THAT(
      Texts(BuildInterfaceElements(network, "cv1")),
      ::testing::Not(::testing::Contains("siblings \"cv1\" . \"cv1\"")));
  EXPECT_THAT(Texts(BuildGroupElements(network)),
              ElementsAre("sibling_groups 4711 . 4711"));
  EXPECT_THAT(BuildGroupElements({.siblings = false, .group = 4711}),
              IsEmpty());
  EXPECT_THAT(BuildGroupElements({}), IsEmpty());
}

TEST(InterfaceElementsTest, BadNamesAreRefused) {
  for (const std::string_view name : {"", ".", "..", "a/b", "a:b", "a b",
                                      "sixteen-letters-", "a\"b", "cb*"}) {
    EXPECT_THAT(BuildInterfaceElements({}, name),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
  EXPECT_THAT(BuildInterfaceElements({}, "fifteen-letters"), IsOk());
}

TEST(InterfaceElementsTest, ASourceOfTheOtherFamilyIsRefused) {
  const Nat nat{Nat::Mode::kSource, *ParseIpAddress("fd00::1")};
  EXPECT_THAT(BuildInterfaceElements({.nat4 = nat}, "br"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(BuildInterfaceElements({.nat6 = nat}, "br"), IsOk());
}

TEST(PortElementsTest, ThePlaceDecidesTheMap) {
  EXPECT_THAT(Texts(BuildPortElements(Port("", "10.0.0.2"))),
              ElementsAre("ports4 tcp . 8080 : 10.0.0.2 . 80"));
  EXPECT_THAT(Texts(BuildPortElements(Port("0.0.0.0", "10.0.0.2"))),
              ElementsAre("ports4 tcp . 8080 : 10.0.0.2 . 80"));
  EXPECT_THAT(Texts(BuildPortElements(Port("", "fd00::2"))),
              ElementsAre("ports6 tcp . 8080 : fd00::2 . 80"));
  EXPECT_THAT(Texts(BuildPortElements(Port("127.0.0.1", "10.0.0.2"))),
              ElementsAre("ports_at4 127.0.0.1 . tcp . 8080 : 10.0.0.2 . 80"));
  EXPECT_THAT(Texts(BuildPortElements(Port("2001:db8::1", "fd00::2"))),
              ElementsAre("ports_at6 2001:db8::1 . tcp . 8080 : fd00::2 . 80"));
}

TEST(PortElementsTest, ARangeIsOneElementForEachPort) {
  PublishedPort port = Port("", "10.0.0.2");
  port.protocol = Protocol::kUdp;
  port.count = 2;
  EXPECT_THAT(Texts(BuildPortElements(port)),
              ElementsAre("ports4 udp . 8080 : 10.0.0.2 . 80",
                          "ports4 udp . 8081 : 10.0.0.2 . 81"));
  port.count = 65535;
  port.host_port = port.container_port = 1;
  const auto all = BuildPortElements(port);
  ASSERT_THAT(all, IsOk());
  EXPECT_EQ(ElementText(all->back()), "udp . 65535 : 10.0.0.2 . 65535");
}

TEST(PortElementsTest, BadPortsAreRefused) {
  const auto refused = [](PublishedPort port) {
    return BuildPortElements(port).status().code();
  };
  PublishedPort port = Port("", "10.0.0.2");
  port.host_port = 0;
  EXPECT_EQ(refused(port), absl::StatusCode::kInvalidArgument);
  port = Port("", "10.0.0.2");
  port.count = 0;
  EXPECT_EQ(refused(port), absl::StatusCode::kInvalidArgument);
  port.count = 65536 - 8080 + 1;
  EXPECT_EQ(refused(port), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused(Port("::", "10.0.0.2")),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused(Port("", "0.0.0.0")), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused(Port("::1", "fd00::2")), absl::StatusCode::kUnimplemented);
}

TEST(DescribeTest, AChangeIsACommandALine) {
  const Change change{.add = *BuildPortElements(Port("", "10.0.0.2")),
                      .remove = *BuildPortElements(Port("", "fd00::2"))};
  EXPECT_EQ(Describe("caisson_a", change),
            "delete element inet caisson_a ports6 { tcp . 8080 : fd00::2 . 80 "
            "}\n"
            "add element inet caisson_a ports4 { tcp . 8080 : 10.0.0.2 . 80 "
            "}\n");
}

}  // namespace
}  // namespace caisson::netsetup::nft
