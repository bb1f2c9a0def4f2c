// Removal of directories off the path of the call that deletes them: a rename
// now, the work later, and after a crash at the next start.
//
// Process: caissond. Thread: any; one thread of its own does the removing.
#ifndef CAISSON_SERVER_CORE_HOST_TRASH_H_
#define CAISSON_SERVER_CORE_HOST_TRASH_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace caisson::core {

class Trash {
 public:
  // Makes <root>/trash and starts with what an earlier daemon left there.
  static absl::StatusOr<std::unique_ptr<Trash>> Open(const std::string& root);

  Trash(const Trash&) = delete;
  Trash& operator=(const Trash&) = delete;
  // Ends after the entry that is being removed; the rest waits for the next
  // start.
  ~Trash();

  // Moves a directory of the same file system out of the way. When this
  // returns its name is free. Gone already is OK.
  absl::Status Throw(const std::string& path);

  // Whether everything thrown so far has been removed, or cannot be.
  bool idle() const;

 private:
  explicit Trash(std::string path) : path_(std::move(path)) {}
  void Work();
  // Removes what is there; false when an entry could not be removed.
  bool Empty();
  bool stopping() const;

  const std::string path_;
  mutable absl::Mutex mutex_;
  bool wanted_ ABSL_GUARDED_BY(mutex_) = true;
  bool working_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_HOST_TRASH_H_
