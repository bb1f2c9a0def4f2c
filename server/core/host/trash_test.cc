#include "server/core/host/trash.h"

#include <stdlib.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"

namespace caisson::core {
namespace {

class TrashTest : public testing::Test {
 protected:
  TrashTest() {
    char name[] = "/tmp/trash_test.XXXXXX";
    root_ = ::mkdtemp(name);
  }
  ~TrashTest() override { EXPECT_TRUE(base::RemoveTree(root_).ok()); }

  std::string MakeTree(const std::string& name) {
    std::string path = absl::StrCat(root_, "/", name);
    EXPECT_TRUE(base::MakeDirectories(path + "/a/b/c", 0755).ok());
    EXPECT_TRUE(base::WriteFileAtomic(path + "/a/file", "x", 0400).ok());
    return path;
  }
  // Waits until nothing is left; the removal is on another thread.
  bool BecomesEmpty() {
    const absl::Time limit = absl::Now() + absl::Seconds(30);
    while (absl::Now() < limit) {
      auto names = base::ListDirectory(root_ + "/trash");
      if (names.ok() && names->empty()) return true;
      absl::SleepFor(absl::Milliseconds(1));  // lint-allow(sleep): a poll
    }
    return false;
  }

  std::string root_;
};

TEST_F(TrashTest, TheNameIsFreeAtOnceAndTheTreeGoes) {
  auto trash = Trash::Open(root_);
  ASSERT_TRUE(trash.ok());
  const std::string path = MakeTree("one");
  ASSERT_TRUE((*trash)->Throw(path).ok());
  EXPECT_FALSE(base::PathExists(path));
  EXPECT_TRUE(BecomesEmpty());
}

TEST_F(TrashTest, WhatIsGoneIsFine) {
  auto trash = Trash::Open(root_);
  ASSERT_TRUE(trash.ok());
  EXPECT_TRUE((*trash)->Throw(root_ + "/nothing").ok());
}

TEST_F(TrashTest, LeftoversOfAnEarlierDaemonGo) {
  ASSERT_TRUE(base::MakeDirectories(root_ + "/trash/old/x", 0755).ok());
  auto trash = Trash::Open(root_);
  ASSERT_TRUE(trash.ok());
  EXPECT_TRUE(BecomesEmpty());
}

TEST_F(TrashTest, ManyThrowsAreAllRemoved) {
  auto trash = Trash::Open(root_);
  ASSERT_TRUE(trash.ok());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE((*trash)->Throw(MakeTree(absl::StrCat("t", i))).ok());
  }
  EXPECT_TRUE(BecomesEmpty());
}

}  // namespace
}  // namespace caisson::core
