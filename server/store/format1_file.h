// A database as the first version of the format left it, frozen here so that
// it can always be opened. Not made from schema.cc on purpose.
//
// Process: unit tests. Thread: main.
#ifndef CAISSON_SERVER_STORE_FORMAT1_FILE_H_
#define CAISSON_SERVER_STORE_FORMAT1_FILE_H_

#include "absl/status/status.h"

#include "server/store/store.h"

namespace caisson::store {

// Makes the file of `options`, of their boot. In it: container "web" of id
// PaddedId("a"), running its second run, with exec PaddedId("e"); tombstone
// PaddedId("b"); request "r". Revision 10 put the container, revision 11
// started the exec, and there is an event of each.
absl::Status MakeFormat1File(const StoreOptions& options);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_FORMAT1_FILE_H_
