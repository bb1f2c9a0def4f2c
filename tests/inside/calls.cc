// Tells which system calls are open: each is made so that it fails in a known
// way, or does nothing, when nothing forbids it.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/userfaultfd.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "tests/inside/modes.h"

namespace caisson::inside {

namespace {

// The errno of a raw call, 0 when it worked. A new descriptor is closed.
template <typename... Args>
int Raw(long number, Args... args) {
  errno = 0;
  return ::syscall(number, args...) < 0 ? errno : 0;
}

template <typename... Args>
int RawFd(long number, Args... args) {
  errno = 0;
  const long fd = ::syscall(number, args...);
  if (fd < 0) return errno;
  ::close(static_cast<int>(fd));
  return 0;
}

// unshare() in a child, so that one probe does not change the next.
int Unshare(int flags) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) ::_exit(::unshare(flags) == 0 ? 0 : errno);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

int Clone3() {
  clone_args args = {};
  args.exit_signal = SIGCHLD;
  errno = 0;
  const long child = ::syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) ::_exit(0);
  if (child < 0) return errno;
  ::waitpid(static_cast<pid_t>(child), nullptr, 0);
  return 0;
}

int OpenSocket(int family, int type, int protocol) {
  return RawFd(SYS_socket, family, type | SOCK_CLOEXEC, protocol);
}

