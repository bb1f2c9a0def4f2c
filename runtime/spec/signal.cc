#include "runtime/spec/signal.h"

#include <signal.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

#include "runtime/base/str_cat.h"

namespace caisson::spec {
namespace {

struct Named {
  std::string_view name;
  int number;
};

constexpr auto kSignals = std::to_array<Named>({
    {"HUP", SIGHUP},
    {"INT", SIGINT},
    {"QUIT", SIGQUIT},
    {"ILL", SIGILL},
    {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT},
    {"BUS", SIGBUS},
    {"FPE", SIGFPE},
    {"KILL", SIGKILL},
    {"USR1", SIGUSR1},
    {"SEGV", SIGSEGV},
    {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE},
    {"ALRM", SIGALRM},
    {"TERM", SIGTERM},
    {"STKFLT", SIGSTKFLT},
    {"CHLD", SIGCHLD},
    {"CONT", SIGCONT},
    {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU},
    {"URG", SIGURG},
    {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM},
    {"PROF", SIGPROF},
    {"WINCH", SIGWINCH},
    {"IO", SIGIO},
    {"PWR", SIGPWR},
    {"SYS", SIGSYS},
    // Other names of the same: for reading only.
    {"IOT", SIGABRT},
    {"CLD", SIGCHLD},
    {"POLL", SIGIO},
});

// What programs of glibc and musl mean by SIGRTMIN: the first that the C
// library leaves to them. The kernel's own is 32.
constexpr int kRtMin = 34;
constexpr int kRtMax = 64;

std::optional<int> ParseDecimal(std::string_view text) {
  int value = 0;
  const bool digits = !text.empty() && text.size() <= 3 &&
                      std::all_of(text.begin(), text.end(),
                                  [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || !absl::SimpleAtoi(base::AbslView(text), &value)) {
    return std::nullopt;
  }
  return value;
}

// "RTMIN", "RTMIN+3", "RTMAX-1".
std::optional<int> ParseRealTime(std::string_view name) {
  constexpr size_t kPrefix = 5;
  const bool from_min = name.substr(0, kPrefix) == "RTMIN";
  if (!from_min && name.substr(0, kPrefix) != "RTMAX") return std::nullopt;
  int offset = 0;
  if (name.size() > kPrefix) {
    if (name[kPrefix] != (from_min ? '+' : '-')) return std::nullopt;
    const std::optional<int> number = ParseDecimal(name.substr(kPrefix + 1));
    if (!number.has_value()) return std::nullopt;
    offset = *number;
  }
  if (offset > kRtMax - kRtMin) return std::nullopt;
  return from_min ? kRtMin + offset : kRtMax - offset;
}

}  // namespace

std::optional<int> ParseSignal(std::string_view text) {
  if (const std::optional<int> number = ParseDecimal(text)) {
    return *number >= 1 && *number <= kRtMax ? number : std::nullopt;
  }
  const std::string upper = absl::AsciiStrToUpper(base::AbslView(text));
  std::string_view name = upper;
  if (name.substr(0, 3) == "SIG") name.remove_prefix(3);
  for (const Named& signal : kSignals) {
    if (signal.name == name) return signal.number;
  }
  return ParseRealTime(name);
}

std::string SignalName(int signal) {
  for (const Named& named : kSignals) {
    if (named.number == signal) return base::StrCat("SIG", named.name);
  }
  if (signal == kRtMin) return "SIGRTMIN";
  if (signal > kRtMin && signal <= kRtMax) {
    return base::StrCat("SIGRTMIN+", signal - kRtMin);
  }
  return base::StrCat("SIG", signal);
}

}  // namespace caisson::spec
