// A SQLite VFS that fails writes and syncs on demand and remembers all of
// them, so that a test can see what a crash at any moment would have left.
//
// Process: unit tests. Thread: any, one lock; files go to the default VFS.
#ifndef CAISSON_SERVER_STORE_FAULT_VFS_H_
#define CAISSON_SERVER_STORE_FAULT_VFS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include <sqlite3.h>

namespace caisson::store {

class FaultVfs {
 public:
  // Registers itself under name(), until destruction.
  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  const std::string& name() const { return name_; }

  // Writes, truncations, syncs and deletions so far.
  size_t operations() const;

  // Operations [first, first + count) from now on fail with `code`.
  void Fail(size_t first, size_t count, int code);

  // What the disk holds after a crash before operation `n`.
  enum class Crash {
    kWritten,  // everything written got there (the process died)
    kTorn,     // and half of the write under way
    kSynced,   // of each file only what was synced (the power went)
  };
  // Makes the files of that moment in `directory`.
  absl::Status MakeImage(size_t n, Crash crash, const std::string& directory);

 private:
  struct Operation {
    enum class Kind { kWrite, kTruncate, kSync, kDelete };
    Kind kind;
    std::string file;  // without its directory
    int64_t offset;    // kWrite; kTruncate: size; kDelete: 1 if synced
    std::string data;
  };
  struct File;
  friend struct FaultFileMethods;

  // Counts the operation; an error code when it must fail.
  int Begin(Operation operation);
  static void Replay(const Operation& operation, std::string* content);

  const std::string name_;
  sqlite3_vfs vfs_;
  mutable absl::Mutex mutex_;
  std::vector<Operation> log_ ABSL_GUARDED_BY(mutex_);
  size_t fail_first_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t fail_end_ ABSL_GUARDED_BY(mutex_) = 0;
  int fail_code_ ABSL_GUARDED_BY(mutex_) = SQLITE_OK;
};

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_FAULT_VFS_H_
