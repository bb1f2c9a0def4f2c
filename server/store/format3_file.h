// A database as the third version of the format left it, frozen here as
// format1_file.h is.
//
// Process: unit tests. Thread: main.
#ifndef CAISSON_SERVER_STORE_FORMAT3_FILE_H_
#define CAISSON_SERVER_STORE_FORMAT3_FILE_H_

#include "absl/status/status.h"

#include "server/store/store.h"

namespace caisson::store {

// That of MakeFormat2File, and in it: network namespace "green" of id
// PaddedId("d"), which revision 13 put, and the event of that.
absl::Status MakeFormat3File(const StoreOptions& options);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_FORMAT3_FILE_H_
