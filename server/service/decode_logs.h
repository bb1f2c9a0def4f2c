// StreamLogsRequest -> what to read.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_SERVICE_DECODE_LOGS_H_
#define CAISSON_SERVER_SERVICE_DECODE_LOGS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "caisson/v1/container_service.pb.h"
#include "server/core/output_reader.h"
#include "server/store/filter.h"

namespace caisson::service {

struct LogsRequest {
  store::ContainerFilter filter;
  std::string exec;  // empty: containers
  bool follow = false;
  bool text = false;
  core::OutputOptions options;  // `from` is for containers without position
  std::map<std::string, int64_t> positions;  // by container id
  std::optional<absl::Duration> heartbeat;
};

absl::StatusOr<LogsRequest> DecodeLogs(
    const caisson::v1::StreamLogsRequest& request);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_DECODE_LOGS_H_
