// Items of the merged logs -> messages of StreamLogs.
//
// Process: caissond. Thread: one at a time (owned by one stream).
#ifndef CAISSON_SERVER_SERVICE_LOG_ENCODER_H_
#define CAISSON_SERVER_SERVICE_LOG_ENCODER_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/support/byte_buffer.h"

#include "caisson/v1/container_service.pb.h"
#include "server/core/output_merge.h"
#include "server/translate/text_splitter.h"

namespace caisson::service {

class LogEncoder {
 public:
  // `lines`: a newline at the end of a piece is counted but not delivered.
  LogEncoder(bool text, bool lines) : text_(text), lines_(lines) {}

  std::vector<grpc::ByteBuffer> Encode(core::MergedBatch batch);

 private:
  struct Source {
    translate::TextSplitter splitter[2];  // by OutputStream
    core::OutputChunk last[2];            // without bytes
  };

  void AddChunk(const std::string& container, core::OutputChunk chunk);
  void AddEntry(const std::string& container, const core::OutputChunk& chunk,
                std::string bytes);
  void AddPieces(const std::string& container, core::OutputStream stream,
                 const std::vector<translate::TextPiece>& pieces);
  void FinishText(const std::string& container);
  void AddGap(const std::string& container, const core::OutputGap& gap);
  void AddEnd(const std::string& container, const core::OutputEnd& end);
  void FlushBatch();

  const bool text_;
  const bool lines_;
  std::map<std::string, Source> sources_;  // text mode only
  caisson::v1::StreamLogsResponse pending_;
  std::vector<grpc::ByteBuffer> out_;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_LOG_ENCODER_H_
