// Ops that build mounts: detached, by fd, not yet visible to anybody.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Op;

namespace {

// A file system's options: key, value, key, value... An empty value is a flag.
int ConfigureAll(const Context& context, int fs_fd,
                 plan::StrRef options) noexcept {
  uint32_t cursor = 0;
  while (const char* key = plan::NextString(context.plan, options, &cursor)) {
    const char* const value = plan::NextString(context.plan, options, &cursor);
    if (value == nullptr) return EINVAL;
    const bool flag = value[0] == '\0';
    if (::fsconfig(fs_fd, flag ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING, key,
                   flag ? nullptr : value, 0) != 0) {
      return errno;
    }
  }
  return 0;
}

int FinishMount(Context& context, const Op& op, int fs_fd) noexcept {
  if (::fsconfig(fs_fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return errno;
  }
  const int mount_fd =
      ::fsmount(fs_fd, FSMOUNT_CLOEXEC, static_cast<unsigned>(op.a));
  if (mount_fd < 0) return errno;
  context.slots[op.out] = mount_fd;
  return 0;
}

// A layer by the short name of its fd: an fsconfig string ends at 255 bytes,
// and a path needs escapes for the ':' and ',' that overlay gives a meaning.
// It also keeps the host's paths out of the container's mountinfo.
int SetLayer(int fs_fd, const char* key, int layer_fd) noexcept {
  char path[64];
  if (layer_fd < 0) return EBADF;
  if (!FormatPath(path, sizeof(path), "/proc/self/fd/",
                  static_cast<uint64_t>(layer_fd), "")) {
    return ENAMETOOLONG;
  }
  return ErrnoIf(::fsconfig(fs_fd, FSCONFIG_SET_STRING, key, path, 0) != 0);
}

}  // namespace

int SetPropagation(Context& context, const Op& op) noexcept {
  return ErrnoIf(::mount(nullptr, context.Str(op.s1), nullptr, op.a, nullptr) !=
                 0);
}

int NewMount(Context& context, const Op& op) noexcept {
  const ScopedFd fs(::fsopen(context.Str(op.s1), FSOPEN_CLOEXEC));
  if (!fs.ok()) return errno;
  const int err = ConfigureAll(context, fs.get(), op.s2);
  return err != 0 ? err : FinishMount(context, op, fs.get());
}

int NewOverlay(Context& context, const Op& op) noexcept {
  const ScopedFd fs(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!fs.ok()) return errno;
  int err = SetLayer(fs.get(), "lowerdir", context.Get(op.in));
  if (err == 0 && op.b != plan::kNoSlot) {
    err = SetLayer(fs.get(), "upperdir",
                   context.Get(static_cast<uint16_t>(op.b)));
    if (err == 0) {
      err = SetLayer(fs.get(), "workdir",
                     context.Get(static_cast<uint16_t>(op.c)));
    }
  }
  if (err == 0) err = ConfigureAll(context, fs.get(), op.s2);
  return err != 0 ? err : FinishMount(context, op, fs.get());
}

int CloneTree(Context& context, const Op& op) noexcept {
  const unsigned recursive =
      (op.flags & plan::kOpRecursive) != 0 ? AT_RECURSIVE : 0;
  const int fd = ::open_tree(AT_FDCWD, context.Str(op.s1),
                             OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
  if (fd < 0) {
    return errno == ENOENT && (op.flags & plan::kOpSkipMissing) != 0 ? 0
                                                                     : errno;
  }
  context.slots[op.out] = fd;
  return 0;
}

int SetAttributes(Context& context, const Op& op) noexcept {
  mount_attr attributes = {};
  attributes.attr_set = op.a;
  attributes.attr_clr = op.b;
  attributes.propagation = op.c;
  if (op.x != plan::kNoSlot) {
    attributes.attr_set |= MOUNT_ATTR_IDMAP;
    attributes.userns_fd = static_cast<uint64_t>(context.Get(op.x));
  }
  const unsigned recursive =
      (op.flags & plan::kOpRecursive) != 0 ? AT_RECURSIVE : 0;
  return ErrnoIf(::mount_setattr(context.Get(op.in), "",
                                 AT_EMPTY_PATH | recursive, &attributes,
                                 sizeof(attributes)) != 0);
}

int SetOwner(Context& context, const Op& op) noexcept {
  return ErrnoIf(::fchownat(context.Get(op.in), "", static_cast<uid_t>(op.c),
                            static_cast<gid_t>(op.d), AT_EMPTY_PATH) != 0);
}

}  // namespace caisson::init
