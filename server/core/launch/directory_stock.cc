#include "server/core/launch/directory_stock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include <algorithm>
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

std::string DirectoryStock::PathOf(int slot) const {
  return absl::StrCat(path_, "/", slot);
}

int DirectoryStock::ready() const {
  absl::MutexLock lock(&mutex_);
  return static_cast<int>(std::count(filled_.begin(), filled_.end(), true));
}

// A slot whose directory is the caller's now; -1: none.
int DirectoryStock::Take() {
  absl::MutexLock lock(&mutex_);
  if (resting_) wanted_.Signal();
  resting_ = false;
  const auto found = std::find(filled_.begin(), filled_.end(), true);
  if (found == filled_.end()) return -1;
  *found = false;
  return static_cast<int>(found - filled_.begin());
}

absl::Status DirectoryStock::Create(const std::string& path) {
  const int slot = Take();
  if (slot < 0) return CreateContainerDirectory(path);
  if (::renameat2(AT_FDCWD, PathOf(slot).c_str(), AT_FDCWD, path.c_str(),
                  RENAME_NOREPLACE) == 0) {
    return absl::OkStatus();
  }
  if (errno == EEXIST) return base::SyscallError("rename", path);
  // Somebody was in our directory, or moved it to another file system.
  return CreateContainerDirectory(path);
}

// False: it is over.
bool DirectoryStock::WaitUntilWanted() {
  absl::MutexLock lock(&mutex_);
  const auto full = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::count(filled_.begin(), filled_.end(), true) == kSize;
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
  for (int slot = 0; slot < kSize; ++slot) {
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      if (filled_[slot]) continue;
    }
    // What a failure left, and whatever else is in the way.
    absl::Status made = base::RemoveTree(PathOf(slot));
    if (made.ok()) made = CreateContainerDirectory(PathOf(slot));
    absl::MutexLock lock(&mutex_);
    filled_[slot] = made.ok();
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
