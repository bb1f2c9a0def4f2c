// Standard input of a process: takes bytes with offsets, hands them on as the
// process reads, and says how far it got.
//
// Process: shim. Thread: main only.
// Ownership: owns its descriptor (the write end of the pipe, or a duplicate of
// the terminal's master) and a buffer that exists only while the process does
// not read what was sent.
#ifndef CAISSON_RUNTIME_SHIM_INPUT_H_
#define CAISSON_RUNTIME_SHIM_INPUT_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/unique_fd.h"
#include "runtime/shim/loop.h"

namespace caisson::shim {

class InputListener {
 public:
  // Bytes were written or stdin was closed.
  virtual void OnInputProgress(int64_t offset, bool closed) noexcept = 0;

 protected:
  ~InputListener() = default;
};

class Input {
 public:
  Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input();

  // Without a descriptor stdin is closed from the start. The descriptor must
  // not block.
  void Open(Loop* loop, InputListener* listener, base::UniqueFd fd,
            bool is_terminal) noexcept;

  // Bytes that begin at `offset`. What was taken before is skipped; bytes
  // behind a hole, or beyond kStdinWindowBytes, are refused: the listener is
  // told where to go on.
  void Write(int64_t offset, const char* data, size_t size) noexcept;

  // End of input, once, behind what is still to be written. A terminal gets
  // its end-of-file character instead, if it is in canonical mode.
  void CloseWhenWritten() noexcept;

  // At once; for the end of the process.
  void Abandon() noexcept;

  int64_t offset() const noexcept { return written_; }
  // Behind all that was given, read or not.
  int64_t taken() const noexcept {
    return written_ + static_cast<int64_t>(pending());
  }
  bool is_closed() const noexcept { return !fd_.is_valid(); }

 private:
  void OnReady(uint32_t events) noexcept;
  bool Reserve() noexcept;
  size_t WriteSome(const char* data, size_t size) noexcept;
  void Flush() noexcept;
  void Finish() noexcept;
  void SendTerminalEnd() noexcept;
  void ReleaseBuffer() noexcept;
  size_t pending() const noexcept { return end_ - begin_; }

  Loop* loop_ = nullptr;
  InputListener* listener_ = nullptr;
  base::UniqueFd fd_;
  Watch watch_;
  bool is_terminal_ = false;
  bool close_wanted_ = false;
  bool line_open_ = false;  // the last byte was not the end of a line
  int64_t written_ = 0;     // bytes that the process can read
  char* buffer_ = nullptr;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_INPUT_H_
