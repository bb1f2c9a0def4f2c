#include "runtime/linux/mountinfo.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::linux_ {
namespace {

constexpr size_t kMaxBytes = 64 << 20;
constexpr size_t kFixedFields = 6;
constexpr size_t kTailFields = 3;

bool IsOctal(char c) {
  return c >= '0' && c <= '7';
}

// The kernel writes space, tab, newline and backslash as "\040".
std::string Unescape(absl::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && IsOctal(text[i + 1]) &&
        IsOctal(text[i + 2]) && IsOctal(text[i + 3])) {
      result +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                            (text[i + 3] - '0'));
      i += 3;
    } else {
      result += text[i];
    }
  }
  return result;
}

// "36 35 98:0 /root /mnt rw,noatime shared:1 - ext3 /dev/root rw": any number
// of tagged fields before the dash.
bool ParseLine(absl::string_view line, MountInfo* mount) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
  size_t dash = kFixedFields;
  while (dash < fields.size() && fields[dash] != "-") ++dash;
  if (dash + kTailFields >= fields.size()) return false;
  if (!absl::SimpleAtoi(fields[0], &mount->id) ||
      !absl::SimpleAtoi(fields[1], &mount->parent_id)) {
    return false;
  }
  mount->root = Unescape(fields[3]);
  mount->mount_point = Unescape(fields[4]);
  mount->options = std::string(fields[5]);
  for (size_t i = kFixedFields; i < dash; ++i) {
    if (fields[i].substr(0, 7) == "shared:") mount->shared = true;
  }
  mount->type = std::string(fields[dash + 1]);
  mount->source = Unescape(fields[dash + 2]);
  mount->super_options = std::string(fields[dash + 3]);
  return true;
}

}  // namespace

bool HasMountOption(std::string_view options, std::string_view name) {
  for (absl::string_view option :
       absl::StrSplit(base::AbslView(options), ',')) {
    if (base::StdView(option) == name) return true;
  }
  return false;
}

absl::StatusOr<std::vector<MountInfo>> ParseMountInfo(std::string_view text) {
  std::vector<MountInfo> mounts;
  for (absl::string_view line :
       absl::StrSplit(base::AbslView(text), '\n', absl::SkipEmpty())) {
    if (!ParseLine(line, &mounts.emplace_back())) {
      return absl::InvalidArgumentError(
          base::StrCat("not a line of mountinfo: '", line, "'"));
    }
  }
  return mounts;
}

absl::StatusOr<std::vector<MountInfo>> ReadMountInfo() {
  CAISSON_ASSIGN_OR_RETURN(
      const std::string text,
      base::ReadFileToString("/proc/thread-self/mountinfo", kMaxBytes));
  return ParseMountInfo(text);
}

}  // namespace caisson::linux_
