#include "runtime/shim/plan_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace caisson::shim {

PlanMemory::~PlanMemory() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
}

int PlanMemory::Map(int plan_fd) noexcept {
  constexpr int kSeals =
      F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  const int seals = ::fcntl(plan_fd, F_GET_SEALS);
  if (seals < 0) return errno == EINVAL ? EPERM : errno;
  if ((seals & kSeals) != kSeals) return EPERM;
  struct stat info;
  if (::fstat(plan_fd, &info) != 0) return errno;
  if (info.st_size <= 0 || info.st_size > plan::kMaxPlanBytes) return EBADMSG;
  const auto size = static_cast<size_t>(info.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, plan_fd, 0);
  if (memory == MAP_FAILED) return errno;
  memory_ = memory;
  size_ = size;
  return plan::OpenPlan(memory_, size_, &view_) ? 0 : EBADMSG;
}

}  // namespace caisson::shim
