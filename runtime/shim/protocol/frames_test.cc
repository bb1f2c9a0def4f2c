#include "runtime/shim/protocol/frames.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/base/unique_fd.h"

namespace caisson::shim {
namespace {

struct Pair {
  Pair() {
    int fds[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    a.reset(fds[0]);
    b.reset(fds[1]);
  }
  base::UniqueFd a;
  base::UniqueFd b;
};

struct Received {
  int size = 0;
  FrameView view;
  bool valid = false;
  std::vector<base::UniqueFd> fds;
};

class FramesTest : public testing::Test {
 protected:
  Received Receive(int fd) {
    Received received;
    FrameFds fds;
    received.size = ReceiveMessage(fd, buffer_, sizeof(buffer_), &fds);
    for (int i = 0; i < fds.count; ++i) {
      received.fds.push_back(std::move(fds.fd[i]));
    }
    received.valid =
        received.size > 0 &&
        ParseFrame(buffer_, static_cast<size_t>(received.size), &received.view);
    return received;
  }

  alignas(8) char buffer_[kMaxFrameBytes];
  Pair pair_;
};

TEST_F(FramesTest, CarriesBodyAndTail) {
  const StdinBody body = {.offset = 77};
  ASSERT_EQ(SendFrame(pair_.a.get(), FrameType::kStdin, 5, &body, sizeof(body),
                      "bytes", 5),
            0);
  const Received received = Receive(pair_.b.get());
  ASSERT_TRUE(received.valid);
  EXPECT_EQ(received.view.header.type, FrameType::kStdin);
  EXPECT_EQ(received.view.header.target, 5u);
  EXPECT_EQ(received.view.As<StdinBody>()->offset, 77);
  size_t size = 0;
  const char* tail = received.view.After<StdinBody>(&size);
  EXPECT_EQ(std::string(tail, size), "bytes");
}

TEST_F(FramesTest, CarriesDescriptorsThatAreClosedOnExec) {
  const base::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fds[] = {null.get(), pair_.a.get()};
  ASSERT_EQ(SendFrame(pair_.a.get(), FrameType::kExec, 1, nullptr, 0, nullptr,
                      0, fds, 2),
            0);
  const Received received = Receive(pair_.b.get());
  ASSERT_TRUE(received.valid);
  ASSERT_EQ(received.fds.size(), 2u);
  struct stat ours;
  struct stat theirs;
  ASSERT_EQ(::fstat(null.get(), &ours), 0);
  ASSERT_EQ(::fstat(received.fds[0].get(), &theirs), 0);
  EXPECT_EQ(ours.st_rdev, theirs.st_rdev);
  for (const base::UniqueFd& fd : received.fds) {
    EXPECT_EQ(::fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  }
}

TEST_F(FramesTest, ReportsAnEmptySocketAndItsEnd) {
  EXPECT_EQ(Receive(pair_.b.get()).size, -EAGAIN);
  pair_.a.reset();
  EXPECT_EQ(Receive(pair_.b.get()).size, 0);
}

// A peer that goes away with something unread resets the connection, and what
// it sent last must arrive all the same.
TEST_F(FramesTest, TheLastFrameOfAPeerThatLeftIsNotLost) {
  ASSERT_EQ(SendFrame(pair_.b.get(), FrameType::kStart, 0, nullptr, 0), 0);
  const OomBody body = {.kills = 3};
  ASSERT_EQ(SendFrame(pair_.a.get(), FrameType::kOom, 0, &body, sizeof(body)),
            0);
  pair_.a.reset();
  const Received received = Receive(pair_.b.get());
  ASSERT_TRUE(received.valid);
  EXPECT_EQ(received.view.As<OomBody>()->kills, 3);
  EXPECT_EQ(Receive(pair_.b.get()).size, 0);
}

TEST_F(FramesTest, AMessageThatDoesNotFitIsAnErrorAndItsDescriptorsAreClosed) {
  const std::string large(4096, 'x');
  const int fd = pair_.a.get();
  ASSERT_EQ(SendFrame(pair_.a.get(), FrameType::kStart, 0, large.data(),
                      large.size(), nullptr, 0, &fd, 1),
            0);
  FrameFds fds;
  EXPECT_EQ(ReceiveMessage(pair_.b.get(), buffer_, 64, &fds), -EBADMSG);
  EXPECT_EQ(fds.count, 0);
  EXPECT_FALSE(fds.fd[0].is_valid());
}

TEST_F(FramesTest, MoreDescriptorsThanAFrameMayHaveAreAnError) {
  FrameHeader header = MakeHeader(FrameType::kStart, 0, 0);
  constexpr int kTooMany = kMaxFrameFds + 1;
  int fds[kTooMany];
  for (int& fd : fds) fd = pair_.a.get();
  iovec part = {&header, sizeof(header)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(fds));
  memcpy(CMSG_DATA(rights), fds, sizeof(fds));
  ASSERT_EQ(::sendmsg(pair_.a.get(), &message, 0),
            static_cast<ssize_t>(sizeof(header)));
  FrameFds received;
  EXPECT_EQ(ReceiveMessage(pair_.b.get(), buffer_, sizeof(buffer_), &received),
            -EBADMSG);
  EXPECT_EQ(received.count, 0);
  // What had arrived is closed: the end of the other end can be seen.
  pair_.a.reset();
  EXPECT_EQ(Receive(pair_.b.get()).size, 0);
}

TEST_F(FramesTest, SendingToNobodyIsAnErrorAndNoSignal) {
  pair_.b.reset();
  EXPECT_EQ(SendFrame(pair_.a.get(), FrameType::kStart, 0, nullptr, 0), EPIPE);
}

TEST_F(FramesTest, ABodyThatIsTooShortIsNoFrame) {
  for (int type = 0; type < 100; ++type) {
    const auto frame_type = static_cast<FrameType>(type);
    const size_t least = LeastBody(frame_type);
    if (least == SIZE_MAX || least == 0) continue;
    std::string bytes(sizeof(FrameHeader) + least - 1, '\0');
    const FrameHeader header = MakeHeader(frame_type, 0, least - 1);
    memcpy(bytes.data(), &header, sizeof(header));
    memcpy(buffer_, bytes.data(), bytes.size());
    FrameView view;
    EXPECT_FALSE(ParseFrame(buffer_, bytes.size(), &view)) << type;
  }
}

TEST_F(FramesTest, EveryDamagedHeaderIsRefused) {
  const FrameHeader good = MakeHeader(FrameType::kStart, 0, 0);
  FrameView view;
  memcpy(buffer_, &good, sizeof(good));
  ASSERT_TRUE(ParseFrame(buffer_, sizeof(good), &view));
  EXPECT_FALSE(ParseFrame(buffer_, sizeof(good) - 1, &view));
  EXPECT_FALSE(ParseFrame(buffer_, sizeof(good) + 1, &view));
  FrameHeader bad = good;
  bad.magic ^= 1;
  memcpy(buffer_, &bad, sizeof(bad));
  EXPECT_FALSE(ParseFrame(buffer_, sizeof(bad), &view));
  bad = good;
  ++bad.version;
  memcpy(buffer_, &bad, sizeof(bad));
  EXPECT_FALSE(ParseFrame(buffer_, sizeof(bad), &view));
  bad = good;
  bad.type = static_cast<FrameType>(999);
  memcpy(buffer_, &bad, sizeof(bad));
  EXPECT_FALSE(ParseFrame(buffer_, sizeof(bad), &view));
  bad = good;
  bad.body_bytes = 8;
  memcpy(buffer_, &bad, sizeof(bad));
  EXPECT_FALSE(ParseFrame(buffer_, sizeof(bad), &view));
}

}  // namespace
}  // namespace caisson::shim
