// What a process is: its command, environment, user, terminal and rights.
// Shared by containers and execs; part of spec.h.
//
// Process: daemon. Thread: any; plain values, no I/O.
#ifndef CAISSON_RUNTIME_SPEC_PROCESS_H_
#define CAISSON_RUNTIME_SPEC_PROCESS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace caisson::spec {

struct TerminalSize {
  int32_t rows = 0;  // 0: 24
  int32_t cols = 0;  // 0: 80

  bool operator==(const TerminalSize&) const = default;
};

enum class StdinMode : int {
  kUnspecified = 0,
  kNone = 1,
  kOpen = 2,
  kOnce = 3,
};

// The kernel's five sets, by name. In an effective spec names are as
// "CAP_CHOWN".
struct CapabilitySets {
  std::vector<std::string> bounding;
  std::vector<std::string> effective;
  std::vector<std::string> permitted;
  std::vector<std::string> inheritable;
  std::vector<std::string> ambient;

  bool operator==(const CapabilitySets&) const = default;
};

// A change of the default set, or exact sets. An effective spec has exact.
struct Capabilities {
  std::vector<std::string> add;
  std::vector<std::string> drop;
  std::vector<std::string> ambient;
  std::optional<CapabilitySets> exact;

  bool operator==(const Capabilities&) const = default;
};

struct Rlimit {
  std::string name;  // "NOFILE" or "RLIMIT_NOFILE"; effective: "NOFILE"
  int64_t soft = 0;  // -1: unlimited
  int64_t hard = 0;
  // Filled in by WithDefaults, never by a client: the plan lowers it to what
  // the host allows, where an explicit excess is an error.
  bool from_default = false;

  bool operator==(const Rlimit&) const = default;
};

struct Process {
  std::vector<std::string> command;
  std::vector<std::string> args;
  std::vector<std::string> args_raw;  // instead of command and args
  std::map<std::string, std::string> env;
  std::map<std::string, std::string> env_raw;
  std::string working_dir;  // empty: "/"
  std::string user;         // empty: "0:0"
  std::vector<std::string> extra_groups;
  bool strict_groups = false;
  bool tty = false;
  std::optional<TerminalSize> terminal_size;
  StdinMode stdin_mode = StdinMode::kUnspecified;  // "stdin" in the API
  std::optional<Capabilities> capabilities;
  bool allow_new_privileges = false;
  std::vector<Rlimit> rlimits;
  std::optional<int32_t> umask;          // unset: 022
  std::optional<int32_t> oom_score_adj;  // unset: 0, or the daemon's if higher

  bool operator==(const Process&) const = default;
};

// The argument vector: args_raw, or command followed by args.
std::vector<std::string> Argv(const Process& process);

// The environment asked for: env and env_raw together.
std::map<std::string, std::string> Environment(const Process& process);

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_PROCESS_H_
