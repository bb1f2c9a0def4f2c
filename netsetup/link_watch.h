// Tells which links of a network namespace are deleted, by whomever. Nothing
// else wakes the reader: a filter in the kernel keeps other events away.
//
// Process: daemon. Thread: one at a time.
#ifndef CAISSON_NETSETUP_LINK_WATCH_H_
#define CAISSON_NETSETUP_LINK_WATCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "runtime/base/unique_fd.h"

namespace caisson::netsetup {

struct LinkNews {
  std::vector<std::string> deleted;  // names
  // Events came faster than they were read: look at all.
  bool lost = false;
};

class LinkWatch {
 public:
  // In the namespace of the calling thread.
  static absl::StatusOr<LinkWatch> Open();

  // Readable when there is something to Read; non-blocking.
  int fd() const { return fd_.get(); }

  // What came since the last time; never waits.
  absl::StatusOr<LinkNews> Read();

 private:
  explicit LinkWatch(base::UniqueFd fd);

  base::UniqueFd fd_;
  std::vector<uint8_t> buffer_;
};

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_LINK_WATCH_H_
