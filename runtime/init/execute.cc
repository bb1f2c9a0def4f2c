// The last ops: working directory, signals, fds, and execve.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Op;

namespace {

// CVE-2024-21626: /proc/self/fd/N as working directory led to the host through
// an fd that was still open. Magic links are refused, and the kernel names a
// directory outside our root "(unreachable)...".
int VerifyDirectory() noexcept {
  char path[PATH_MAX];
  const long size =  // NOLINT(google-runtime-int): syscall(2)
      ::syscall(SYS_getcwd, path, sizeof(path));
  if (size < 0) return errno;
  return path[0] == '/' ? 0 : EPERM;
}

size_t CountStrings(const Context& context, plan::StrRef list) noexcept {
  uint32_t cursor = 0;
  size_t count = 0;
  while (plan::NextString(context.plan, list, &cursor) != nullptr) ++count;
  return count;
}

// execve's type for argv lacks a const; the kernel only reads.
void FillPointers(const Context& context, plan::StrRef list,
                  char** out) noexcept {
  uint32_t cursor = 0;
  while (const char* text = plan::NextString(context.plan, list, &cursor)) {
    *out++ = const_cast<char*>(text);  // NOLINT
  }
}

// Searches as execvp does: EACCES in one directory does not end the search,
// but is what we report if nothing else was found. A file that is no program
// (ENOEXEC) is an error and not handed to a shell: which shell would be the
// image's choice.
int SearchAndExecute(const char* name, const char* search, char** argv,
                     char** envp) noexcept {
  char path[PATH_MAX + NAME_MAX];
  const size_t name_size = strlen(name);
  bool denied = false;
  if (name_size == 0 || name_size > NAME_MAX) return ENOENT;
  for (const char* begin = search; begin != nullptr;) {
    const char* const colon = strchr(begin, ':');
    const size_t size =
        colon != nullptr ? static_cast<size_t>(colon - begin) : strlen(begin);
    if (size + 1 + name_size < sizeof(path)) {
      memcpy(path, begin, size);  // NOLINT(bugprone-not-null-terminated-result)
      // An empty element is the current directory.
      size_t at = size;
      if (size > 0 && path[size - 1] != '/') path[at++] = '/';
      memcpy(path + at, name, name_size + 1);
      ::execve(path, argv, envp);
      if (errno == EACCES) {
        denied = true;
      } else if (errno != ENOENT && errno != ENOTDIR && errno != ESTALE &&
                 errno != ENODEV && errno != ETIMEDOUT) {
        return errno;
      }
    }
    begin = colon != nullptr ? colon + 1 : nullptr;
  }
  return denied ? EACCES : ENOENT;
}

}  // namespace

int ChangeDirectory(Context& context, const Op& op) noexcept {
  const char* const path = context.Str(op.s1);
  const uint64_t resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  int fd = OpenAt2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, resolve);
  if (fd < 0 && errno == ENOENT && (op.flags & plan::kOpCreate) != 0) {
    // Inside the root by now: a plain mkdir cannot leave it.
    Op make = op;
    make.in = plan::kNoSlot;
    make.a = 0755;
    make.flags = plan::kOpParents | plan::kOpExistOk;
    const int err = MakeDirectory(context, make);
    if (err != 0) return err;
    fd = OpenAt2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, resolve);
  }
  const ScopedFd directory(fd);
  if (!directory.ok() || ::fchdir(directory.get()) != 0) return errno;
  return VerifyDirectory();
}

// What the shim ignores or blocks must not follow the program, nor what it
// inherited itself. The raw call: the C library's refuses the two signals that
// it keeps to itself, and an ignored one of these breaks the program's threads.
int ResetSignals(Context&, const Op&) noexcept {
  // The kernel's struct sigaction: SIG_DFL, no flags, no restorer, empty mask.
  const uint64_t action[4] = {};
  for (int signal = 1; signal < NSIG; ++signal) {
    // SIGKILL and SIGSTOP refuse; they are default.
    ::syscall(SYS_rt_sigaction, signal, action, nullptr, sizeof(uint64_t));
  }
  sigset_t none;
  sigemptyset(&none);
  return ErrnoIf(::sigprocmask(SIG_SETMASK, &none, nullptr) != 0);
}

int CloseRange(unsigned first, unsigned last, unsigned flags) noexcept {
  if (first > last) return 0;
  return ErrnoIf(::syscall(SYS_close_range, first, last, flags) != 0);
}

// Closed now: execve follows /proc/self/fd/N in the program's path, or in that
// of its interpreter, before it closes what is close-on-exec, and from a
// directory of the host ".." leads everywhere. Only the error pipe has to speak
// until execve, and leads nowhere.
int CloseFds(Context& context, const Op&) noexcept {
  const int keep = context.fds.error_fd;
  if (keep < 3) return EBADF;
  const auto pipe = static_cast<unsigned>(keep);
  int err = CloseRange(3, pipe - 1, 0);
  if (err == 0) err = CloseRange(pipe + 1, ~0u, 0);
  if (err == 0) err = CloseRange(pipe, pipe, CLOSE_RANGE_CLOEXEC);
  return err;
}

int Execute(Context& context, const Op& op) noexcept {
  const size_t argc = CountStrings(context, op.s1);
  const size_t envc = CountStrings(context, op.s2);
  if (argc == 0) return EINVAL;
  // Too many for the stack, and malloc is not for us: a mapping.
  const size_t bytes = (argc + 1 + envc + 2) * sizeof(char*);
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return errno;
  char** const argv = static_cast<char**>(memory);  // zeroed: NULL at the end
  char** const envp = argv + argc + 1;
  FillPointers(context, op.s1, argv);
  FillPointers(context, op.s2, envp);
  char home[kMaxHome + 8] = "HOME=";
  if ((op.flags & plan::kOpAddHome) != 0) {
    memcpy(home + 5, context.identity.home, strlen(context.identity.home) + 1);
    envp[envc] = home;
  }
  if (strchr(argv[0], '/') == nullptr) {
    return SearchAndExecute(argv[0], context.Str(op.s3), argv, envp);
  }
  ::execve(argv[0], argv, envp);
  return errno;
}

}  // namespace caisson::init
