// Wire bytes to messages, with the checks that the library does not make:
// the depth of nesting, fields that this server does not know, and the digest
// by which a retry is recognised.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_MESSAGE_H_
#define CAISSON_SERVER_TRANSLATE_MESSAGE_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "google/protobuf/message.h"

namespace caisson::translate {

// No request nests deeper than 10; the rest is room for later fields.
inline constexpr int kMaxMessageDepth = 32;

// Counts up when equal requests may get another Fingerprint.
inline constexpr int kFingerprintVersion = 1;

// Parses the whole of `input` into `message`. INVALID_ARGUMENT
// MALFORMED_MESSAGE when it is not a message of that type: truncated, nested
// too deep, text that is not UTF-8.
absl::Status ParseMessage(google::protobuf::io::ZeroCopyInputStream* input,
                          google::protobuf::Message* message);

// INVALID_ARGUMENT UNKNOWN_FIELD when `message` or any message in it has a
// field that this server does not know. `path` is the field of the request
// that `message` is, "spec"; it begins the path in the error.
absl::Status RejectUnknownFields(const google::protobuf::Message& message,
                                 std::string_view path);

// SHA-256, 32 raw bytes, of what `request` asks to be done: of the request
// without request_id and without what only shapes the answer (view, output,
// text ...). Equal requests have equal fingerprints, in any order of map
// entries on the wire.
std::string Fingerprint(const google::protobuf::Message& request);

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_MESSAGE_H_
