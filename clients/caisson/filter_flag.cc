#include "clients/caisson/filter_flag.h"

#include <algorithm>

#include "clients/caisson/output.h"

namespace caisson::cli {

bool FilterFlag::Parse(const std::string& verb, const Other& other,
                       Common* common) const {
  for (const std::string& text : texts_) {
    const size_t equals = std::min(text.find('='), text.size());
    const std::string key = text.substr(0, equals);
    const std::string value =
        equals < text.size() ? text.substr(equals + 1) : "";
    if (key == "label") {
      common->label_selector +=
          (common->label_selector.empty() ? "" : ",") + value;
    } else if (key == "name") {
      common->name_prefix = value;
    } else if (key == "id") {
      common->id_prefix = value;
    } else if (other == nullptr || !other(key, value)) {
      PrintError(verb + ": --filter: \"" + text + "\" is not known");
      return false;
    }
  }
  return true;
}

}  // namespace caisson::cli
