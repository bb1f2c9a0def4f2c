#include "server/translate/text_splitter.h"

#include <utility>

#include "server/translate/utf8.h"

namespace caisson::translate {

void TextSplitter::Add(int64_t offset, int64_t stream_offset,
                       std::string_view bytes, std::vector<TextPiece>* out) {
  if (bytes.empty()) return;
  if (offset != offset_ + static_cast<int64_t>(held_.size() - held_told_)) {
    Interrupt(out);
  }
  if (held_.size() == held_told_) {
    offset_ = offset;
    stream_offset_ = stream_offset;
  }
  std::string raw = std::move(held_);
  raw.append(bytes);
  const size_t tail = IncompleteUtf8Tail(raw);
  held_ = raw.substr(raw.size() - tail);

  const size_t told_before = std::exchange(held_told_, 0);
  const size_t complete = raw.size() - tail;
  if (complete == 0) {
    // Still the same unfinished character; what was told stays told.
    held_told_ = told_before;
    return;
  }
  size_t size = complete - told_before;
  if (size == 0) {
    // All of the text stands for bytes that were told: tell the new beginning
    // along with it, a piece stands for at least one byte.
    size = tail;
    held_told_ = tail;
  }
  out->push_back({offset_, stream_offset_, static_cast<int32_t>(size),
                  SanitizeUtf8(std::string_view(raw).substr(0, complete))});
  offset_ += static_cast<int64_t>(size);
  stream_offset_ += static_cast<int64_t>(size);
}

void TextSplitter::Interrupt(std::vector<TextPiece>* out) {
  const size_t untold = held_.size() - held_told_;
  if (untold == 0) return;
  out->push_back({offset_, stream_offset_, static_cast<int32_t>(untold), ""});
  held_told_ = held_.size();
}

void TextSplitter::Finish(std::vector<TextPiece>* out) {
  const size_t untold = held_.size() - held_told_;
  if (untold > 0) {
    out->push_back({offset_, stream_offset_, static_cast<int32_t>(untold),
                    SanitizeUtf8(held_)});
  }
  held_.clear();
  held_told_ = 0;
}

}  // namespace caisson::translate
