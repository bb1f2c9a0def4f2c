#include "netsetup/netlink/net_error.h"

#include <errno.h>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/types/optional.h"

#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

using base::StrCat;

// "<offset or nothing>\0<text>"; errno, operation and object are in the
// payload of base::SyscallErrorFrom.
constexpr absl::string_view kPayloadUrl = "caisson/netlink";

}  // namespace

NetErrorClass ClassOfErrno(int err) {
  switch (err) {
    case EINVAL:
    case ERANGE:
    case ENAMETOOLONG:
    case EMSGSIZE:
    case ENOTCONN:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ELOOP:
      return NetErrorClass::kInvalid;
    case ENODEV:
    case ENOENT:
    case ENXIO:
    case ESRCH:
    case EADDRNOTAVAIL:
      return NetErrorClass::kNotFound;
    case EEXIST:
    case EBUSY:
    case EADDRINUSE:
    case ENOTUNIQ:
      return NetErrorClass::kConflict;
    case EXFULL:
    case ENOSPC:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EDQUOT:
      return NetErrorClass::kExhausted;
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
    case ENOSYS:
      return NetErrorClass::kUnsupported;
    case EPERM:
    case EACCES:
      return NetErrorClass::kDenied;
    case EINTR:
    case EAGAIN:
    case ENOBUFS:
    case ETIMEDOUT:
    case ERESTART:
      return NetErrorClass::kTransient;
    default:
      return NetErrorClass::kInternal;
  }
}

absl::StatusCode CodeOf(NetErrorClass error_class) {
  switch (error_class) {
    case NetErrorClass::kInvalid:
      return absl::StatusCode::kInvalidArgument;
    case NetErrorClass::kNotFound:
      return absl::StatusCode::kNotFound;
    case NetErrorClass::kConflict:
      return absl::StatusCode::kAlreadyExists;
    case NetErrorClass::kExhausted:
      return absl::StatusCode::kResourceExhausted;
    case NetErrorClass::kUnsupported:
      return absl::StatusCode::kUnimplemented;
    case NetErrorClass::kDenied:
      return absl::StatusCode::kPermissionDenied;
    case NetErrorClass::kTransient:
      return absl::StatusCode::kUnavailable;
    case NetErrorClass::kInternal:
      break;
  }
  return absl::StatusCode::kInternal;
}

absl::Status ToStatus(const NetError& error) {
  if (error.ack.error == 0) return absl::OkStatus();
  const absl::Status plain =
      base::SyscallErrorFrom(error.ack.error, error.op, error.object);
  std::string message(plain.message());
  if (!error.ack.text.empty()) {
    base::StrAppend(&message, " (", error.ack.text, ")");
  }
  absl::Status status(CodeOf(ClassOfErrno(error.ack.error)), message);
  plain.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    status.SetPayload(url, payload);
  });
  std::string payload;
  if (error.ack.offset.has_value()) payload = StrCat(*error.ack.offset);
  payload.append(1, '\0').append(error.ack.text);
  status.SetPayload(kPayloadUrl, absl::Cord(payload));
  return status;
}

absl::Status NetErrorFrom(int err, std::string_view op,
                          std::string_view object) {
  return ToStatus({.op = std::string(op),
                   .object = std::string(object),
                   .ack = {.error = err}});
}

NetError NetErrorOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return {};
  const base::SyscallFailure failure = base::SyscallFailureOf(status);
  const std::string text(*payload);
  const size_t end = text.find('\0');
  if (end == std::string::npos) return {};
  NetError error = {.op = failure.call, .object = failure.what};
  error.ack = {.error = failure.err, .text = text.substr(end + 1)};
  uint32_t offset = 0;
  if (absl::SimpleAtoi(text.substr(0, end), &offset)) error.ack.offset = offset;
  return error;
}

}  // namespace caisson::netsetup
