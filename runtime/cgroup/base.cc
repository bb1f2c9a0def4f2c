#include "runtime/cgroup/base.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/files.h"
#include "runtime/cgroup/v1/hierarchy.h"
#include "runtime/cgroup/v2/hierarchy.h"

namespace caisson::cgroup {
namespace {

constexpr std::string_view kDefaultBase = "caisson";
constexpr std::string_view kKeeper = "keeper";
constexpr std::string_view kOwnerPrefix = "owner-";
constexpr mode_t kMode = 0755;

bool IsOwnerMark(std::string_view name) {
  return name.substr(0, kOwnerPrefix.size()) == kOwnerPrefix;
}

// Whether containers use `hierarchy`, given what the v2 tree can do: each
// hierarchy costs a directory and a join per container.
bool IsUsed(const Hierarchy& hierarchy, const Facts& facts) {
  if (hierarchy.version == Version::kV2) return true;
  constexpr auto kAlways = std::to_array<std::string_view>(
      {"cpu", "cpuset", "memory", "devices", "pids"});
  if (std::any_of(kAlways.begin(), kAlways.end(),
                  [&](auto name) { return hierarchy.Has(name); })) {
    return true;
  }
  // The v2 tree counts processor time without any controller.
  if (hierarchy.Has("cpuacct")) return facts.Unified() == nullptr;
  return hierarchy.Has("freezer") && !(facts.has_kill && facts.has_freeze);
}

absl::Status BadBase(std::string_view path, std::string_view why) {
  return absl::InvalidArgumentError(
      base::StrCat("cgroup base '", path, "': ", why));
}

// `path` without empty and "." parts, relative: "a/b". Empty on error.
std::string CleanPath(std::string_view path) {
  std::vector<std::string> parts;
  for (absl::string_view part :
       absl::StrSplit(base::AbslView(path), '/', absl::SkipEmpty())) {
    if (part == "..") return {};
    if (part != ".") parts.emplace_back(part);
  }
  return absl::StrJoin(parts, "/");
}

std::string DirectoryIn(const Hierarchy& hierarchy, bool from_root,
                        const std::string& clean) {
  std::string path = hierarchy.mount_point;
  if (!from_root && hierarchy.own_path != "/") path += hierarchy.own_path;
  return base::StrCat(path, "/", clean);
}

const Hierarchy* HierarchyOf(const Facts& facts, const Directory& directory) {
  for (const Hierarchy& hierarchy : facts.hierarchies) {
    const bool is_v2 = hierarchy.version == Version::kV2;
    if (is_v2 ? directory.what == kUnified
              : directory.what == absl::StrJoin(hierarchy.controllers, ",")) {
      return &hierarchy;
    }
  }
  return nullptr;
}

// Makes `path` and its parents below the mount point, ready for processes.
absl::Status MakePath(const Hierarchy& hierarchy, const std::string& path) {
  for (size_t end = path.find('/', hierarchy.mount_point.size() + 1);;
       end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    CAISSON_RETURN_IF_ERROR(MakeCgroup(part));
    if (hierarchy.version == Version::kV1 && hierarchy.Has("cpuset")) {
      CAISSON_RETURN_IF_ERROR(v1::InheritCpuset(part));
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

absl::Status MakeBaseAndKeeper(Base* base) {
  for (const Directory& directory : base->group.directories) {
    const Hierarchy* hierarchy = HierarchyOf(base->facts, directory);
    if (hierarchy == nullptr) continue;
    CAISSON_RETURN_IF_ERROR(MakePath(*hierarchy, directory.path));
    CAISSON_RETURN_IF_ERROR(
        MakePath(*hierarchy, FileIn(directory.path, kKeeper)));
  }
  return absl::OkStatus();
}

// Who has marked the base; several when daemons race for it.
absl::StatusOr<std::vector<std::string>> Owners(const Base& base) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           Subdirectories(base.group.directories.front().path));
  std::vector<std::string> owners;
  for (const std::string& name : names) {
    if (IsOwnerMark(name)) owners.push_back(name.substr(kOwnerPrefix.size()));
  }
  return owners;
}

// A mark without containers is left over from a store that is gone.
absl::Status ReplaceStaleMark(const Base& base, const std::string& other) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> containers,
                           ListContainers(base));
  const std::string& path = base.group.directories.front().path;
  if (!containers.empty()) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, "IN_USE",
        base::StrCat("cgroup base '", path, "' has ", containers.size(),
                     " containers of another owner, '", other, "'"),
        {{"path", path}, {"owner", other}});
  }
  const std::string mark = FileIn(path, base::StrCat(kOwnerPrefix, other));
  if (::rmdir(mark.c_str()) != 0 && errno != ENOENT) {
    return base::SyscallError("rmdir", mark);
  }
  return absl::OkStatus();
}

absl::Status TakeOwnership(const Base& base, std::string_view owner) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> owners, Owners(base));
  for (const std::string& other : owners) {
    if (other == owner) continue;
    CAISSON_RETURN_IF_ERROR(ReplaceStaleMark(base, other));
  }
  const std::string mark = FileIn(base.group.directories.front().path,
                                  base::StrCat(kOwnerPrefix, owner));
  if (::mkdir(mark.c_str(), kMode) != 0 && errno != EEXIST) {
    return base::SyscallError("mkdir", mark);
  }
  return absl::OkStatus();
}

