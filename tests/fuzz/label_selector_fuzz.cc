// Label selectors from clients: parsing ends, and what parses can be matched.
#include <stddef.h>
#include <stdint.h>

#include <map>
#include <string>
#include <string_view>

#include "server/store/filter.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<caisson::store::LabelSelector> selector =
      caisson::store::LabelSelector::Parse(text);
  if (!selector.ok()) return 0;
  static const auto* const kLabels = new std::map<std::string, std::string>{
      {"a", "b"}, {"app", "web"}, {"in", ""}};
  // The empty selector selects everything.
  if (selector->empty() && !selector->Matches(*kLabels)) __builtin_trap();
  static_cast<void>(selector->Matches(*kLabels));
  return 0;
}
