#include "tests/leakcheck/snapshot.h"

#include <unistd.h>

#include <set>
#include <sstream>

#include "tests/leakcheck/proc.h"

namespace caisson::leakcheck {

Snapshot Take(const Scope& scope) {
  Snapshot snapshot;
  if (scope.ancestor > 0)
    AddProcesses(scope.ancestor, scope.watched, &snapshot);
  for (const Watched& watched : scope.watched) {
    AddDescriptors(watched, &snapshot);
    AddMounts(watched.label,
              ReadText("/proc/" + std::to_string(watched.pid) + "/mountinfo"),
              {}, &snapshot);
  }
  AddMounts("host", ReadText("/proc/self/mountinfo"), scope.directories,
            &snapshot);
  if (!scope.cgroup_base.empty()) AddCgroups(scope.cgroup_base, &snapshot);
  for (const std::string& directory : scope.directories) {
    AddFiles(directory, &snapshot);
  }
  return snapshot;
}

std::vector<std::string> Diff(const Snapshot& before, const Snapshot& after) {
  std::set<std::string> keys;
  for (const auto& [key, count] : before) keys.insert(key);
  for (const auto& [key, count] : after) keys.insert(key);
  std::vector<std::string> lines;
  for (const std::string& key : keys) {
    const auto was = before.find(key);
    const auto is = after.find(key);
    const int old_count = was == before.end() ? 0 : was->second;
    const int new_count = is == after.end() ? 0 : is->second;
    if (old_count != new_count) {
      lines.push_back(key + ": " + std::to_string(old_count) + " -> " +
                      std::to_string(new_count));
    }
  }
  return lines;
}

std::vector<std::string> Added(const Snapshot& before, const Snapshot& after) {
  Snapshot more;
  Snapshot same;
  for (const auto& [key, count] : after) {
    const auto was = before.find(key);
    const int old_count = was == before.end() ? 0 : was->second;
    if (count <= old_count) continue;
    more[key] = count;
    if (old_count > 0) same[key] = old_count;
  }
  return Diff(same, more);
}

std::string ToText(const Snapshot& snapshot) {
  std::string text;
  for (const auto& [key, count] : snapshot) {
    text += std::to_string(count) + " " + key + "\n";
  }
  return text;
}

Snapshot FromText(const std::string& text) {
  Snapshot snapshot;
  std::istringstream stream(text);
  int count = 0;
  std::string key;
  while (stream >> count && stream.get() == ' ' && std::getline(stream, key)) {
    snapshot[key] = count;
  }
  return snapshot;
}

}  // namespace caisson::leakcheck
