// How PREPARED is answered: by START at once, or by who configures networks.
#include "server/core/actor/launch.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::core {
namespace {

using base::UniqueFd;
using shim::FrameType;
using ::testing::ElementsAre;

class LaunchTest : public ::testing::Test {
 protected:
  LaunchTest() {
    int ends[2] = {};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    conn_ = std::make_shared<shimlink::ShimConn>(1, UniqueFd(ends[0]),
                                                 epoll_.get());
    shim_.reset(ends[1]);
    events_.on_frame = [this](uint64_t, const ShimFrame& frame) {
      frames_.push_back(frame.type);
    };
  }

  void Prepared(shimlink::ConnHandlers* handlers) {
    const shim::PhasesBody phases = {};
    shim::FrameView frame;
    frame.header = shim::MakeHeader(FrameType::kPrepared, 0, sizeof(phases));
    frame.body = reinterpret_cast<const char*>(&phases);
    frame.body_bytes = sizeof(phases);
    shim::FrameFds fds;
    handlers->on_frame(conn_, frame, &fds);
  }
  void HandsOver(shimlink::ConnHandlers* handlers, UniqueFd network) {
    shim::FrameView frame;
    frame.header = shim::MakeHeader(FrameType::kNetwork, 0, 0);
    shim::FrameFds fds;
    fds.count = 1;
    fds.fd[0] = std::move(network);
    handlers->on_frame(conn_, frame, &fds);
  }

  // What the shim got: -EAGAIN nothing, 0 the end.
  int ReceiveStart() {
    alignas(8) char buffer[256];
    shim::FrameFds fds;
    shim::FrameView frame;
    const int size =
        shim::ReceiveMessage(shim_.get(), buffer, sizeof(buffer), &fds);
    if (size <= 0) return size;
    return shim::ParseFrame(buffer, static_cast<size_t>(size), &frame) &&
                   frame.header.type == FrameType::kStart
               ? 1
               : -EBADMSG;
  }

  const UniqueFd epoll_{::epoll_create1(EPOLL_CLOEXEC)};
  UniqueFd shim_;
  shimlink::ConnPtr conn_;
  std::vector<FrameType> frames_;  // on the queue
  ShimEvents events_;
  Executor executor_{1, "launch-test"};
  std::shared_ptr<SerialQueue> queue_ =
      std::make_shared<SerialQueue>(&executor_);
  std::shared_ptr<StartGate> gate_ = std::make_shared<StartGate>();
};

TEST_F(LaunchTest, WithoutANetworkPreparedIsAnsweredByStart) {
  shimlink::ConnHandlers handlers = HandlersOn(queue_, gate_, 7, events_);
  Prepared(&handlers);
  EXPECT_TRUE(gate_->start_sent());
  EXPECT_EQ(ReceiveStart(), 1);
  executor_.Stop();
  EXPECT_THAT(frames_, ElementsAre(FrameType::kPrepared));
}

TEST_F(LaunchTest, AStartThatWasCalledOffIsNotSent) {
  shimlink::ConnHandlers handlers = HandlersOn(queue_, gate_, 7, events_);
  ASSERT_TRUE(gate_->TakeCancel());
  Prepared(&handlers);
  EXPECT_EQ(ReceiveStart(), -EAGAIN);
}

TEST_F(LaunchTest, TheNetworkGoesToWhoConfiguresItAndStartIsHis) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  shimlink::ConnPtr conn;
  UniqueFd network;
  shimlink::ConnHandlers handlers =
      HandlersOn(queue_, gate_, 7, events_,
                 [&](const shimlink::ConnPtr& shim, UniqueFd fd) {
                   conn = shim;
                   network = std::move(fd);
                 });
  HandsOver(&handlers, UniqueFd(::fcntl(null.get(), F_DUPFD_CLOEXEC, 3)));
  Prepared(&handlers);
  EXPECT_EQ(conn, conn_);
  struct stat ours = {};
  struct stat theirs = {};
  ASSERT_EQ(::fstat(null.get(), &ours), 0);
  ASSERT_EQ(::fstat(network.get(), &theirs), 0);
  EXPECT_EQ(theirs.st_rdev, ours.st_rdev);
  EXPECT_FALSE(gate_->start_sent());
  EXPECT_EQ(ReceiveStart(), -EAGAIN);
  executor_.Stop();
  EXPECT_THAT(frames_, ElementsAre(FrameType::kNetwork, FrameType::kPrepared));
}

TEST_F(LaunchTest, AShimThatHandsNoNetworkOverIsLeftAlone) {
  bool called = false;
  shimlink::ConnHandlers handlers =
      HandlersOn(queue_, gate_, 7, events_,
                 [&](const shimlink::ConnPtr&, UniqueFd) { called = true; });
  Prepared(&handlers);
  EXPECT_FALSE(called);
  EXPECT_FALSE(gate_->start_sent());
  EXPECT_EQ(ReceiveStart(), 0) << "the end of the connection: undo everything";
}

}  // namespace
}  // namespace caisson::core
