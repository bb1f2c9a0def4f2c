// What a client asks for, as plain values: a container and an exec. The shape
// and the names follow the public API; every door translates into it, and
// nothing below knows which door that was.
//
// Process: daemon. Thread: any; plain values, no I/O. All strings are bytes
// (argv, values and paths need not be UTF-8). Enums have a fixed underlying
// type, so a number that the API does not know can be carried to Validate,
// which refuses it. A `bool` member of a oneof that must be true and is false
// never gets here: the door refuses it.
//
// validate.h checks, defaults.h fills in, json.h keeps.
#ifndef CAISSON_RUNTIME_SPEC_SPEC_H_
#define CAISSON_RUNTIME_SPEC_SPEC_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "runtime/spec/network.h"
#include "runtime/spec/process.h"
#include "runtime/spec/resources.h"

namespace caisson::spec {

struct HostDirectory {
  std::string path;
  // Unset: true.
  std::optional<bool> writable_layer;

  bool operator==(const HostDirectory&) const = default;
};

struct Rootfs {
  // The one source there is today; required.
  std::optional<HostDirectory> host_directory;
  bool read_only = false;

  bool operator==(const Rootfs&) const = default;
};

struct BindMount {
  std::string source;
  bool create_source = false;
  bool non_recursive = false;

  bool operator==(const BindMount&) const = default;
};

struct TmpfsMount {
  std::optional<int64_t> size_bytes;
  std::optional<int32_t> mode;

  bool operator==(const TmpfsMount&) const = default;
};

// Exactly one of bind, tmpfs and special is set.
struct Mount {
  std::string target;
  std::optional<BindMount> bind;
  std::optional<TmpfsMount> tmpfs;
  std::optional<std::string> special;
  bool read_only = false;
  bool recursive_read_only = false;
  std::string propagation;  // empty: "rprivate"
  std::vector<std::string> options;

  bool operator==(const Mount&) const = default;
};

struct Device {
  std::string host_path;
  std::string container_path;  // empty: host_path
  std::string permissions;     // empty: "rwm"
  bool optional = false;

  bool operator==(const Device&) const = default;
};

enum class NamespaceMode : int {
  kDefault = 0,
  kPrivate,
  kHost,
  kContainer,
  kPath,
};

struct Namespace {
  NamespaceMode mode = NamespaceMode::kDefault;
  std::string target;  // kContainer: id or name; kPath: absolute host path

  bool operator==(const Namespace&) const = default;
};

// kDefault is private, for time the host's.
struct Namespaces {
  Namespace pid;
  Namespace ipc;
  Namespace uts;
  Namespace cgroup;
  Namespace time;

  bool operator==(const Namespaces&) const = default;
};

struct IdMap {
  int64_t container_id = 0;
  int64_t host_id = 0;
  int64_t size = 0;

  bool operator==(const IdMap&) const = default;
};

struct IdMapping {
  std::vector<IdMap> uids;
  std::vector<IdMap> gids;

  bool operator==(const IdMapping&) const = default;
};

// Unset maps: the host's user namespace. `host` says that it was asked for by
// name; never together with maps.
struct UserNamespace {
  bool host = false;
  std::optional<IdMapping> explicit_maps;  // "explicit" in the API

  bool operator==(const UserNamespace&) const = default;
};

// At most one of the three is set; none means profile "default".
struct Seccomp {
  std::optional<std::string> profile;  // "default"; effective: "default/1"
  std::optional<std::string> oci_json;
  bool unconfined = false;

  bool operator==(const Seccomp&) const = default;
};

// "Not set" is nullopt, "none" an empty list.
using PathList = std::optional<std::vector<std::string>>;

struct SecurityOptions {
  Seccomp seccomp;
  bool privileged = false;
  PathList masked_paths;
  PathList readonly_paths;

  bool operator==(const SecurityOptions&) const = default;
};

enum class LogDriver : int { kUnspecified = 0, kFile = 1, kDiscard = 3 };

struct LogConfig {
  LogDriver driver = LogDriver::kUnspecified;
  int64_t max_file_bytes = 0;  // 0: the default
  int32_t max_files = 0;       // 0: the default

  bool operator==(const LogConfig&) const = default;
};

struct ContainerSpec {
  std::string name;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::string> annotations;
  Rootfs rootfs;
  Process process;
  std::string hostname;
  std::string domainname;
  std::vector<Mount> mounts;
  std::vector<Device> devices;
  Resources resources;
  Limits limits;
  Namespaces namespaces;
  UserNamespace user_namespace;
  Network network;
  SecurityOptions security;
  std::map<std::string, std::string> sysctls;
  LogConfig log;
  std::string stop_signal;                          // empty: "SIGTERM"
  std::optional<absl::Duration> stop_timeout;       // unset: 10 s
  std::optional<absl::Duration> delete_after_exit;  // unset: keep

  bool operator==(const ContainerSpec&) const = default;
};

enum class DisconnectAction : int {
  kUnspecified = 0,
  kKeep = 1,
  kKill = 2,
  kStop = 3,
};

struct OnDisconnect {
  DisconnectAction action = DisconnectAction::kUnspecified;
  std::optional<absl::Duration> grace;  // unset: 0

  bool operator==(const OnDisconnect&) const = default;
};

struct ExecSpec {
  Process process;
  Limits limits;
  OnDisconnect on_disconnect;
  std::map<std::string, std::string> labels;
  int64_t spool_bytes = 0;                  // 0: the default
  std::optional<absl::Duration> retention;  // unset: 10 min

  bool operator==(const ExecSpec&) const = default;
};

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_SPEC_H_
