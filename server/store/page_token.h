// The opaque page token of a list: where the next page begins (a key that
// never changes) and the revision of the first page.
//
// Process: caissond. Thread: any (pure).
#ifndef CAISSON_SERVER_STORE_PAGE_TOKEN_H_
#define CAISSON_SERVER_STORE_PAGE_TOKEN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace caisson::store {

struct PageToken {
  int64_t revision = 0;         // of the first page
  int64_t create_revision = 0;  // the last item already delivered
  std::string id;
};

std::string EncodePageToken(const PageToken& token);

// INVALID_ARGUMENT BAD_PAGE_TOKEN for anything that Encode did not make.
absl::StatusOr<PageToken> ParsePageToken(std::string_view text);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_PAGE_TOKEN_H_
