// The calls that glibc 2.36 has no wrapper for, and small helpers around fds,
// for code that must not allocate. Internal to runtime/init.
//
// Process: shim and child. Thread: the only one.
#ifndef CAISSON_RUNTIME_INIT_SYSCALLS_H_
#define CAISSON_RUNTIME_INIT_SYSCALLS_H_

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace caisson::init {

// Closes on the way out; the only owner of an fd that no slot owns.
class ScopedFd {
 public:
  explicit ScopedFd(int fd) noexcept : fd_(fd) {}
  ScopedFd(const ScopedFd&) = delete;
  ScopedFd& operator=(const ScopedFd&) = delete;
  ~ScopedFd() {
    if (fd_ >= 0) {
      const int saved = errno;
      ::close(fd_);
      errno = saved;
    }
  }
  int get() const noexcept { return fd_; }
  bool ok() const noexcept { return fd_ >= 0; }
  void Reset(int fd) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

// 0, or errno of the call that returned `result`.
inline int ErrnoIf(bool failed) noexcept {
  return failed ? errno : 0;
}

// openat2(2). RESOLVE_IN_ROOT answers EAGAIN when a rename or mount elsewhere
// races with a ".."; a bounded number of retries, then the error stands.
inline int OpenAt2(int directory_fd, const char* path, uint64_t flags,
                   uint64_t mode, uint64_t resolve) noexcept {
  open_how how = {};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  for (int attempt = 0;; ++attempt) {
    const long fd =  // NOLINT(google-runtime-int): syscall(2)
        ::syscall(SYS_openat2, directory_fd, path, &how, sizeof(how));
    if (fd >= 0 || errno != EAGAIN || attempt == 64) {
      return static_cast<int>(fd);
    }
  }
}

// Writes all bytes in one call: what procfs and cgroupfs want.
inline int WriteOnce(int fd, const char* bytes, size_t size) noexcept {
  ssize_t written;
  do {
    written = ::write(fd, bytes, size);
  } while (written < 0 && errno == EINTR);
  if (written < 0) return errno;
  return static_cast<size_t>(written) == size ? 0 : EIO;
}

// Decimal digits of `value` and a NUL; `out` has room for 21 bytes. Returns
// the length.
inline size_t FormatUnsigned(uint64_t value, char* out) noexcept {
  char reversed[20];
  size_t n = 0;
  do {
    reversed[n++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  for (size_t i = 0; i < n; ++i) out[i] = reversed[n - 1 - i];
  out[n] = '\0';
  return n;
}

// Joins prefix, number and suffix into out[size]; false when it does not fit.
bool FormatPath(char* out, size_t size, const char* prefix, uint64_t number,
                const char* suffix) noexcept;

}  // namespace caisson::init

#endif  // CAISSON_RUNTIME_INIT_SYSCALLS_H_
