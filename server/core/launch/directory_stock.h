// Directories of containers, made before somebody needs one: five files and
// directories are slower than the rename that puts them in place.
//
//   <root>/stock/<n>/   what CreateContainerDirectory makes
//
// A number is used once: nothing is made where another is being taken away.
// No row tells of them, and none has to: what an earlier daemon left in stock
// is thrown away at the start, and Audit lists it.
//
// Process: caissond. Thread: any; one thread of its own does the making.
#ifndef CAISSON_SERVER_CORE_LAUNCH_DIRECTORY_STOCK_H_
#define CAISSON_SERVER_CORE_LAUNCH_DIRECTORY_STOCK_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace caisson::core {

class DirectoryStock {
 public:
  static constexpr int kSize = 8;

  // Makes an empty <root>/stock; it is filled from now on.
  static absl::StatusOr<std::unique_ptr<DirectoryStock>> Open(
      const std::string& root);

  DirectoryStock(const DirectoryStock&) = delete;
  DirectoryStock& operator=(const DirectoryStock&) = delete;
  ~DirectoryStock();

  // CreateContainerDirectory, out of the stock if there is something in it.
  absl::Status Create(const std::string& path);

  int ready() const;

 private:
  explicit DirectoryStock(std::string path) : path_(std::move(path)) {}
  std::string PathOf(int64_t number) const;
  std::optional<int64_t> Take();
  void Work();
  bool WaitUntilWanted();
  void Fill();

  const std::string path_;
  mutable absl::Mutex mutex_;
  absl::CondVar wanted_;
  std::deque<int64_t> ready_ ABSL_GUARDED_BY(mutex_);
  bool resting_ ABSL_GUARDED_BY(mutex_) = false;  // the thread, until wanted_
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Before the next look; longer when the disk was full.
  absl::Duration delay_ ABSL_GUARDED_BY(mutex_);
  int64_t last_number_ = 0;  // of the thread
  std::thread thread_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_LAUNCH_DIRECTORY_STOCK_H_
