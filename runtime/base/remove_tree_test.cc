#include "runtime/base/remove_tree.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/scratch_test.h"
#include "runtime/base/status_matchers.h"

namespace caisson::base {
namespace {

using testing::IsEmpty;

class RemoveTreeTest : public ScratchTest {};

TEST_F(RemoveTreeTest, RemovesFilesLinksAndTrees) {
  ASSERT_THAT(MakeDirectories(At("t/a/b"), 0700), IsOk());
  ASSERT_THAT(MakeDirectories(At("kept"), 0700), IsOk());
  Put("t/a/b/f", "x");
  Put("kept/f", "x");
  Link(At("kept"), "t/link");
  Link("none", "t/a/dangling");
  EXPECT_THAT(RemoveTree(At("t/")), IsOk());
  EXPECT_FALSE(PathExists(At("t")));
  EXPECT_TRUE(PathExists(At("kept/f")));
  Put("file", "");
  EXPECT_THAT(RemoveTreeAt(root_fd_.get(), "file"), IsOk());
  Link(At("kept"), "link");
  EXPECT_THAT(RemoveTree(At("link")), IsOk());
  EXPECT_TRUE(PathExists(At("kept/f")));
}

TEST_F(RemoveTreeTest, WhatIsGoneIsFine) {
  EXPECT_THAT(RemoveTree(At("none")), IsOk());
  EXPECT_THAT(RemoveTree(At("none/deeper")), IsOk());
}

TEST_F(RemoveTreeTest, TakesOneComponentOnly) {
  for (const char* name : {"", ".", "..", "a/b", "/"}) {
    EXPECT_THAT(RemoveTreeAt(root_fd_.get(), name), ErrnoIs(EINVAL)) << name;
  }
}

// Deeper than paths may be long and descriptors may be many.
TEST_F(RemoveTreeTest, DepthCostsNeitherDescriptorsNorStack) {
  constexpr int kDepth = 1500;
  CAISSON_ASSERT_OK_AND_ASSIGN(UniqueFd at,
                               Open(root_, O_RDONLY | O_DIRECTORY));
  for (int i = 0; i < kDepth; ++i) {
    ASSERT_EQ(::mkdirat(at.get(), "directory", 0700), 0);
    CAISSON_ASSERT_OK_AND_ASSIGN(
        at, OpenAt(at.get(), "directory", O_RDONLY | O_DIRECTORY));
  }
  at.reset();
  EXPECT_THAT(RemoveTree(At("directory")), IsOk());
  EXPECT_THAT(ListDirectory(root_), IsOkAndHolds(IsEmpty()));
}

}  // namespace
}  // namespace caisson::base
