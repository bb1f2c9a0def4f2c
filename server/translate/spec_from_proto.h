// Specs as clients send them -> specs as everything below the API knows them.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_SPEC_FROM_PROTO_H_
#define CAISSON_SERVER_TRANSLATE_SPEC_FROM_PROTO_H_

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "caisson/v1/container_spec.pb.h"
#include "caisson/v1/network.pb.h"
#include "runtime/base/error_detail.h"
#include "runtime/spec/spec.h"

namespace caisson::translate {

// The most that a spec may take on the wire.
inline constexpr size_t kMaxSpecBytes = 1 << 20;

using Violations = std::vector<base::FieldViolation>;

// Translates and checks. `path` is the field of the request that holds the
// spec ("spec", "start.spec"); all violations are named below it.
// INVALID_ARGUMENT UNKNOWN_FIELD, or INVALID_FIELD with every violation.
absl::StatusOr<spec::ContainerSpec> ContainerSpecFromProto(
    const caisson::v1::ContainerSpec& proto, std::string_view path);
absl::StatusOr<spec::ExecSpec> ExecSpecFromProto(
    const caisson::v1::ExecSpec& proto, std::string_view path);
absl::StatusOr<spec::NetworkSpec> NetworkSpecFromProto(
    const caisson::v1::NetworkSpec& proto, std::string_view path);
// Parts of a container's spec, for one that runs.
absl::StatusOr<spec::NetworkAttachment> AttachmentFromProto(
    const caisson::v1::NetworkAttachment& proto, const std::string& path);
absl::StatusOr<spec::PortMapping> PortFromProto(
    const caisson::v1::PortMapping& proto, const std::string& path);

// Translates without the checks of spec::Validate; adds what cannot be
// translated to `violations`, with paths that begin with "spec". For tests
// and for those above.
spec::ContainerSpec TranslateSpec(const caisson::v1::ContainerSpec& proto,
                                  Violations* violations);
spec::ExecSpec TranslateSpec(const caisson::v1::ExecSpec& proto,
                             Violations* violations);
spec::NetworkSpec TranslateSpec(const caisson::v1::NetworkSpec& proto,
                                Violations* violations);

// Shared with Run, whose request has one beside the spec.
spec::OnDisconnect OnDisconnectFromProto(const caisson::v1::OnDisconnect& proto,
                                         std::string_view path,
                                         Violations* violations);

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_SPEC_FROM_PROTO_H_
