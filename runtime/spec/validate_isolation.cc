#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

#include "runtime/base/str_cat.h"
#include "runtime/spec/sysctl.h"
#include "runtime/spec/user.h"
#include "runtime/spec/violations.h"

namespace caisson::spec {
namespace {

// The kernel's __NEW_UTS_LEN.
constexpr size_t kMaxHostnameBytes = 64;
constexpr size_t kMaxIdMaps = 340;

bool IsHostnameLabel(absl::string_view label) {
  const auto alnum = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c));
  };
  return !label.empty() && alnum(label.front()) && alnum(label.back()) &&
         std::all_of(label.begin(), label.end(),
                     [&](char c) { return alnum(c) || c == '-' || c == '_'; });
}

bool IsHostname(std::string_view name) {
  if (name.size() > kMaxHostnameBytes) return false;
  for (absl::string_view label : absl::StrSplit(base::AbslView(name), '.')) {
    if (!IsHostnameLabel(label)) return false;
  }
  return true;
}

void CheckHostname(const std::string& field, const std::string& name,
                   const Namespace& uts, Violations* out) {
  if (name.empty()) return;
  if (!IsHostname(name)) {
    out->Add(field,
             "must be labels of letters, digits, '-' and '_' with '.' "
             "between them, at most 64 bytes");
  }
  if (uts.mode != NamespaceMode::kDefault &&
      uts.mode != NamespaceMode::kPrivate) {
    out->Add(field, "needs a private uts namespace");
  }
}

void CheckNamespace(const std::string& field, const Namespace& ns,
                    Violations* out) {
  switch (ns.mode) {
    case NamespaceMode::kDefault:
    case NamespaceMode::kPrivate:
    case NamespaceMode::kHost:
      return;
    case NamespaceMode::kContainer:
      out->CheckReference(field + ".container", ns.target);
      return;
    case NamespaceMode::kPath:
      out->CheckPath(field + ".path", ns.target);
      return;
  }
  out->Add(field, "is not a kind of namespace");
}

// False when the numbers of `map` are out of range.
bool CheckIdMap(const std::string& field, const IdMap& map, Violations* out) {
  const bool ok = map.container_id >= 0 && map.container_id <= kMaxId &&
                  map.host_id >= 0 && map.host_id <= kMaxId && map.size >= 1 &&
                  map.size <= kMaxId + 1;
  out->CheckRange(field + ".container_id", map.container_id, 0, kMaxId);
  out->CheckRange(field + ".host_id", map.host_id, 0, kMaxId);
  out->CheckRange(field + ".size", map.size, 1, kMaxId + 1);
  if (!ok) return false;
  if (map.size - 1 > kMaxId - std::max(map.container_id, map.host_id)) {
    out->Add(field + ".size", "reaches beyond the last id, 4294967294");
    return false;
  }
  return true;
}

bool Overlap(int64_t first, int64_t first_size, int64_t second,
             int64_t second_size) {
  return first < second + second_size && second < first + first_size;
}

// False when the numbers make no sense, so that nothing can be said about ids.
bool CheckIdMaps(const std::string& field, const std::vector<IdMap>& maps,
                 Violations* out) {
  if (maps.empty() || maps.size() > kMaxIdMaps) {
    out->Add(field, base::StrCat("must have 1..", kMaxIdMaps, " ranges, has ",
                                 maps.size()));
    return false;
  }
  bool valid = true;
  bool has_root = false;
  for (size_t i = 0; i < maps.size(); ++i) {
    valid = CheckIdMap(At(field, i), maps[i], out) && valid;
    has_root = has_root || (maps[i].container_id == 0 && maps[i].size > 0);
  }
  if (!valid) return false;
  for (size_t i = 0; i < maps.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (Overlap(maps[i].container_id, maps[i].size, maps[k].container_id,
                  maps[k].size) ||
          Overlap(maps[i].host_id, maps[i].size, maps[k].host_id,
                  maps[k].size)) {
        out->Add(At(field, i), base::StrCat("overlaps range ", k));
        break;
      }
    }
  }
  if (!has_root) out->Add(field, "must map id 0");
  return true;
}

