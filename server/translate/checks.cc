#include "server/translate/checks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"

#include "runtime/base/random_id.h"
#include "runtime/base/str_cat.h"
#include "runtime/spec/signal.h"
#include "runtime/spec/validate.h"
#include "server/translate/record_to_proto.h"
#include "server/translate/time.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;

constexpr size_t kIdDigits = 32;
constexpr int kDefaultPageSize = 100;
constexpr int kMaxFilterContainers = 1000;
constexpr size_t kMaxNamePrefix = 128;
constexpr size_t kMaxSelectorBytes = 4096;
constexpr std::string_view kNilUuid = "00000000-0000-0000-0000-000000000000";

bool IsHex(std::string_view text) {
  for (const char c : text) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
  }
  return true;
}

bool IsUuid(std::string_view text) {
  if (text.size() != kNilUuid.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = kNilUuid[i] == '-';
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (dash ? c != '-' : !absl::ascii_isxdigit(c)) return false;
  }
  return true;
}

std::string Element(std::string_view list, int index) {
  return base::StrCat(list, "[", index, "]");
}

}  // namespace

std::string Checks::Container(const std::string& value,
                              std::string_view field) {
  if (value.empty()) {
    Add(field, "is required: an id or a name");
  } else if (base::LooksLikeId(value)) {
    return absl::AsciiStrToLower(value);
  } else if (std::string problem = spec::NameProblem(value); !problem.empty()) {
    Add(field, problem);
  }
  return value;
}

std::string Checks::Network(const std::string& value, std::string_view field) {
  return Container(value, field);
}

std::string Checks::NetworkNamespace(const std::string& value,
                                     std::string_view field) {
  std::string problem = spec::NetworkNamespaceNameProblem(value);
  if (!problem.empty()) Add(field, problem);
  return value;
}

std::string Checks::Exec(const std::string& value, std::string_view field) {
  if (value.empty()) {
    Add(field, "is required: the id of an exec");
  } else if (!base::LooksLikeId(value)) {
    Add(field, "is no id of an exec: 32 hex digits");
  }
  return absl::AsciiStrToLower(value);
}

std::string Checks::RequestId(const std::string& value,
                              std::string_view field) {
  if (value.empty()) return "";
  if (!IsUuid(value) || value == kNilUuid) {
    Add(field, "is no UUID (8-4-4-4-12 hex digits, not nil)");
    return "";
  }
  return absl::AsciiStrToLower(value);
}

std::optional<int> Checks::Signal(const std::string& value,
                                  std::string_view field) {
  if (value.empty()) return std::nullopt;
  const std::optional<int> signal = spec::ParseSignal(value);
  if (!signal) Add(field, "is no signal, as \"SIGTERM\", \"TERM\" or \"15\"");
  return signal;
}

int Checks::PageSize(int32_t value, int max, std::string_view field) {
  if (value == 0) return std::min(kDefaultPageSize, max);
  return static_cast<int>(Range(value, 1, max, field));
}

ViewKind Checks::View(pb::View view, ViewKind unset, std::string_view field) {
  switch (view) {
    case pb::VIEW_UNSPECIFIED:
      return unset;
    case pb::VIEW_BASIC:
      return ViewKind::kBasic;
    case pb::VIEW_FULL:
      return ViewKind::kFull;
    default:
      Add(field, "is no known view");
      return ViewKind::kBasic;
  }
}

store::LabelSelector Checks::Selector(const std::string& text,
                                      std::string_view field) {
  if (text.size() > kMaxSelectorBytes) {
    Add(field, base::StrCat("is longer than ", kMaxSelectorBytes, " bytes"));
    return {};
  }
  auto selector = store::LabelSelector::Parse(text);
  if (selector.ok()) return *std::move(selector);
  Add(field, base::StdView(selector.status().message()));
  return {};
}

std::string Checks::NamePrefix(const std::string& value,
                               std::string_view field) {
  if (value.size() > kMaxNamePrefix) {
    Add(field, base::StrCat("is longer than ", kMaxNamePrefix, " bytes"));
  }
  return value;
}

std::string Checks::IdPrefix(const std::string& value, std::string_view field) {
  if (!IsHex(value) || value.size() > kIdDigits) {
    Add(field, "is no beginning of an id: at most 32 hex digits");
  }
  return absl::AsciiStrToLower(value);
}

store::ContainerFilter Checks::Filter(const pb::ContainerFilter& filter,
                                      std::string_view field) {
  const auto name = [field](std::string_view part) {
    return base::StrCat(field, ".", part);
  };
  store::ContainerFilter out;
  for (int i = 0; i < filter.states_size(); ++i) {
    if (auto state = StateFromProto(filter.states(i))) {
      out.states.push_back(*state);
    } else {
      Add(Element(name("states"), i), "is no known state");
    }
  }
  out.labels = Selector(filter.label_selector(), name("label_selector"));
  out.name_prefix = NamePrefix(filter.name_prefix(), name("name_prefix"));
  out.id_prefix = IdPrefix(filter.id_prefix(), name("id_prefix"));
  if (filter.containers_size() > kMaxFilterContainers) {
    Add(name("containers"),
        base::StrCat("has more than ", kMaxFilterContainers, " entries"));
    return out;
  }
  for (int i = 0; i < filter.containers_size(); ++i) {
    out.containers.push_back(
        Container(filter.containers(i), Element(name("containers"), i)));
  }
  return out;
}

store::NetworkFilter Checks::Filter(const pb::NetworkFilter& filter,
                                    std::string_view field) {
  store::NetworkFilter out;
  out.labels =
      Selector(filter.label_selector(), base::StrCat(field, ".label_selector"));
  out.name_prefix =
      NamePrefix(filter.name_prefix(), base::StrCat(field, ".name_prefix"));
  out.id_prefix =
      IdPrefix(filter.id_prefix(), base::StrCat(field, ".id_prefix"));
  return out;
}

std::optional<absl::Duration> Checks::Span(
    const google::protobuf::Duration& value, absl::Duration min,
    absl::Duration max, std::string_view field) {
  const auto span = DurationFromProto(value);
  if (span && *span >= min && *span <= max) return span;
  Add(field, base::StrCat("is no duration of ", absl::FormatDuration(min),
                          " to ", absl::FormatDuration(max)));
  return std::nullopt;
}

std::optional<absl::Time> Checks::Time(const google::protobuf::Timestamp& value,
                                       std::string_view field) {
  const auto time = TimeFromProto(value);
  if (!time) Add(field, "is no valid time");
  return time;
}

int64_t Checks::Range(int64_t value, int64_t min, int64_t max,
                      std::string_view field) {
  if (value >= min && value <= max) return value;
  Add(field, base::StrCat("is not within ", min, "..", max));
  return min;
}

spec::TerminalSize Checks::Size(const pb::TerminalSize& size,
                                std::string_view prefix) {
  constexpr int64_t kMax = 65535;
  spec::TerminalSize out;
  out.rows = static_cast<int32_t>(
      Range(size.rows(), 0, kMax, base::StrCat(prefix, "rows")));
  out.cols = static_cast<int32_t>(
      Range(size.cols(), 0, kMax, base::StrCat(prefix, "cols")));
  return out;
}

void Checks::Add(std::string_view field, std::string_view description) {
  violations_.push_back({std::string(field), std::string(description)});
}

void Checks::Add(std::vector<base::FieldViolation> violations) {
  for (auto& violation : violations) {
    violations_.push_back(std::move(violation));
  }
}

absl::Status Checks::Finish() {
  if (violations_.empty()) return absl::OkStatus();
  return base::InvalidFields(std::move(violations_));
}

}  // namespace caisson::translate
