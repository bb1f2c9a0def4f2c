// Mount options as people write them ("ro", "nosuid", "rnoexec", "rslave",
// "size=64m") and what the kernel wants: attributes to set and clear,
// propagation, and options of the file system itself.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_PLAN_MOUNT_OPTIONS_H_
#define CAISSON_RUNTIME_PLAN_MOUNT_OPTIONS_H_

#include <stdint.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "runtime/plan/steps.h"

namespace caisson::plan {

struct ParsedOptions {
  uint64_t set = 0;          // MOUNT_ATTR_*
  uint64_t clear = 0;        // MOUNT_ATTR_*
  uint64_t propagation = 0;  // MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE
  bool recursive = false;    // an option with the prefix "r" was there
  bool id_map = false;       // "idmap": through the container's user namespace
  MountOptions data;         // "size", "64m"
};

// Later options override earlier ones. INVALID_ARGUMENT for a word that is
// neither known nor of the form key=value.
absl::StatusOr<ParsedOptions> ParseMountOptions(
    const std::vector<std::string>& options);

// MS_* for "private", "rprivate", ... INVALID_ARGUMENT for another word;
// *recursive is true for the "r" forms.
absl::StatusOr<uint64_t> ParsePropagation(std::string_view word,
                                          bool* recursive);

}  // namespace caisson::plan

#endif  // CAISSON_RUNTIME_PLAN_MOUNT_OPTIONS_H_
