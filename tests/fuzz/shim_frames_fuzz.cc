// Frames from the other side of a socket: nothing may be read behind them.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <vector>

#include "runtime/shim/protocol/frames.h"

using caisson::shim::FrameView;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // On the heap and of the exact size: the sanitizer sees every byte too far.
  std::vector<uint64_t> aligned((size + 7) / 8);
  if (size > 0) memcpy(aligned.data(), data, size);
  FrameView frame;
  if (!caisson::shim::ParseFrame(aligned.data(), size, &frame)) return 0;
  const size_t least = caisson::shim::LeastBody(frame.header.type);
  if (frame.body_bytes < least) __builtin_trap();
  uint64_t sum = 0;
  for (size_t i = 0; i < frame.body_bytes; ++i) {
    sum += static_cast<unsigned char>(frame.body[i]);
  }
  if (frame.As<caisson::shim::StdinBody>() != nullptr) {
    size_t tail = 0;
    const char* text = frame.After<caisson::shim::StdinBody>(&tail);
    if (tail > 0) sum += static_cast<unsigned char>(text[tail - 1]);
  }
  // Keeps the reads.
  return sum == UINT64_MAX ? 1 : 0;
}
