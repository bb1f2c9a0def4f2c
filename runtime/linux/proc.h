// What procfs tells about processes and the host. Parsing is pure and apart
// from reading.
//
// Process: daemon, keeper, shim. Thread: any.
#ifndef CAISSON_RUNTIME_LINUX_PROC_H_
#define CAISSON_RUNTIME_LINUX_PROC_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace caisson::linux_ {

// Of /proc/<pid>/stat.
struct ProcessStat {
  pid_t pid = 0;
  std::string comm;
  char state = '?';  // 'R', 'S', 'D', 'Z' ...
  pid_t parent_pid = 0;
  uint64_t user_ticks = 0;  // of sysconf(_SC_CLK_TCK)
  uint64_t system_ticks = 0;
  uint64_t start_ticks = 0;  // since boot: with the pid it names a process
  uint64_t resident_pages = 0;
};
// `comm` may contain anything, ") " included.
absl::StatusOr<ProcessStat> ParseProcessStat(std::string_view text);
absl::StatusOr<ProcessStat> ReadProcessStat(pid_t pid);

// Of /proc/<pid>/status.
struct ProcessStatus {
  std::string name;
  uint32_t uid = 0;  // effective
  uint32_t gid = 0;
  std::vector<pid_t> namespace_pids;  // outermost first; empty: not told
  uint64_t effective_capabilities = 0;
  uint64_t bounding_capabilities = 0;
};
absl::StatusOr<ProcessStatus> ParseProcessStatus(std::string_view text);
absl::StatusOr<ProcessStatus> ReadProcessStatus(pid_t pid);

// Of /proc/<pid>/cmdline, at most `max_bytes` of it; empty for a zombie.
absl::StatusOr<std::vector<std::string>> ReadProcessArguments(pid_t pid,
                                                              size_t max_bytes);

// The random id of the current boot.
absl::StatusOr<std::string> ReadBootId();

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_PROC_H_
