#include "runtime/linux/seccomp/oci_profile.h"

#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nlohmann/json.hpp"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::linux_ {
namespace {

using Json = nlohmann::json;

constexpr unsigned kMaxArgument = 5;

absl::Status Problem(std::string_view place, std::string_view what) {
  return absl::InvalidArgumentError(base::StrCat(place, ": ", what));
}

struct NamedAction {
  std::string_view name;
  uint32_t action;
  bool takes_errno;
};
constexpr auto kActions = std::to_array<NamedAction>({
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG, false},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false},
});

struct NamedCompare {
  std::string_view name;
  Compare compare;
};
constexpr auto kCompares = std::to_array<NamedCompare>({
    {"SCMP_CMP_EQ", Compare::kEqual},
    {"SCMP_CMP_NE", Compare::kNotEqual},
    {"SCMP_CMP_LT", Compare::kLess},
    {"SCMP_CMP_LE", Compare::kLessEqual},
    {"SCMP_CMP_GT", Compare::kGreater},
    {"SCMP_CMP_GE", Compare::kGreaterEqual},
    {"SCMP_CMP_MASKED_EQ", Compare::kMaskedEqual},
});

struct NamedFlag {
  std::string_view name;
  uint32_t flag;
};
constexpr auto kFlags = std::to_array<NamedFlag>({
    {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
    {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
    // One thread loads the filter: there is nothing to synchronise with.
    {"SECCOMP_FILTER_FLAG_TSYNC", 0},
});

// Refuses members that are not in `known`: they may mean to forbid something.
template <size_t kSize>
absl::Status CheckMembers(const Json& object, std::string_view place,
                          const std::array<std::string_view, kSize>& known) {
  if (!object.is_object()) return Problem(place, "must be an object");
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return Problem(base::StrCat(place, ".", key), "is not known");
    }
  }
  return absl::OkStatus();
}

// Absent members are `otherwise`.
absl::StatusOr<uint64_t> Number(const Json& object, const char* name,
                                std::string_view place, uint64_t otherwise) {
  const auto member = object.find(name);
  if (member == object.end()) return otherwise;
  if (!member->is_number_unsigned()) {
    return Problem(base::StrCat(place, ".", name),
                   "must be an integer that is not negative");
  }
  return member->get<uint64_t>();
}

// Empty when the member is absent.
absl::StatusOr<std::string> Text(const Json& object, const char* name,
                                 std::string_view place) {
  const auto member = object.find(name);
  if (member == object.end()) return std::string();
  if (!member->is_string()) {
    return Problem(base::StrCat(place, ".", name), "must be a string");
  }
  return member->get<std::string>();
}

absl::StatusOr<std::vector<std::string>> Texts(const Json& object,
                                               const char* name,
                                               std::string_view place) {
  std::vector<std::string> list;
  const auto member = object.find(name);
  if (member == object.end()) return list;
  if (!member->is_array()) {
    return Problem(base::StrCat(place, ".", name), "must be an array");
  }
  for (const Json& item : *member) {
    if (!item.is_string()) {
      return Problem(base::StrCat(place, ".", name, "[", list.size(), "]"),
                     "must be a string");
    }
    list.push_back(item.get<std::string>());
  }
  return list;
}

absl::StatusOr<uint32_t> ParseAction(const Json& object, const char* name,
                                     const char* errno_name,
                                     std::string_view place) {
  CAISSON_ASSIGN_OR_RETURN(const std::string text, Text(object, name, place));
  CAISSON_ASSIGN_OR_RETURN(const uint64_t err,
                           Number(object, errno_name, place, EPERM));
  constexpr uint64_t kMaxErrno = 4095;
  if (err > kMaxErrno) {
    return Problem(base::StrCat(place, ".", errno_name), "is no errno");
  }
  for (const NamedAction& named : kActions) {
    if (named.name != text) continue;
    return named.action | (named.takes_errno ? static_cast<uint32_t>(err) : 0u);
  }
  return Problem(base::StrCat(place, ".", name), "is not a known action");
}

absl::StatusOr<ArgTest> ParseTest(const Json& json, const std::string& place) {
  CAISSON_RETURN_IF_ERROR(CheckMembers(
      json, place,
      std::to_array<std::string_view>({"index", "value", "valueTwo", "op"})));
  CAISSON_ASSIGN_OR_RETURN(const uint64_t index,
                           Number(json, "index", place, kMaxArgument + 1));
  if (index > kMaxArgument) {
    return Problem(place + ".index", "must be in 0..5");
  }
  CAISSON_ASSIGN_OR_RETURN(const uint64_t value,
                           Number(json, "value", place, 0));
  CAISSON_ASSIGN_OR_RETURN(const uint64_t second,
                           Number(json, "valueTwo", place, 0));
  CAISSON_ASSIGN_OR_RETURN(const std::string op, Text(json, "op", place));
  for (const NamedCompare& named : kCompares) {
    if (named.name != op) continue;
    ArgTest test = {.index = static_cast<unsigned>(index),
                    .compare = named.compare,
                    .value = value,
                    .mask = 0};
    if (named.compare == Compare::kMaskedEqual) {
      test.mask = value;
      test.value = second;
    }
    return test;
  }
  return Problem(place + ".op", "is not a known comparison");
}

