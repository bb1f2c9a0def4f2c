// The command line of caissond.
//
// Process: caissond. Thread: main.
#ifndef CAISSON_SERVER_FLAGS_H_
#define CAISSON_SERVER_FLAGS_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "runtime/base/log.h"

namespace caisson::server {

struct Flags {
  std::string root = "/var/lib/caisson";
  std::string state = "/run/caisson";
  std::string cgroup_base;  // empty: chosen by what is found on the host
  std::string shim;         // empty: beside caissond
  std::optional<gid_t> operator_gid;
  std::optional<gid_t> reader_gid;
  // Ends the keeper instead of serving.
  bool stop_keeper = false;
  base::LogLevel log_level = base::LogLevel::kInfo;
};

// Parses the arguments. Nothing: `exit_code` says how to end (after --help,
// --version or a mistake, about which stdout or stderr say the rest).
std::optional<Flags> ParseFlags(int argc, const char* const* argv,
                                int* exit_code);

}  // namespace caisson::server

#endif  // CAISSON_SERVER_FLAGS_H_
