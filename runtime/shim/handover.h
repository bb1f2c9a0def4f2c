// How programs become other programs here: the keeper runs from a sealed copy
// of itself, and a fork of it may become the shim of a newer release.
//
// Process: keeper, shim. Thread: main only.
#ifndef CAISSON_RUNTIME_SHIM_HANDOVER_H_
#define CAISSON_RUNTIME_SHIM_HANDOVER_H_

#include <stddef.h>

#include "runtime/shim/shim.h"

namespace caisson::shim {

// Whether this process runs from a sealed memfd: then nothing on disk can be
// written to through /proc/self/exe, from wherever it is reached.
bool RunsSealed() noexcept;

// Executes a sealed copy of our own image with these arguments. Returns the
// errno of what failed, and only then.
int ExecuteSealedCopy(char** argv) noexcept;

// Closes all descriptors above 2 but these (negative ones are skipped).
void CloseAllBut(const int* keep, size_t count) noexcept;

// Executes the shim in `image_fd`, a sealed memfd, with these arguments.
// Returns the errno of what failed, and only then.
int ExecuteShim(int image_fd, const ShimArguments& arguments) noexcept;

// The other end of ExecuteShim: from its argv. False: not such arguments.
bool ParseShimArguments(int argc, char** argv,
                        ShimArguments* arguments) noexcept;

}  // namespace caisson::shim

#endif  // CAISSON_RUNTIME_SHIM_HANDOVER_H_
