#include "server/core/host/container_netns.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "absl/strings/str_cat.h"
#include <gtest/gtest.h>

#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"

namespace caisson::core {
namespace {

constexpr char kBoot[] = "boot-1";

// A container whose first process is a child of the test, and whose cgroup is a
// plain directory.
class ContainerNetnsTest : public testing::Test {
 protected:
  ContainerNetnsTest() {
    char name[] = "/tmp/container_netns_test.XXXXXX";
    top_ = ::mkdtemp(name);
    cgroup::Directory directory;
    directory.what = "memory";
    directory.path = top_;
    places_.base.group.directories.push_back(directory);
    container_.id = "0123456789abcdef0123456789abcdef";
    container_.kernel.boot_id = kBoot;
    container_.status.pid = ::fork();
    if (container_.status.pid == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  ~ContainerNetnsTest() override {
    End();
    EXPECT_TRUE(base::RemoveTree(top_).ok());
  }

  void End() {
    if (ended_) return;
    ::kill(container_.status.pid, SIGKILL);
    EXPECT_EQ(::waitpid(container_.status.pid, nullptr, 0),
              container_.status.pid);
    ended_ = true;
  }
  void MakeCgroup(const std::string& members) {
    const std::string path = absl::StrCat(top_, "/", container_.id);
    ASSERT_TRUE(base::MakeDirectories(path, 0755).ok());
    ASSERT_TRUE(base::WriteFileAtomic(absl::StrCat(path, "/cgroup.procs"),
                                      members, 0644)
                    .ok());
  }
  absl::StatusOr<base::UniqueFd> Open() {
    return OpenNetns(places_, kBoot, container_);
  }

  std::string top_;
  Places places_;
  store::ContainerRecord container_;
  bool ended_ = false;
};

TEST_F(ContainerNetnsTest, IsThatOfTheFirstProcess) {
  MakeCgroup(absl::StrCat(container_.status.pid, "\n"));
  const absl::StatusOr<base::UniqueFd> netns = Open();
  ASSERT_TRUE(netns.ok()) << netns.status();
  struct stat got = {};
  struct stat own = {};
  ASSERT_EQ(::fstat(netns->get(), &got), 0);
  ASSERT_EQ(::stat("/proc/self/ns/net", &own), 0);
  EXPECT_EQ(got.st_ino, own.st_ino);
}

TEST_F(ContainerNetnsTest, IsNotFoundOnceTheProcessEnded) {
  MakeCgroup("");
  End();
  EXPECT_TRUE(absl::IsNotFound(Open().status())) << Open().status();
}

TEST_F(ContainerNetnsTest, IsNotFoundWhenTheNumberIsSomebodyElses) {
  MakeCgroup("1\n");
  EXPECT_TRUE(absl::IsNotFound(Open().status())) << Open().status();
}

TEST_F(ContainerNetnsTest, IsNotFoundWhenTheCgroupIsGone) {
  EXPECT_TRUE(absl::IsNotFound(Open().status())) << Open().status();
}

TEST_F(ContainerNetnsTest, IsNotFoundUnderAnotherKernel) {
  MakeCgroup(absl::StrCat(container_.status.pid, "\n"));
  container_.kernel.boot_id = "boot-0";
  EXPECT_TRUE(absl::IsNotFound(Open().status())) << Open().status();
}

}  // namespace
}  // namespace caisson::core
