#include "server/store/fault_vfs.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

#include "runtime/base/check.h"
#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"

namespace caisson::store {
namespace {

std::string BaseName(const char* path) {
  const std::string text = path == nullptr ? "" : path;
  return text.substr(text.rfind('/') + 1);
}

std::string UniqueName() {
  static std::atomic<int>* const counter = new std::atomic<int>(0);
  return absl::StrCat("caisson-fault-", counter->fetch_add(1));
}

sqlite3_vfs* Real() {
  return sqlite3_vfs_find(nullptr);
}

}  // namespace

// SQLite allocates this; the real file lies behind it.
struct FaultVfs::File {
  sqlite3_file base;
  FaultVfs* vfs;
  std::string* name;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  static File* Of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
};

struct FaultFileMethods {
  using File = FaultVfs::File;
  using Operation = FaultVfs::Operation;
  using Kind = Operation::Kind;

  static FaultVfs* Self(sqlite3_vfs* vfs) {
    return static_cast<FaultVfs*>(vfs->pAppData);
  }
  static sqlite3_file* RealOf(sqlite3_file* file) {
    return File::Of(file)->real();
  }

  static int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file,
                  int flags, int* out_flags) {
    File* const self = File::Of(file);
    self->base.pMethods = nullptr;
    const int code =
        Real()->xOpen(Real(), path, self->real(), flags, out_flags);
    if (code != SQLITE_OK) return code;
    self->vfs = Self(vfs);
    self->name = new std::string(BaseName(path));
    self->base.pMethods = Methods();
    return SQLITE_OK;
  }

  static int Delete(sqlite3_vfs* vfs, const char* path, int sync) {
    const int failure =
        Self(vfs)->Begin({Kind::kDelete, BaseName(path), sync, ""});
    if (failure != SQLITE_OK) return failure;
    return Real()->xDelete(Real(), path, sync);
  }

  static int Close(sqlite3_file* file) {
    delete File::Of(file)->name;
    return RealOf(file)->pMethods->xClose(RealOf(file));
  }

  static int Write(sqlite3_file* file, const void* data, int size,
                   sqlite3_int64 offset) {
    File* const self = File::Of(file);
    const int failure =
        self->vfs->Begin({Kind::kWrite, *self->name, offset,
                          std::string(static_cast<const char*>(data),
                                      static_cast<size_t>(size))});
    if (failure != SQLITE_OK) return failure;
    return RealOf(file)->pMethods->xWrite(RealOf(file), data, size, offset);
  }

  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    File* const self = File::Of(file);
    const int failure =
        self->vfs->Begin({Kind::kTruncate, *self->name, size, ""});
    if (failure != SQLITE_OK) return failure;
    return RealOf(file)->pMethods->xTruncate(RealOf(file), size);
  }

  static int Sync(sqlite3_file* file, int) {
    File* const self = File::Of(file);
    // The test's disk is the operation log: nothing has to reach a real one.
    return self->vfs->Begin({Kind::kSync, *self->name, 0, ""});
  }

  static int Read(sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
    return RealOf(f)->pMethods->xRead(RealOf(f), data, size, at);
  }
  static int FileSize(sqlite3_file* f, sqlite3_int64* size) {
    return RealOf(f)->pMethods->xFileSize(RealOf(f), size);
  }
  static int Lock(sqlite3_file* f, int level) {
    return RealOf(f)->pMethods->xLock(RealOf(f), level);
  }
  static int Unlock(sqlite3_file* f, int level) {
    return RealOf(f)->pMethods->xUnlock(RealOf(f), level);
  }
  static int CheckReservedLock(sqlite3_file* f, int* out) {
    return RealOf(f)->pMethods->xCheckReservedLock(RealOf(f), out);
  }
  static int FileControl(sqlite3_file* f, int op, void* arg) {
    return RealOf(f)->pMethods->xFileControl(RealOf(f), op, arg);
  }
  static int SectorSize(sqlite3_file* f) {
    return RealOf(f)->pMethods->xSectorSize(RealOf(f));
  }
  static int DeviceCharacteristics(sqlite3_file* f) {
    return RealOf(f)->pMethods->xDeviceCharacteristics(RealOf(f));
  }
  static int ShmMap(sqlite3_file* f, int page, int size, int extend,
                    void volatile** out) {
    return RealOf(f)->pMethods->xShmMap(RealOf(f), page, size, extend, out);
  }
  static int ShmLock(sqlite3_file* f, int offset, int n, int flags) {
    return RealOf(f)->pMethods->xShmLock(RealOf(f), offset, n, flags);
  }
  static void ShmBarrier(sqlite3_file* f) {
    RealOf(f)->pMethods->xShmBarrier(RealOf(f));
  }
  static int ShmUnmap(sqlite3_file* f, int remove) {
    return RealOf(f)->pMethods->xShmUnmap(RealOf(f), remove);
  }

  static const sqlite3_io_methods* Methods() {
    static const sqlite3_io_methods* const kMethods = [] {
      auto* methods = new sqlite3_io_methods();
      methods->iVersion = 2;  // shared memory, no memory-mapped files
      methods->xClose = Close;
      methods->xRead = Read;
      methods->xWrite = Write;
      methods->xTruncate = Truncate;
      methods->xSync = Sync;
      methods->xFileSize = FileSize;
      methods->xLock = Lock;
      methods->xUnlock = Unlock;
      methods->xCheckReservedLock = CheckReservedLock;
      methods->xFileControl = FileControl;
      methods->xSectorSize = SectorSize;
      methods->xDeviceCharacteristics = DeviceCharacteristics;
      methods->xShmMap = ShmMap;
      methods->xShmLock = ShmLock;
      methods->xShmBarrier = ShmBarrier;
      methods->xShmUnmap = ShmUnmap;
      return methods;
    }();
    return kMethods;
  }
};

