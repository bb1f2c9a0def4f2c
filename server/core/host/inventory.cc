#include "server/core/host/inventory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/driver.h"
#include "server/shimlink/lock_probe.h"

namespace caisson::core {
namespace {

constexpr std::string_view kSocketSuffix = ".sock";

using Expected = std::map<std::string, const ExpectedContainer*, std::less<>>;

// Names in a directory; none when it does not exist.
absl::StatusOr<std::vector<std::string>> Names(const std::string& path) {
  absl::StatusOr<std::vector<std::string>> names = base::ListDirectory(path);
  if (!names.ok() && base::ErrnoOf(names.status()) == ENOENT) {
    return std::vector<std::string>();
  }
  return names;
}

const ExpectedContainer* Find(const Expected& expected, std::string_view id) {
  const auto found = expected.find(id);
  return found == expected.end() ? nullptr : found->second;
}

AuditObject Object(std::string kind, std::string key, std::string owner) {
  AuditObject object;
  object.kind = std::move(kind);
  object.key = std::move(key);
  object.owner = std::move(owner);
  return object;
}

// For objects that exist only while the container runs.
void JudgeRuntimeObject(const ExpectedContainer* container,
                        AuditObject* object) {
  if (container == nullptr) {
    object->state = AuditState::kOrphan;
    object->detail = "no container has this id";
  } else if (container->changing) {
    object->detail = "the container is changing";
  } else if (!container->running) {
    object->state = AuditState::kOrphan;
    object->detail = "the container does not run";
  }
}

// What lives in the cgroups of a container.
absl::Status AddProcesses(const Places& places, const std::string& id,
                          const ExpectedContainer* container,
                          std::vector<AuditObject>* objects) {
  const absl::StatusOr<std::vector<pid_t>> pids =
      cgroup::ListPids(places.base.Container(id));
  if (!pids.ok()) {
    const int err = base::ErrnoOf(pids.status());
    // The cgroup was removed meanwhile.
    if (err == ENOENT || err == ENODEV) return absl::OkStatus();
    return pids.status();
  }
  for (const pid_t pid : *pids) {
    AuditObject object = Object("process", absl::StrCat(pid), id);
    JudgeRuntimeObject(container, &object);
    objects->push_back(std::move(object));
  }
  return absl::OkStatus();
}

absl::Status AddCgroups(const Places& places, const Expected& expected,
                        std::vector<AuditObject>* objects) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                           cgroup::ListContainers(places.base));
  std::set<std::string> found(ids.begin(), ids.end());
  for (const std::string& id : found) {
    for (const cgroup::Directory& directory :
         places.base.Container(id).directories) {
      if (!base::PathExists(directory.path)) continue;
      AuditObject object = Object("cgroup", directory.path, id);
      JudgeRuntimeObject(Find(expected, id), &object);
      objects->push_back(std::move(object));
    }
    CAISSON_RETURN_IF_ERROR(
        AddProcesses(places, id, Find(expected, id), objects));
  }
  for (const auto& [id, container] : expected) {
    if (!container->running || container->changing || found.contains(id)) {
      continue;
    }
    AuditObject object = Object("cgroup", id, id);
    object.state = AuditState::kMissing;
    object.detail = "the container runs without a cgroup";
    objects->push_back(std::move(object));
  }
  return absl::OkStatus();
}

// The shim holds the lock in the container's directory as long as it lives.
absl::Status AddShim(const std::string& path,
                     const ExpectedContainer& container,
                     std::vector<AuditObject>* objects) {
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                           base::Open(path, O_PATH | O_DIRECTORY));
  CAISSON_ASSIGN_OR_RETURN(const bool alive,
                           shimlink::LockIsHeld(directory.get()));
  AuditObject object = Object(
      "shim", absl::StrCat(path, "/", shimlink::kLockFileName), container.id);
  if (!container.changing && alive != container.running) {
    object.state = alive ? AuditState::kDrifted : AuditState::kMissing;
    object.detail = alive ? "a shim lives, but the container does not run"
                          : "the container runs without its shim";
  } else if (!alive) {
    return absl::OkStatus();
  }
  objects->push_back(std::move(object));
  return absl::OkStatus();
}

absl::Status AddExecDirectories(const std::string& path,
                                const ExpectedContainer& container,
                                std::vector<AuditObject>* objects) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                           Names(absl::StrCat(path, "/x")));
  for (const std::string& name : names) {
    AuditObject object =
        Object("exec", absl::StrCat(path, "/x/", name), container.id);
    uint64_t number = 0;
    if (container.changing) {
      object.detail = "the container is changing";
    } else if (!absl::SimpleAtoi(name, &number) ||
               !container.execs.contains(number)) {
      object.state = AuditState::kOrphan;
      object.detail = "no exec has this number";
    }
    objects->push_back(std::move(object));
  }
  return absl::OkStatus();
}

