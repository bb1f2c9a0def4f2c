#include "server/service/decode_logs.h"

#include <utility>

#include "runtime/base/random_id.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "server/service/decode.h"
#include "server/translate/checks.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;
using translate::Checks;

constexpr int kMaxPositions = 1000;

void DecodePositions(const pb::StreamLogsRequest& request, Checks* checks,
                     std::map<std::string, int64_t>* out) {
  if (request.positions_size() > kMaxPositions) {
    checks->Add("positions",
                base::StrCat("has more than ", kMaxPositions, " entries"));
    return;
  }
  for (int i = 0; i < request.positions_size(); ++i) {
    const pb::LogPosition& position = request.positions(i);
    const std::string field = base::StrCat("positions[", i, "]");
    if (!base::LooksLikeId(position.container())) {
      checks->Add(base::StrCat(field, ".container"), "is no id: 32 hex digits");
    }
    (*out)[position.container()] = checks->Range(
        position.offset(), 0, INT64_MAX, base::StrCat(field, ".offset"));
  }
}

void DecodeTimes(const pb::StreamLogsRequest& request, Checks* checks,
                 core::OutputOptions* options) {
  if (request.has_since()) {
    options->since = checks->Time(request.since(), "since");
  }
  if (request.has_until()) {
    options->until = checks->Time(request.until(), "until");
  }
}

}  // namespace

absl::StatusOr<LogsRequest> DecodeLogs(const pb::StreamLogsRequest& request) {
  Checks checks;
  LogsRequest out;
  switch (request.source_case()) {
    case pb::StreamLogsRequest::kFilter:
      out.filter = checks.Filter(request.filter(), "filter");
      break;
    case pb::StreamLogsRequest::kExec:
      out.exec = checks.Exec(request.exec(), "exec");
      break;
    case pb::StreamLogsRequest::SOURCE_NOT_SET:
      checks.Add("filter", "is required, or `exec`");
  }
  out.follow = request.follow();
  out.text = request.text();
  out.options.lines = request.lines();
  DecodeTimes(request, &checks, &out.options);
  if (request.has_tail_lines()) {
    out.options.from.kind = core::OutputFrom::Kind::kTailLines;
    out.options.from.tail_lines = static_cast<int32_t>(
        checks.Range(request.tail_lines(), 0, INT32_MAX, "tail_lines"));
  }
  DecodePositions(request, &checks, &out.positions);
  DecodeStreams(request.streams(), "streams", &out.options, &checks);
  if (request.has_heartbeat_interval()) {
    out.heartbeat = DecodeHeartbeat(request.heartbeat_interval(),
                                    "heartbeat_interval", &checks);
  }
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  return out;
}

}  // namespace caisson::service
