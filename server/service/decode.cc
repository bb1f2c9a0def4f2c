#include "server/service/decode.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;
using translate::Checks;
using translate::ViewKind;

constexpr int kMaxTypes = 100;
constexpr size_t kMaxTypeBytes = 100;
constexpr int kMaxPage = 1000;
constexpr size_t kMaxPageBytes = 1 << 20;
constexpr size_t kMaxTokenBytes = 1024;
constexpr size_t kMinIdPrefix = 4;

std::string In(std::string_view parent, std::string_view name) {
  return base::StrCat(parent, ".", name);
}

core::OutputFrom DecodeFrom(const pb::OutputOptions& proto,
                            core::OutputFrom unset, std::string_view field,
                            Checks* checks) {
  using Kind = core::OutputFrom::Kind;
  core::OutputFrom from;
  switch (proto.from_case()) {
    case pb::OutputOptions::kOffset:
      from.kind = Kind::kOffset;
      from.offset =
          checks->Range(proto.offset(), 0, INT64_MAX, In(field, "offset"));
      return from;
    case pb::OutputOptions::kTailLines:
      from.kind = Kind::kTailLines;
      from.tail_lines = static_cast<int32_t>(checks->Range(
          proto.tail_lines(), 0, INT32_MAX, In(field, "tail_lines")));
      return from;
    case pb::OutputOptions::kNow:
      if (!proto.now()) {
        checks->Add(In(field, "now"), "must be true when it is set");
      }
      from.kind = Kind::kNow;
      return from;
    case pb::OutputOptions::FROM_NOT_SET:
      break;
  }
  return unset;
}

void DecodeTypes(const pb::WatchEventsRequest& request, Checks* checks,
                 std::vector<std::string>* out) {
  if (request.types_size() > kMaxTypes) {
    checks->Add("types", base::StrCat("has more than ", kMaxTypes, " entries"));
    return;
  }
  for (int i = 0; i < request.types_size(); ++i) {
    const std::string& type = request.types(i);
    if (type.empty() || type.size() > kMaxTypeBytes) {
      checks->Add(base::StrCat("types[", i, "]"),
                  "is no type of an event, as \"container.started\" or "
                  "\"container.*\"");
    }
    out->push_back(type);
  }
}

}  // namespace

void DecodeStreams(const google::protobuf::RepeatedField<int>& streams,
                   std::string_view field, core::OutputOptions* options,
                   Checks* checks) {
  if (streams.empty()) return;
  options->want_stdout = false;
  options->want_stderr = false;
  for (int i = 0; i < streams.size(); ++i) {
    if (streams[i] == pb::STD_STREAM_STDOUT) {
      options->want_stdout = true;
    } else if (streams[i] == pb::STD_STREAM_STDERR) {
      options->want_stderr = true;
    } else {
      checks->Add(base::StrCat(field, "[", i, "]"), "is no known stream");
    }
  }
}

std::optional<absl::Duration> DecodeHeartbeat(
    const google::protobuf::Duration& proto, std::string_view field,
    Checks* checks) {
  return checks->Span(proto, translate::kMinHeartbeat, translate::kMaxHeartbeat,
                      field);
}

Delivery DecodeOutput(const pb::OutputOptions& proto, core::OutputFrom unset,
                      std::string_view field, Checks* checks) {
  Delivery delivery;
  delivery.options.from = DecodeFrom(proto, unset, field, checks);
  DecodeStreams(proto.streams(), In(field, "streams"), &delivery.options,
                checks);
  delivery.text = proto.text();
  if (proto.has_heartbeat_interval()) {
    delivery.heartbeat = DecodeHeartbeat(
        proto.heartbeat_interval(), In(field, "heartbeat_interval"), checks);
  }
  return delivery;
}

core::SignalArgs DecodeSignal(const std::string& signal, pb::KillScope scope,
                              std::string_view prefix, Checks* checks) {
  core::SignalArgs args;
  checks->Signal(signal, base::StrCat(prefix, "signal"));
  args.signal = signal;
  switch (scope) {
    case pb::KILL_SCOPE_UNSPECIFIED:
      break;
    case pb::KILL_SCOPE_PROCESS:
      args.scope = core::SignalScope::kProcess;
      break;
    case pb::KILL_SCOPE_TREE:
      args.scope = core::SignalScope::kTree;
      break;
    default:
      checks->Add(base::StrCat(prefix, "scope"), "is no known scope");
  }
  return args;
}

absl::StatusOr<ViewKind> DecodeView(const Door& door, pb::View view, bool full,
                                    Checks* checks) {
  const bool may_see_all = door.role() >= Role::kOperate;
  const ViewKind unset =
      full && may_see_all ? ViewKind::kFull : ViewKind::kBasic;
  const ViewKind wanted = checks->View(view, unset, "view");
  if (wanted == ViewKind::kFull && !may_see_all) {
    return RoleTooLow("the view FULL", door.role(), Role::kOperate);
  }
  return wanted;
}

absl::StatusOr<store::PageRequest> DecodePage(int32_t page_size,
                                              const std::string& token,
                                              Checks* checks) {
  store::PageRequest page;
  page.max_items =
      static_cast<size_t>(checks->PageSize(page_size, kMaxPage, "page_size"));
  page.max_bytes = kMaxPageBytes;
  if (token.size() > kMaxTokenBytes) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, "BAD_PAGE_TOKEN",
                           "the page_token is not one of this list");
  }
  page.token = token;
  return page;
}

bool IsIdPrefix(std::string_view text) {
  return text.size() >= kMinIdPrefix &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

absl::StatusOr<core::WatchOptions> DecodeWatch(
    const Door& door, const pb::WatchEventsRequest& request, ViewKind* view) {
  Checks checks;
  core::WatchOptions options;
  CAISSON_ASSIGN_OR_RETURN(*view,
                           DecodeView(door, request.view(), false, &checks));
  if (request.has_after_revision()) {
    options.after_revision =
        checks.Range(request.after_revision(), 0, INT64_MAX, "after_revision");
  }
  options.store_id = request.store_id();
  DecodeTypes(request, &checks, &options.types);
  options.filter = checks.Filter(request.filter(), "filter");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  return options;
}

}  // namespace caisson::service
