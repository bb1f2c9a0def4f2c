#include <linux/capability.h>

#include <array>

#include "runtime/linux/seccomp/default_profile.h"

namespace caisson::linux_ {
namespace {

// Of 64-bit machines. Some of these only other machines have, or only newer
// kernels: names that libseccomp does not know are skipped.
constexpr auto kAllowed = std::to_array<std::string_view>({
    // clang-format off
    "accept", "accept4", "access", "adjtimex", "alarm", "arch_prctl", "bind",
    "brk", "cachestat", "capget", "capset", "chdir", "chmod", "chown",
    "clock_adjtime", "clock_getres", "clock_gettime", "clock_nanosleep",
    "close", "close_range", "connect", "copy_file_range", "creat", "dup",
    "dup2", "dup3", "epoll_create", "epoll_create1", "epoll_ctl",
    "epoll_ctl_old", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat", "exit",
    "exit_group", "faccessat", "faccessat2", "fadvise64", "fallocate",
    "fanotify_mark", "fchdir", "fchmod", "fchmodat", "fchmodat2", "fchown",
    "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock",
    "fork", "fremovexattr", "fsetxattr", "fstat", "fstatfs", "fsync",
    "ftruncate", "futex", "futex_requeue", "futex_wait", "futex_waitv",
    "futex_wake", "futimesat", "get_robust_list", "get_thread_area", "getcpu",
    "getcwd", "getdents", "getdents64", "getegid", "geteuid", "getgid",
    "getgroups", "getitimer", "getpeername", "getpgid", "getpgrp", "getpid",
    "getppid", "getpriority", "getrandom", "getresgid", "getresuid",
    "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid",
    "gettimeofday", "getuid", "getxattr", "getxattrat", "inotify_add_watch",
    "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel",
    "io_destroy", "io_getevents", "io_pgetevents", "io_setup", "io_submit",
    "ioprio_get", "ioprio_set", "kill", "landlock_add_rule",
    "landlock_create_ruleset", "landlock_restrict_self", "lchown", "lgetxattr",
    "link", "linkat", "listen", "listmount", "listxattr", "listxattrat",
    "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "madvise",
    "map_shadow_stack", "membarrier", "memfd_create", "mincore", "mkdir",
    "mkdirat", "mknod", "mknodat", "mlock", "mlock2", "mlockall", "mmap",
    "modify_ldt", "mprotect", "mq_getsetattr", "mq_notify", "mq_open",
    "mq_timedreceive", "mq_timedsend", "mq_unlink", "mremap", "mseal",
    "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall",
    "munmap", "name_to_handle_at", "nanosleep", "newfstatat", "open", "openat",
    "openat2", "pause", "pidfd_open", "pidfd_send_signal", "pipe", "pipe2",
    "pkey_alloc", "pkey_free", "pkey_mprotect", "poll", "ppoll", "prctl",
    "pread64", "preadv", "preadv2", "prlimit64", "process_mrelease",
    "process_vm_readv", "process_vm_writev", "pselect6", "ptrace", "pwrite64",
    "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat",
    "readv", "recvfrom", "recvmmsg", "recvmsg", "remap_file_pages",
    "removexattr", "removexattrat", "rename", "renameat", "renameat2",
    "restart_syscall", "rmdir", "rseq", "rt_sigaction", "rt_sigpending",
    "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend",
    "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr",
    "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
    "sched_setaffinity", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "sched_yield", "seccomp", "select", "semctl",
    "semget", "semop", "semtimedop", "sendfile", "sendmmsg", "sendmsg",
    "sendto", "set_robust_list", "set_thread_area", "set_tid_address",
    "setfsgid", "setfsuid", "setgid", "setgroups", "setitimer", "setpgid",
    "setpriority", "setregid", "setresgid", "setresuid", "setreuid",
    "setrlimit", "setsid", "setsockopt", "setuid", "setxattr", "setxattrat",
    "shmat", "shmctl", "shmdt", "shmget", "shutdown", "sigaltstack",
    "signalfd", "signalfd4", "socketpair", "splice", "stat", "statfs",
    "statmount", "statx", "symlink", "symlinkat", "sync", "sync_file_range",
    "syncfs", "sysinfo", "tee", "tgkill", "time", "timer_create",
    "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime",
    "timerfd_create", "timerfd_gettime", "timerfd_settime", "times", "tkill",
    "truncate", "umask", "uname", "unlink", "unlinkat", "uretprobe", "utime",
    "utimensat", "utimes", "vfork", "vmsplice", "wait4", "waitid", "write",
    "writev",
    // clang-format on
});

constexpr auto kDacReadSearch =
    std::to_array<std::string_view>({"open_by_handle_at"});
constexpr auto kSysAdmin = std::to_array<std::string_view>(
    {"bpf",           "clone",           "clone3",
     "fanotify_init", "fsconfig",        "fsmount",
     "fsopen",        "fspick",          "lookup_dcookie",
     "mount",         "mount_setattr",   "move_mount",
     "open_tree",     "perf_event_open", "pivot_root",
     "quotactl",      "quotactl_fd",     "setdomainname",
     "sethostname",   "setns",           "syslog",
     "umount2",       "unshare"});
constexpr auto kSysBoot = std::to_array<std::string_view>({"reboot"});
constexpr auto kSysChroot = std::to_array<std::string_view>({"chroot"});
constexpr auto kSysModule = std::to_array<std::string_view>(
    {"delete_module", "finit_module", "init_module"});
constexpr auto kSysPacct = std::to_array<std::string_view>({"acct"});
constexpr auto kSysPtrace =
    std::to_array<std::string_view>({"kcmp", "pidfd_getfd", "process_madvise"});
constexpr auto kSysRawio = std::to_array<std::string_view>({"ioperm", "iopl"});
constexpr auto kSysTime =
    std::to_array<std::string_view>({"clock_settime", "settimeofday"});
constexpr auto kSysTtyConfig = std::to_array<std::string_view>({"vhangup"});
constexpr auto kSysNice = std::to_array<std::string_view>(
    {"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"});
constexpr auto kSyslog = std::to_array<std::string_view>({"syslog"});
constexpr auto kBpf = std::to_array<std::string_view>({"bpf"});
constexpr auto kPerfmon = std::to_array<std::string_view>({"perf_event_open"});

constexpr auto kByCapability = std::to_array<CapabilityCalls>({
    {CAP_DAC_READ_SEARCH, kDacReadSearch},
    {CAP_SYS_ADMIN, kSysAdmin},
    {CAP_SYS_BOOT, kSysBoot},
    {CAP_SYS_CHROOT, kSysChroot},
    {CAP_SYS_MODULE, kSysModule},
    {CAP_SYS_PACCT, kSysPacct},
    {CAP_SYS_PTRACE, kSysPtrace},
    {CAP_SYS_RAWIO, kSysRawio},
    {CAP_SYS_TIME, kSysTime},
    {CAP_SYS_TTY_CONFIG, kSysTtyConfig},
    {CAP_SYS_NICE, kSysNice},
    {CAP_SYSLOG, kSyslog},
    {CAP_BPF, kBpf},
    {CAP_PERFMON, kPerfmon},
});

}  // namespace

std::span<const std::string_view> DefaultAllowedCalls() {
  return kAllowed;
}

std::span<const CapabilityCalls> DefaultCapabilityCalls() {
  return kByCapability;
}

}  // namespace caisson::linux_