bool IsMapped(const std::vector<IdMap>& maps, int64_t id) {
  return std::any_of(maps.begin(), maps.end(), [id](const IdMap& map) {
    return id >= map.container_id && id - map.container_id < map.size;
  });
}

// Numbers can be checked before anything runs; names only inside.
void CheckMappedIds(const Process& process, const IdMapping& maps,
                    Violations* out) {
  const absl::StatusOr<UserRef> ref = ParseUser(process.user);
  if (!ref.ok()) return;
  if (ref->user.number.has_value() && !IsMapped(maps.uids, *ref->user.number)) {
    out->Add("spec.process.user", "the user is not in the user namespace");
  }
  if (ref->group.has_value() && ref->group->number.has_value() &&
      !IsMapped(maps.gids, *ref->group->number)) {
    out->Add("spec.process.user", "the group is not in the user namespace");
  }
  for (size_t i = 0; i < process.extra_groups.size(); ++i) {
    const absl::StatusOr<Principal> group =
        ParsePrincipal(process.extra_groups[i]);
    if (group.ok() && group->number.has_value() &&
        !IsMapped(maps.gids, *group->number)) {
      out->Add(At("spec.process.extra_groups", i),
               "is not in the user namespace");
    }
  }
}

void CheckUserNamespace(const ContainerSpec& spec, Violations* out) {
  const UserNamespace& ns = spec.user_namespace;
  if (!ns.explicit_maps.has_value()) return;
  if (ns.host) out->Add("spec.user_namespace", "has both host and explicit");
  const bool uids = CheckIdMaps("spec.user_namespace.explicit.uids",
                                ns.explicit_maps->uids, out);
  const bool gids = CheckIdMaps("spec.user_namespace.explicit.gids",
                                ns.explicit_maps->gids, out);
  if (uids && gids) CheckMappedIds(spec.process, *ns.explicit_maps, out);
}

void CheckSysctls(const ContainerSpec& spec, Violations* out) {
  const auto is_private = [](NamespaceMode mode) {
    return mode == NamespaceMode::kDefault || mode == NamespaceMode::kPrivate;
  };
  const bool own_network = HasOwnNetwork(spec.network);
  for (const auto& [name, value] : spec.sysctls) {
    const std::string field = AtKey("spec.sysctls", name);
    switch (SysctlScopeOf(name)) {
      case SysctlScope::kHost:
        out->Add(field, "is not a parameter of a namespace");
        break;
      case SysctlScope::kIpc:
        if (!is_private(spec.namespaces.ipc.mode)) {
          out->Add(field, "needs a private ipc namespace");
        }
        break;
      case SysctlScope::kNetwork:
        if (!own_network) out->Add(field, "needs a private network");
        break;
    }
    if (!IsSysctlValue(value)) {
      out->Add(field,
               "values have 1..256 characters of [0-9A-Za-z .:/_-] or tab");
    }
  }
}

}  // namespace

void CheckIsolation(const ContainerSpec& spec, Violations* out) {
  const Namespaces& all = spec.namespaces;
  CheckHostname("spec.hostname", spec.hostname, all.uts, out);
  if (spec.domainname != "(none)") {
    CheckHostname("spec.domainname", spec.domainname, all.uts, out);
  }
  CheckNamespace("spec.namespaces.pid", all.pid, out);
  CheckNamespace("spec.namespaces.ipc", all.ipc, out);
  CheckNamespace("spec.namespaces.uts", all.uts, out);
  CheckNamespace("spec.namespaces.cgroup", all.cgroup, out);
  CheckNamespace("spec.namespaces.time", all.time, out);
  CheckNetwork(spec.network, out);
  CheckUserNamespace(spec, out);
  CheckSysctls(spec, out);
}

}  // namespace caisson::spec
