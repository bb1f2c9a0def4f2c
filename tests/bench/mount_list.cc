#include "tests/bench/mount_list.h"

#include <sys/mount.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace caisson::bench {
namespace {

constexpr char kDev[] = "/dev";

// mount(2) flags of "nosuid,nodev,...".
absl::StatusOr<unsigned> Flags(const std::string& names) {
  static const std::map<std::string, unsigned> kFlags = {
      {"ro", MS_RDONLY},
      {"nosuid", MS_NOSUID},
      {"nodev", MS_NODEV},
      {"noexec", MS_NOEXEC},
      {"noatime", MS_NOATIME},
      {"strictatime", MS_STRICTATIME},
      {"nodiratime", MS_NODIRATIME}};
  unsigned flags = 0;
  for (const auto& name : absl::StrSplit(names, ',', absl::SkipEmpty())) {
    const auto found = kFlags.find(std::string(name));
    if (found == kFlags.end()) {
      return absl::InternalError(
          absl::StrCat("a mount attribute the floor does not know: ", name));
    }
    flags |= found->second;
  }
  return flags;
}

std::string Detail(const v1::PlanStep& step, const std::string& key) {
  const auto found = step.detail().find(key);
  return found == step.detail().end() ? "" : found->second;
}

// "dev/pts" of "/dev/pts".
std::string Relative(const std::string& path) {
  return std::string(absl::StripPrefix(path, "/"));
}

std::string Line(const std::string& verb, const std::string& a,
                 const std::string& b, const std::string& c, unsigned flags) {
  return absl::StrFormat("%s\t%s\t%s\t%s\t%u\n", verb, a, b, c, flags);
}

absl::StatusOr<std::string> Overlay(const v1::PlanStep& step) {
  absl::StatusOr<unsigned> flags = Flags(Detail(step, "attributes"));
  if (!flags.ok()) return flags.status();
  return Line("mount", "overlay", "@ROOT@",
              absl::StrCat("lowerdir=", Detail(step, "lower"),
                           ",upperdir=@UPPER@,workdir=@WORK@,",
                           Detail(step, "options")),
              *flags);
}

absl::StatusOr<std::string> Mount(const v1::PlanStep& step) {
  absl::StatusOr<unsigned> flags = Flags(Detail(step, "attributes"));
  if (!flags.ok()) return flags.status();
  return Line("mount", Detail(step, "type"), Relative(step.target()),
              Detail(step, "options"), *flags);
}

// The nodes, links and directories of /dev, which belong to its tmpfs.
std::string DevContents(const v1::Plan& plan) {
  std::string lines;
  for (const v1::PlanStep& step : plan.steps()) {
    const std::string path = Relative(step.target());
    if (!absl::StartsWith(path, "dev/")) continue;
    if (step.op() == "make_directory") {
      lines += Line("mkdir", path, "-", "-", 0755);
    } else if (step.op() == "make_symlink") {
      lines += Line("symlink", Detail(step, "to"), path, "-", 0);
    } else if (step.op() == "make_device") {
      // "c 1:3"
      const std::string device = Detail(step, "device");
      const std::pair<std::string, std::string> numbers =
          absl::StrSplit(device.substr(2), ':');
      lines += Line("mknod", path, numbers.first, numbers.second, 020666);
    }
  }
  return lines;
}

}  // namespace

absl::StatusOr<std::string> MountListOf(const v1::Plan& plan) {
  std::string list;
  std::map<std::string, const v1::PlanStep*> mounts;
  for (const v1::PlanStep& step : plan.steps()) {
    if (step.op() == "new_overlay") {
      absl::StatusOr<std::string> line = Overlay(step);
      if (!line.ok()) return line.status();
      list += *line;
    } else if (step.op() == "new_mount" && !step.target().empty()) {
      mounts[step.target()] = &step;
    }
  }
  if (list.empty()) return absl::InternalError("the plan has no overlay");
  // In the order in which the container attaches them.
  for (const v1::PlanStep& step : plan.steps()) {
    if (step.op() != "attach") continue;
    const auto mount = mounts.find(step.target());
    if (mount == mounts.end()) {
      return absl::InternalError(
          absl::StrCat("a mount the floor cannot make: ", step.text()));
    }
    absl::StatusOr<std::string> line = Mount(*mount->second);
    if (!line.ok()) return line.status();
    list += *line;
    if (step.target() == kDev) list += DevContents(plan);
  }
  return list;
}

}  // namespace caisson::bench
