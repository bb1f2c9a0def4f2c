// The errors that core chooses: code, reason and metadata of each in one
// place, so that the same cause always looks the same.
//
// Process: caissond. Thread: any; pure.
#ifndef CAISSON_SERVER_CORE_ERRORS_H_
#define CAISSON_SERVER_CORE_ERRORS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "server/store/records.h"

namespace caisson::core {

absl::Status ContainerNotFound(std::string_view container);
absl::Status ExecNotFound(std::string_view exec);
// `needed` names the states in which the call works.
absl::Status WrongState(std::string_view container, store::ContainerState state,
                        std::string_view needed);
// Its network is the host's, another container's, or that of a name.
absl::Status NoNetworkOfItsOwn(std::string_view container,
                               store::ContainerState state);
absl::Status LimitReached(std::string_view limit, int64_t value);
absl::Status CancelledByDelete(std::string_view container);
absl::Status RevisionChanged(std::string_view container, int64_t revision);
absl::Status ShimNotAnswering(std::string_view container);
absl::Status NamespaceOwnerGone(std::string_view container);
absl::Status Recovering();
absl::Status ShuttingDown();
absl::Status CallCancelled();
// What a failed system call of ours means for a client: RESOURCE_EXHAUSTED
// DISK_FULL for a full disk; anything else stays what it is.
absl::Status HostFailure(const absl::Status& status);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_ERRORS_H_
