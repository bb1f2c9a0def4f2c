// Requests -> arguments of core: the checks of every field that needs no state.
// A violation names the field as the request has it.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_SERVICE_DECODE_H_
#define CAISSON_SERVER_SERVICE_DECODE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "caisson/v1/event_service.pb.h"
#include "caisson/v1/stream.pb.h"
#include "server/core/event_log.h"
#include "server/core/output_reader.h"
#include "server/core/types.h"
#include "server/service/door.h"
#include "server/store/catalog.h"
#include "server/translate/checks.h"

namespace caisson::service {

// What a stream delivers, apart from what core's reader does.
struct Delivery {
  core::OutputOptions options;
  bool text = false;
  std::optional<absl::Duration> heartbeat;
};

// `unset` is where the stream begins when the client does not say.
Delivery DecodeOutput(const caisson::v1::OutputOptions& proto,
                      core::OutputFrom unset, std::string_view field,
                      translate::Checks* checks);

// Which of the two outputs; both when there is none.
void DecodeStreams(const google::protobuf::RepeatedField<int>& streams,
                   std::string_view field, core::OutputOptions* options,
                   translate::Checks* checks);

std::optional<absl::Duration> DecodeHeartbeat(
    const google::protobuf::Duration& proto, std::string_view field,
    translate::Checks* checks);

// A signal and who gets it; `prefix` is that of the two fields.
core::SignalArgs DecodeSignal(const std::string& signal,
                              caisson::v1::KillScope scope,
                              std::string_view prefix,
                              translate::Checks* checks);

// The view that a request asks for, or PERMISSION_DENIED ROLE_TOO_LOW when
// the role may not see that much. Unset is FULL for those who may see it when
// `full` is set, else BASIC.
absl::StatusOr<translate::ViewKind> DecodeView(const Door& door,
                                               caisson::v1::View view,
                                               bool full,
                                               translate::Checks* checks);

// The page of a list. INVALID_ARGUMENT BAD_PAGE_TOKEN for one that is too long
// to be ours; the store looks at the rest.
absl::StatusOr<store::PageRequest> DecodePage(int32_t page_size,
                                              const std::string& token,
                                              translate::Checks* checks);

// Whether a reference that is no id and no name is looked up as the beginning
// of an id: at least 4 hex digits.
bool IsIdPrefix(std::string_view text);

absl::StatusOr<core::WatchOptions> DecodeWatch(
    const Door& door, const caisson::v1::WatchEventsRequest& request,
    translate::ViewKind* view);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_DECODE_H_
