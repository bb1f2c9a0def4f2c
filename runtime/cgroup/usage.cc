#include "runtime/cgroup/v1/usage.h"

#include "runtime/base/status_macros.h"
#include "runtime/cgroup/driver.h"
#include "runtime/cgroup/v2/usage.h"

namespace caisson::cgroup {
namespace {

bool IsV1(const Directory* directory) {
  return directory != nullptr && directory->what != kUnified;
}

void AddCpu(const Group& group, Usage* usage) {
  const Directory* account = group.Find("cpuacct");
  if (account == nullptr) return;
  if (IsV1(account)) {
    v1::AddCpu(account->path, usage);
  } else {
    v2::AddCpu(account->path, usage);
  }
  // On hybrid hosts the v2 tree counts the time and v1 does the throttling.
  const Directory* cpu = group.Find("cpu");
  if (IsV1(cpu)) v1::AddThrottled(cpu->path, usage);
}

absl::Status AddMemory(const Group& group, Usage* usage) {
  const Directory* memory = group.Find("memory");
  if (memory == nullptr) return absl::OkStatus();
  return IsV1(memory) ? v1::AddMemory(memory->path, usage)
                      : v2::AddMemory(memory->path, usage);
}

void AddPids(const Group& group, Usage* usage) {
  const Directory* pids = group.Find("pids");
  if (pids == nullptr) return;
  if (IsV1(pids)) {
    v1::AddPids(pids->path, usage);
  } else {
    v2::AddPids(pids->path, usage);
  }
}

}  // namespace

absl::StatusOr<Usage> ReadUsage(const Group& group) {
  Usage usage;
  AddCpu(group, &usage);
  CAISSON_RETURN_IF_ERROR(AddMemory(group, &usage));
  AddPids(group, &usage);
  return usage;
}

}  // namespace caisson::cgroup
