// --format table|json, for verbs that list.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_FORMAT_FLAG_H_
#define CAISSON_CLIENTS_CAISSON_FORMAT_FLAG_H_

#include <string>

#include "clients/caisson/flags.h"
#include "clients/caisson/output.h"

namespace caisson::cli {

struct FormatFlag {
  std::string text = "table";

  void Declare(Flags* flags) {
    flags->Text("--format", &text, "table|json",
                "how to print; default: table");
  }
  bool json() const { return text == "json"; }
  // Prints an error when it is neither.
  bool Valid() const {
    if (text == "json" || text == "table") return true;
    PrintError("--format: \"" + text + "\" is neither table nor json");
    return false;
  }
};

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_FORMAT_FLAG_H_
