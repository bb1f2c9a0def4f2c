#include "tests/leakcheck/proc.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace caisson::leakcheck {

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  // A read of a process that has just ended fails; this way it only ends the
  // text, where an iterator over the buffer would throw.
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> NamesIn(const std::string& path) {
  std::vector<std::string> names;
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) return names;
  // One stream is read by one thread.
  while (const dirent* entry = ::readdir(dir)) {  // NOLINT
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  ::closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

std::string LinkTarget(const std::string& path) {
  char target[4096];
  const ssize_t n = ::readlink(path.c_str(), target, sizeof target);
  return n < 0 ? "" : std::string(target, static_cast<size_t>(n));
}

ProcessStat ParseStat(const std::string& text) {
  ProcessStat stat;
  // The name may hold spaces and parentheses: it ends at the last one.
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close < open) {
    return stat;
  }
  std::istringstream rest(text.substr(close + 1));
  if (!(rest >> stat.state >> stat.parent)) return stat;
  stat.name = text.substr(open + 1, close - open - 1);
  stat.pid = static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10));
  return stat;
}

std::map<pid_t, ProcessStat> AllProcesses() {
  std::map<pid_t, ProcessStat> all;
  for (const std::string& name : NamesIn("/proc")) {
    if (name[0] < '0' || name[0] > '9') continue;
    const ProcessStat stat = ParseStat(ReadText("/proc/" + name + "/stat"));
    if (stat.pid > 0) all[stat.pid] = stat;
  }
  return all;
}

std::vector<MountLine> ParseMountinfo(const std::string& text) {
  std::vector<MountLine> mounts;
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    // The number of optional fields before the dash varies.
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    MountLine mount;
    std::string skip;
    std::istringstream left(line.substr(0, dash));
    left >> skip >> skip >> skip >> mount.root >> mount.target;
    std::istringstream right(line.substr(dash + 3));
    right >> mount.type >> mount.source >> mount.super_options;
    mounts.push_back(mount);
  }
  return mounts;
}

}  // namespace caisson::leakcheck
