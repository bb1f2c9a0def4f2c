// Ops on files: cgroupfs, fresh directories of ours, and the private procfs.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Op;

namespace {

int DirectoryOf(const Context& context, const Op& op) noexcept {
  return op.in == plan::kNoSlot ? AT_FDCWD : context.Get(op.in);
}

// mkdir -p of everything above the last component of `path`.
int MakeParents(int directory_fd, const char* path, mode_t mode) noexcept {
  char prefix[PATH_MAX];
  const size_t length = strlen(path);
  if (length >= sizeof(prefix)) return ENAMETOOLONG;
  memcpy(prefix, path, length + 1);
  for (size_t i = 1; i < length; ++i) {
    if (prefix[i] != '/') continue;
    prefix[i] = '\0';
    if (::mkdirat(directory_fd, prefix, mode) != 0 && errno != EEXIST) {
      return errno;
    }
    prefix[i] = '/';
  }
  return 0;
}

}  // namespace

bool FormatPath(char* out, size_t size, const char* prefix, uint64_t number,
                const char* suffix) noexcept {
  char digits[21];
  const size_t count = FormatUnsigned(number, digits);
  const size_t head = strlen(prefix);
  const size_t tail = strlen(suffix);
  if (head + count + tail >= size) return false;
  memcpy(out, prefix, head);  // NOLINT(bugprone-not-null-terminated-result)
  memcpy(out + head, digits, count);
  memcpy(out + head + count, suffix, tail + 1);
  return true;
}

int MakeDirectory(Context& context, const Op& op) noexcept {
  const int directory_fd = DirectoryOf(context, op);
  const char* const path = context.Str(op.s1);
  const auto mode = static_cast<mode_t>(op.a);
  if (::mkdirat(directory_fd, path, mode) == 0) return 0;
  if (errno == ENOENT && (op.flags & plan::kOpParents) != 0) {
    const int err = MakeParents(directory_fd, path, mode);
    if (err != 0) return err;
    if (::mkdirat(directory_fd, path, mode) == 0) return 0;
  }
  if (errno == EEXIST && (op.flags & plan::kOpExistOk) != 0) return 0;
  return errno;
}

// A list of devices is many writes to one file, which stays open for the next.
int WriteFile(Context& context, const Op& op) noexcept {
  const char* const path = context.Str(op.s1);
  const bool is_open = context.written.ok() && op.in == plan::kNoSlot &&
                       strcmp(path, context.written_path) == 0;
  if (!is_open) {
    // No O_CREAT: what is written exists (cgroupfs, procfs), and a mistyped
    // path must fail. No O_TRUNC for the same kind of file.
    context.written.Reset(::openat(DirectoryOf(context, op), path,
                                   O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    context.written_path = op.in == plan::kNoSlot ? path : "";
  }
  if (!context.written.ok()) {
    return errno == ENOENT && (op.flags & plan::kOpSkipMissing) != 0 ? 0
                                                                     : errno;
  }
  return WriteOnce(context.written.get(), context.Str(op.s2), op.s2.size);
}

int OpenPath(Context& context, const Op& op) noexcept {
  const int fd = ::open(context.Str(op.s1), static_cast<int>(op.a) | O_CLOEXEC);
  if (fd < 0) return errno;
  // The root is opened again when its mount namespace was copied.
  if (context.slots[op.out] >= 0) ::close(context.slots[op.out]);
  context.slots[op.out] = fd;
  return 0;
}

// An overlay shows the owner and mode of its upper directory as those of "/".
int MatchDirectory(Context& context, const Op& op) noexcept {
  const ScopedFd upper(::open(context.Str(op.s2),
                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat model;
  struct stat now;
  if (!upper.ok() || ::fstat(upper.get(), &now) != 0) return errno;
  // Stat by path: it may cross into an idmapped mount of the same directory,
  // whose owner is the one the container must see.
  if (::stat(context.Str(op.s1), &model) != 0) return errno;
  if ((model.st_uid != now.st_uid || model.st_gid != now.st_gid) &&
      ::fchown(upper.get(), model.st_uid, model.st_gid) != 0) {
    return errno;
  }
  if (model.st_mode != now.st_mode &&
      ::fchmod(upper.get(), model.st_mode & 07777) != 0) {
    return errno;
  }
  return 0;
}

int MakeDevice(Context& context, const Op& op) noexcept {
  const int directory_fd = context.Get(op.in);
  const char* const name = context.Str(op.s1);
  if ((op.flags & plan::kOpParents) != 0) {
    const int err = MakeParents(directory_fd, name, 0755);
    if (err != 0) return err;
  }
  if (::mknodat(directory_fd, name, static_cast<mode_t>(op.a),
                static_cast<dev_t>(op.b)) != 0) {
    return errno;
  }
  // The tmpfs was mounted with the inner root as its owner already.
  if (op.c == 0 && op.d == 0) return 0;
  return ErrnoIf(::fchownat(directory_fd, name, static_cast<uid_t>(op.c),
                            static_cast<gid_t>(op.d),
                            AT_SYMLINK_NOFOLLOW) != 0);
}

int MakeSymlink(Context& context, const Op& op) noexcept {
  return ErrnoIf(::symlinkat(context.Str(op.s1), context.Get(op.in),
                             context.Str(op.s2)) != 0);
}

// Through the private procfs only (never a path in the image's /proc), and
// refusing every way out of it: CVE-2025-52881 redirected such a write.
int ApplySysctl(Context& context, const Op& op) noexcept {
  char path[PATH_MAX] = "sys/";
  if (op.s1.size + 5 > sizeof(path)) return ENAMETOOLONG;
  memcpy(path + 4, context.Str(op.s1), op.s1.size + 1);
  const ScopedFd fd(OpenAt2(context.Get(op.in), path, O_WRONLY, 0,
                            RESOLVE_BENEATH | RESOLVE_NO_XDEV |
                                RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
  if (!fd.ok()) {
    return errno == ENOENT && (op.flags & plan::kOpSkipMissing) != 0 ? 0
                                                                     : errno;
  }
  return WriteOnce(fd.get(), context.Str(op.s2), op.s2.size);
}

}  // namespace caisson::init
