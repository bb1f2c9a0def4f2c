// The kinds of objects that can leak.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/leakcheck/proc.h"
#include "tests/leakcheck/snapshot.h"

namespace caisson::leakcheck {

namespace {

constexpr const char* kNamespaces[] = {"cgroup", "ipc",  "mnt",  "net",
                                       "pid",    "time", "user", "uts"};

// Numbers in a descriptor's target differ from run to run, except those that
// name a namespace; but the keeper has network namespaces in stock, and only
// how many counts.
std::string Normalise(const std::string& target) {
  for (const char* prefix : {"socket:", "pipe:", "net:"}) {
    if (target.rfind(prefix, 0) == 0) return std::string(prefix) + "[*]";
  }
  return target;
}

void AddNamespaces(pid_t pid, std::set<std::string>* namespaces) {
  for (const char* name : kNamespaces) {
    const std::string target =
        LinkTarget("/proc/" + std::to_string(pid) + "/ns/" + name);
    if (!target.empty()) namespaces->insert(target);
  }
}

bool IsBelow(const std::string& path, const std::string& directory) {
  return path == directory || path.rfind(directory + "/", 0) == 0;
}

bool Concerns(const MountLine& mount, const std::string& directory) {
  return IsBelow(mount.target, directory) || IsBelow(mount.source, directory) ||
         mount.super_options.find("=" + directory + "/") != std::string::npos;
}

bool IsDirectory(const std::string& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

constexpr int kCgroupDepth = 6;

void FindNamed(const std::string& path, const std::string& base, int depth,
               std::vector<std::string>* found) {
  for (const std::string& name : NamesIn(path)) {
    const std::string child = path + "/" + name;
    if (!IsDirectory(child)) continue;
    if (name == base) {
      found->push_back(child);
    } else if (depth < kCgroupDepth && name.rfind("caisson-test-", 0) != 0) {
      FindNamed(child, base, depth + 1, found);
    }
  }
}

// What is in stock is numbered on and on, and only how much there is counts.
std::string WithoutNumber(const std::string& path) {
  constexpr char kStock[] = "/stock/";
  const size_t at = path.find(kStock);
  if (at == std::string::npos) return path;
  const size_t begin = at + sizeof kStock - 1;
  const size_t end =
      std::min(path.find_first_not_of("0123456789", begin), path.size());
  return path.substr(0, begin) + (end > begin ? "*" : "") + path.substr(end);
}

void AddTree(const std::string& path, const char* kind, bool only_directories,
             Snapshot* snapshot) {
  for (const std::string& name : NamesIn(path)) {
    const std::string child = path + "/" + name;
    const bool is_directory = IsDirectory(child);
    if (is_directory || !only_directories) {
      ++(*snapshot)[std::string(kind) + " " + WithoutNumber(child)];
    }
    if (is_directory) AddTree(child, kind, only_directories, snapshot);
  }
}

}  // namespace

std::vector<pid_t> DescendantsOf(pid_t ancestor) {
  std::multimap<pid_t, pid_t> children;
  for (const auto& [pid, stat] : AllProcesses()) {
    children.emplace(stat.parent, pid);
  }
  std::vector<pid_t> found;
  std::vector<pid_t> open = {ancestor};
  while (!open.empty()) {
    const pid_t parent = open.back();
    open.pop_back();
    const auto [begin, end] = children.equal_range(parent);
    for (auto it = begin; it != end; ++it) {
      found.push_back(it->second);
      open.push_back(it->second);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

namespace {

// Under its label where it has one, so that a daemon that was started again is
// the same process as before.
std::string NameOf(pid_t pid, const ProcessStat& stat,
                   const std::vector<Watched>& watched) {
  for (const Watched& one : watched) {
    if (one.pid == pid) return one.label;
  }
  return std::to_string(pid) + " " + stat.name;
}

}  // namespace

void AddProcesses(pid_t ancestor, const std::vector<Watched>& watched,
                  Snapshot* snapshot) {
  const std::map<pid_t, ProcessStat> all = AllProcesses();
  std::set<std::string> namespaces;
  for (const pid_t pid : DescendantsOf(ancestor)) {
    const auto it = all.find(pid);
    if (it == all.end()) continue;
    const ProcessStat& stat = it->second;
    const char* kind = stat.state == 'Z' ? "zombie " : "process ";
    ++(*snapshot)[kind + NameOf(pid, stat, watched)];
    AddNamespaces(pid, &namespaces);
  }
  for (const std::string& name : namespaces) ++(*snapshot)["namespace " + name];
}

void AddDescriptors(const Watched& watched, Snapshot* snapshot) {
  const std::string path = "/proc/" + std::to_string(watched.pid) + "/fd";
  for (const std::string& name : NamesIn(path)) {
    const std::string target = LinkTarget(path + "/" + name);
    if (target.empty()) continue;
    ++(*snapshot)["fd " + watched.label + " " + Normalise(target)];
  }
}

void AddMounts(const std::string& label, const std::string& mountinfo,
               const std::vector<std::string>& only_in, Snapshot* snapshot) {
  for (const MountLine& mount : ParseMountinfo(mountinfo)) {
    const bool counts =
        only_in.empty() ||
        std::any_of(only_in.begin(), only_in.end(),
                    [&](const std::string& d) { return Concerns(mount, d); });
    if (!counts) continue;
    ++(*snapshot)["mount " + label + " " + mount.target + " " + mount.type +
                  " " + mount.source];
  }
}

std::vector<std::string> FindCgroups(const std::string& base) {
  std::vector<std::string> found;
  std::set<std::string> roots;
  for (const MountLine& mount :
       ParseMountinfo(ReadText("/proc/self/mountinfo"))) {
    if (mount.type == "cgroup" || mount.type == "cgroup2") {
      roots.insert(mount.target);
    }
  }
  for (const std::string& root : roots) FindNamed(root, base, 0, &found);
  return found;
}

void AddCgroups(const std::string& base, Snapshot* snapshot) {
  for (const std::string& path : FindCgroups(base)) {
    ++(*snapshot)["cgroup " + path];
    AddTree(path, "cgroup", true, snapshot);
  }
}

void AddFiles(const std::string& directory, Snapshot* snapshot) {
  AddTree(directory, "file", false, snapshot);
}

}  // namespace caisson::leakcheck
