// The vocabulary of a launch plan: what one step can do, who does it, and the
// numbered slots that carry what is only known at run time (fds and pids).
//
// Process: daemon (builder), shim and child (apply). Thread: any; plain data.
// Ownership: none here; slots belong to whoever calls RunOps (init/run_plan.h).
// Needs nothing but the C library's headers: the code after clone reads it.
#ifndef CAISSON_RUNTIME_PLAN_OPS_H_
#define CAISSON_RUNTIME_PLAN_OPS_H_

#include <stdint.h>

namespace caisson::plan {

// Who executes an op, in the order of time.
//
//   shim   PREPARE --- clone3 --- PARENT --- kGo ------ kMapped
//                        |                    |            |
//   child                +------ waits -------+--- CHILD --+-- CHILD --- EXEC
//
// Between PREPARE and kGo the daemon may configure the network namespace. An
// exec into a running container has PREPARE and EXEC ops only.
enum class Executor : uint8_t {
  kPrepare = 0,  // shim, before clone: cgroup, detached mounts, the pty
  kParent = 1,   // shim, after clone: what needs the child's pid
  kChild = 2,    // child: namespaces and the mount tree, as the inner root
  kExec = 3,     // child: credentials, limits, filter, execve
};
inline constexpr uint8_t kExecutorCount = 4;

// One byte with this value on the sync pipe lets the child go on. The child
// waits only where the plan has a kWaitBarrier op; PlanHeader::flags says
// which ones, so the shim knows without reading the ops. kGo is before all
// ops, and the shim's own matter.
enum Barrier : uint8_t { kMapped = 1, kGo = 2 };

// Slots are ints: an fd, or a pid for kSlotChildPid; -1 is empty. The first
// ones have a fixed meaning, the builder numbers the rest from kFirstFreeSlot.
enum Slot : uint16_t {
  kSlotStdin = 0,   // child's ends, filled by the shim before clone. No tty:
  kSlotStdout = 1,  // pipes; kSlotStdin -1 means the container's /dev/null.
  kSlotStderr = 2,  // With a tty all three stay -1: the op uses kSlotPtySlave.
  kSlotPtyMaster = 3,  // filled by kOpenPty in PREPARE; the shim keeps it
  kSlotPtySlave = 4,   // filled by kOpenPty; the shim closes it after clone
  kSlotDevpts = 5,     // the container's devpts mount: the shim keeps it and
                       // copies it into the slots of every exec plan
  kSlotInitPidfd = 6,  // exec plans: pidfd of the container's init (shim)
  kSlotCgroup = 7,     // directory for CLONE_INTO_CGROUP, -1: none
  kSlotChildPid = 8,   // the child's pid in the shim's namespace (shim)
  kSlotRoot = 9,       // the container's root mount
  kSlotDev = 10,       // the container's /dev mount
  kSlotProc = 11,      // the container's private procfs
  kSlotNetwork = 12,   // a network namespace that was made before, -1: none;
                       // then the clone makes it
  kFirstFreeSlot = 16,
};
inline constexpr uint16_t kNoSlot = 0xffff;
inline constexpr uint16_t kMaxSlots = 512;

// Part of the arena. A string is followed by a NUL that `size` leaves out; a
// list is its strings one after the other, each with its NUL counted in `size`.
struct StrRef {
  uint32_t offset;
  uint32_t size;
};

// What an op does. The comment names the fields it reads; `in` and `out` are
// slots, `x` is a third slot. Values are stable within a plan version.
enum class OpKind : uint16_t {
  // Files of the host, and fresh file systems that only we have seen.
  kMakeDirectory = 1,  // s1 path (relative to `in` if set), a mode
  kWriteFile,          // s1 path (relative to `in` if set), s2 bytes
  kOpenPath,           // s1 path, a open(2) flags -> out
  kMatchDirectory,     // s1 model: its owner and mode go to directory s2
  kMakeDevice,         // in directory, s1 name, a mode, b rdev, c uid, d gid
  kMakeSymlink,        // in directory, s1 target, s2 name
  // Namespaces and processes.
  kOpenPidfd = 32,     // a pid, s1 must be in its cgroup paths -> out
  kOpenUserNamespace,  // s1 uid_map, s2 gid_map -> out (for idmapped mounts)
  kWriteProcessFile,   // in pid, s1 name below /proc/<pid>, s2 bytes
  kJoinCgroup,         // in: an open v1 `tasks` file, gets "0"
  kSetNamespaces,      // in pidfd or namespace, a CLONE_NEW* flags;
                       // kOpSkipMissing
  kUnshare,            // a CLONE_NEW* flags
  kWaitBarrier,        // a Barrier
  kBecomeRoot,         // uid and gid 0 of the new user namespace
  kSetHostname,        // s1
  kSetDomainname,      // s1
  kSysctl,             // in procfs, s1 path below sys/, s2 value
  kLoopbackUp,         //
  kStageMounts,        // a mount namespace of a user namespace below ours
  // Mounts. Everything is built detached and by fd; kAttach resolves its
  // target inside kSlotRoot only.
  kSetPropagation = 64,  // s1 path, a MS_* flags
  kNewMount,       // s1 type, s2 list key,value,..., a MOUNT_ATTR_* -> out
  kNewOverlay,     // in lower, b upper slot, c work slot, s2 options, a attrs
                   // -> out; b = kNoSlot: no upper directory
  kCloneTree,      // s1 source path -> out; kOpRecursive
  kSetAttributes,  // in mount, a set, b clear, c propagation, x user namespace
                   // (kNoSlot: no id map); kOpRecursive
  kAttach,         // in mount, s1 target; kOpCreate, kOpNoSymlinks,
                   // kOpSkipMissing
  kAttachRoot,     // in mount: over the old root, where pivot_root finds it
  kAttachAt,       // in mount, s1 path of this mount namespace (PREPARE)
  kDetachAt,       // s1 path of this mount namespace (PREPARE)
  kMaskPath,       // s1 path, in /dev mount (null), x empty tmpfs
  kReadOnlyPath,   // s1 path
  kBindConsole,    // in pty slave: over s1
  kPivotRoot,      // in root mount
  kSetOwner,       // in mount: of the file or directory that it shows; c uid,
                   // d gid
  // The process.
  kOpenPty = 96,     // in devpts -> kSlotPtyMaster, kSlotPtySlave; c uid, d gid
  kStdio,            // kOpTty: the pty slave is controlling terminal and 0-2
  kSessionKeyring,   //
  kResolveUser,      // s1 user, s2 group, s3 list of extra groups; kOpStrict
                     // ESRCH: no such user, ENODATA: no such group
  kChangeDirectory,  // s1 path; kOpCreate
  kSetRlimit,        // a resource, b soft, c hard
  kSetUmask,         // a mask
  kLimitBounding,    // a capabilities that stay
  kSetIds,           // the ids kResolveUser found; keeps capabilities
  kSetCapabilities,  // a permitted b effective c inheritable d ambient;
                     // kOpRootOnly: a and b become d unless the uid is 0
  kDeathSignal,      // a signal on the shim's death
  kNoNewPrivileges,  //
  kSeccompFilter,    // s1 struct sock_filter[], a seccomp(2) flags
  kResetSignals,     //
  kCloseFds,         // all from 3 up but the error pipe
  kExecute,          // s1 argv list (a strings), s2 environment (b strings),
                     // s3 search path; kOpAddHome
  kAttachDeviceFilter = 128,  // s1 struct bpf_insn[], s2 cgroup v2 directory
};

enum OpFlag : uint32_t {
  kOpExistOk = 1u << 0,      // an existing object is success
  kOpParents = 1u << 1,      // make missing parents
  kOpIgnoreError = 1u << 2,  // best effort; the note of the op says why
  kOpRecursive = 1u << 3,
  kOpCreate = 1u << 4,      // make the target (directory or file) if missing
  kOpNoSymlinks = 1u << 5,  // no symbolic link anywhere in the target
  kOpTty = 1u << 6,
  kOpStrict = 1u << 7,  // no supplementary groups from /etc/group
  kOpRootOnly = 1u << 8,
  kOpAddHome = 1u << 9,  // HOME from the container's passwd
  // ENOENT of the source, a target that is not there and cannot be made, or an
  // empty slot, is success
  kOpSkipMissing = 1u << 10,
  kOpSpecPath = 1u << 11,  // s1 comes from the spec: ENOENT is its fault
};

// One step. Fixed size, so that a plan is an array.
struct Op {
  OpKind kind;
  Executor executor;
  uint8_t reserved;
  uint32_t flags;  // OpFlag
  uint16_t in;     // Slot or kNoSlot
  uint16_t out;
  uint16_t x;
  uint16_t reserved2;
  uint64_t a, b, c, d;
  StrRef s1, s2, s3;
};
static_assert(sizeof(Op) == 72);

}  // namespace caisson::plan

#endif  // CAISSON_RUNTIME_PLAN_OPS_H_
