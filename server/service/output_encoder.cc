#include "server/service/output_encoder.h"

#include <utility>

#include "caisson/v1/container_service.pb.h"
#include "server/service/door.h"
#include "server/translate/time.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

core::OutputStream Other(core::OutputStream stream) {
  return stream == core::OutputStream::kStdout ? core::OutputStream::kStderr
                                               : core::OutputStream::kStdout;
}

}  // namespace

pb::StdStream StreamToProto(core::OutputStream stream) {
  return stream == core::OutputStream::kStdout ? pb::STD_STREAM_STDOUT
                                               : pb::STD_STREAM_STDERR;
}

void GapToProto(const core::OutputGap& gap, pb::Gap* out) {
  out->set_from_offset(gap.from_offset);
  out->set_to_offset(gap.to_offset);
  switch (gap.reason) {
    case core::OutputGap::Reason::kRotated:
      out->set_reason(pb::GAP_REASON_ROTATED);
      return;
    case core::OutputGap::Reason::kNotKept:
      out->set_reason(pb::GAP_REASON_NOT_KEPT);
      return;
    case core::OutputGap::Reason::kTailOnly:
      out->set_reason(pb::GAP_REASON_TAIL_ONLY);
      return;
    case core::OutputGap::Reason::kDiskFull:
      out->set_reason(pb::GAP_REASON_DISK_FULL);
      return;
  }
}

std::vector<grpc::ByteBuffer> OutputEncoder::Chunk(core::OutputChunk chunk) {
  std::vector<grpc::ByteBuffer> out;
  if (text_) {
    std::vector<translate::TextPiece> pieces;
    const core::OutputStream other = Other(chunk.stream);
    Of(other).splitter.Interrupt(&pieces);
    Flush(other, pieces, &out);
    pieces.clear();
    Of(chunk.stream).time = chunk.time;
    Of(chunk.stream)
        .splitter.Add(chunk.offset, chunk.stream_offset, chunk.bytes, &pieces);
    Flush(chunk.stream, pieces, &out);
    return out;
  }
  pb::RunResponse response;
  pb::Output* output = response.mutable_output();
  output->set_stream(StreamToProto(chunk.stream));
  output->set_offset(chunk.offset);
  output->set_size(static_cast<int32_t>(chunk.bytes.size()));
  output->set_stream_offset(chunk.stream_offset);
  translate::TimeToProto(chunk.time, output->mutable_time());
  output->set_data(std::move(chunk.bytes));
  out.push_back(ToBuffer(response));
  return out;
}

std::vector<grpc::ByteBuffer> OutputEncoder::Gap(const core::OutputGap& gap) {
  std::vector<grpc::ByteBuffer> out;
  FinishBoth(&out);
  pb::RunResponse response;
  GapToProto(gap, response.mutable_gap());
  out.push_back(ToBuffer(response));
  return out;
}

std::vector<grpc::ByteBuffer> OutputEncoder::Rest() {
  std::vector<grpc::ByteBuffer> out;
  FinishBoth(&out);
  return out;
}

void OutputEncoder::FinishBoth(std::vector<grpc::ByteBuffer>* out) {
  for (const auto stream :
       {core::OutputStream::kStdout, core::OutputStream::kStderr}) {
    std::vector<translate::TextPiece> pieces;
    Of(stream).splitter.Finish(&pieces);
    Flush(stream, pieces, out);
  }
}

void OutputEncoder::Flush(core::OutputStream stream,
                          const std::vector<translate::TextPiece>& pieces,
                          std::vector<grpc::ByteBuffer>* out) {
  for (const translate::TextPiece& piece : pieces) {
    pb::RunResponse response;
    pb::Output* output = response.mutable_output();
    output->set_stream(StreamToProto(stream));
    output->set_offset(piece.offset);
    output->set_size(piece.size);
    output->set_stream_offset(piece.stream_offset);
    output->set_text(piece.text);
    translate::TimeToProto(Of(stream).time, output->mutable_time());
    out->push_back(ToBuffer(response));
  }
}

}  // namespace caisson::service
