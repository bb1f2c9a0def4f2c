// A database as the second version of the format left it, frozen here as
// format1_file.h is.
//
// Process: unit tests. Thread: main.
#ifndef CAISSON_SERVER_STORE_FORMAT2_FILE_H_
#define CAISSON_SERVER_STORE_FORMAT2_FILE_H_

#include "absl/status/status.h"

#include "server/store/store.h"

namespace caisson::store {

// That of MakeFormat1File, and in it: network "blue" of id PaddedId("f") with a
// lease of 10.1.0.2, which revision 12 put, and the event of that.
absl::Status MakeFormat2File(const StoreOptions& options);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_FORMAT2_FILE_H_