int MapCreate() {
  bpf_attr attr = {};
  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = attr.value_size = 4;
  attr.max_entries = 1;
  return RawFd(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
}

int PerfEvent() {
  perf_event_attr attr = {};
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  return RawFd(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

int Ring() {
  io_uring_params params = {};
  return RawFd(SYS_io_uring_setup, 1, &params);
}

int SetTime() {
  const timespec now = {0, 0};
  // CLOCK_MONOTONIC cannot be set by anybody: EINVAL when it gets so far.
  return Raw(SYS_clock_settime, CLOCK_MONOTONIC, &now);
}

int PushInput() {
  const char byte = 'x';
  return ::ioctl(0, TIOCSTI, &byte) < 0 ? errno : 0;
}

// The command is 32 bits wide; what is above it must not fool a filter
// (CVE-2019-10063).
int PushInputWide() {
  const char byte = 'x';
  constexpr uint64_t kAbove = uint64_t{1} << 32;
  return Raw(SYS_ioctl, 0, kAbove | TIOCSTI, &byte);
}

int WindowSize() {
  winsize size = {};
  return ::ioctl(0, TIOCGWINSZ, &size) < 0 ? errno : 0;
}

struct Call {
  const char* name;
  int (*make)();
};

constexpr Call kCalls[] = {
    {"acct", [] { return Raw(SYS_acct, "/no/such"); }},
    {"add_key",
     [] {
       return Raw(SYS_add_key, "user", "probe", "x", 1,
                  KEY_SPEC_PROCESS_KEYRING);
     }},
    {"bpf", MapCreate},
    {"chroot", [] { return Raw(SYS_chroot, "/no/such"); }},
    {"clock_settime", SetTime},
    {"clone3", Clone3},
    {"delete_module", [] { return Raw(SYS_delete_module, "no_such", 0); }},
    {"finit_module", [] { return Raw(SYS_finit_module, -1, "", 0); }},
    {"init_module", [] { return Raw(SYS_init_module, nullptr, 0, ""); }},
    {"fsopen", [] { return RawFd(SYS_fsopen, "tmpfs", 0); }},
    {"io_uring_setup", Ring},
    {"ioperm", [] { return Raw(SYS_ioperm, 0x80, 1, 1); }},
    {"iopl", [] { return Raw(SYS_iopl, 3); }},
    {"kexec_load", [] { return Raw(SYS_kexec_load, 0, 0, nullptr, 0); }},
    {"keyctl",
     [] {
       return Raw(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING,
                  0);
     }},
    {"mount",
     [] { return Raw(SYS_mount, "none", "/no/such", "tmpfs", 0, nullptr); }},
    {"move_pages",
     [] { return Raw(SYS_move_pages, 0, 0, nullptr, nullptr, nullptr, 0); }},
    {"open_by_handle_at",
     [] { return Raw(SYS_open_by_handle_at, -1, nullptr, 0); }},
    {"open_tree", [] { return RawFd(SYS_open_tree, AT_FDCWD, "/", 1); }},
    {"perf_event_open", PerfEvent},
    {"personality", [] { return Raw(SYS_personality, 0x0040000 | 7); }},
    {"pivot_root", [] { return Raw(SYS_pivot_root, "/no", "/no"); }},
    {"process_vm_readv",
     [] { return Raw(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0); }},
    {"ptrace", [] { return Raw(SYS_ptrace, PTRACE_SEIZE, -1, 0, 0); }},
    {"quotactl", [] { return Raw(SYS_quotactl, 0, "/no", 0, nullptr); }},
    {"reboot", [] { return Raw(SYS_reboot, LINUX_REBOOT_MAGIC1, 0, 0, 0); }},
    {"request_key",
     [] { return Raw(SYS_request_key, "user", "probe", nullptr, 0); }},
    {"setdomainname", [] { return Raw(SYS_setdomainname, "x", -1); }},
    {"sethostname", [] { return Raw(SYS_sethostname, "x", -1); }},
    {"setns", [] { return Raw(SYS_setns, -1, 0); }},
    {"socket_alg", [] { return OpenSocket(AF_ALG, SOCK_SEQPACKET, 0); }},
    {"socket_packet", [] { return OpenSocket(AF_PACKET, SOCK_RAW, 0); }},
    {"socket_ping", [] { return OpenSocket(AF_INET, SOCK_DGRAM, 1); }},
    {"socket_raw", [] { return OpenSocket(AF_INET, SOCK_RAW, 1); }},
    {"socket_stream", [] { return OpenSocket(AF_INET, SOCK_STREAM, 0); }},
    {"socket_unix", [] { return OpenSocket(AF_UNIX, SOCK_STREAM, 0); }},
    {"socket_vsock", [] { return OpenSocket(AF_VSOCK, SOCK_STREAM, 0); }},
    {"swapon", [] { return Raw(SYS_swapon, "/no/such", 0); }},
    {"swapoff", [] { return Raw(SYS_swapoff, "/no/such"); }},
    {"syslog", [] { return Raw(SYS_syslog, 10, nullptr, 0); }},
    {"tiocgwinsz", WindowSize},
    {"tiocsti", PushInput},
    {"tiocsti_wide", PushInputWide},
    {"umount2", [] { return Raw(SYS_umount2, "/no/such", 0); }},
    {"unshare_net", [] { return Unshare(CLONE_NEWNET); }},
    {"unshare_ns", [] { return Unshare(CLONE_NEWNS); }},
    {"unshare_user", [] { return Unshare(CLONE_NEWUSER); }},
    {"userfaultfd", [] { return RawFd(SYS_userfaultfd, O_CLOEXEC); }},
    // The same calls under the numbers of another ABI.
    {"x32_getpid", [] { return Raw(0x40000000 + SYS_getpid); }},
    {"vhangup",
     [] {
       // Would hang up the test's own terminal: only where there is none.
       return ::isatty(0) ? EBUSY : Raw(SYS_vhangup);
     }},
};

int OpenPath(const Arguments& a) {
  const std::string& how = a[2];
  const int mode = how == "r" ? O_RDONLY : how == "w" ? O_WRONLY : O_RDWR;
  const int fd = ::open(a[1].c_str(), mode | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}

int MakeNode(const Arguments& a) {
  const mode_t type = a[2] == "b" ? S_IFBLK : S_IFCHR;
  const dev_t device = makedev(static_cast<unsigned>(NumberOr(a[3], 0)),
                               static_cast<unsigned>(NumberOr(a[4], 0)));
  return ::mknod(a[1].c_str(), type | 0600, device) < 0 ? errno : 0;
}

int WriteText(const Arguments& a) {
  const int fd = ::open(a[1].c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return errno;
  const ssize_t n = ::write(fd, a[2].data(), a[2].size());
  const int err = n < 0 ? errno : 0;
  ::close(fd);
  return err;
}

struct Operation {
  const char* name;
  size_t arguments;
  int (*run)(const Arguments&);
};

constexpr Operation kOperations[] = {
    {"chown", 2,
     [](const Arguments& a) {
       const auto uid = static_cast<uid_t>(NumberOr(a[2], 0));
       return ::chown(a[1].c_str(), uid, uid) < 0 ? errno : 0;
     }},
    {"kill", 2,
     [](const Arguments& a) {
       return ::kill(static_cast<pid_t>(NumberOr(a[1], 0)),
                     static_cast<int>(NumberOr(a[2], 0))) < 0
                  ? errno
                  : 0;
     }},
    {"mkdir", 1,
     [](const Arguments& a) {
       return ::mkdir(a[1].c_str(), 0755) < 0 ? errno : 0;
     }},
    {"mknod", 4, MakeNode},
    {"mount", 2,
     [](const Arguments& a) {
       return ::mount("none", a[2].c_str(), a[1].c_str(), 0, nullptr) < 0
                  ? errno
                  : 0;
     }},
    {"open", 2, OpenPath},
    {"remount-rw", 1,
     [](const Arguments& a) {
       return ::mount("none", a[1].c_str(), nullptr, MS_REMOUNT | MS_BIND,
                      nullptr) < 0
                  ? errno
                  : 0;
     }},
    {"sethostname", 1,
     [](const Arguments& a) {
       return ::sethostname(a[1].data(), a[1].size()) < 0 ? errno : 0;
     }},
    {"setuid", 1,
     [](const Arguments& a) {
       return ::setuid(static_cast<uid_t>(NumberOr(a[1], 0))) < 0 ? errno : 0;
     }},
    {"write", 2, WriteText},
};

}  // namespace

int ProbeCalls(const Arguments& arguments) {
  for (const Call& call : kCalls) {
    if (arguments.empty() || std::find(arguments.begin(), arguments.end(),
                                       call.name) != arguments.end()) {
      PrintFact(call.name, ErrnoText(call.make()));
    }
  }
  return 0;
}

int TryOne(const Arguments& arguments) {
  for (const Operation& operation : kOperations) {
    if (arguments.empty() || arguments[0] != operation.name) continue;
    if (arguments.size() != operation.arguments + 1) return 64;
    PrintFact(operation.name, ErrnoText(operation.run(arguments)));
    return 0;
  }
  return 64;
}

}  // namespace caisson::inside
