// Anonymous files that nobody can change once they are sealed: plans on their
// way to a shim, and our own binary.
//
// Process: daemon, keeper. Thread: any.
#ifndef CAISSON_RUNTIME_LINUX_MEMFD_H_
#define CAISSON_RUNTIME_LINUX_MEMFD_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::linux_ {

// A memfd with `data`, sealed against every change. `name` is for /proc only.
// It can be executed when `executable` is set; otherwise it cannot, where the
// kernel knows the difference (6.3).
absl::StatusOr<base::UniqueFd> CreateSealedMemfd(const std::string& name,
                                                 std::string_view data,
                                                 bool executable);

// A sealed, executable copy of the file behind `fd`, from its beginning.
absl::StatusOr<base::UniqueFd> CopyToSealedMemfd(const std::string& name,
                                                 int fd);

// FAILED_PRECONDITION unless `fd` is a memfd with all four seals: what was
// checked once cannot be changed by the sender afterwards.
absl::Status CheckSealed(int fd);

}  // namespace caisson::linux_

#endif  // CAISSON_RUNTIME_LINUX_MEMFD_H_
