// Turns one output of a process, which arrives in chunks at any byte border,
// into pieces of text that never split a character: up to three bytes are held
// back until the next chunk or the end. Each piece says for which raw bytes it
// stands, so that a client can resume at `offset + size`.
//
// The positions of all pieces together cover the input without hole or
// overlap. If bytes of the other output come between the two parts of a
// character, its first part is told as a piece without text (Interrupt) and
// the character appears with the second part; if none ever comes, it leaves no
// text at all.
//
// Process: caissond. Thread: one at a time (owned by one stream).
#ifndef CAISSON_SERVER_TRANSLATE_TEXT_SPLITTER_H_
#define CAISSON_SERVER_TRANSLATE_TEXT_SPLITTER_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace caisson::translate {

struct TextPiece {
  int64_t offset = 0;         // in the merged output
  int64_t stream_offset = 0;  // in this output alone
  int32_t size = 0;           // raw bytes, >= 1
  std::string text;           // valid UTF-8; empty only after Interrupt
};

class TextSplitter {
 public:
  // Takes the next chunk and appends the text that is complete to `out`
  // (at most one piece, after that of an Interrupt if `offset` does not follow
  // on). Bytes must be contiguous in this output alone.
  void Add(int64_t offset, int64_t stream_offset, std::string_view bytes,
           std::vector<TextPiece>* out);

  // Bytes of the other output follow: tells the position of what is held back,
  // so that the positions told stay in order.
  void Interrupt(std::vector<TextPiece>* out);

  // Nothing contiguous follows: what is held back is told as U+FFFD.
  void Finish(std::vector<TextPiece>* out);

 private:
  std::string held_;      // the beginning of a character
  size_t held_told_ = 0;  // how many of these were told by Interrupt
  int64_t offset_ = 0;    // of the first byte that was not told
  int64_t stream_offset_ = 0;
};

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_TEXT_SPLITTER_H_
