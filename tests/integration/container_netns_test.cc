// Which namespace a container of the store has, if any: what the daemon's calls
// find it by.
#include "server/core/host/container_netns.h"

#include <sys/stat.h>

#include <csignal>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/file.h"
#include "runtime/base/status_matchers.h"
#include "tests/testing/process.h"
#include "tests/testing/temp_dir.h"

namespace caisson::testing {
namespace {

using base::IsOk;
using base::StatusIs;

constexpr char kBoot[] = "boot-1";

// A container whose first process is a child of the test, and whose cgroup is a
// plain directory.
class ContainerNetnsTest : public ::testing::Test {
 protected:
  ContainerNetnsTest() : process_({.argv = {"/bin/sleep", "1000"}}, kPipes) {
    cgroup::Directory directory;
    directory.what = "memory";
    directory.path = top_.path();
    places_.base.group.directories.push_back(directory);
    container_.id = "0123456789abcdef0123456789abcdef";
    container_.kernel.boot_id = kBoot;
    container_.status.pid = process_.pid();
  }

  void End() {
    process_.Signal(SIGKILL);
    EXPECT_EQ(process_.Wait(), 128 + SIGKILL);
  }
  void MakeCgroup(const std::string& members) {
    const std::string path = top_.File(container_.id);
    ASSERT_THAT(base::MakeDirectories(path, 0755), IsOk());
    ASSERT_THAT(base::WriteFileAtomic(absl::StrCat(path, "/cgroup.procs"),
                                      members, 0644),
                IsOk());
  }
  absl::StatusOr<base::UniqueFd> Open() {
    return core::OpenNetns(places_, kBoot, container_);
  }

  static constexpr Interactive::Stdio kPipes = Interactive::Stdio::kPipes;

  TempDir top_;
  Interactive process_;
  core::Places places_;
  store::ContainerRecord container_;
};

TEST_F(ContainerNetnsTest, IsThatOfTheFirstProcess) {
  MakeCgroup(absl::StrCat(container_.status.pid, "\n"));
  const absl::StatusOr<base::UniqueFd> netns = Open();
  ASSERT_THAT(netns, IsOk());
  struct stat got = {};
  struct stat own = {};
  ASSERT_EQ(::fstat(netns->get(), &got), 0);
  ASSERT_EQ(::stat("/proc/self/ns/net", &own), 0);
  EXPECT_EQ(got.st_ino, own.st_ino);
}

TEST_F(ContainerNetnsTest, IsNotFoundOnceTheProcessEnded) {
  MakeCgroup("");
  End();
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ContainerNetnsTest, IsNotFoundWhenTheNumberIsSomebodyElses) {
  MakeCgroup("1\n");
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ContainerNetnsTest, IsNotFoundWhenTheCgroupIsGone) {
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(ContainerNetnsTest, IsNotFoundUnderAnotherKernel) {
  MakeCgroup(absl::StrCat(container_.status.pid, "\n"));
  container_.kernel.boot_id = "boot-0";
  EXPECT_THAT(Open(), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace caisson::testing
