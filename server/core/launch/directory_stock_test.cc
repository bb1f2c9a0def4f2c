#include "server/core/launch/directory_stock.h"

#include <stdlib.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"

namespace caisson::core {
namespace {

using ::testing::UnorderedElementsAre;

class DirectoryStockTest : public testing::Test {
 protected:
  DirectoryStockTest() {
    char name[] = "/tmp/directory_stock_test.XXXXXX";
    root_ = ::mkdtemp(name);
  }
  ~DirectoryStockTest() override { EXPECT_TRUE(base::RemoveTree(root_).ok()); }

  bool BecomesFull(const DirectoryStock& stock) {
    const absl::Time limit = absl::Now() + absl::Seconds(30);
    while (absl::Now() < limit) {
      if (stock.ready() == DirectoryStock::kSize) return true;
      absl::SleepFor(absl::Milliseconds(1));  // lint-allow(sleep): a poll
    }
    return false;
  }
  // Everything that a start needs.
  void ExpectComplete(const std::string& path) {
    const auto names = base::ListDirectory(path);
    ASSERT_TRUE(names.ok()) << path;
    EXPECT_THAT(*names, UnorderedElementsAre("lock", "exit", "upper", "work"));
  }

  std::string root_;
};

TEST_F(DirectoryStockTest, GivesWhatItHasAndMakesWhatItHasNot) {
  auto stock = DirectoryStock::Open(root_);
  ASSERT_TRUE(stock.ok());
  ASSERT_TRUE(BecomesFull(**stock));
  for (int i = 0; i < 2 * DirectoryStock::kSize; ++i) {
    const std::string path = absl::StrCat(root_, "/", i);
    ASSERT_TRUE((*stock)->Create(path).ok());
    ExpectComplete(path);
  }
  EXPECT_TRUE(BecomesFull(**stock)) << "it is filled again";
}

// One that was taken is not touched any more.
TEST_F(DirectoryStockTest, ManyTakeWhileItIsFilled) {
  auto stock = DirectoryStock::Open(root_);
  ASSERT_TRUE(stock.ok());
  constexpr int kThreads = 4;
  constexpr int kEach = 250;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t, &stock] {
      for (int i = 0; i < kEach && !HasFailure(); ++i) {
        const std::string path = absl::StrCat(root_, "/", t, "-", i);
        EXPECT_TRUE((*stock)->Create(path).ok());
        ExpectComplete(path);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(DirectoryStockTest, NothingIsReplaced) {
  auto stock = DirectoryStock::Open(root_);
  ASSERT_TRUE(stock.ok());
  ASSERT_TRUE(BecomesFull(**stock));
  const std::string path = root_ + "/one";
  ASSERT_TRUE((*stock)->Create(path).ok());
  EXPECT_FALSE((*stock)->Create(path).ok());
  EXPECT_TRUE(BecomesFull(**stock)) << "a slot that was spent is made new";
}

TEST_F(DirectoryStockTest, LeftoversOfAnEarlierDaemonGo) {
  ASSERT_TRUE(base::MakeDirectories(root_ + "/stock/3/half", 0755).ok());
  auto stock = DirectoryStock::Open(root_);
  ASSERT_TRUE(stock.ok());
  ASSERT_TRUE(BecomesFull(**stock));
  ExpectComplete(root_ + "/stock/3");
}

TEST_F(DirectoryStockTest, AStockThatSomebodyEmptiedStillWorks) {
  auto stock = DirectoryStock::Open(root_);
  ASSERT_TRUE(stock.ok());
  ASSERT_TRUE(BecomesFull(**stock));
  const auto names = base::ListDirectory(root_ + "/stock");
  ASSERT_TRUE(names.ok());
  for (const std::string& name : *names) {
    ASSERT_TRUE(base::RemoveTree(absl::StrCat(root_, "/stock/", name)).ok());
  }
  ASSERT_TRUE((*stock)->Create(root_ + "/one").ok());
  ExpectComplete(root_ + "/one");
}

}  // namespace
}  // namespace caisson::core
