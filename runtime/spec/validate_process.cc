#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "runtime/base/str_cat.h"
#include "runtime/spec/rlimit.h"
#include "runtime/spec/user.h"
#include "runtime/spec/violations.h"

namespace caisson::spec {
namespace {

constexpr size_t kMaxArguments = 4096;
constexpr size_t kMaxArgumentBytes = 1 << 20;
// The kernel's MAX_ARG_STRLEN, without the NUL.
constexpr size_t kMaxStringBytes = (128 << 10) - 1;
constexpr size_t kMaxGroups = 1024;
constexpr int64_t kMaxTerminal = 65535;

void CheckArgument(const std::string& field, const std::string& argument,
                   Violations* out) {
  out->CheckText(field, argument);
  if (argument.size() > kMaxStringBytes) {
    out->Add(field, base::StrCat("must have at most ", kMaxStringBytes,
                                 " bytes, has ", argument.size()));
  }
}

void CheckArgumentList(const std::string& field,
                       const std::vector<std::string>& list, Violations* out) {
  for (size_t i = 0; i < list.size(); ++i) {
    CheckArgument(At(field, i), list[i], out);
  }
}

// The field that holds the first argument, for messages about it.
std::string FirstArgumentField(const std::string& path,
                               const Process& process) {
  if (!process.args_raw.empty()) return path + ".args_raw[0]";
  if (!process.command.empty()) return path + ".command[0]";
  return path + ".args[0]";
}

void CheckArguments(const std::string& path, const Process& process,
                    Violations* out) {
  CheckArgumentList(path + ".command", process.command, out);
  CheckArgumentList(path + ".args", process.args, out);
  CheckArgumentList(path + ".args_raw", process.args_raw, out);
  if (!process.args_raw.empty() &&
      (!process.command.empty() || !process.args.empty())) {
    out->Add(path + ".args_raw", "excludes command and args");
    return;
  }
  const std::vector<std::string> argv = Argv(process);
  if (argv.empty()) {
    out->Add(path + ".command", "must name the program to run");
  } else if (argv[0].empty()) {
    out->Add(FirstArgumentField(path, process),
             "is the program to run and must not be empty");
  }
  if (argv.size() > kMaxArguments) {
    out->Add(path + ".args", base::StrCat("at most ", kMaxArguments,
                                          " arguments, are ", argv.size()));
  }
}

void CheckVariables(const std::string& field, const StringMap& env,
                    Violations* out) {
  for (const auto& [name, value] : env) {
    const std::string at = AtKey(field, name);
    if (name.empty()) out->Add(at, "names must not be empty");
    if (name.find('=') != std::string::npos) {
      out->Add(at, "names must not contain '='");
    }
    out->CheckText(at, name);
    out->CheckText(at, value);
    if (name.size() + 1 + value.size() > kMaxStringBytes) {
      out->Add(at, base::StrCat("name and value must have at most ",
                                kMaxStringBytes - 1, " bytes"));
    }
  }
}

void CheckEnvironment(const std::string& path, const Process& process,
                      Violations* out) {
  CheckVariables(path + ".env", process.env, out);
  CheckVariables(path + ".env_raw", process.env_raw, out);
  for (const auto& [name, value] : process.env_raw) {
    if (process.env.contains(name)) {
      out->Add(AtKey(path + ".env_raw", name), "is in env as well");
    }
  }
  size_t total = 0;
  for (const auto* list :
       {&process.command, &process.args, &process.args_raw}) {
    for (const std::string& argument : *list) total += argument.size() + 1;
  }
  for (const StringMap* env : {&process.env, &process.env_raw}) {
    for (const auto& [name, value] : *env) {
      total += name.size() + value.size() + 2;
    }
  }
  if (total > kMaxArgumentBytes) {
    out->Add(path, base::StrCat("arguments and environment have at most ",
                                kMaxArgumentBytes, " bytes, have ", total));
  }
}

void CheckUser(const std::string& path, const Process& process,
               Violations* out) {
  const absl::StatusOr<UserRef> user = ParseUser(process.user);
  if (!user.ok()) {
    out->Add(path + ".user", std::string(user.status().message()));
  }
  const std::string groups = path + ".extra_groups";
  for (size_t i = 0; i < process.extra_groups.size(); ++i) {
    const absl::StatusOr<Principal> group =
        ParsePrincipal(process.extra_groups[i]);
    if (!group.ok()) {
      out->Add(At(groups, i), std::string(group.status().message()));
    }
  }
  if (process.extra_groups.size() > kMaxGroups) {
    out->Add(groups, base::StrCat("at most ", kMaxGroups, " groups"));
  }
}

void CheckTerminal(const std::string& path, const Process& process,
                   Violations* out) {
  const int mode = static_cast<int>(process.stdin_mode);
  if (mode < static_cast<int>(StdinMode::kUnspecified) ||
      mode > static_cast<int>(StdinMode::kOnce)) {
    out->Add(path + ".stdin", "is not a value of this enum");
  }
  if (!process.terminal_size.has_value()) return;
  const std::string field = path + ".terminal_size";
  if (!process.tty) out->Add(field, "needs tty");
  out->CheckRange(field + ".rows", process.terminal_size->rows, 0,
                  kMaxTerminal);
  out->CheckRange(field + ".cols", process.terminal_size->cols, 0,
                  kMaxTerminal);
}

void CheckRlimit(const std::string& path, const Rlimit& limit,
                 Violations* out) {
  if (limit.soft < -1) out->Add(path + ".soft", "must be >= -1");
  if (limit.hard < -1) out->Add(path + ".hard", "must be >= -1");
  const bool soft_unlimited = limit.soft == -1;
  const bool hard_unlimited = limit.hard == -1;
  if (hard_unlimited || limit.soft < -1 || limit.hard < -1) return;
  if (soft_unlimited || limit.soft > limit.hard) {
    out->Add(path + ".soft", "must be at most the hard limit");
  }
}

void CheckRlimits(const std::string& path, const Process& process,
                  Violations* out) {
  std::set<int> seen;
  for (size_t i = 0; i < process.rlimits.size(); ++i) {
    const Rlimit& limit = process.rlimits[i];
    const std::string field = At(path + ".rlimits", i);
    const std::optional<int> resource = ParseRlimit(limit.name);
    if (!resource.has_value()) {
      out->Add(field + ".name", "is not a resource limit, as \"NOFILE\"");
    } else if (!seen.insert(*resource).second) {
      out->Add(field + ".name", "is there twice");
    }
    CheckRlimit(field, limit, out);
  }
}

}  // namespace

void CheckProcess(const std::string& path, const Process& process,
                  Violations* out) {
  CheckArguments(path, process, out);
  CheckEnvironment(path, process, out);
  if (!process.working_dir.empty()) {
    out->CheckPath(path + ".working_dir", process.working_dir);
  }
  CheckUser(path, process, out);
  CheckTerminal(path, process, out);
  CheckRlimits(path, process, out);
  if (process.umask.has_value()) {
    out->CheckRange(path + ".umask", *process.umask, 0, 0777);
  }
  if (process.oom_score_adj.has_value()) {
    out->CheckRange(path + ".oom_score_adj", *process.oom_score_adj, -1000,
                    1000);
  }
}

}  // namespace caisson::spec
