// StreamLogs: the kept output of many containers merged by time, or of one
// exec; with follow also what comes, from containers that match later as well.
//
// Process: caissond. Thread: see pump.h.
// Ownership: itself until OnDone; borrows the backend.
#ifndef CAISSON_SERVER_SERVICE_LOGS_STREAM_H_
#define CAISSON_SERVER_SERVICE_LOGS_STREAM_H_

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/server_callback.h"

#include "server/core/event_log.h"
#include "server/core/output_merge.h"
#include "server/service/backend.h"
#include "server/service/decode_logs.h"
#include "server/service/idle_timer.h"
#include "server/service/log_encoder.h"
#include "server/service/pump.h"

namespace caisson::service {

class LogsStream final
    : public Pump<grpc::ServerWriteReactor<grpc::ByteBuffer>> {
 public:
  static grpc::ServerWriteReactor<grpc::ByteBuffer>* Start(
      const Door& door, const Backend* backend,
      grpc::CallbackServerContext* context, const grpc::ByteBuffer& request);

  LogsStream(const Door& door, const Backend* backend,
             grpc::CallbackServerContext* context)
      : Pump(door, "ContainerService.StreamLogs", context), backend_(backend) {}

 private:
  absl::Status Open(const Door& door, const grpc::ByteBuffer& request);
  absl::Status OpenExec();
  absl::Status OpenContainers();
  absl::StatusOr<core::MergedReader::Input> OpenContainer(
      const std::string& container);
  // The reader's input for one container, or its exec; keeps the session.
  absl::StatusOr<core::MergedReader::Input> InputOf(
      const std::string& container, core::SessionPtr session);
  void LeaveContainer(const std::string& container);
  void WatchForMore();
  void OnEvents(absl::StatusOr<core::EventBatch> batch);
  void StartHeartbeat();

  void Fetch() override;
  void OnBatch(absl::StatusOr<core::MergedBatch> batch);
  void OnCancel() override;
  void OnOver(bool delivered) override;

  const Backend* const backend_;
  LogsRequest request_;  // set by Open, then constant
  std::unique_ptr<StreamSlots::Slot> slot_;
  std::unique_ptr<core::MergedReader> reader_;
  std::unique_ptr<core::EventCursor> cursor_;  // with follow
  std::unique_ptr<LogEncoder> encoder_;        // one Fetch at a time
  std::shared_ptr<IdleTimer> heartbeat_;

  absl::Mutex mutex_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  // By container.
  std::map<std::string, core::SessionPtr> sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_LOGS_STREAM_H_
