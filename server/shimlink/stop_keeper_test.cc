// A keeper that is asked to end: played by a child process, so that its end
// can be seen.

#include "server/shimlink/stop_keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/unique_fd.h"
#include "runtime/shim/protocol/frames.h"

namespace caisson::shimlink {
namespace {

using base::UniqueFd;
using shim::FrameType;

// What the played keeper does about kKeeperStop.
enum class Manner { kEnds, kRefuses, kIgnores, kDiesAtOnce };

// The child. Ends with status 0 after the manner was shown.
[[noreturn]] void PlayKeeper(int listen_fd, Manner manner) {
  const UniqueFd peer(::accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC));
  if (manner == Manner::kDiesAtOnce) ::_exit(0);
  pollfd ready = {peer.get(), POLLIN, 0};
  ::poll(&ready, 1, -1);
  alignas(8) static char buffer[shim::kMaxFrameBytes];
  shim::FrameFds fds;
  const int size =
      shim::ReceiveMessage(peer.get(), buffer, sizeof(buffer), &fds);
  shim::FrameView frame;
  if (size <= 0 ||
      !shim::ParseFrame(buffer, static_cast<size_t>(size), &frame) ||
      frame.header.type != FrameType::kKeeperStop) {
    ::_exit(1);
  }
  if (manner == Manner::kEnds) ::_exit(0);
  if (manner == Manner::kRefuses) {
    shim::KeeperStateBody body = {};
    body.pid = ::getpid();
    body.shims = 3;
    shim::SendFrame(peer.get(), FrameType::kKeeperState, 0, &body,
                    sizeof(body));
  }
  // Until the other side leaves.
  ::poll(&ready, 1, -1);
  ::_exit(0);
}

class StopKeeperTest : public testing::Test {
 protected:
  StopKeeperTest() {
    char name[] = "/tmp/caisson-stop.XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~StopKeeperTest() override {
    if (child_ > 0) {
      int status = -1;
      EXPECT_EQ(::waitpid(child_, &status, 0), child_);
      EXPECT_EQ(status, 0);
    }
    EXPECT_TRUE(base::RemoveTree(directory_).ok());
  }

  void StartKeeper(Manner manner) {
    const UniqueFd listen(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    const std::string path = directory_ + "/keeper.sock";
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(listen.get(), reinterpret_cast<sockaddr*>(&address),
                     sizeof(address)),
              0);
    int ends[2] = {};
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    child_ = ::fork();  // lint-allow(fork): a keeper that can end
    if (child_ == 0) {
      // Here, not before the fork: a connection's credentials are those of who
      // listens.
      if (::listen(listen.get(), 1) != 0) ::_exit(1);
      write_end.reset();
      PlayKeeper(listen.get(), manner);
    }
    ASSERT_GT(child_, 0);
    write_end.reset();
    char byte = 0;
    ASSERT_EQ(::read(read_end.get(), &byte, 1), 0);  // it listens
  }

  std::string directory_;
  pid_t child_ = -1;
};

TEST_F(StopKeeperTest, ReturnsWhenTheKeeperHasEnded) {
  StartKeeper(Manner::kEnds);
  EXPECT_TRUE(StopKeeper(directory_, absl::Minutes(1)).ok());
  siginfo_t info = {};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child_), &info,
                     WEXITED | WNOHANG | WNOWAIT),
            0);
  EXPECT_EQ(info.si_pid, child_);
}

TEST_F(StopKeeperTest, AKeeperWithShimsRefuses) {
  StartKeeper(Manner::kRefuses);
  const absl::Status status = StopKeeper(directory_, absl::Minutes(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status.ToString();
  const base::ErrorDetail detail = base::DetailOf(status);
  EXPECT_EQ(detail.reason, "IN_USE");
  const base::ErrorMetadata expected = {{"pid", std::to_string(child_)},
                                        {"shims", "3"}};
  EXPECT_EQ(detail.metadata, expected);
}

TEST_F(StopKeeperTest, AKeeperThatDoesNotAnswerIsGivenUp) {
  StartKeeper(Manner::kIgnores);
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(StopKeeper(directory_, absl::Milliseconds(20))));
}

TEST_F(StopKeeperTest, AKeeperThatEndsByItselfIsNoError) {
  StartKeeper(Manner::kDiesAtOnce);
  EXPECT_TRUE(StopKeeper(directory_, absl::Minutes(1)).ok());
}

TEST_F(StopKeeperTest, NoKeeperIsNoError) {
  EXPECT_TRUE(StopKeeper(directory_, absl::Minutes(1)).ok());
  EXPECT_TRUE(StopKeeper(directory_ + "/missing", absl::Minutes(1)).ok());
  // The socket of one that was killed.
  StartKeeper(Manner::kDiesAtOnce);
  ASSERT_TRUE(StopKeeper(directory_, absl::Minutes(1)).ok());
  EXPECT_TRUE(StopKeeper(directory_, absl::Minutes(1)).ok());
}

}  // namespace
}  // namespace caisson::shimlink
