// Frames on the socket: what is received, checked, and sent. What the frames
// say and when is in bodies.h.
//
// Process: daemon, keeper, shim. Thread: any; no state.
#ifndef CAISSON_RUNTIME_SHIM_PROTOCOL_FRAMES_H_
#define CAISSON_RUNTIME_SHIM_PROTOCOL_FRAMES_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/base/unique_fd.h"
#include "runtime/shim/protocol/bodies.h"

namespace caisson::shim {

// A frame that was received: points into the buffer of the caller.
struct FrameView {
  FrameHeader header = {};
  const char* body = nullptr;
  size_t body_bytes = 0;

  // The body as T, or null when it is too short.
  template <typename T>
  const T* As() const noexcept {
    return body_bytes >= sizeof(T) ? reinterpret_cast<const T*>(body) : nullptr;
  }
  // What follows a body of type T.
  template <typename T>
  const char* After(size_t* size) const noexcept {
    *size = body_bytes - sizeof(T);
    return body + sizeof(T);
  }
};

// The descriptors that came with a frame; closes those that nobody took.
struct FrameFds {
  base::UniqueFd fd[kMaxFrameFds];
  int count = 0;
};

// Checks magic, version, type, length and the least body of the type. `data`
// must be aligned to 8. False: not a frame.
bool ParseFrame(const void* data, size_t size, FrameView* frame) noexcept;

// The header of a frame with this body.
FrameHeader MakeHeader(FrameType type, uint32_t target,
                       size_t body_bytes) noexcept;

// The least body of a type; SIZE_MAX for a type that does not exist.
size_t LeastBody(FrameType type) noexcept;

// Sends one frame: header, body, tail and descriptors, without SIGPIPE and
// without waiting. 0, or errno (EAGAIN: the socket is full).
int SendFrame(int socket_fd, FrameType type, uint32_t target, const void* body,
              size_t body_bytes, const void* tail = nullptr,
              size_t tail_bytes = 0, const int* fds = nullptr,
              int fd_count = 0) noexcept;

// Receives one frame into `buffer` (at least kMaxFrameBytes, aligned to 8).
// *fds, which must be new, gets the descriptors that came with it, all of them
// close-on-exec. Returns its size; 0 at the end of the stream; -errno (-EAGAIN:
// nothing there; -EBADMSG: too large, or with more than kMaxFrameFds).
int ReceiveMessage(int socket_fd, void* buffer, size_t buffer_bytes,
                   FrameFds* fds) noexcept;

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_PROTOCOL_FRAMES_H_
