#include "tests/bench/memory.h"

#include <dirent.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace caisson::bench {
namespace {

// The number after `key` in a "Key:   123 kB" file; 0 when there is none.
double Field(const std::string& path, const std::string& key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (absl::StartsWith(line, key)) return atof(line.c_str() + key.size());
  }
  return 0;
}

std::string NetworkNamespace(pid_t pid) {
  char link[64] = {};
  const ssize_t size = ::readlink(
      absl::StrCat("/proc/", pid, "/ns/net").c_str(), link, sizeof(link) - 1);
  return size < 0 ? "" : std::string(link, static_cast<size_t>(size));
}

// The processes of this name in the daemon's network namespace.
std::vector<pid_t> Named(const std::string& wanted, pid_t daemon_pid) {
  std::vector<pid_t> pids;
  const std::string ours = NetworkNamespace(daemon_pid);
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return pids;
  while (const dirent* entry = ::readdir(proc)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    std::ifstream in(absl::StrCat("/proc/", pid, "/comm"));
    std::string name;
    std::getline(in, name);
    if (name == wanted && NetworkNamespace(pid) == ours) pids.push_back(pid);
  }
  ::closedir(proc);
  return pids;
}

// The sum of two neighbouring fields of /proc/<pid>/stat, counted from 1, which
// are in clock ticks; in seconds.
double Ticks(pid_t pid, int first_field) {
  std::ifstream in(absl::StrCat("/proc/", pid, "/stat"));
  std::string word;
  // The second field is the name in parentheses, and may have blanks.
  std::getline(in, word, ')');
  double sum = 0;
  for (int field = 3; in >> word && field <= first_field + 1; ++field) {
    double ticks = 0;
    if (field >= first_field && absl::SimpleAtod(word, &ticks)) sum += ticks;
  }
  return sum / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

double RssKib(pid_t pid) {
  return Field(absl::StrCat("/proc/", pid, "/status"), "VmRSS:");
}

absl::StatusOr<double> MeanShimPssKib(pid_t daemon_pid) {
  const std::vector<pid_t> shims = Named("caisson-shim", daemon_pid);
  if (shims.empty()) return absl::NotFoundError("no shim of the daemon");
  double sum = 0;
  for (const pid_t pid : shims) {
    sum += Field(absl::StrCat("/proc/", pid, "/smaps_rollup"), "Pss:");
  }
  return sum / static_cast<double>(shims.size());
}

size_t CountShims(pid_t daemon_pid) {
  return Named("caisson-shim", daemon_pid).size();
}

double CpuSeconds(pid_t pid) {
  constexpr int kUserTime = 14;
  return Ticks(pid, kUserTime);
}

absl::StatusOr<double> EndedShimsCpuSeconds(pid_t daemon_pid) {
  constexpr int kChildrenUserTime = 16;
  const std::vector<pid_t> keepers = Named("caisson-keeper", daemon_pid);
  if (keepers.size() != 1) {
    return absl::NotFoundError(
        absl::StrCat(keepers.size(), " keepers beside the daemon"));
  }
  return Ticks(keepers.front(), kChildrenUserTime);
}

}  // namespace caisson::bench
