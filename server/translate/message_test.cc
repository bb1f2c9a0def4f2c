#include "server/translate/message.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "gtest/gtest.h"

#include "caisson/v1/container_service.pb.h"
#include "runtime/base/error_detail.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;

absl::Status Parse(const std::string& bytes, google::protobuf::Message* out) {
  google::protobuf::io::ArrayInputStream stream(bytes.data(),
                                                static_cast<int>(bytes.size()));
  return ParseMessage(&stream, out);
}

// `depth` groups in each other, as an unknown field.
std::string Groups(int depth) {
  std::string bytes;
  for (int i = 0; i < depth; ++i) bytes += "\xA3\x06";  // field 100 start
  for (int i = 0; i < depth; ++i) bytes += "\xA4\x06";  // field 100 end
  return bytes;
}

TEST(ParseMessageTest, TakesAMessage) {
  pb::CreateContainerRequest in, out;
  in.mutable_spec()->set_name("web");
  ASSERT_TRUE(Parse(in.SerializeAsString(), &out).ok());
  EXPECT_EQ(out.spec().name(), "web");
  EXPECT_TRUE(Parse("", &out).ok());
}

TEST(ParseMessageTest, RefusesWhatIsNoMessage) {
  const std::string bad[] = {
      "\xFF",  // truncated tag
      "\x0A\x05"
      "ab",                        // shorter than its length says
      "\x0A\xFF\xFF\xFF\xFF\x0F",  // negative length
      std::string("\x0B", 1),      // group without end
      std::string("\x0C", 1),      // end of no group
      std::string("\x00\x01", 2),  // field number 0
      std::string("\x0F", 1),      // wire type 7
      "\x12\x01\xFF",              // a string that is not UTF-8
      Groups(kMaxMessageDepth + 1),
  };
  for (const std::string& bytes : bad) {
    pb::CreateContainerRequest out;
    const absl::Status status = Parse(bytes, &out);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(base::DetailOf(status).reason, "MALFORMED_MESSAGE");
  }
}

TEST(ParseMessageTest, TakesNestingUpToTheLimit) {
  pb::CreateContainerRequest out;
  EXPECT_TRUE(Parse(Groups(kMaxMessageDepth - 1), &out).ok());
}

TEST(RejectUnknownFieldsTest, KnownFieldsPass) {
  pb::ContainerSpec spec;
  spec.mutable_process()->add_args("x");
  (*spec.mutable_labels())["a"] = "b";
  spec.add_mounts()->mutable_tmpfs();
  EXPECT_TRUE(RejectUnknownFields(spec, "spec").ok());
}

TEST(RejectUnknownFieldsTest, TellsPathAndNumberAtAnyDepth) {
  pb::ContainerSpec spec;
  spec.add_mounts();
  pb::Mount* mount = spec.add_mounts();
  mount->mutable_bind()->set_source("/x");
  auto* bind = mount->mutable_bind();
  bind->GetReflection()->MutableUnknownFields(bind)->AddVarint(77, 1);
  const absl::Status status = RejectUnknownFields(spec, "start.spec");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const base::ErrorDetail detail = base::DetailOf(status);
  EXPECT_EQ(detail.reason, "UNKNOWN_FIELD");
  ASSERT_EQ(detail.violations.size(), 1u);
  EXPECT_EQ(detail.violations[0].field, "start.spec.mounts[1].bind");
  EXPECT_THAT(detail.violations[0].description, testing::HasSubstr("77"));
}

TEST(FingerprintTest, IgnoresOrderOfMapsRequestIdAndShapeOfTheAnswer) {
  pb::RunStart a, b;
  for (int i = 0; i < 50; ++i) {
    (*a.mutable_spec()->mutable_labels())[std::to_string(i)] = "v";
    (*b.mutable_spec()->mutable_labels())[std::to_string(49 - i)] = "v";
  }
  a.set_request_id("one");
  b.set_request_id("two");
  b.mutable_output()->set_text(true);
  EXPECT_EQ(Fingerprint(a), Fingerprint(b));
  EXPECT_EQ(Fingerprint(a).size(), 32u);
}

TEST(FingerprintTest, DiffersWhenTheWorkDiffers) {
  pb::KillContainerRequest a, b;
  a.set_container("x");
  b.set_container("x");
  b.set_signal("TERM");
  EXPECT_NE(Fingerprint(a), Fingerprint(b));
}

}  // namespace
}  // namespace caisson::translate
