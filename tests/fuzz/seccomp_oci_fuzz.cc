// Seccomp profiles of clients: any bytes, no crash; what compiles is within the
// kernel's bounds and ends in an answer on every path.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <string_view>

#include "runtime/linux/seccomp/filter.h"
#include "runtime/linux/seccomp/profile.h"
#include "runtime/linux/seccomp/simulator.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<caisson::linux_::SeccompFilterPtr> filter =
      caisson::linux_::OciSeccompFilter(text);
  if (!filter.ok()) return 0;
  if ((*filter)->program.size() > BPF_MAXINSNS) abort();
  seccomp_data call = {};
  call.arch = caisson::linux_::NativeAuditArch();
  for (int nr = 0; nr < 512; ++nr) {
    call.nr = nr;
    if (!caisson::linux_::Simulate((*filter)->program, call)) abort();
  }
  return 0;
}
