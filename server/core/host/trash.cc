#include "server/core/host/trash.h"

#include <errno.h>
#include <stdio.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/random_id.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::core {
namespace {

// A mount that is still there, a busy disk: what cannot go now may go later.
constexpr absl::Duration kRetry = absl::Seconds(10);

}  // namespace

absl::StatusOr<std::unique_ptr<Trash>> Trash::Open(const std::string& root) {
  std::string path = absl::StrCat(root, "/trash");
  CAISSON_RETURN_IF_ERROR(base::MakeDirectories(path, 0700));
  std::unique_ptr<Trash> trash(new Trash(std::move(path)));
  trash->thread_ = std::thread([raw = trash.get()] { raw->Work(); });
  return trash;
}

Trash::~Trash() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

absl::Status Trash::Throw(const std::string& path) {
  const std::string target = absl::StrCat(path_, "/", base::RandomId());
  if (::rename(path.c_str(), target.c_str()) != 0) {
    if (errno == ENOENT) return absl::OkStatus();
    return base::SyscallError("rename", path);
  }
  absl::MutexLock lock(&mutex_);
  wanted_ = true;
  return absl::OkStatus();
}

bool Trash::idle() const {
  absl::MutexLock lock(&mutex_);
  return !wanted_ && !working_;
}

bool Trash::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

bool Trash::Empty() {
  const absl::StatusOr<std::vector<std::string>> names =
      base::ListDirectory(path_);
  if (!names.ok()) return false;
  bool all = true;
  for (const std::string& name : *names) {
    if (stopping()) return true;
    const absl::Status status =
        base::RemoveTree(absl::StrCat(path_, "/", name));
    if (status.ok()) continue;
    all = false;
    CAISSON_LOG(kWarning, "cannot remove a deleted container's files",
                {"path", absl::StrCat(path_, "/", name)},
                {"error", std::string(status.message())});
  }
  return all;
}

void Trash::Work() {
  bool retry = false;
  for (;;) {
    {
      absl::MutexLock lock(&mutex_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return wanted_ || stopping_;
      };
      mutex_.AwaitWithTimeout(absl::Condition(&ready),
                              retry ? kRetry : absl::InfiniteDuration());
      if (stopping_) return;
      wanted_ = false;
      working_ = true;
    }
    retry = !Empty();
    absl::MutexLock lock(&mutex_);
    working_ = false;
  }
}

}  // namespace caisson::core