absl::StatusOr<ArgRule> ParseRule(const Json& json, const std::string& place) {
  ArgRule rule;
  CAISSON_ASSIGN_OR_RETURN(rule.action,
                           ParseAction(json, "action", "errnoRet", place));
  const auto args = json.find("args");
  if (args == json.end() || args->is_null()) return rule;
  if (!args->is_array()) return Problem(place + ".args", "must be an array");
  for (const Json& arg : *args) {
    CAISSON_ASSIGN_OR_RETURN(
        ArgTest test,
        ParseTest(arg, base::StrCat(place, ".args[", rule.tests.size(), "]")));
    rule.tests.push_back(test);
  }
  return rule;
}

void AddRule(const std::string& name, const ArgRule& rule,
             SeccompProfile* profile) {
  const int number = SyscallNumber(name);
  if (number < 0) {
    profile->unknown_names.push_back(name);
    return;
  }
  std::vector<ArgRule>& rules = profile->rules[static_cast<uint32_t>(number)];
  // As libseccomp does: nothing can be added to "always", and "always"
  // replaces what was there.
  if (!rules.empty() && rules.back().tests.empty()) return;
  if (rule.tests.empty()) rules.clear();
  rules.push_back(rule);
}

absl::Status ParseCalls(const Json& root, SeccompProfile* profile) {
  const auto calls = root.find("syscalls");
  if (calls == root.end() || calls->is_null()) return absl::OkStatus();
  if (!calls->is_array()) return Problem("syscalls", "must be an array");
  size_t index = 0;
  for (const Json& call : *calls) {
    const std::string place = base::StrCat("syscalls[", index++, "]");
    CAISSON_RETURN_IF_ERROR(
        CheckMembers(call, place,
                     std::to_array<std::string_view>(
                         {"names", "action", "errnoRet", "args", "comment"})));
    CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                             Texts(call, "names", place));
    if (names.empty()) return Problem(place + ".names", "must not be empty");
    CAISSON_ASSIGN_OR_RETURN(const ArgRule rule, ParseRule(call, place));
    for (const std::string& name : names) AddRule(name, rule, profile);
  }
  return absl::OkStatus();
}

absl::Status ParseFlags(const Json& root, uint32_t* flags) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           Texts(root, "flags", "seccomp"));
  *flags = 0;
  for (const std::string& name : names) {
    const auto found =
        std::find_if(kFlags.begin(), kFlags.end(),
                     [&](const NamedFlag& flag) { return flag.name == name; });
    if (found == kFlags.end()) {
      return Problem("flags", base::StrCat("\"", name, "\" is not known"));
    }
    *flags |= found->flag;
  }
  return absl::OkStatus();
}

// Calls of architectures that are listed besides the native one are not
// compiled: they get the default. All others end the process.
absl::Status ParseArchitectures(const Json& root, SeccompProfile* profile) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           Texts(root, "architectures", "seccomp"));
  profile->bad_arch_action = SECCOMP_RET_KILL_PROCESS;
#if defined(__x86_64__)
  constexpr std::string_view kNative = "SCMP_ARCH_X86_64";
#else
  constexpr std::string_view kNative = "SCMP_ARCH_AARCH64";
#endif
  if (names.empty()) return absl::OkStatus();
  if (std::find(names.begin(), names.end(), kNative) == names.end()) {
    return Problem("architectures", "this machine is not among them");
  }
  const bool permissive = profile->default_action == SECCOMP_RET_ALLOW ||
                          profile->default_action == SECCOMP_RET_LOG;
  // A default that allows would let every call of the other one through.
  if (names.size() > 1 && !permissive) {
    profile->bad_arch_action = profile->default_action;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SeccompProfile> ParseOciProfile(std::string_view json,
                                               uint32_t* flags) {
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) return Problem("seccomp", "is not JSON");
  CAISSON_RETURN_IF_ERROR(CheckMembers(
      root, "seccomp",
      std::to_array<std::string_view>({"defaultAction", "defaultErrnoRet",
                                       "architectures", "flags", "syscalls"})));
  SeccompProfile profile;
  profile.arch = NativeAuditArch();
  CAISSON_ASSIGN_OR_RETURN(
      profile.default_action,
      ParseAction(root, "defaultAction", "defaultErrnoRet", "seccomp"));
  const uint32_t kind = profile.default_action & SECCOMP_RET_ACTION_FULL;
  const bool denies = kind == SECCOMP_RET_ERRNO ||
                      kind == SECCOMP_RET_KILL_THREAD ||
                      kind == SECCOMP_RET_KILL_PROCESS;
  profile.newer_action =
      denies ? (SECCOMP_RET_ERRNO | ENOSYS) : profile.default_action;
  CAISSON_RETURN_IF_ERROR(ParseArchitectures(root, &profile));
  CAISSON_RETURN_IF_ERROR(ParseFlags(root, flags));
  CAISSON_RETURN_IF_ERROR(ParseCalls(root, &profile));
  return profile;
}

}  // namespace caisson::linux_
