#include "runtime/plan/mount_options.h"

#include <sys/mount.h>

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(MountOptionsTest, FlagsSetAndClear) {
  const auto options = ParseMountOptions({"ro", "nosuid", "dev", "noexec"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->set, uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                   MOUNT_ATTR_NOEXEC});
  EXPECT_EQ(options->clear, uint64_t{MOUNT_ATTR_NODEV});
  EXPECT_FALSE(options->recursive);
  EXPECT_EQ(options->propagation, 0u);
}

TEST(MountOptionsTest, LaterOptionsOverrideEarlierOnes) {
  const auto options = ParseMountOptions({"ro", "rw", "exec", "noexec"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->set, uint64_t{MOUNT_ATTR_NOEXEC});
  EXPECT_EQ(options->clear, uint64_t{MOUNT_ATTR_RDONLY});
}

TEST(MountOptionsTest, RecursiveFormsAreTheSameBits) {
  const auto options = ParseMountOptions({"rro", "rnosuid"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->set, uint64_t{MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID});
  EXPECT_TRUE(options->recursive);
}

TEST(MountOptionsTest, AccessTimeIsOneChoice) {
  const auto options = ParseMountOptions({"noatime", "strictatime"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->set, uint64_t{MOUNT_ATTR_STRICTATIME});
  EXPECT_EQ(options->clear, uint64_t{MOUNT_ATTR__ATIME});
}

TEST(MountOptionsTest, PropagationAndData) {
  const auto options =
      ParseMountOptions({"rslave", "size=64m", "mode=1777", "idmap", "rbind"});
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->propagation, uint64_t{MS_SLAVE});
  EXPECT_TRUE(options->recursive);
  EXPECT_TRUE(options->id_map);
  EXPECT_THAT(options->data,
              ElementsAre(Pair("size", "64m"), Pair("mode", "1777")));
}

TEST(MountOptionsTest, UnknownWordsAreRefused) {
  for (const char* word : {"", "r", "rorw", "NOEXEC", "=x", "remount"}) {
    EXPECT_FALSE(ParseMountOptions({word}).ok()) << word;
  }
}

}  // namespace
}  // namespace caisson::plan
