#include "runtime/shim/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/statusor.h"

#include "runtime/base/syscall_error.h"
#include "runtime/base/unique_fd.h"
#include "runtime/linux/memfd.h"

namespace caisson::shim {
namespace {

constexpr char kName[] = "caisson-shim";
constexpr int kMaxKept = 16;
constexpr int kShimArguments = 12;
constexpr size_t kNumberBytes = 24;

// Both run from memory: there is no path.
int ExecuteFd(int fd, char** argv) noexcept {
  ::syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
  return errno;
}

bool IsSealed(int fd) noexcept {
  constexpr int kSeals =
      F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  const int seals = ::fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & kSeals) == kSeals;
}

bool ParseNumber(const char* text, uint64_t* value) noexcept {
  char* end = nullptr;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return errno == 0 && end != text && *end == '\0';
}

bool ParseFd(const char* text, base::UniqueFd* fd) noexcept {
  uint64_t value = 0;
  if (!ParseNumber(text, &value) || value < 3 || value > INT32_MAX) {
    return false;
  }
  fd->reset(static_cast<int>(value));
  return ::fcntl(fd->get(), F_SETFD, FD_CLOEXEC) == 0;
}

}  // namespace

bool RunsSealed() noexcept {
  const base::UniqueFd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  return self.is_valid() && IsSealed(self.get());
}

int ExecuteSealedCopy(char** argv) noexcept {
  const base::UniqueFd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!self.is_valid()) return errno;
  const absl::StatusOr<base::UniqueFd> copy =
      linux_::CopyToSealedMemfd(kName, self.get());
  if (!copy.ok()) return base::ErrnoOf(copy.status());
  return ExecuteFd(copy->get(), argv);
}

void CloseAllBut(const int* keep, size_t count) noexcept {
  std::array<int, kMaxKept> sorted;
  sorted.fill(-1);
  std::copy_n(keep, std::min(count, sorted.size()), sorted.begin());
  std::sort(sorted.begin(), sorted.end());
  unsigned next = 3;
  for (const int fd : sorted) {
    const auto number = static_cast<unsigned>(fd);
    if (fd < 0 || number < next) continue;
    if (number > next) ::close_range(next, number - 1, 0);
    next = number + 1;
  }
  ::close_range(next, ~0u, 0);
}

int ExecuteShim(int image_fd, const ShimArguments& arguments) noexcept {
  if (!IsSealed(image_fd)) return EPERM;
  char id[sizeof(arguments.spawn.id) + 1] = {};
  memcpy(id, arguments.spawn.id, sizeof(arguments.spawn.id));
  const int fds[] = {arguments.plan.get(), arguments.directory.get(),
                     arguments.lock.get(), arguments.control.get(),
                     arguments.socket_directory.get()};
  const uint64_t numbers[] = {
      arguments.spawn.run, static_cast<uint64_t>(arguments.request_ns),
      arguments.file_limit.rlim_cur, arguments.file_limit.rlim_max};
  char text[std::size(numbers) + std::size(fds)][kNumberBytes];
  char name[] = "caisson-shim";
  char role[] = "--shim";
  char* argv[kShimArguments + 2] = {name, role, id};
  int count = 3;
  for (const uint64_t number : numbers) {
    ::snprintf(text[count - 3], kNumberBytes, "%llu",
               static_cast<unsigned long long>(number));  // NOLINT
    argv[count] = text[count - 3];
    ++count;
  }
  for (const int fd : fds) {
    if (::fcntl(fd, F_SETFD, 0) != 0) return errno;
    ::snprintf(text[count - 3], kNumberBytes, "%d", fd);
    argv[count] = text[count - 3];
    ++count;
  }
  // For people and tools that look at the list of processes: whose it is.
  char path[PATH_MAX] = {};
  char link[kNumberBytes + sizeof("/proc/self/fd/")];
  ::snprintf(link, sizeof(link), "/proc/self/fd/%d",
             arguments.socket_directory.get());
  if (::readlink(link, path, sizeof(path) - 1) < 0) return errno;
  argv[count] = path;
  return ExecuteFd(image_fd, argv);
}

bool ParseShimArguments(int argc, char** argv,
                        ShimArguments* arguments) noexcept {
  if (argc != kShimArguments + 1 || strcmp(argv[1], "--shim") != 0) {
    return false;
  }
  const size_t size = strlen(argv[2]);
  if (size >= sizeof(arguments->spawn.id)) return false;
  memcpy(arguments->spawn.id, argv[2], size + 1);
  uint64_t request_ns = 0;
  uint64_t soft = 0;
  uint64_t hard = 0;
  if (!ParseNumber(argv[3], &arguments->spawn.run) ||
      !ParseNumber(argv[4], &request_ns) || !ParseNumber(argv[5], &soft) ||
      !ParseNumber(argv[6], &hard)) {
    return false;
  }
  arguments->request_ns = static_cast<int64_t>(request_ns);
  arguments->file_limit = {.rlim_cur = soft, .rlim_max = hard};
  return ParseFd(argv[7], &arguments->plan) &&
         ParseFd(argv[8], &arguments->directory) &&
         ParseFd(argv[9], &arguments->lock) &&
         ParseFd(argv[10], &arguments->control) &&
         ParseFd(argv[11], &arguments->socket_directory);
}

}  // namespace caisson::shim
