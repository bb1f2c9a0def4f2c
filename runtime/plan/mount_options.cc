#include "runtime/plan/mount_options.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::plan {
namespace {

struct Flag {
  std::string_view name;
  uint64_t set;
  uint64_t clear;
};

// A choice of access time clears the whole field first: mount_setattr refuses
// a value without that.
constexpr Flag kFlags[] = {
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
};

constexpr uint64_t kAtimeBits = MOUNT_ATTR__ATIME;

const Flag* FindFlag(std::string_view name) {
  for (const Flag& flag : kFlags) {
    if (flag.name == name) return &flag;
  }
  return nullptr;
}

void ApplyFlag(const Flag& flag, ParsedOptions* out) {
  if ((flag.clear & kAtimeBits) != 0) out->set &= ~kAtimeBits;
  out->set = (out->set & ~flag.clear) | flag.set;
  out->clear = (out->clear & ~flag.set) | flag.clear;
}

// True if `word` was one of the flags, with or without the "r" in front.
bool ParseFlag(std::string_view word, ParsedOptions* out) {
  const Flag* flag = FindFlag(word);
  if (flag == nullptr && word.size() > 1 && word.front() == 'r') {
    flag = FindFlag(word.substr(1));
    if (flag != nullptr) out->recursive = true;
  }
  if (flag == nullptr) return false;
  ApplyFlag(*flag, out);
  return true;
}

absl::Status ParseWord(std::string_view word, ParsedOptions* out) {
  if (ParseFlag(word, out)) return absl::OkStatus();
  if (word == "bind" || word == "rbind" || word == "defaults") {
    return absl::OkStatus();
  }
  if (word == "idmap" || word == "ridmap") {
    out->id_map = true;
    out->recursive |= word == "ridmap";
    return absl::OkStatus();
  }
  const size_t equals = word.find('=');
  if (equals != std::string_view::npos && equals > 0) {
    out->data.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    return absl::OkStatus();
  }
  bool recursive = false;
  CAISSON_ASSIGN_OR_RETURN(out->propagation,
                           ParsePropagation(word, &recursive));
  out->recursive |= recursive;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> ParsePropagation(std::string_view word,
                                          bool* recursive) {
  *recursive = word.size() > 1 && word.front() == 'r';
  const std::string_view plain = *recursive ? word.substr(1) : word;
  if (plain == "private") return uint64_t{MS_PRIVATE};
  if (plain == "shared") return uint64_t{MS_SHARED};
  if (plain == "slave") return uint64_t{MS_SLAVE};
  if (plain == "unbindable") return uint64_t{MS_UNBINDABLE};
  return absl::InvalidArgumentError(
      base::StrCat("unknown mount option \"", word, "\""));
}

absl::StatusOr<ParsedOptions> ParseMountOptions(
    const std::vector<std::string>& options) {
  ParsedOptions out;
  for (const std::string& word : options) {
    CAISSON_RETURN_IF_ERROR(ParseWord(word, &out));
  }
  return out;
}

}  // namespace caisson::plan
