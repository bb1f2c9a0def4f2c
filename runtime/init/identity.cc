// kResolveUser: who the program runs as, by the container's own files, which
// are hostile: opened without following magic links, never blocking, regular
// files only, at most 1 MiB.
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "runtime/init/context.h"
#include "runtime/init/passwd.h"
#include "runtime/init/syscalls.h"
#include "runtime/plan/ops.h"

namespace caisson::init {

using plan::Op;

namespace {

constexpr size_t kMaxFile = 1u << 20;
static_assert(sizeof(gid_t) == sizeof(uint32_t));

// A file's bytes in memory of our own: a map of the file itself would turn a
// concurrent truncation into SIGBUS. The usual small file needs no system call
// for that.
class FileText {
 public:
  FileText() noexcept = default;
  FileText(const FileText&) = delete;
  FileText& operator=(const FileText&) = delete;
  ~FileText() {
    if (memory_ != MAP_FAILED) ::munmap(memory_, kMaxFile + 1);
  }

  // A missing file is empty. Otherwise errno: EINVAL for what is no regular
  // file, EFBIG for too much.
  int Load(const char* path) noexcept;
  Text text() const noexcept { return text_; }

 private:
  int ReadSmall(int fd) noexcept;
  int ReadLarge(int fd) noexcept;
  // Reads until the end or until `capacity` is full.
  int Fill(int fd, char* bytes, size_t capacity, size_t* used) noexcept;

  void* memory_ = MAP_FAILED;
  char small_[4096];
  Text text_;
};

int FileText::Load(const char* path) noexcept {
  // O_NONBLOCK: opening a fifo must not wait for a writer that never comes.
  const ScopedFd fd(OpenAt2(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0,
                            RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS));
  if (!fd.ok()) return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return errno;
  if (!S_ISREG(info.st_mode)) return EINVAL;
  if (info.st_size > static_cast<off_t>(kMaxFile)) return EFBIG;
  const int err = ReadSmall(fd.get());
  return err == EFBIG ? ReadLarge(fd.get()) : err;
}

int FileText::Fill(int fd, char* bytes, size_t capacity,
                   size_t* used) noexcept {
  while (*used < capacity) {
    const ssize_t n = ::read(fd, bytes + *used, capacity - *used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) break;
    *used += static_cast<size_t>(n);
  }
  text_ = Text{bytes, *used};
  // A file that fills everything may go on: its end was not seen.
  return *used == capacity ? EFBIG : 0;
}

int FileText::ReadSmall(int fd) noexcept {
  size_t used = 0;
  return Fill(fd, small_, sizeof(small_), &used);
}

int FileText::ReadLarge(int fd) noexcept {
  memory_ = ::mmap(nullptr, kMaxFile + 1, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) return errno;
  char* const bytes = static_cast<char*>(memory_);
  size_t used = sizeof(small_);
  memcpy(bytes, small_, used);
  return Fill(fd, bytes, kMaxFile + 1, &used);
}

Text TextOf(const char* c_string) noexcept {
  return Text{c_string, strlen(c_string)};
}

void SetHome(Identity* who, Text home) noexcept {
  if (home.size == 0 || home.data[0] != '/' || home.size >= kMaxHome) return;
  memcpy(who->home, home.data, home.size);
  who->home[home.size] = '\0';
}

// The user's entry, if there is one; *found says so.
int ResolveUid(const char* user, Text passwd, Identity* who, PasswdEntry* entry,
               bool* found) noexcept {
  if (IsNumber(TextOf(user))) {
    if (!ParseId(TextOf(user), &who->uid)) return EINVAL;
    *found = FindUserById(passwd, who->uid, entry);
  } else {
    *found = FindUserByName(passwd, user, entry);
    if (!*found) return ESRCH;
    who->uid = entry->uid;
  }
  if (*found) {
    who->gid = entry->gid;
    SetHome(who, entry->home);
  }
  return 0;
}

int ResolveGid(const char* name, Text group, gid_t* gid) noexcept {
  if (IsNumber(TextOf(name))) return ParseId(TextOf(name), gid) ? 0 : EINVAL;
  return FindGroup(group, name, gid) ? 0 : ENODATA;
}

int AddGroup(Identity* who, gid_t gid) noexcept {
  for (size_t i = 0; i < who->group_count; ++i) {
    if (who->groups[i] == gid) return 0;
  }
  if (who->group_count == kMaxGroups) return E2BIG;
  who->groups[who->group_count++] = gid;
  return 0;
}

int ResolveGroups(Context& context, const Op& op, Text group,
                  const PasswdEntry* entry) noexcept {
  Identity* const who = &context.identity;
  who->group_count = 0;
  int err = AddGroup(who, who->gid);
  uint32_t cursor = 0;
  while (err == 0) {
    const char* const name = plan::NextString(context.plan, op.s3, &cursor);
    if (name == nullptr) break;
    gid_t gid = 0;
    err = ResolveGid(name, group, &gid);
    if (err == 0) err = AddGroup(who, gid);
  }
  if (err != 0 || entry == nullptr || (op.flags & plan::kOpStrict) != 0) {
    return err;
  }
  return CollectGroups(group, entry->name, who->groups, &who->group_count,
                       kMaxGroups)
             ? 0
             : E2BIG;
}

}  // namespace

int ResolveUser(Context& context, const Op& op) noexcept {
  FileText passwd;
  FileText group;
  int err = passwd.Load("/etc/passwd");
  if (err == 0) err = group.Load("/etc/group");
  if (err != 0) return err;
  PasswdEntry entry;
  bool found = false;
  err = ResolveUid(context.Str(op.s1), passwd.text(), &context.identity, &entry,
                   &found);
  if (err == 0 && op.s2.size > 0) {
    err = ResolveGid(context.Str(op.s2), group.text(), &context.identity.gid);
  }
  if (err != 0) return err;
  return ResolveGroups(context, op, group.text(), found ? &entry : nullptr);
}

}  // namespace caisson::init
