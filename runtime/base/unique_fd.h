// The one owner of a file descriptor.
//
// Process: any. Thread: any; a UniqueFd itself is not shared between threads.
// Ownership: owns the descriptor until release() or destruction. Whoever
// borrows takes an `int` and uses it during the call only.
#ifndef CAISSON_RUNTIME_BASE_UNIQUE_FD_H_
#define CAISSON_RUNTIME_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <cerrno>
#include <utility>

namespace caisson::base {

class UniqueFd {
 public:
  UniqueFd() noexcept = default;
  // Takes `fd` over; any negative number is "none".
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const noexcept { return fd_; }
  bool is_valid() const noexcept { return fd_ >= 0; }

  // Gives the descriptor to the caller.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

  // Closes the descriptor and takes `fd` over. Keeps errno. close is not
  // repeated after EINTR: Linux has freed the number by then, and a second
  // close could hit a descriptor of another thread.
  void reset(int fd = -1) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0 && old != fd) {
      const int saved_errno = errno;
      ::close(old);
      errno = saved_errno;
    }
  }

 private:
  int fd_ = -1;
};

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_UNIQUE_FD_H_