void ReadFacts(Base* base) {
  for (const Directory& directory : base->group.directories) {
    const Hierarchy* hierarchy = HierarchyOf(base->facts, directory);
    if (hierarchy == nullptr || hierarchy->version == Version::kV2) continue;
    if (hierarchy->Has("cpuset")) {
      v1::ReadCpuset(directory.path, &base->cpuset_cpus, &base->cpuset_mems);
    }
    if (hierarchy->Has("memory")) {
      base->has_v1_swap = base::PathExists(
          FileIn(directory.path, "memory.memsw.limit_in_bytes"));
    }
  }
}

absl::Status RemoveDirectory(const std::string& path) {
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
    return base::SyscallError("rmdir", path);
  }
  return absl::OkStatus();
}

}  // namespace

Group Base::Container(std::string_view id) const {
  return Child(group, id);
}

Group Base::Exec(std::string_view id, uint32_t number) const {
  return Child(Container(id), base::StrCat("x", number));
}

std::string Base::DisplayPath(std::string_view id) const {
  const Directory* directory = group.Find("memory");
  if (directory == nullptr) directory = &group.directories.front();
  const Hierarchy* hierarchy = HierarchyOf(facts, *directory);
  std::string path = FileIn(directory->path, id);
  return hierarchy == nullptr ? path
                              : path.substr(hierarchy->mount_point.size());
}

absl::StatusOr<Base> ResolveBase(const Facts& facts, std::string_view path) {
  if (path.empty()) path = kDefaultBase;
  const std::string clean = CleanPath(path);
  if (clean.empty()) return BadBase(path, "must name a cgroup, without \"..\"");
  const bool from_root =
      path[0] == '/' || facts.LimitsVersion() == Version::kV2;
  Base result;
  result.facts = facts;
  result.group.has_kill = facts.has_kill;
  std::vector<Directory> last;
  for (const Hierarchy& hierarchy : facts.hierarchies) {
    if (!IsUsed(hierarchy, facts)) continue;
    Directory directory;
    directory.path = DirectoryIn(hierarchy, from_root, clean);
    std::vector<Directory>* list = &result.group.directories;
    if (hierarchy.version == Version::kV2) {
      directory.what = std::string(kUnified);
      list->insert(list->begin(), std::move(directory));
      continue;
    }
    directory.what = absl::StrJoin(hierarchy.controllers, ",");
    if (directory.what == "cpuset") list = &last;
    list->push_back(std::move(directory));
  }
  result.group.directories.insert(result.group.directories.end(), last.begin(),
                                  last.end());
  if (result.group.directories.empty()) {
    return BadBase(path, "no hierarchy with a usable controller");
  }
  return result;
}

absl::Status CreateKeeperGroup(Base* base) {
  return MakeBaseAndKeeper(base);
}

absl::Status CreateBase(std::string_view owner, Base* base) {
  CAISSON_RETURN_IF_ERROR(MakeBaseAndKeeper(base));
  CAISSON_RETURN_IF_ERROR(TakeOwnership(*base, owner));
  const Hierarchy* unified = base->facts.Unified();
  if (unified != nullptr && base->facts.LimitsVersion() == Version::kV2) {
    CAISSON_ASSIGN_OR_RETURN(
        base->unified_controllers,
        v2::Delegate(unified->mount_point, base->group.Unified()->path));
  }
  ReadFacts(base);
  return absl::OkStatus();
}

absl::Status JoinKeeperGroup(const Base& base) {
  for (const Directory& directory : base.group.directories) {
    // "0" is the writer. `tasks` moves one thread without the kernel's wait
    // for a grace period that cgroup.procs of v1 costs.
    const std::string_view file =
        directory.what == kUnified ? "cgroup.procs" : "tasks";
    CAISSON_RETURN_IF_ERROR(
        base::WriteFile(FileIn(FileIn(directory.path, kKeeper), file), "0"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListContainers(const Base& base) {
  std::vector<std::string> all;
  for (const Directory& directory : base.group.directories) {
    CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                             Subdirectories(directory.path));
    for (const std::string& name : names) {
      if (name != kKeeper && !IsOwnerMark(name)) all.push_back(name);
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

absl::Status RemoveBase(const Base& base) {
  // A base with a keeper is in use: nothing of it goes, nor the mark.
  for (const Directory& directory : base.group.directories) {
    CAISSON_RETURN_IF_ERROR(RemoveDirectory(FileIn(directory.path, kKeeper)));
  }
  absl::Status first;
  const auto note = [&first](const absl::Status& status) {
    if (first.ok()) first = status;
  };
  for (const Directory& directory : base.group.directories) {
    const absl::StatusOr<std::vector<std::string>> names =
        Subdirectories(directory.path);
    if (names.ok()) {
      for (const std::string& name : *names) {
        if (IsOwnerMark(name)) {
          note(RemoveDirectory(FileIn(directory.path, name)));
        }
      }
    }
    note(RemoveDirectory(directory.path));
  }
  return first;
}

}  // namespace caisson::cgroup
