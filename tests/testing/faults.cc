#include "tests/testing/faults.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"

#include "runtime/base/unique_fd.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

constexpr char kLibrary[] = "caisson-test-faults.so";

[[noreturn]] void Die(const std::string& what) {
  ::perror(what.c_str());
  std::abort();
}

}  // namespace

Faults::Faults() {
  const std::string path = directory_.File("plan");
  const base::UniqueFd file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_valid() || ::ftruncate(file.get(), sizeof(FaultPlan)) != 0) {
    Die(path);
  }
  void* const memory =
      ::mmap(nullptr, sizeof(FaultPlan), PROT_READ | PROT_WRITE, MAP_SHARED,
             file.get(), 0);
  if (memory == MAP_FAILED) Die(path);
  // Zeros are a plan in which nothing is armed.
  plan_ = static_cast<FaultPlan*>(memory);
}

Faults::~Faults() {
  ::munmap(plan_, sizeof(FaultPlan));
}

std::vector<std::string> Faults::Environment() const {
  const std::string library = ProgramPath(kLibrary);
  if (library.empty()) Die(kLibrary);
  return {absl::StrCat("LD_PRELOAD=", library),
          absl::StrCat(kFaultFile, "=", directory_.File("plan")),
          // Its runtime wants to be first.
          absl::StrCat("ASAN_OPTIONS=", EnvironmentOr("ASAN_OPTIONS", ""),
                       ":verify_asan_link_order=0")};
}

void Faults::Arm(uint32_t kinds, FaultAction action, int64_t nth) {
  plan_->kinds = 0;
  plan_->action = static_cast<uint32_t>(action);
  plan_->nth = nth;
  plan_->seen = 0;
  plan_->hit = 0;
  plan_->kinds = kinds;
}

bool Faults::Disarm() {
  plan_->kinds = 0;
  return hit();
}

}  // namespace caisson::testing
