// The mounts of a mount namespace, as /proc/<pid>/mountinfo lists them.
//
// Process: daemon, shim. Thread: any.
#ifndef CAISSON_RUNTIME_LINUX_MOUNTINFO_H_
#define CAISSON_RUNTIME_LINUX_MOUNTINFO_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace caisson::linux_ {

struct MountInfo {
  int64_t id = 0;
  int64_t parent_id = 0;
  std::string root;         // what of the file system is mounted
  std::string mount_point;  // unescaped
  std::string options;      // of the mount: "rw,nosuid"
  bool shared = false;
  std::string type;           // "cgroup2"
  std::string source;         // "cgroup"
  std::string super_options;  // of the file system: "rw,memory"
};

// Whether the comma separated `options` contain `name`.
bool HasMountOption(std::string_view options, std::string_view name);

// In the order of the text. Lines that are no mountinfo are an error.
absl::StatusOr<std::vector<MountInfo>> ParseMountInfo(std::string_view text);

// Of the calling thread's mount namespace.
absl::StatusOr<std::vector<MountInfo>> ReadMountInfo();

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_MOUNTINFO_H_
