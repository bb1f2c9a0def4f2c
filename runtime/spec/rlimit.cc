#include "runtime/spec/rlimit.h"

#include <sys/resource.h>

#include <array>
#include <string>

#include "absl/strings/ascii.h"

#include "runtime/base/str_cat.h"

namespace caisson::spec {
namespace {

constexpr std::string_view kPrefix = "RLIMIT_";

struct Named {
  std::string_view name;
  int resource;
};

constexpr auto kLimits = std::to_array<Named>({
    {"AS", RLIMIT_AS},
    {"CORE", RLIMIT_CORE},
    {"CPU", RLIMIT_CPU},
    {"DATA", RLIMIT_DATA},
    {"FSIZE", RLIMIT_FSIZE},
    {"LOCKS", RLIMIT_LOCKS},
    {"MEMLOCK", RLIMIT_MEMLOCK},
    {"MSGQUEUE", RLIMIT_MSGQUEUE},
    {"NICE", RLIMIT_NICE},
    {"NOFILE", RLIMIT_NOFILE},
    {"NPROC", RLIMIT_NPROC},
    {"RSS", RLIMIT_RSS},
    {"RTPRIO", RLIMIT_RTPRIO},
    {"RTTIME", RLIMIT_RTTIME},
    {"SIGPENDING", RLIMIT_SIGPENDING},
    {"STACK", RLIMIT_STACK},
});
static_assert(kLimits.size() == RLIMIT_NLIMITS);

}  // namespace

std::optional<int> ParseRlimit(std::string_view text) {
  const std::string upper = absl::AsciiStrToUpper(base::AbslView(text));
  std::string_view name = upper;
  if (name.substr(0, kPrefix.size()) == kPrefix) {
    name.remove_prefix(kPrefix.size());
  }
  for (const Named& limit : kLimits) {
    if (limit.name == name) return limit.resource;
  }
  return std::nullopt;
}

std::string_view RlimitName(int resource) {
  for (const Named& limit : kLimits) {
    if (limit.resource == resource) return limit.name;
  }
  return {};
}

}  // namespace caisson::spec
