#include "server/translate/time.h"

#include "gtest/gtest.h"

namespace caisson::translate {
namespace {

google::protobuf::Duration Span(int64_t seconds, int32_t nanos) {
  google::protobuf::Duration proto;
  proto.set_seconds(seconds);
  proto.set_nanos(nanos);
  return proto;
}

TEST(TimeTest, DurationsRoundTrip) {
  for (const absl::Duration span :
       {absl::ZeroDuration(), absl::Milliseconds(1500),
        -absl::Milliseconds(1500), absl::Hours(100000)}) {
    google::protobuf::Duration proto;
    DurationToProto(span, &proto);
    EXPECT_EQ(DurationFromProto(proto), span);
  }
}

TEST(TimeTest, BrokenDurationsAreRefused) {
  EXPECT_FALSE(DurationFromProto(Span(0, 1'000'000'000)).has_value());
  EXPECT_FALSE(DurationFromProto(Span(1, -1)).has_value());
  EXPECT_FALSE(DurationFromProto(Span(-1, 1)).has_value());
  EXPECT_FALSE(DurationFromProto(Span(315'576'000'001, 0)).has_value());
  EXPECT_TRUE(DurationFromProto(Span(-1, -1)).has_value());
}

TEST(TimeTest, TimesRoundTripAndAreClamped) {
  google::protobuf::Timestamp proto;
  const absl::Time time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  TimeToProto(time, &proto);
  EXPECT_EQ(TimeFromProto(proto), time);
  TimeToProto(absl::InfiniteFuture(), &proto);
  EXPECT_EQ(proto.seconds(), 253'402'300'799);
  TimeToProto(absl::FromUnixNanos(-1), &proto);
  EXPECT_EQ(proto.seconds(), -1);
  EXPECT_EQ(proto.nanos(), 999'999'999);
  proto.set_nanos(-5);
  EXPECT_FALSE(TimeFromProto(proto).has_value());
}

}  // namespace
}  // namespace caisson::translate
