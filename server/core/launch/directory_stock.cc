#include "server/core/launch/directory_stock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "server/core/launch/container_directory.h"

namespace caisson::core {
namespace {

// What took a directory has the processors and the disk first.
constexpr absl::Duration kRefillDelay = absl::Milliseconds(20);
constexpr absl::Duration kAfterFailure = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<DirectoryStock>> DirectoryStock::Open(
    const std::string& root) {
  const std::string path = root + "/stock";
  CAISSON_RETURN_IF_ERROR(base::RemoveTree(path));
  CAISSON_RETURN_IF_ERROR(base::MakeDirectories(path, 0700));
  std::unique_ptr<DirectoryStock> stock(new DirectoryStock(path));
  DirectoryStock* const self = stock.get();
  stock->thread_ = std::thread([self] { self->Work(); });
  ::pthread_setname_np(stock->thread_.native_handle(), "stock");
  return stock;
}

DirectoryStock::~DirectoryStock() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    wanted_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

std::string DirectoryStock::PathOf(int64_t number) const {
  return absl::StrCat(path_, "/", number);
}

int DirectoryStock::ready() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(ready_.size());
}

// The number of a directory that is the caller's now.
std::optional<int64_t> DirectoryStock::Take() {
  absl::MutexLock lock(&mutex_);
  if (resting_) wanted_.Signal();
  resting_ = false;
  if (ready_.empty()) return std::nullopt;
  const int64_t number = ready_.front();
  ready_.pop_front();
  return number;
}

absl::Status DirectoryStock::Create(const std::string& path) {
  const std::optional<int64_t> number = Take();
  if (!number.has_value()) return CreateContainerDirectory(path);
  if (::renameat2(AT_FDCWD, PathOf(*number).c_str(), AT_FDCWD, path.c_str(),
                  RENAME_NOREPLACE) == 0) {
    return absl::OkStatus();
  }
  if (errno == EEXIST) {
    const absl::Status taken = base::SyscallError("rename", path);
    absl::MutexLock lock(&mutex_);
    ready_.push_front(*number);
    return taken;
  }
  // Somebody was in our directory, or moved it to another file system.
  base::IgnoreError(base::RemoveTree(PathOf(*number)),
                    "removed at the next start");
  return CreateContainerDirectory(path);
}

// False: it is over.
bool DirectoryStock::WaitUntilWanted() {
  absl::MutexLock lock(&mutex_);
  const auto full = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ready_.size() == kSize;
  };
  while (!stopping_ && full()) {
    resting_ = true;
    wanted_.Wait(&mutex_);
  }
  resting_ = false;
  const absl::Time due = absl::Now() + delay_;
  while (!stopping_ && !wanted_.WaitWithDeadline(&mutex_, due)) {
  }
  return !stopping_;
}

void DirectoryStock::Fill() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_ || ready_.size() == kSize) return;
    }
    const int64_t number = ++last_number_;
    const absl::Status made = CreateContainerDirectory(PathOf(number));
    if (!made.ok()) {
      base::IgnoreError(base::RemoveTree(PathOf(number)),
                        "removed at the next start");
    }
    absl::MutexLock lock(&mutex_);
    if (made.ok()) ready_.push_back(number);
    // Whoever needs one makes it, and is told why that fails.
    delay_ = made.ok() ? kRefillDelay : kAfterFailure;
    if (!made.ok()) return;
  }
}

void DirectoryStock::Work() {
  {
    absl::MutexLock lock(&mutex_);
    delay_ = kRefillDelay;
  }
  while (WaitUntilWanted()) Fill();
}

}  // namespace caisson::core
