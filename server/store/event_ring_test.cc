#include "server/store/event_ring.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<EventPtr> Events(int64_t revision, int count) {
  std::vector<EventPtr> events;
  for (int i = 0; i < count; ++i) {
    auto event = std::make_shared<Event>();
    event->revision = revision;
    events.push_back(event);
  }
  return events;
}

std::vector<int64_t> Revisions(const EventSlice& slice) {
  std::vector<int64_t> revisions;
  for (const EventPtr& event : slice.events) {
    revisions.push_back(event->revision);
  }
  return revisions;
}

TEST(EventRingTest, ReadsAfterTheGivenRevision) {
  EventRing ring(100, 1 << 20, 10);
  ring.Append(11, Events(11, 1), 1);
  ring.Append(12, {}, 0);
  ring.Append(13, Events(13, 2), 1);
  ring.Append(14, {}, 0);
  EventSlice slice;
  ASSERT_TRUE(ring.Read(10, 100, &slice));
  EXPECT_THAT(Revisions(slice), ElementsAre(11, 13, 13));
  EXPECT_EQ(slice.through_revision, 14);
  ASSERT_TRUE(ring.Read(11, 100, &slice));
  EXPECT_THAT(Revisions(slice), ElementsAre(13, 13));
  ASSERT_TRUE(ring.Read(13, 100, &slice));
  EXPECT_THAT(slice.events, IsEmpty());
  EXPECT_EQ(slice.through_revision, 14);
}

TEST(EventRingTest, TransactionsAreNeverSplit) {
  EventRing ring(100, 1 << 20, 0);
  ring.Append(1, Events(1, 3), 1);
  ring.Append(2, Events(2, 3), 1);
  EventSlice slice;
  ASSERT_TRUE(ring.Read(0, 1, &slice));
  EXPECT_THAT(Revisions(slice), ElementsAre(1, 1, 1));
  EXPECT_EQ(slice.through_revision, 1);
  ASSERT_TRUE(ring.Read(0, 5, &slice));
  EXPECT_EQ(slice.through_revision, 1);
  ASSERT_TRUE(ring.Read(0, 6, &slice));
  EXPECT_EQ(slice.through_revision, 2);
}

TEST(EventRingTest, WhatLeftIsNotPretendedToBeEmpty) {
  EventRing ring(3, 1 << 20, 0);
  for (int64_t revision = 1; revision <= 5; ++revision) {
    ring.Append(revision, Events(revision, 1), 1);
  }
  EventSlice slice;
  EXPECT_FALSE(ring.Read(1, 100, &slice));
  ASSERT_TRUE(ring.Read(2, 100, &slice));
  EXPECT_THAT(Revisions(slice), ElementsAre(3, 4, 5));
}

TEST(EventRingTest, IsBoundedByBytes) {
  EventRing ring(100, 10, 0);
  ring.Append(1, Events(1, 1), 6);
  ring.Append(2, Events(2, 1), 6);
  EventSlice slice;
  EXPECT_FALSE(ring.Read(0, 100, &slice));
  EXPECT_TRUE(ring.Read(1, 100, &slice));
  ring.Append(3, Events(3, 1), 11);
  EXPECT_FALSE(ring.Read(2, 100, &slice)) << "too big to keep";
  EXPECT_TRUE(ring.Read(3, 100, &slice));
}

TEST(EventRingTest, MemoryIsThatOfTheObjects) {
  auto record = std::make_shared<ContainerRecord>();
  auto started = std::make_shared<Event>();
  started->container = record;
  const size_t bare = MemoryOf({started});
  EXPECT_GE(bare, sizeof(Event) + sizeof(ContainerRecord));
  auto published = std::make_shared<Event>(*started);
  EXPECT_LT(MemoryOf({started, published}), bare + sizeof(ContainerRecord))
      << "one object of two events";
  // More than their text is: two strings and three numbers each.
  constexpr size_t kPorts = 50;
  record->status.networks.resize(1);
  record->status.networks[0].ports.resize(kPorts, {"tcp", "0.0.0.0", 8080});
  const size_t with_ports = MemoryOf({started});
  EXPECT_GE(with_ports,
            bare + sizeof(Endpoint) + kPorts * sizeof(PublishedPort));
  record->status.effective.capabilities.assign(1, std::string(1000, 'x'));
  EXPECT_GE(MemoryOf({started}), with_ports + 1000);
  EXPECT_LT(MemoryOf({started}), with_ports + 1200);
}

}  // namespace
}  // namespace caisson::store
