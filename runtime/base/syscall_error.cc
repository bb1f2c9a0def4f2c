#include "runtime/base/syscall_error.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

#include "runtime/base/str_cat.h"

namespace caisson::base {
namespace {

// "<errno>\0<call>\0<what>".
constexpr absl::string_view kPayloadUrl = "caisson/syscall";

std::string ErrnoText(int err) {
  // Not strerror: it shares a buffer between threads.
  const char* text = ::strerrordesc_np(err);
  return text != nullptr ? std::string(text) : StrCat("error ", err);
}

}  // namespace

absl::Status SyscallError(std::string_view call, std::string_view what) {
  const int err = errno;
  return SyscallErrorFrom(err, call, what);
}

absl::Status SyscallErrorFrom(int err, std::string_view call,
                              std::string_view what) {
  std::string message(call);
  if (!what.empty()) StrAppend(&message, " '", what, "'");
  StrAppend(&message, ": ", ErrnoText(err));
  absl::Status status = absl::InternalError(message);
  std::string payload = StrCat(err);
  payload.append(1, '\0').append(call).append(1, '\0').append(what);
  status.SetPayload(kPayloadUrl, absl::Cord(payload));
  return status;
}

int ErrnoOf(const absl::Status& status) {
  return SyscallFailureOf(status).err;
}

SyscallFailure SyscallFailureOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayloadUrl);
  if (!payload.has_value()) return {};
  const std::string text(*payload);
  const std::vector<std::string> parts =
      absl::StrSplit(text, absl::MaxSplits('\0', 2));
  SyscallFailure failure;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &failure.err)) return {};
  failure.call = parts[1];
  failure.what = parts[2];
  return failure;
}

std::string ErrnoName(int err) {
  const char* name = ::strerrorname_np(err);
  return name != nullptr ? std::string(name) : StrCat("errno ", err);
}

}  // namespace caisson::base