absl::Status AddDirectories(const Places& places, const Expected& expected,
                            std::vector<AuditObject>* objects) {
  const std::string top = absl::StrCat(places.root, "/containers");
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(top));
  const std::set<std::string> found(names.begin(), names.end());
  for (const std::string& name : found) {
    const std::string path = absl::StrCat(top, "/", name);
    AuditObject object = Object("directory", path, name);
    const ExpectedContainer* container = Find(expected, name);
    if (container == nullptr) {
      object.state = AuditState::kOrphan;
      object.detail = "no container has this id";
    }
    objects->push_back(std::move(object));
    if (container == nullptr) continue;
    CAISSON_RETURN_IF_ERROR(AddShim(path, *container, objects));
    CAISSON_RETURN_IF_ERROR(AddExecDirectories(path, *container, objects));
  }
  for (const auto& [id, container] : expected) {
    if (container->changing || found.contains(id)) continue;
    AuditObject object = Object("directory", absl::StrCat(top, "/", id), id);
    object.state = AuditState::kMissing;
    object.detail = "the container has lost its files";
    objects->push_back(std::move(object));
  }
  return absl::OkStatus();
}

absl::Status AddSockets(const Places& places, const Expected& expected,
                        std::vector<AuditObject>* objects) {
  const std::string top = absl::StrCat(places.state, "/shims");
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(top));
  for (const std::string& name : names) {
    std::string_view id = name;
    if (id.ends_with(kSocketSuffix)) id.remove_suffix(kSocketSuffix.size());
    AuditObject object =
        Object("socket", absl::StrCat(top, "/", name), std::string(id));
    JudgeRuntimeObject(Find(expected, id), &object);
    objects->push_back(std::move(object));
  }
  return absl::OkStatus();
}

// What is on its way out; the cleaner thread works on it, now or at the next
// start.
absl::Status AddTrash(const Places& places, std::vector<AuditObject>* objects) {
  const std::string top = absl::StrCat(places.root, "/trash");
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(top));
  for (const std::string& name : names) {
    AuditObject object = Object("trash", absl::StrCat(top, "/", name), "");
    object.detail = "being removed";
    objects->push_back(std::move(object));
  }
  return absl::OkStatus();
}

// What no container has taken yet; thrown away at the next start.
absl::Status AddStock(const Places& places, std::vector<AuditObject>* objects) {
  const std::string top = absl::StrCat(places.root, "/stock");
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> names, Names(top));
  for (const std::string& name : names) {
    AuditObject object = Object("stock", absl::StrCat(top, "/", name), "");
    object.detail = "for a container to come";
    objects->push_back(std::move(object));
  }
  return absl::OkStatus();
}

absl::Status RemoveCgroup(const Places& places, const std::string& id) {
  const cgroup::Group group = places.base.Container(id);
  CAISSON_RETURN_IF_ERROR(cgroup::Kill(group));
  CAISSON_RETURN_IF_ERROR(cgroup::WaitEmpty(group, absl::Seconds(2)));
  return cgroup::Remove(group);
}

}  // namespace

absl::StatusOr<std::vector<AuditObject>> TakeInventory(
    const Places& places, const std::vector<ExpectedContainer>& expected) {
  Expected by_id;
  for (const ExpectedContainer& container : expected) {
    by_id[container.id] = &container;
  }
  std::vector<AuditObject> objects;
  CAISSON_RETURN_IF_ERROR(AddCgroups(places, by_id, &objects));
  CAISSON_RETURN_IF_ERROR(AddDirectories(places, by_id, &objects));
  CAISSON_RETURN_IF_ERROR(AddSockets(places, by_id, &objects));
  CAISSON_RETURN_IF_ERROR(AddTrash(places, &objects));
  CAISSON_RETURN_IF_ERROR(AddStock(places, &objects));
  std::sort(objects.begin(), objects.end(),
            [](const AuditObject& a, const AuditObject& b) {
              return std::tie(a.kind, a.key) < std::tie(b.kind, b.key);
            });
  return objects;
}

absl::Status RemoveOrphan(const Places& places, const AuditObject& object) {
  if (object.state != AuditState::kOrphan) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", object.key, "' is no orphan"));
  }
  if (object.kind == "cgroup" || object.kind == "process") {
    return RemoveCgroup(places, object.owner);
  }
  if (object.kind == "socket") {
    if (::unlink(object.key.c_str()) == 0 || errno == ENOENT) {
      return absl::OkStatus();
    }
    return base::SyscallError("unlink", object.key);
  }
  if (object.kind == "directory" || object.kind == "exec") {
    return base::RemoveTree(object.key);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("objects of kind '", object.kind, "' are never orphans"));
}

}  // namespace caisson::core
