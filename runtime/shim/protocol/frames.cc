#include "runtime/shim/protocol/frames.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace caisson::shim {

size_t LeastBody(FrameType type) noexcept {
  switch (type) {
    case FrameType::kSpawn:
      return sizeof(SpawnBody);
    case FrameType::kSpawned:
      return sizeof(SpawnedBody);
    case FrameType::kSpawnFailed:
      return sizeof(ErrorBody);
    case FrameType::kKeeperState:
      return sizeof(KeeperStateBody);
    case FrameType::kHello:
      return sizeof(HelloBody);
    case FrameType::kStdin:
      return sizeof(StdinBody);
    case FrameType::kResize:
      return sizeof(ResizeBody);
    case FrameType::kKill:
      return sizeof(KillBody);
    case FrameType::kStop:
      return sizeof(StopBody);
    case FrameType::kReader:
      return sizeof(ReaderBody);
    case FrameType::kDisconnect:
      return sizeof(DisconnectBody);
    case FrameType::kState:
      return sizeof(StateBody);
    case FrameType::kPrepared:
      return sizeof(PhasesBody);
    case FrameType::kFailed:
      return sizeof(FailedBody);
    case FrameType::kStarted:
      return sizeof(StartedBody);
    case FrameType::kStdinProgress:
      return sizeof(StdinProgressBody);
    case FrameType::kOom:
      return sizeof(OomBody);
    case FrameType::kExited:
      return sizeof(ExitedBody);
    case FrameType::kKeeperStatus:
    case FrameType::kKeeperStop:
    case FrameType::kStart:
    case FrameType::kCloseStdin:
    case FrameType::kExec:
    case FrameType::kNetwork:
      return 0;
  }
  return SIZE_MAX;
}

FrameHeader MakeHeader(FrameType type, uint32_t target,
                       size_t body_bytes) noexcept {
  return {.magic = kFrameMagic,
          .version = kProtocolVersion,
          .type = type,
          .target = target,
          .body_bytes = static_cast<uint32_t>(body_bytes)};
}

bool ParseFrame(const void* data, size_t size, FrameView* frame) noexcept {
  if (size < sizeof(FrameHeader) || size > kMaxFrameBytes) return false;
  memcpy(&frame->header, data, sizeof(FrameHeader));
  const FrameHeader& header = frame->header;
  if (header.magic != kFrameMagic || header.version != kProtocolVersion ||
      header.body_bytes != size - sizeof(FrameHeader) ||
      header.body_bytes < LeastBody(header.type)) {
    return false;
  }
  frame->body = static_cast<const char*>(data) + sizeof(FrameHeader);
  frame->body_bytes = header.body_bytes;
  return true;
}

int SendFrame(int socket_fd, FrameType type, uint32_t target, const void* body,
              size_t body_bytes, const void* tail, size_t tail_bytes,
              const int* fds, int fd_count) noexcept {
  FrameHeader header = MakeHeader(type, target, body_bytes + tail_bytes);
  iovec parts[3] = {{&header, sizeof(header)},
                    {const_cast<void*>(body), body_bytes},
                    {const_cast<void*>(tail), tail_bytes}};
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = 3;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFrameFds)] = {};
  if (fd_count > kMaxFrameFds) return EINVAL;
  if (fd_count > 0) {
    const size_t bytes = sizeof(int) * static_cast<size_t>(fd_count);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(bytes);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(rights), fds, bytes);
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

int ReceiveMessage(int socket_fd, void* buffer, size_t buffer_bytes,
                   FrameFds* fds) noexcept {
  iovec part = {buffer, buffer_bytes};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFrameFds)] = {};
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t size = 0;
  do {
    size = ::recvmsg(socket_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    // ECONNRESET: the peer left with frames of ours unread. It is reported
    // before what the peer sent last, which must not be lost.
  } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
  if (size < 0) return -errno;
  for (cmsghdr* part_header = CMSG_FIRSTHDR(&message); part_header != nullptr;
       part_header = CMSG_NXTHDR(&message, part_header)) {
    if (part_header->cmsg_level != SOL_SOCKET ||
        part_header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const size_t bytes = part_header->cmsg_len - CMSG_LEN(0);
    int raw[kMaxFrameFds];
    memcpy(raw, CMSG_DATA(part_header), bytes);
    fds->count = static_cast<int>(bytes / sizeof(int));
    for (int i = 0; i < fds->count; ++i) fds->fd[i].reset(raw[i]);
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    *fds = FrameFds();
    return -EBADMSG;
  }
  return static_cast<int>(size);
}

}  // namespace caisson::shim
