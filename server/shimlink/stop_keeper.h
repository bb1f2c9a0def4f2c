// The end of a keeper that nobody needs any more. The keeper itself decides:
// it refuses while shims of its own live, and takes no new ones once it agreed.
//
//   caissond --stop-keeper          keeper
//     | kKeeperStop                   |
//     |------------------------------>|
//     |     kKeeperState{shims}       | refused: shims live
//     |<------------------------------|
//     |     end of the stream         | agreed: it ends
//     |<------------------------------|
//
// Process: caissond, called with --stop-keeper. Thread: main; it blocks.
#ifndef CAISSON_SERVER_SHIMLINK_STOP_KEEPER_H_
#define CAISSON_SERVER_SHIMLINK_STOP_KEEPER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace caisson::shimlink {

// Returns when the keeper of the state directory has ended; OK at once when
// there is none. FAILED_PRECONDITION IN_USE (metadata: shims, pid) while it
// keeps shims; DEADLINE_EXCEEDED when it does not end in time.
absl::Status StopKeeper(const std::string& state_directory,
                        absl::Duration limit);

}  // namespace caisson::shimlink

#endif  // CAISSON_SERVER_SHIMLINK_STOP_KEEPER_H_
