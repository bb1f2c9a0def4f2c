#include "server/service/log_encoder.h"

#include <variant>

#include "server/service/door.h"
#include "server/service/output_encoder.h"
#include "server/translate/record_to_proto.h"
#include "server/translate/time.h"
#include "server/translate/utf8.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

int Index(core::OutputStream stream) {
  return stream == core::OutputStream::kStdout ? 0 : 1;
}

core::OutputStream StreamAt(int index) {
  return index == 0 ? core::OutputStream::kStdout : core::OutputStream::kStderr;
}

}  // namespace

std::vector<grpc::ByteBuffer> LogEncoder::Encode(core::MergedBatch batch) {
  for (core::MergedItem& item : batch.items) {
    if (auto* chunk = std::get_if<core::OutputChunk>(&item.item)) {
      AddChunk(item.container, std::move(*chunk));
    } else if (auto* gap = std::get_if<core::OutputGap>(&item.item)) {
      AddGap(item.container, *gap);
    } else {
      AddEnd(item.container, std::get<core::OutputEnd>(item.item));
    }
  }
  FlushBatch();
  return std::exchange(out_, {});
}

void LogEncoder::AddChunk(const std::string& container,
                          core::OutputChunk chunk) {
  std::string bytes = std::exchange(chunk.bytes, "");
  // A line is a piece of its own: it is sanitised alone.
  if (!text_ || lines_) return AddEntry(container, chunk, std::move(bytes));
  Source& source = sources_[container];
  const int index = Index(chunk.stream);
  std::vector<translate::TextPiece> pieces;
  source.splitter[1 - index].Interrupt(&pieces);
  AddPieces(container, StreamAt(1 - index), pieces);
  pieces.clear();
  source.last[index] = chunk;
  source.splitter[index].Add(chunk.offset, chunk.stream_offset, bytes, &pieces);
  AddPieces(container, chunk.stream, pieces);
}

void LogEncoder::AddEntry(const std::string& container,
                          const core::OutputChunk& chunk, std::string bytes) {
  pb::LogEntry* entry = pending_.mutable_batch()->add_entries();
  entry->set_container(container);
  entry->set_run(chunk.run);
  entry->set_stream(StreamToProto(chunk.stream));
  entry->set_offset(chunk.offset);
  entry->set_size(static_cast<int32_t>(bytes.size()));
  entry->set_partial(chunk.partial);
  translate::TimeToProto(chunk.time, entry->mutable_time());
  if (lines_ && !bytes.empty() && bytes.back() == '\n') bytes.pop_back();
  if (text_) {
    entry->set_text(translate::SanitizeUtf8(bytes));
  } else {
    entry->set_data(std::move(bytes));
  }
}

void LogEncoder::AddPieces(const std::string& container,
                           core::OutputStream stream,
                           const std::vector<translate::TextPiece>& pieces) {
  const core::OutputChunk& last = sources_[container].last[Index(stream)];
  for (const translate::TextPiece& piece : pieces) {
    pb::LogEntry* entry = pending_.mutable_batch()->add_entries();
    entry->set_container(container);
    entry->set_run(last.run);
    entry->set_stream(StreamToProto(stream));
    entry->set_offset(piece.offset);
    entry->set_size(piece.size);
    entry->set_text(piece.text);
    translate::TimeToProto(last.time, entry->mutable_time());
  }
}

void LogEncoder::FinishText(const std::string& container) {
  const auto source = sources_.find(container);
  if (source == sources_.end()) return;
  for (int index = 0; index < 2; ++index) {
    std::vector<translate::TextPiece> pieces;
    source->second.splitter[index].Finish(&pieces);
    AddPieces(container, StreamAt(index), pieces);
  }
}

void LogEncoder::AddGap(const std::string& container,
                        const core::OutputGap& gap) {
  FinishText(container);
  FlushBatch();
  pending_.mutable_gap()->set_container(container);
  GapToProto(gap, pending_.mutable_gap()->mutable_gap());
  out_.push_back(ToBuffer(pending_));
  pending_.Clear();
}

void LogEncoder::AddEnd(const std::string& container,
                        const core::OutputEnd& end) {
  FinishText(container);
  FlushBatch();
  sources_.erase(container);
  pending_.mutable_container_end()->set_container(container);
  if (end.exit != nullptr) {
    translate::ExitToProto(*end.exit,
                           pending_.mutable_container_end()->mutable_exit());
  }
  out_.push_back(ToBuffer(pending_));
  pending_.Clear();
}

void LogEncoder::FlushBatch() {
  if (!pending_.has_batch()) return;
  out_.push_back(ToBuffer(pending_));
  pending_.Clear();
}

}  // namespace caisson::service
