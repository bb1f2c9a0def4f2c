// rm -rf for trees that hostile programs filled: by descriptor, never through
// a symbolic link, never across a mount, in bounded stack and descriptors.
//
// Process: daemon. Thread: a worker; it takes as long as the tree is big.
#ifndef CAISSON_RUNTIME_BASE_REMOVE_TREE_H_
#define CAISSON_RUNTIME_BASE_REMOVE_TREE_H_

#include <string_view>

#include "absl/status/status.h"

namespace caisson::base {

// Removes `name` below `dir_fd` (one component; a file, a link or a tree).
// What does not exist is OK. EXDEV when something is mounted inside: then that
// part stays. Goes on past errors and returns the first.
absl::Status RemoveTreeAt(int dir_fd, std::string_view name);

// The same for a path; its parent directory must be trusted.
absl::Status RemoveTree(std::string_view path);

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_REMOVE_TREE_H_
