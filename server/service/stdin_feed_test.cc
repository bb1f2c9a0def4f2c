#include "server/service/stdin_feed.h"

#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"

#include "server/service/fake_session.h"

namespace caisson::service {
namespace {

class StdinFeedTest : public testing::Test {
 protected:
  StdinFeedTest() {
    StdinFeed::Hooks hooks;
    hooks.on_room = [this] { ++rooms_; };
    hooks.is_gone = [] { return false; };
    feed_ = std::make_shared<StdinFeed>(session_, std::move(hooks));
  }
  ~StdinFeedTest() override { feed_->Stop(); }

  // How many pieces are taken until the stream has to wait.
  int AddUntilFull(const std::string& piece, int most) {
    for (int i = 1; i <= most; ++i) {
      if (!feed_->Add(std::nullopt, piece)) return i;
    }
    return most + 1;
  }

  const std::shared_ptr<FakeSession> session_ =
      std::make_shared<FakeSession>(nullptr);
  std::shared_ptr<StdinFeed> feed_;
  int rooms_ = 0;
};

TEST_F(StdinFeedTest, GivesInOrderAndThenTheEnd) {
  EXPECT_TRUE(feed_->Add(std::nullopt, "a"));
  EXPECT_TRUE(feed_->Add(1, "b"));
  feed_->AddEnd(false);
  EXPECT_EQ(session_->input(), "ab");
  EXPECT_EQ(session_->closes(), 1);
}

TEST_F(StdinFeedTest, WhatTheProcessDoesNotReadIsBounded) {
  session_->HoldInput();
  const std::string piece(64 << 10, 'x');
  EXPECT_LE(AddUntilFull(piece, 1000), 17);
  EXPECT_EQ(rooms_, 0);
  session_->TakeInput();
  EXPECT_EQ(rooms_, 1);
}

TEST_F(StdinFeedTest, EmptyPiecesAreBoundedAsWell) {
  session_->HoldInput();
  constexpr int kMany = 1'000'000;
  EXPECT_LE(AddUntilFull("", kMany), kMany / 10);
  session_->TakeInput();
  EXPECT_EQ(rooms_, 1);
}

TEST_F(StdinFeedTest, EndsAreBoundedAndAllGiven) {
  session_->HoldInput();
  EXPECT_TRUE(feed_->Add(std::nullopt, "a"));
  constexpr int kMany = 1'000'000;
  int ends = 1;
  while (ends <= kMany && feed_->AddEnd(false)) ++ends;
  EXPECT_LE(ends, kMany / 10);
  session_->TakeInput();
  EXPECT_EQ(session_->closes(), ends);
  EXPECT_EQ(rooms_, 1);
}

}  // namespace
}  // namespace caisson::service
