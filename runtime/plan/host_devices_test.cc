#include "runtime/plan/host_devices.h"

#include <sys/stat.h>

#include "gtest/gtest.h"

namespace caisson::plan {
namespace {

TEST(DetectDevicesTest, FindsDevicesAndNothingElse) {
  spec::ContainerSpec spec;
  spec.devices = {{"/dev/null", "", "", false},
                  {"/dev", "", "", false},
                  {"/dev/no such device", "", "", false},
                  {"/etc/passwd", "", "", false}};
  const auto devices = DetectDevices(spec);
  ASSERT_EQ(devices.size(), 1u);
  const HostDevice& null = devices.at("/dev/null");
  EXPECT_TRUE(S_ISCHR(null.mode));
  EXPECT_EQ(null.major, 1u);
  EXPECT_EQ(null.minor, 3u);
}

}  // namespace
}  // namespace caisson::plan
