// ExecSync: an exec whose input is known and whose output is collected.
//
// Process: caissond. Thread: any; nothing blocks.
// Ownership: shared by core's callbacks until the answer; then nothing holds
// it.
#ifndef CAISSON_SERVER_SERVICE_EXEC_SYNC_H_
#define CAISSON_SERVER_SERVICE_EXEC_SYNC_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "caisson/v1/exec_service.pb.h"
#include "server/core/exec_manager.h"
#include "server/core/output_reader.h"
#include "server/service/backend.h"
#include "server/service/decode_calls.h"
#include "server/service/stdin_feed.h"

namespace caisson::service {

class ExecSync : public std::enable_shared_from_this<ExecSync> {
 public:
  // `response` stays valid until `done` was called or its owner is gone;
  // `done` keeps it alive.
  using Done = std::function<void(absl::Status)>;

  static std::shared_ptr<ExecSync> Start(
      const Backend& backend, SyncArgs args,
      caisson::v1::ExecSyncResponse* response, Done done);

  // The caller is gone: the process is killed with its tree.
  void Cancel();

 private:
  ExecSync(const Backend& backend, SyncArgs args,
           caisson::v1::ExecSyncResponse* response, Done done);

  void OnStarted(absl::StatusOr<core::Started> started);
  void GiveInput(const core::SessionPtr& session);
  void Read();
  void OnItem(absl::StatusOr<core::OutputItem> item);
  void Collect(core::OutputChunk chunk);
  void OnEnd(const core::OutputEnd& end);
  void Finish(absl::Status status, core::StreamEnd end);

  const Backend& backend_;
  SyncArgs args_;
  caisson::v1::ExecSyncResponse* const response_;

  absl::Mutex mutex_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  Done done_ ABSL_GUARDED_BY(mutex_);
  core::CallPtr call_ ABSL_GUARDED_BY(mutex_);
  core::SessionPtr session_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<core::OutputReader> reader_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<StdinFeed> stdin_ ABSL_GUARDED_BY(mutex_);

  // Touched by one callback of the reader after the other.
  std::string stdout_;
  std::string stderr_;
  bool truncated_ = false;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_EXEC_SYNC_H_
