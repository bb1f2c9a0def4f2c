#include "netsetup/nft/element.h"

#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/nft/ruleset.h"
#include "runtime/base/status_matchers.h"

namespace caisson::netsetup::nft {
namespace {

using base::IsOk;
using base::StatusIs;
using ::testing::ElementsAre;

std::vector<Element> Port(uint16_t port, std::string_view host,
                          std::string_view container) {
  PublishedPort published{.host_port = port,
                          .container_address = *ParseIpAddress(container),
                          .container_port = port};
  if (!host.empty()) published.host_address = *ParseIpAddress(host);
  const auto elements = BuildPortElements(published);
  EXPECT_THAT(elements, IsOk());
  return *elements;
}

TEST(ElementsTest, AddingAndRemovingTwiceIsNoError) {
  Elements elements;
  const std::vector<Element> port = Port(80, "", "10.0.0.2");
  auto applied = elements.Apply({.add = port});
  ASSERT_THAT(applied, IsOk());
  EXPECT_EQ(applied->add, port);
  EXPECT_TRUE(elements.Apply({.add = port})->empty());
  EXPECT_EQ(elements.Apply({.remove = port})->remove, port);
  EXPECT_TRUE(elements.Apply({.remove = port})->empty());
  EXPECT_EQ(elements.size(), 0u);
}

TEST(ElementsTest, ATakenKeyChangesNothing) {
  Elements elements;
  ASSERT_THAT(elements.Apply({.add = Port(80, "", "10.0.0.2")}), IsOk());
  std::vector<Element> both = Port(79, "", "10.0.0.3");
  both.push_back(Port(80, "", "10.0.0.3")[0]);
  EXPECT_THAT(elements.Apply({.add = both}),
              StatusIs(absl::StatusCode::kAlreadyExists,
                       "'tcp . 80 : 10.0.0.3 . 80' in ports4: there is "
                       "'tcp . 80 : 10.0.0.2 . 80'"));
  EXPECT_EQ(elements.size(), 1u);
  // The one that was undone is free.
  EXPECT_THAT(elements.Apply({.add = Port(79, "", "10.0.0.9")}), IsOk());
}

TEST(ElementsTest, OnlyTheOwnerRemovesAPort) {
  Elements elements;
  const std::vector<Element> owned = Port(80, "", "10.0.0.3");
  ASSERT_THAT(elements.Apply({.add = owned}), IsOk());
  const auto applied = elements.Apply({.remove = Port(80, "", "10.0.0.2")});
  ASSERT_THAT(applied, IsOk());
  EXPECT_TRUE(applied->empty());
  EXPECT_EQ(elements.size(), 1u);
  EXPECT_EQ(elements.Apply({.remove = owned})->remove, owned);
}

TEST(ElementsTest, APortMovesInOneChange) {
  Elements elements;
  ASSERT_THAT(elements.Apply({.add = Port(80, "", "10.0.0.2")}), IsOk());
  const auto applied = elements.Apply(
      {.add = Port(80, "", "10.0.0.3"), .remove = Port(80, "", "10.0.0.2")});
  ASSERT_THAT(applied, IsOk());
  EXPECT_EQ(elements.map().begin()->second, Port(80, "", "10.0.0.3")[0].value);
  elements.Undo(*applied);
  EXPECT_EQ(elements.map().begin()->second, Port(80, "", "10.0.0.2")[0].value);
}

TEST(ElementsTest, EveryAddressAndOneAddressCollide) {
  Elements elements;
  ASSERT_THAT(elements.Apply({.add = Port(80, "127.0.0.1", "10.0.0.2")}),
              IsOk());
  ASSERT_THAT(elements.Apply({.add = Port(80, "192.0.2.1", "10.0.0.3")}),
              IsOk());
  const std::vector<Element> everywhere = Port(80, "", "10.0.0.4");
  EXPECT_FALSE(elements.IsFree(everywhere[0]));
  EXPECT_FALSE(elements.IsFree(Port(80, "127.0.0.1", "10.0.0.2")[0]));
  EXPECT_TRUE(elements.IsFree(Port(80, "192.0.2.9", "10.0.0.4")[0]));
  EXPECT_TRUE(elements.IsFree(Port(81, "", "10.0.0.4")[0]));
  EXPECT_THAT(elements.Apply({.add = everywhere}),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(elements.Apply({.add = Port(80, "", "fd00::4")}), IsOk())
      << "the families are apart";
  ASSERT_THAT(elements.Apply({.remove = Port(80, "127.0.0.1", "10.0.0.2")}),
              IsOk());
  EXPECT_THAT(elements.Apply({.add = everywhere}),
              StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(elements.Apply({.add = everywhere,
                              .remove = Port(80, "192.0.2.1", "10.0.0.3")}),
              IsOk());
  EXPECT_THAT(elements.Apply({.add = Port(80, "192.0.2.1", "10.0.0.3")}),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST(ElementsTest, ElementsOfTheWrongSizeAreRefused) {
  Elements elements;
  EXPECT_THAT(elements.Apply({.add = {{SetId::kNets, "short", ""}}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(elements.Apply({.remove = {{SetId::kNets, "short", ""}}}),
              IsOk());
}

TEST(ElementsTest, AnyUndoneChangeLeavesNothing) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    Elements elements;
    const auto any = [&random](int size) {
      std::vector<Element> list;
      for (int i = 0; i < size; ++i) {
        const char* hosts[] = {"", "192.0.2.1", "192.0.2.2"};
        const char* containers[] = {"10.0.0.2", "10.0.0.3"};
        list.push_back(Port(static_cast<uint16_t>(1 + random() % 3),
                            hosts[random() % 3], containers[random() % 2])[0]);
      }
      return list;
    };
    for (int step = 0; step < 10; ++step) {
      const Elements::Map before = elements.map();
      const auto applied = elements.Apply({.add = any(2), .remove = any(2)});
      if (!applied.ok()) {
        EXPECT_EQ(elements.map(), before);
        continue;
      }
      const Elements::Map after = elements.map();
      elements.Undo(*applied);
      EXPECT_EQ(elements.map(), before);
      const Change difference = Difference(before, after);
      ASSERT_THAT(elements.Apply(difference), IsOk());
      EXPECT_EQ(elements.map(), after);
    }
  }
}

TEST(ElementTextTest, BytesThatAreNoneStillPrint) {
  EXPECT_EQ(ElementText({SetId::kPorts4, "", ""}), "? : ?");
  EXPECT_EQ(ElementText({SetId::kPorts4, std::string("\x2a\0\0\0", 4), ""}),
            "42 . ? : ?");
}

TEST(DifferenceTest, AChangedValueIsRemovedAndAdded) {
  const std::vector<Element> have = Port(80, "", "10.0.0.2");
  const std::vector<Element> want = Port(80, "", "10.0.0.3");
  const auto map = [](const std::vector<Element>& elements) {
    Elements::Map result;
    for (const Element& e : elements) result[{e.set, e.key}] = e.value;
    return result;
  };
  const Change change = Difference(map(have), map(want));
  EXPECT_THAT(change.remove, ElementsAre(have[0]));
  EXPECT_THAT(change.add, ElementsAre(want[0]));
  EXPECT_TRUE(Difference(map(have), map(have)).empty());
}

}  // namespace
}  // namespace caisson::netsetup::nft
