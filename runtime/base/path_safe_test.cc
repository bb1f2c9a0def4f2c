#include "runtime/base/path_safe.h"

#include <sys/stat.h>

#include <string>

#include "gtest/gtest.h"

#include "runtime/base/scratch_test.h"
#include "runtime/base/status_matchers.h"

namespace caisson::base {
namespace {

class PathSafeTest : public ScratchTest {
 protected:
  void SetUp() override {
    ScratchTest::SetUp();
    ASSERT_EQ(::mkdir(At("root").c_str(), 0700), 0);
    ASSERT_EQ(::mkdir(At("root/etc").c_str(), 0700), 0);
    Put("root/etc/passwd", "inside");
    Put("secret", "outside");
    Link("/etc/passwd", "root/absolute");
    Link("../secret", "root/relative");
    Link("../../../../../../etc/passwd", "root/up");
    Link("/proc/self/root", "root/magic");
    CAISSON_ASSERT_OK_AND_ASSIGN(inner_,
                                 Open(At("root"), O_PATH | O_DIRECTORY));
  }
  std::string Content(const absl::StatusOr<UniqueFd>& fd) {
    if (!fd.ok()) return fd.status().ToString();
    return ReadFdToString(fd->get(), 100).value_or("?");
  }

  UniqueFd inner_;
};

TEST_F(PathSafeTest, InRootLinksAndDotsStayInside) {
  for (const char* path : {"etc/passwd", "/etc/passwd", "absolute", "up",
                           "../../etc/passwd", "etc/../../../etc/passwd"}) {
    EXPECT_EQ(Content(OpenInRoot(inner_.get(), path, O_RDONLY)), "inside")
        << path;
  }
  EXPECT_THAT(OpenInRoot(inner_.get(), "relative", O_RDONLY), ErrnoIs(ENOENT));
  EXPECT_THAT(OpenInRoot(inner_.get(), std::string("etc\0x", 5), O_RDONLY),
              ErrnoIs(EINVAL));
}

TEST_F(PathSafeTest, MagicLinksAreRefused) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const UniqueFd proc, Open("/proc", O_PATH));
  EXPECT_THAT(OpenInRoot(proc.get(), "self/root", O_PATH), ErrnoIs(ELOOP));
  EXPECT_THAT(OpenBeneath(proc.get(), "self/cwd", O_PATH), ErrnoIs(ELOOP));
}

TEST_F(PathSafeTest, BeneathRefusesToLeave) {
  EXPECT_EQ(Content(OpenBeneath(inner_.get(), "etc/passwd", O_RDONLY)),
            "inside");
  for (const char* path :
       {"../secret", "/etc/passwd", "absolute", "relative", "up"}) {
    EXPECT_THAT(OpenBeneath(inner_.get(), path, O_RDONLY), ErrnoIs(EXDEV))
        << path;
  }
}

TEST_F(PathSafeTest, StrictFollowsNoLinkAtAll) {
  Link("passwd", "root/etc/same");
  EXPECT_EQ(Content(OpenBeneath(inner_.get(), "etc/same", O_RDONLY)), "inside");
  EXPECT_THAT(OpenBeneathStrict(inner_.get(), "etc/same", O_RDONLY),
              ErrnoIs(ELOOP));
  EXPECT_EQ(Content(OpenBeneathStrict(inner_.get(), "etc/passwd", O_RDONLY)),
            "inside");
}

TEST_F(PathSafeTest, CreatesWithTheMode) {
  CAISSON_EXPECT_OK(OpenInRoot(inner_.get(), "/new", O_CREAT | O_WRONLY, 0600));
  struct stat info = {};
  ASSERT_EQ(::stat(At("root/new").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(CleanPathTest, AbsoluteShortAndWithoutDots) {
  for (const char* good : {"/", "/a", "/a/b/", "/a/..b", "/...", "//a/./b"}) {
    EXPECT_TRUE(IsCleanAbsolutePath(good)) << good;
  }
  for (const char* bad : {"", "a", "./a", "/..", "/a/..", "/../a", "/a/../b"}) {
    EXPECT_FALSE(IsCleanAbsolutePath(bad)) << bad;
  }
  EXPECT_FALSE(IsCleanAbsolutePath(std::string("/a\0b", 4)));
  EXPECT_TRUE(IsCleanAbsolutePath("/" + std::string(4094, 'a')));
  EXPECT_FALSE(IsCleanAbsolutePath("/" + std::string(4095, 'a')));
}

TEST(CleanPathTest, Normalizes) {
  EXPECT_EQ(NormalizePath("//a/./b//"), "/a/b");
  EXPECT_EQ(NormalizePath("/"), "/");
  EXPECT_EQ(NormalizePath("/."), "/");
}

}  // namespace
}  // namespace caisson::base