FaultVfs::FaultVfs() : name_(UniqueName()), vfs_(*Real()) {
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + Real()->szOsFile;
  vfs_.xOpen = FaultFileMethods::Open;
  vfs_.xDelete = FaultFileMethods::Delete;
  CAISSON_CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

size_t FaultVfs::operations() const {
  absl::MutexLock lock(&mutex_);
  return log_.size();
}

void FaultVfs::Fail(size_t first, size_t count, int code) {
  absl::MutexLock lock(&mutex_);
  fail_first_ = log_.size() + first;
  fail_end_ = fail_first_ + count;
  fail_code_ = code;
}

int FaultVfs::Begin(Operation operation) {
  absl::MutexLock lock(&mutex_);
  const size_t index = log_.size();
  const bool fails = index >= fail_first_ && index < fail_end_;
  if (fails) {
    // Keeps the count going; it changes nothing.
    operation = {Operation::Kind::kWrite, operation.file, 0, ""};
  }
  log_.push_back(std::move(operation));
  return fails ? fail_code_ : SQLITE_OK;
}

void FaultVfs::Replay(const Operation& operation, std::string* content) {
  const auto offset = static_cast<size_t>(operation.offset);
  switch (operation.kind) {
    case Operation::Kind::kWrite:
      if (content->size() < offset + operation.data.size()) {
        content->resize(offset + operation.data.size());
      }
      content->replace(offset, operation.data.size(), operation.data);
      break;
    case Operation::Kind::kTruncate:
      content->resize(offset);
      break;
    case Operation::Kind::kDelete:
    case Operation::Kind::kSync:
      break;
  }
}

absl::Status FaultVfs::MakeImage(size_t n, Crash crash,
                                 const std::string& directory) {
  std::map<std::string, std::string> written;
  std::map<std::string, std::string> synced;
  {
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < std::min(n, log_.size()); ++i) {
      const Operation& operation = log_[i];
      if (operation.kind == Operation::Kind::kDelete) {
        written.erase(operation.file);
        // Without a sync of the directory the file may turn up again.
        if (operation.offset != 0) synced.erase(operation.file);
        continue;
      }
      std::string& content = written[operation.file];
      Replay(operation, &content);
      if (operation.kind == Operation::Kind::kSync) {
        synced[operation.file] = content;
      }
    }
    if (crash == Crash::kTorn && n < log_.size() &&
        log_[n].kind == Operation::Kind::kWrite) {
      Operation half = log_[n];
      half.data.resize(half.data.size() / 2);
      Replay(half, &written[half.file]);
    }
  }
  for (const auto& [file, content] :
       crash == Crash::kSynced ? synced : written) {
    CAISSON_RETURN_IF_ERROR(base::WriteFileAtomic(
        absl::StrCat(directory, "/", file), content, 0600, false));
  }
  return absl::OkStatus();
}

}  // namespace caisson::store
