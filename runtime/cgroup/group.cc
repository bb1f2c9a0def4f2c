#include "runtime/cgroup/group.h"

#include "absl/strings/str_split.h"

#include "runtime/base/str_cat.h"

namespace caisson::cgroup {

const Directory* Group::Unified() const {
  for (const Directory& directory : directories) {
    if (directory.what == kUnified) return &directory;
  }
  return nullptr;
}

const Directory* Group::Find(std::string_view controller) const {
  for (const Directory& directory : directories) {
    for (absl::string_view name : absl::StrSplit(directory.what, ',')) {
      if (base::StdView(name) == controller) return &directory;
    }
  }
  return Unified();
}

Group Child(const Group& group, std::string_view name) {
  Group child = group;
  for (Directory& directory : child.directories) {
    base::StrAppend(&directory.path, "/", name);
  }
  return child;
}

}  // namespace caisson::cgroup
