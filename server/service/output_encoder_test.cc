#include "server/service/output_encoder.h"

#include <string>

#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"

#include "caisson/v1/container_service.pb.h"
#include "caisson/v1/exec_service.pb.h"
#include "runtime/base/status_matchers.h"
#include "server/service/door.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

core::OutputChunk Piece(core::OutputStream stream, int64_t offset,
                        std::string bytes) {
  core::OutputChunk chunk;
  chunk.stream = stream;
  chunk.offset = offset;
  chunk.stream_offset = offset;
  chunk.time = absl::FromUnixSeconds(5);
  chunk.bytes = std::move(bytes);
  return chunk;
}

std::vector<pb::ExecResponse> Parse(
    const std::vector<grpc::ByteBuffer>& buffers) {
  std::vector<pb::ExecResponse> out;
  for (const auto& buffer : buffers) {
    // As another kind of stream than the encoder wrote.
    CAISSON_EXPECT_OK(ParseBuffer(buffer, &out.emplace_back()));
  }
  return out;
}

void ExpectSameFields(const google::protobuf::Descriptor* a,
                      const google::protobuf::Descriptor* b, bool but_start) {
  ASSERT_EQ(a->field_count(), b->field_count());
  for (int i = 0; i < a->field_count(); ++i) {
    const auto* field = a->field(i);
    const auto* same = b->FindFieldByNumber(field->number());
    ASSERT_NE(same, nullptr) << b->full_name() << " " << field->number();
    EXPECT_EQ(field->name(), same->name());
    if (but_start && field->name() == "start") continue;
    EXPECT_EQ(field->message_type(), same->message_type()) << field->name();
  }
}

// The encoder and the stream reactors rely on it.
TEST(OutputEncoderTest, AllStreamsHaveTheSameMessages) {
  const auto* response = pb::RunResponse::descriptor();
  ExpectSameFields(response, pb::ExecResponse::descriptor(), false);
  ExpectSameFields(response, pb::AttachContainerResponse::descriptor(), false);
  const auto* request = pb::RunRequest::descriptor();
  ExpectSameFields(request, pb::ExecRequest::descriptor(), true);
  ExpectSameFields(request, pb::AttachContainerRequest::descriptor(), true);
}

TEST(OutputEncoderTest, BytesStayBytes) {
  OutputEncoder encoder(false);
  const auto out =
      Parse(encoder.Chunk(Piece(core::OutputStream::kStderr, 9, "a\xFF\xC3")));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].output().stream(), pb::STD_STREAM_STDERR);
  EXPECT_EQ(out[0].output().offset(), 9);
  EXPECT_EQ(out[0].output().size(), 3);
  EXPECT_EQ(out[0].output().data(), "a\xFF\xC3");
  EXPECT_EQ(out[0].output().time().seconds(), 5);
  EXPECT_TRUE(encoder.Rest().empty());
}

TEST(OutputEncoderTest, TextNeverSplitsACharacterAndKeepsOrder) {
  OutputEncoder encoder(true);
  EXPECT_TRUE(
      encoder.Chunk(Piece(core::OutputStream::kStdout, 0, "\xC3")).empty());
  auto out = Parse(encoder.Chunk(Piece(core::OutputStream::kStderr, 1, "err")));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].output().stream(), pb::STD_STREAM_STDOUT);
  EXPECT_EQ(out[0].output().size(), 1);
  EXPECT_EQ(out[0].output().text(), "");
  EXPECT_EQ(out[1].output().text(), "err");
  out = Parse(encoder.Chunk(Piece(core::OutputStream::kStdout, 4, "\xA9!")));
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].output().offset(), 4);
  EXPECT_EQ(out[0].output().text(), "\xC3\xA9!");
}

TEST(OutputEncoderTest, AGapAndTheEndTellWhatWasHeldBack) {
  OutputEncoder encoder(true);
  encoder.Chunk(Piece(core::OutputStream::kStdout, 0, "\xC3"));
  core::OutputGap gap;
  gap.from_offset = 1;
  gap.to_offset = 50;
  auto out = Parse(encoder.Gap(gap));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0].output().text(), "\xEF\xBF\xBD");
  EXPECT_EQ(out[1].gap().to_offset(), 50);
  EXPECT_EQ(out[1].gap().reason(), pb::GAP_REASON_ROTATED);
  encoder.Chunk(Piece(core::OutputStream::kStderr, 50, "\xE2\x82"));
  out = Parse(encoder.Rest());
  ASSERT_EQ(out.size(), 1u);
  EXPECT_EQ(out[0].output().offset(), 50);
  EXPECT_EQ(out[0].output().size(), 2);
}

}  // namespace
}  // namespace caisson::service
