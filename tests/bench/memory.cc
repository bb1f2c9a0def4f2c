#include "tests/bench/memory.h"

#include <dirent.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <string>

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

std::map<pid_t, pid_t> ShimParents(pid_t daemon_pid) {
  std::map<pid_t, pid_t> parents;
  const std::string ours = NetworkNamespace(daemon_pid);
  DIR* proc = ::opendir("/proc");
  if (proc == nullptr) return parents;
  while (const dirent* entry = ::readdir(proc)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->d_name, &pid)) continue;
    const std::string status = absl::StrCat("/proc/", pid, "/status");
    std::ifstream in(status);
    std::string name;
    std::getline(in, name);
    if (!absl::StrContains(name, "caisson-shim")) continue;
    if (NetworkNamespace(pid) != ours) continue;
    parents[pid] = static_cast<pid_t>(Field(status, "PPid:"));
  }
  ::closedir(proc);
  return parents;
}

}  // namespace

double RssKib(pid_t pid) {
  return Field(absl::StrCat("/proc/", pid, "/status"), "VmRSS:");
}

double MeanShimPssKib(pid_t daemon_pid) {
  const std::map<pid_t, pid_t> parents = ShimParents(daemon_pid);
  double sum = 0;
  int count = 0;
  for (const auto& [pid, parent] : parents) {
    if (!parents.contains(parent)) continue;  // the keeper itself
    sum += Field(absl::StrCat("/proc/", pid, "/smaps_rollup"), "Pss:");
    ++count;
  }
  return count == 0 ? 0 : sum / count;
}

}  // namespace caisson::bench
