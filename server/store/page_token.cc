#include "server/store/page_token.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "runtime/base/error_detail.h"
#include "server/store/string_view.h"

namespace caisson::store {
namespace {

constexpr std::string_view kVersion = "p1";
constexpr size_t kMaxTokenBytes = 256;

absl::Status BadToken() {
  base::ErrorDetail detail;
  detail.reason = "BAD_PAGE_TOKEN";
  detail.violations.push_back(
      {"page_token", "is not a token that a list of this service returned"});
  return base::WithDetail(absl::InvalidArgumentError("page token is not valid"),
                          detail);
}

}  // namespace

std::string EncodePageToken(const PageToken& token) {
  return absl::StrCat(AbslView(kVersion), ".", token.revision, ".",
                      token.create_revision, ".", token.id);
}

absl::StatusOr<PageToken> ParsePageToken(std::string_view text) {
  if (text.size() > kMaxTokenBytes) return BadToken();
  const std::vector<absl::string_view> parts =
      absl::StrSplit(AbslView(text), '.');
  PageToken token;
  if (parts.size() != 4 || parts[0] != AbslView(kVersion) || parts[3].empty() ||
      !absl::SimpleAtoi(parts[1], &token.revision) ||
      !absl::SimpleAtoi(parts[2], &token.create_revision) ||
      token.revision < 0 || token.create_revision < 0) {
    return BadToken();
  }
  token.id = std::string(parts[3]);
  return token;
}

}  // namespace caisson::store
