#include "server/core/errors.h"

#include <cerrno>

#include "absl/strings/str_cat.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "server/core/lifecycle.h"

namespace caisson::core {
namespace {

using absl::StatusCode;
using base::MakeError;
using base::StrCat;

absl::Status Unavailable(std::string_view reason, std::string_view message,
                         absl::Duration retry_after) {
  base::ErrorDetail detail;
  detail.reason = std::string(reason);
  detail.retry_after = retry_after;
  return base::WithDetail(absl::UnavailableError(base::AbslView(message)),
                          detail);
}

}  // namespace

absl::Status ContainerNotFound(std::string_view container) {
  return MakeError(StatusCode::kNotFound, "CONTAINER_NOT_FOUND",
                   StrCat("no container '", container, "'"),
                   {{"container", std::string(container)}});
}

absl::Status ExecNotFound(std::string_view exec) {
  return MakeError(StatusCode::kNotFound, "EXEC_NOT_FOUND",
                   StrCat("no exec '", exec, "'"),
                   {{"exec", std::string(exec)}});
}

absl::Status WrongState(std::string_view container, store::ContainerState state,
                        std::string_view needed) {
  const std::string name(PublicStateName(state));
  return MakeError(
      StatusCode::kFailedPrecondition, "WRONG_STATE",
      StrCat("container '", container, "' is ", name, ", not ", needed),
      {{"container", std::string(container)},
       {"state", name},
       {"needed", std::string(needed)}});
}

absl::Status NoNetworkOfItsOwn(std::string_view container,
                               store::ContainerState state) {
  return MakeError(StatusCode::kFailedPrecondition, "WRONG_STATE",
                   StrCat("container '", container,
                          "' shares its network with the host, with another "
                          "container, or by a named namespace"),
                   {{"container", std::string(container)},
                    {"state", std::string(PublicStateName(state))},
                    {"needed", "a network of its own"}});
}

absl::Status LimitReached(std::string_view limit, int64_t value) {
  return MakeError(
      StatusCode::kResourceExhausted, "LIMIT_REACHED",
      StrCat("the limit ", limit, " of ", value, " is reached"),
      {{"limit", std::string(limit)}, {"value", absl::StrCat(value)}});
}

absl::Status CancelledByDelete(std::string_view container) {
  return MakeError(StatusCode::kAborted, "CANCELLED_BY_DELETE",
                   StrCat("container '", container, "' was deleted meanwhile"),
                   {{"container", std::string(container)}});
}

absl::Status RevisionChanged(std::string_view container, int64_t revision) {
  return MakeError(
      StatusCode::kAborted, "REVISION_CHANGED",
      StrCat("container '", container, "' is at revision ", revision),
      {{"container", std::string(container)},
       {"revision", absl::StrCat(revision)}});
}

absl::Status ShimNotAnswering(std::string_view container) {
  absl::Status status = Unavailable("SHIM_NOT_ANSWERING",
                                    StrCat("the process that keeps container '",
                                           container, "' does not answer"),
                                    absl::Seconds(1));
  base::ErrorDetail detail = base::DetailOf(status);
  detail.metadata.emplace_back("container", container);
  return base::WithDetail(status, detail);
}

absl::Status NamespaceOwnerGone(std::string_view container) {
  return MakeError(StatusCode::kFailedPrecondition, "NAMESPACE_OWNER_GONE",
                   StrCat("container '", container,
                          "', whose namespaces are to be shared, does not "
                          "run"),
                   {{"container", std::string(container)}});
}

absl::Status Recovering() {
  return Unavailable("RECOVERING", "the daemon is starting",
                     absl::Milliseconds(200));
}

absl::Status ShuttingDown() {
  return Unavailable("SHUTTING_DOWN", "the daemon is stopping",
                     absl::Seconds(1));
}

absl::Status CallCancelled() {
  return MakeError(StatusCode::kCancelled, "CALL_CANCELLED",
                   "the caller cancelled");
}

absl::Status HostFailure(const absl::Status& status) {
  if (status.ok() || !base::DetailOf(status).reason.empty()) return status;
  const int err = base::ErrnoOf(status);
  if (err != ENOSPC && err != EDQUOT) return status;
  return MakeError(StatusCode::kResourceExhausted, "DISK_FULL",
                   base::StdView(status.message()),
                   {{"errno", base::ErrnoName(err)}});
}

}  // namespace caisson::core
