#include "server/shimlink/stop_keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/time/clock.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "runtime/linux/pidfd.h"
#include "runtime/shim/protocol/frames.h"
#include "server/shimlink/keeper_process.h"

namespace caisson::shimlink {
namespace {

struct Keeper {
  pid_t pid = 0;
  base::UniqueFd socket;
  base::UniqueFd pid_fd;
};

bool IsAbsence(const absl::Status& status) {
  const int err = base::ErrnoOf(status);
  return err == ENOENT || err == ECONNREFUSED || err == ESRCH;
}

absl::StatusOr<Keeper> OpenKeeper(const std::string& state_directory) {
  Keeper keeper;
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd state,
                           base::Open(state_directory, O_PATH | O_DIRECTORY));
  CAISSON_ASSIGN_OR_RETURN(keeper.socket,
                           ConnectIn(state.get(), "keeper.sock"));
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (::getsockopt(keeper.socket.get(), SOL_SOCKET, SO_PEERCRED, &peer,
                   &size) != 0) {
    return base::SyscallError("getsockopt", "keeper.sock");
  }
  keeper.pid = peer.pid;
  CAISSON_ASSIGN_OR_RETURN(keeper.pid_fd, linux_::OpenPidfd(peer.pid));
  // A keeper that died just now may have left its pid to another process.
  pollfd gone = {keeper.socket.get(), POLLIN, 0};
  if (::poll(&gone, 1, 0) == 1) {
    return base::SyscallErrorFrom(ECONNREFUSED, "connect", "keeper.sock");
  }
  return keeper;
}

absl::Status ShimsLive(const Keeper& keeper, int32_t shims) {
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, "IN_USE",
      base::StrCat("the keeper (pid ", keeper.pid, ") keeps ", shims,
                   shims == 1 ? " shim" : " shims",
                   ": stop their containers first"),
      {{"pid", base::StrCat(keeper.pid)}, {"shims", base::StrCat(shims)}});
}

// What the keeper says next. OK: the end of the stream, which is its consent.
absl::Status ReadAnswer(const Keeper& keeper) {
  // Too large for a stack.
  struct alignas(8) Buffer {
    char bytes[shim::kMaxFrameBytes];
  };
  const auto buffer = std::make_unique<Buffer>();
  shim::FrameFds fds;
  const int size = shim::ReceiveMessage(keeper.socket.get(), buffer->bytes,
                                        sizeof(buffer->bytes), &fds);
  if (size == 0) return absl::OkStatus();
  if (size < 0) {
    return base::SyscallErrorFrom(-size, "recvmsg", "keeper.sock");
  }
  shim::FrameView frame;
  if (!shim::ParseFrame(buffer->bytes, static_cast<size_t>(size), &frame) ||
      frame.header.type != shim::FrameType::kKeeperState) {
    return absl::InternalError("the keeper's answer is not understood");
  }
  return ShimsLive(keeper, frame.As<shim::KeeperStateBody>()->shims);
}

}  // namespace

absl::Status StopKeeper(const std::string& state_directory,
                        absl::Duration limit) {
  absl::StatusOr<Keeper> keeper = OpenKeeper(state_directory);
  if (!keeper.ok()) {
    return IsAbsence(keeper.status()) ? absl::OkStatus() : keeper.status();
  }
  const int err = shim::SendFrame(keeper->socket.get(),
                                  shim::FrameType::kKeeperStop, 0, nullptr, 0);
  // EPIPE: it ends already.
  if (err != 0 && err != EPIPE) {
    return base::SyscallErrorFrom(err, "sendmsg", "keeper.sock");
  }
  const absl::Time deadline = absl::Now() + limit;
  bool agreed = false;
  while (!linux_::HasExited(keeper->pid_fd.get())) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(base::StrCat(
          "the keeper (pid ", keeper->pid, ") ",
          agreed ? "was told to end and did not" : "does not answer"));
    }
    // Once it agreed only its end counts.
    pollfd ready[2] = {{agreed ? -1 : keeper->socket.get(), POLLIN, 0},
                       {keeper->pid_fd.get(), POLLIN, 0}};
    const auto wait_ms = std::clamp<int64_t>(
        absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))), 1,
        1000);
    if (::poll(ready, 2, static_cast<int>(wait_ms)) <= 0) continue;
    if (ready[0].revents == 0) continue;
    CAISSON_RETURN_IF_ERROR(ReadAnswer(*keeper));
    agreed = true;
  }
  return absl::OkStatus();
}

}  // namespace caisson::shimlink
