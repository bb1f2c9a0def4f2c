#include "runtime/linux/proc.h"

#include <fcntl.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::linux_ {
namespace {

constexpr size_t kMaxProcBytes = 64 << 10;

absl::Status NotA(std::string_view what) {
  return absl::InvalidArgumentError(base::StrCat("not a ", what));
}

std::string ProcPath(pid_t pid, std::string_view file) {
  return base::StrCat("/proc/", pid, "/", file);
}

// Numbers of a line as "Uid:\t0\t0\t0\t0".
std::vector<absl::string_view> Values(absl::string_view text) {
  return absl::StrSplit(text, absl::ByAnyChar("\t "), absl::SkipEmpty());
}

// The second number, which is the effective one of Uid and Gid.
bool ParseEffective(absl::string_view text, uint32_t* value) {
  const std::vector<absl::string_view> values = Values(text);
  return values.size() == 4 && absl::SimpleAtoi(values[1], value);
}

bool ParseMask(absl::string_view text, uint64_t* mask) {
  return absl::SimpleHexAtoi(absl::StripAsciiWhitespace(text), mask);
}

bool ParsePids(absl::string_view text, std::vector<pid_t>* pids) {
  for (absl::string_view value : Values(text)) {
    if (!absl::SimpleAtoi(value, &pids->emplace_back())) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<ProcessStat> ParseProcessStat(std::string_view text) {
  // "<pid> (<comm>) <state> ...": comm ends at the last parenthesis.
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos ||
      close < open) {
    return NotA("process stat");
  }
  ProcessStat stat;
  stat.comm = std::string(text.substr(open + 1, close - open - 1));
  const std::vector<absl::string_view> fields =
      absl::StrSplit(base::AbslView(text.substr(close + 1)),
                     absl::ByAnyChar(" \n"), absl::SkipEmpty());
  // Numbered from 3 in proc(5): state 3, ppid 4, utime 14, stime 15,
  // starttime 22, rss 24.
  constexpr size_t kFirst = 3;
  if (fields.size() <= 24 - kFirst || fields[0].size() != 1) {
    return NotA("process stat");
  }
  stat.state = fields[0][0];
  const bool ok =
      absl::SimpleAtoi(base::AbslView(text.substr(0, open)), &stat.pid) &&
      absl::SimpleAtoi(fields[4 - kFirst], &stat.parent_pid) &&
      absl::SimpleAtoi(fields[14 - kFirst], &stat.user_ticks) &&
      absl::SimpleAtoi(fields[15 - kFirst], &stat.system_ticks) &&
      absl::SimpleAtoi(fields[22 - kFirst], &stat.start_ticks) &&
      absl::SimpleAtoi(fields[24 - kFirst], &stat.resident_pages);
  if (!ok) return NotA("process stat");
  return stat;
}

absl::StatusOr<ProcessStat> ReadProcessStat(pid_t pid) {
  CAISSON_ASSIGN_OR_RETURN(
      const std::string text,
      base::ReadFileToString(ProcPath(pid, "stat"), kMaxProcBytes));
  return ParseProcessStat(text);
}

absl::StatusOr<ProcessStatus> ParseProcessStatus(std::string_view text) {
  ProcessStatus status;
  bool has_uid = false;
  for (absl::string_view line : absl::StrSplit(base::AbslView(text), '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(":\t", 1));
    const auto& [key, value] = parts;
    bool ok = true;
    if (key == "Name") {
      status.name = std::string(value);
    } else if (key == "Uid") {
      has_uid = ok = ParseEffective(value, &status.uid);
    } else if (key == "Gid") {
      ok = ParseEffective(value, &status.gid);
    } else if (key == "NSpid") {
      ok = ParsePids(value, &status.namespace_pids);
    } else if (key == "CapEff") {
      ok = ParseMask(value, &status.effective_capabilities);
    } else if (key == "CapBnd") {
      ok = ParseMask(value, &status.bounding_capabilities);
    }
    if (!ok) return NotA("process status");
  }
  if (!has_uid) return NotA("process status");
  return status;
}

absl::StatusOr<ProcessStatus> ReadProcessStatus(pid_t pid) {
  CAISSON_ASSIGN_OR_RETURN(
      const std::string text,
      base::ReadFileToString(ProcPath(pid, "status"), kMaxProcBytes));
  return ParseProcessStatus(text);
}

absl::StatusOr<std::vector<std::string>> ReadProcessArguments(
    pid_t pid, size_t max_bytes) {
  const std::string path = ProcPath(pid, "cmdline");
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd fd, base::Open(path, O_RDONLY));
  std::string text(max_bytes, '\0');
  CAISSON_ASSIGN_OR_RETURN(const size_t used,
                           base::ReadAll(fd.get(), text.data(), text.size()));
  text.resize(used);
  if (!text.empty() && text.back() == '\0') text.pop_back();
  if (text.empty()) return std::vector<std::string>();
  return std::vector<std::string>(absl::StrSplit(text, '\0'));
}

absl::StatusOr<std::string> ReadBootId() {
  CAISSON_ASSIGN_OR_RETURN(
      std::string id,
      base::ReadFileToString("/proc/sys/kernel/random/boot_id", 128));
  absl::StripAsciiWhitespace(&id);
  return id;
}

}  // namespace caisson::linux_
