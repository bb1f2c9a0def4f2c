// A directory of its own for each test of this folder.
//
// Process: unit tests. Thread: any.
#ifndef CAISSON_RUNTIME_BASE_SCRATCH_TEST_H_
#define CAISSON_RUNTIME_BASE_SCRATCH_TEST_H_

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/status_matchers.h"

namespace caisson::base {

class ScratchTest : public testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/caisson_base_test.XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    root_ = path;
    CAISSON_ASSERT_OK_AND_ASSIGN(root_fd_, Open(root_, O_RDONLY | O_DIRECTORY));
  }
  void TearDown() override { EXPECT_THAT(RemoveTree(root_), IsOk()); }

  std::string At(const std::string& name) { return root_ + "/" + name; }
  void Put(const std::string& name, const std::string& text) {
    ASSERT_THAT(WriteFileAtomic(At(name), text, 0600, /*sync=*/false), IsOk());
  }
  void Link(const std::string& target, const std::string& name) {
    ASSERT_EQ(::symlink(target.c_str(), At(name).c_str()), 0);
  }

  std::string root_;
  UniqueFd root_fd_;
};

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_SCRATCH_TEST_H_
