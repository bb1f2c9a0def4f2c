// A root filesystem for containers: busybox and caisson-probe, nothing else.
#ifndef CAISSON_TESTS_TESTING_ROOTFS_H_
#define CAISSON_TESTS_TESTING_ROOTFS_H_

#include <string>

namespace caisson::testing {

// Where the probe is inside.
inline constexpr char kProbe[] = "/bin/caisson-probe";

// The directory, made once for each test program and removed at its end.
// Tests must not write to it: they make their own with MakeRootfs.
const std::string& SharedRootfs();

// Fills an empty or missing directory.
void MakeRootfs(const std::string& directory);

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_ROOTFS_H_
