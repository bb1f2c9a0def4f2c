// The flags of the verbs that join a container: run, start and attach.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_SESSION_FLAGS_H_
#define CAISSON_CLIENTS_CAISSON_SESSION_FLAGS_H_

#include <string>

#include "clients/caisson/detach_keys.h"
#include "clients/caisson/flags.h"
#include "clients/caisson/session_runner.h"

namespace caisson::cli {

struct SessionFlags {
  bool sig_proxy = true;
  std::string detach_keys = kDefaultDetachKeys;

  void Declare(Flags* flags) {
    flags->Switch("--sig-proxy", &sig_proxy,
                  "pass signals on to the process; default: true, except from "
                  "a terminal that is the process's own");
    flags->Text("--detach-keys", &detach_keys, "KEYS",
                "keys that leave the terminal; default: ctrl-p,ctrl-q");
  }
  // "" or what is wrong.
  std::string Fill(SessionOptions* options) const {
    options->signals = sig_proxy;
    const auto keys = ParseDetachKeys(detach_keys);
    if (!keys.has_value()) {
      return "--detach-keys: \"" + detach_keys +
             "\" is not like ctrl-p,ctrl-q or a,b";
    }
    options->detach_keys = *keys;
    return "";
  }
};

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_SESSION_FLAGS_H_
