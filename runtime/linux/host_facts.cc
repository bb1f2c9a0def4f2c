#include "runtime/linux/host_facts.h"

#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "runtime/linux/features.h"
#include "runtime/linux/proc.h"

namespace caisson::linux_ {
namespace {

// CAP_SYS_RESOURCE lifts hard limits and lets a process lower its OOM score.
constexpr int kCapSysResource = 24;

absl::StatusOr<int64_t> ReadNumber(std::string_view path) {
  CAISSON_ASSIGN_OR_RETURN(const std::string text,
                           base::ReadFileToString(path, 64));
  int64_t value = 0;
  if (!absl::SimpleAtoi(text, &value)) {
    return absl::DataLossError(base::StrCat("'", path, "' has no number"));
  }
  return value;
}

absl::Status DetectKernel(HostFacts* facts) {
  utsname name = {};
  if (::uname(&name) != 0) return base::SyscallError("uname");
  facts->kernel_release = name.release;
  facts->machine = name.machine;
  if (!ParseKernelRelease(name.release, &facts->kernel_major,
                          &facts->kernel_minor)) {
    return absl::FailedPreconditionError(
        base::StrCat("unknown kernel release '", name.release, "'"));
  }
  CAISSON_ASSIGN_OR_RETURN(facts->boot_id, ReadBootId());
  return absl::OkStatus();
}

absl::Status DetectPrivileges(HostFacts* facts) {
  CAISSON_ASSIGN_OR_RETURN(const ProcessStatus status,
                           ReadProcessStatus(::getpid()));
  facts->effective_capabilities = status.effective_capabilities;
  facts->bounding_capabilities = status.bounding_capabilities;
  CAISSON_ASSIGN_OR_RETURN(const int64_t last_capability,
                           ReadNumber("/proc/sys/kernel/cap_last_cap"));
  facts->last_capability = static_cast<int>(last_capability);
  CAISSON_ASSIGN_OR_RETURN(const int64_t score,
                           ReadNumber("/proc/self/oom_score_adj"));
  facts->oom_score_adj = static_cast<int>(score);
  const bool may_lower =
      (facts->effective_capabilities >> kCapSysResource & 1) != 0;
  facts->oom_score_adj_min = may_lower ? -1000 : facts->oom_score_adj;
  return absl::OkStatus();
}

absl::Status DetectSizes(HostFacts* facts) {
  for (size_t resource = 0; resource < facts->rlimits.size(); ++resource) {
    if (::getrlimit(static_cast<__rlimit_resource_t>(resource),
                    &facts->rlimits[resource]) != 0) {
      return base::SyscallError("getrlimit", base::StrCat(resource));
    }
  }
  CAISSON_ASSIGN_OR_RETURN(const int64_t nr_open,
                           ReadNumber("/proc/sys/fs/nr_open"));
  facts->nr_open = static_cast<uint64_t>(nr_open);
  struct sysinfo info = {};
  if (::sysinfo(&info) != 0) return base::SyscallError("sysinfo");
  facts->memory_bytes = static_cast<int64_t>(info.totalram) * info.mem_unit;
  facts->swap_bytes = static_cast<int64_t>(info.totalswap) * info.mem_unit;
  facts->online_cpus =
      static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  return absl::OkStatus();
}

// Digits at the start of *text, which they are taken from.
bool TakeNumber(std::string_view* text, int* number) {
  size_t digits = 0;
  while (digits < text->size() &&
         absl::ascii_isdigit(static_cast<unsigned char>((*text)[digits]))) {
    ++digits;
  }
  const bool ok =
      absl::SimpleAtoi(base::AbslView(text->substr(0, digits)), number);
  text->remove_prefix(digits);
  return ok;
}

}  // namespace

const Feature* HostFacts::FindFeature(std::string_view name) const {
  for (const Feature& feature : features) {
    if (feature.name == name) return &feature;
  }
  return nullptr;
}

bool HostFacts::Has(std::string_view name) const {
  const Feature* feature = FindFeature(name);
  return feature != nullptr && feature->available;
}

absl::StatusOr<HostFacts> DetectHostFacts() {
  HostFacts facts;
  CAISSON_RETURN_IF_ERROR(DetectKernel(&facts));
  CAISSON_RETURN_IF_ERROR(DetectPrivileges(&facts));
  CAISSON_RETURN_IF_ERROR(DetectSizes(&facts));
  facts.features = DetectFeatures(facts);
  return facts;
}

bool ParseKernelRelease(std::string_view release, int* major, int* minor) {
  if (!TakeNumber(&release, major) || release.empty() || release[0] != '.') {
    return false;
  }
  release.remove_prefix(1);
  return TakeNumber(&release, minor);
}

}  // namespace caisson::linux_
