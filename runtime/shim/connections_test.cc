#include "runtime/shim/connections.h"

#include <sys/socket.h>

#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "runtime/base/check.h"

namespace caisson::shim {
namespace {

// The daemon's end of a connection.
class Daemon {
 public:
  explicit Daemon(Connections* connections) {
    int fds[2];
    CAISSON_CHECK(::socketpair(AF_UNIX,
                               SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                               fds) == 0);
    socket_.reset(fds[0]);
    CAISSON_CHECK(connections->Add(base::UniqueFd(fds[1])) == 0);
  }

  void Send(FrameType type, uint32_t target) {
    const HelloBody hello = {
        .protocol_version = kProtocolVersion, .plan_version = 0, .reserved = 0};
    const bool has_body = type == FrameType::kHello;
    EXPECT_EQ(SendFrame(socket_.get(), type, target, &hello,
                        has_body ? sizeof(hello) : 0),
              0);
  }
  void Leave() { socket_.reset(); }

 private:
  base::UniqueFd socket_;
};

// Answers HELLO as a shim does.
class ConnectionsTest : public ::testing::Test, public FrameHandler {
 protected:
  ConnectionsTest() {
    CAISSON_CHECK(loop_.Open() == 0);
    connections_.Init(&loop_, this);
  }

  void OnFrame(Peer* peer, const FrameView& frame,
               FrameFds*) noexcept override {
    const uint32_t target = frame.header.target;
    if (frame.header.type == FrameType::kHello) {
      connections_.ReceiveFromOthers(peer);
    }
    seen_.push_back(target);
  }
  void OnDisconnected() noexcept override { ++disconnects_; }

  Loop loop_;
  Connections connections_;
  std::vector<uint32_t> seen_;  // targets, in the order they were done
  int disconnects_ = 0;
};

constexpr uint32_t kHelloTarget = 1000;

TEST_F(ConnectionsTest, WhatADeadDaemonSentIsDoneBeforeTheNextIsAnswered) {
  Daemon dead(&connections_);
  Daemon next(&connections_);
  constexpr uint32_t kFrames = 20;
  for (uint32_t i = 1; i <= kFrames; ++i) dead.Send(FrameType::kExec, i);
  dead.Leave();
  next.Send(FrameType::kHello, kHelloTarget);
  while (seen_.size() <= kFrames) loop_.RunOnce();
  for (uint32_t i = 0; i < kFrames; ++i) EXPECT_EQ(seen_[i], i + 1);
  EXPECT_EQ(seen_[kFrames], kHelloTarget);
  EXPECT_TRUE(connections_.has_peer());
  EXPECT_EQ(disconnects_, 1);
}

TEST_F(ConnectionsTest, ADaemonThatDiedUnheardIsToldWithTheNext) {
  Daemon dead(&connections_);
  Daemon next(&connections_);
  dead.Leave();
  next.Send(FrameType::kHello, kHelloTarget);
  while (seen_.empty()) loop_.RunOnce();
  EXPECT_EQ(disconnects_, 1);
  next.Leave();
  while (disconnects_ == 1) loop_.RunOnce();
  EXPECT_EQ(disconnects_, 2);
}

TEST_F(ConnectionsTest, DaemonsThatGreetAtTheSameTimeAreAllAnswered) {
  Daemon one(&connections_);
  Daemon two(&connections_);
  for (Daemon* daemon : {&one, &two}) {
    daemon->Send(FrameType::kHello, kHelloTarget);
    daemon->Send(FrameType::kStart, 1);
  }
  while (seen_.size() < 4) loop_.RunOnce();
  EXPECT_EQ(seen_.size(), 4u);
}

TEST_F(ConnectionsTest, TheLastOneThatLeavesIsTold) {
  Daemon one(&connections_);
  Daemon two(&connections_);
  one.Leave();
  two.Leave();
  while (disconnects_ == 0) loop_.RunOnce();
  EXPECT_FALSE(connections_.has_peer());
}

}  // namespace
}  // namespace caisson::shim
