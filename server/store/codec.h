// Records <-> the JSON text of their rows. Keys are short but readable: the
// file can be inspected with any SQLite shell. Unknown keys are ignored and
// missing ones are defaults, so that neighbouring versions understand it.
//
// Process: caissond. Thread: any (pure).
#ifndef CAISSON_SERVER_STORE_CODEC_H_
#define CAISSON_SERVER_STORE_CODEC_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/store/records.h"

namespace caisson::store {

// All but id and spec, which have columns of their own.
std::string EncodeContainer(const ContainerRecord& record);
absl::Status DecodeContainer(std::string_view text, ContainerRecord* record);

// All but id and spec.
std::string EncodeExec(const ExecRecord& record);
absl::Status DecodeExec(std::string_view text, ExecRecord* record);

// All but id, object id and times, which have columns of their own.
std::string EncodeRequest(const RequestRow& row);
absl::Status DecodeRequest(std::string_view text, RequestRow* row);

// Attributes and request id; empty when there are none.
std::string EncodeEventExtra(const Event& event);
absl::Status DecodeEventExtra(std::string_view text, Event* event);

// Times are nanoseconds since 1970; the infinite ones are the int64 limits.
int64_t EncodeTime(absl::Time time);
absl::Time DecodeTime(int64_t nanoseconds);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_CODEC_H_
