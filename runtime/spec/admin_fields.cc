#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/path_safe.h"
#include "runtime/spec/capability.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/validate.h"
#include "runtime/spec/violations.h"

namespace caisson::spec {
namespace {

using Fields = std::vector<std::string>;

void AddProcess(const Process& process, Fields* out) {
  if (process.capabilities.has_value()) {
    const Capabilities& capabilities = *process.capabilities;
    const std::span<const std::string_view> defaults = DefaultCapabilities();
    const uint64_t allowed = CapabilityMask({defaults.begin(), defaults.end()});
    for (size_t i = 0; i < capabilities.add.size(); ++i) {
      // "ALL" has no bit, so it is told apart by its mask of zero.
      const uint64_t mask = CapabilityMask({capabilities.add[i]});
      if (mask == 0 || (mask & ~allowed) != 0) {
        out->push_back(At("spec.process.capabilities.add", i));
      }
    }
    if (capabilities.exact.has_value()) {
      out->push_back("spec.process.capabilities.exact");
    }
  }
  if (process.allow_new_privileges) {
    out->push_back("spec.process.allow_new_privileges");
  }
  // Less likely to be killed than what the host itself runs.
  if (process.oom_score_adj.value_or(0) < 0) {
    out->push_back("spec.process.oom_score_adj");
  }
}

void AddNamespace(const std::string& field, const Namespace& ns, Fields* out) {
  if (ns.mode == NamespaceMode::kHost) out->push_back(field + ".host");
  if (ns.mode == NamespaceMode::kPath) out->push_back(field + ".path");
}

// A list that leaves out one of the defaults uncovers something.
void AddPathList(const std::string& field, const PathList& list,
                 std::span<const std::string_view> defaults, Fields* out) {
  if (!list.has_value()) return;
  const bool complete =
      std::all_of(defaults.begin(), defaults.end(), [&](auto path) {
        return std::any_of(list->begin(), list->end(), [&](const auto& own) {
          return base::NormalizePath(own) == path;
        });
      });
  if (!complete) out->push_back(field);
}

void AddSecurity(const SecurityOptions& security, Fields* out) {
  if (security.seccomp.oci_json.has_value()) {
    out->push_back("spec.security.seccomp.oci_json");
  }
  if (security.seccomp.unconfined) {
    out->push_back("spec.security.seccomp.unconfined");
  }
  if (security.privileged) out->push_back("spec.security.privileged");
  AddPathList("spec.security.masked_paths", security.masked_paths,
              DefaultMaskedPaths(), out);
  AddPathList("spec.security.readonly_paths", security.readonly_paths,
              DefaultReadonlyPaths(), out);
}

}  // namespace

std::vector<std::string> AdminFields(const ContainerSpec& spec) {
  Fields out;
  if (spec.rootfs.host_directory.has_value()) {
    out.push_back("spec.rootfs.host_directory");
  }
  AddProcess(spec.process, &out);
  for (size_t i = 0; i < spec.mounts.size(); ++i) {
    if (spec.mounts[i].bind.has_value()) {
      out.push_back(At("spec.mounts", i) + ".bind");
    }
  }
  if (!spec.devices.empty()) out.push_back("spec.devices");
  if (spec.resources.pids_limit.value_or(0) == -1) {
    out.push_back("spec.resources.pids_limit");
  }
  AddNamespace("spec.namespaces.pid", spec.namespaces.pid, &out);
  AddNamespace("spec.namespaces.ipc", spec.namespaces.ipc, &out);
  AddNamespace("spec.namespaces.uts", spec.namespaces.uts, &out);
  AddNamespace("spec.namespaces.cgroup", spec.namespaces.cgroup, &out);
  AddNamespace("spec.namespaces.time", spec.namespaces.time, &out);
  if (spec.user_namespace.explicit_maps.has_value()) {
    out.push_back("spec.user_namespace.explicit");
  }
  if (spec.network.mode == NetworkMode::kHost) {
    out.push_back("spec.network.host");
  }
  if (spec.network.mode == NetworkMode::kNamespacePath) {
    out.push_back("spec.network.namespace_path");
  }
  AddSecurity(spec.security, &out);
  return out;
}

std::vector<std::string> AdminFields(const ExecSpec& spec) {
  Fields out;
  AddProcess(spec.process, &out);
  return out;
}

std::vector<std::string> AdminFields(const NetworkSpec& spec) {
  Fields out;
  // The others give containers a place on a link of the host.
  const std::string& driver = spec.driver;
  if (!driver.empty() && driver != "bridge" && driver != "ptp") {
    out.push_back("spec.driver");
  }
  if (!spec.interface.empty()) out.push_back("spec.interface");
  return out;
}

}  // namespace caisson::spec
