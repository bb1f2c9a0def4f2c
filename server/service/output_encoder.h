// Pieces of output -> messages of Run, Exec and AttachContainer. The responses
// of the three have the same kinds under the same numbers, so one encoder
// writes RunResponse for all of them (a test compares the descriptors).
//
// Process: caissond. Thread: one at a time (owned by one stream).
#ifndef CAISSON_SERVER_SERVICE_OUTPUT_ENCODER_H_
#define CAISSON_SERVER_SERVICE_OUTPUT_ENCODER_H_

#include <cstdint>
#include <vector>

#include "grpcpp/support/byte_buffer.h"

#include "caisson/v1/stream.pb.h"
#include "server/core/output_reader.h"
#include "server/translate/text_splitter.h"

namespace caisson::service {

class OutputEncoder {
 public:
  explicit OutputEncoder(bool text) : text_(text) {}

  // Messages in order; in text mode perhaps none.
  std::vector<grpc::ByteBuffer> Chunk(core::OutputChunk chunk);
  std::vector<grpc::ByteBuffer> Gap(const core::OutputGap& gap);
  // The rest of the text, when nothing follows.
  std::vector<grpc::ByteBuffer> Rest();

 private:
  struct Stream {
    translate::TextSplitter splitter;
    absl::Time time;
  };

  void Flush(core::OutputStream stream,
             const std::vector<translate::TextPiece>& pieces,
             std::vector<grpc::ByteBuffer>* out);
  void FinishBoth(std::vector<grpc::ByteBuffer>* out);
  Stream& Of(core::OutputStream stream) {
    return stream == core::OutputStream::kStdout ? stdout_ : stderr_;
  }

  const bool text_;
  Stream stdout_;
  Stream stderr_;
};

caisson::v1::StdStream StreamToProto(core::OutputStream stream);
void GapToProto(const core::OutputGap& gap, caisson::v1::Gap* out);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_OUTPUT_ENCODER_H_
