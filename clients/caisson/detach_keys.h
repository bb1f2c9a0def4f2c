// Finds the keys that leave a terminal session: ctrl-p ctrl-q.
//
// Thread: one.
#ifndef CAISSON_CLIENTS_CAISSON_DETACH_KEYS_H_
#define CAISSON_CLIENTS_CAISSON_DETACH_KEYS_H_

#include <string>
#include <string_view>

namespace caisson::cli {

class DetachKeys {
 public:
  // What of the input goes to the process. A ctrl-p is held back until the
  // next key shows that it was meant for the process.
  std::string Filter(std::string_view input) {
    std::string kept;
    for (const char c : input) {
      if (detached_) break;
      if (held_ && c == kSecond) {
        detached_ = true;
        held_ = false;
        break;
      }
      if (held_) kept += kFirst;
      held_ = c == kFirst;
      if (!held_) kept += c;
    }
    return kept;
  }
  bool detached() const { return detached_; }

 private:
  static constexpr char kFirst = 'p' & 0x1f;
  static constexpr char kSecond = 'q' & 0x1f;

  bool held_ = false;
  bool detached_ = false;
};

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_DETACH_KEYS_H_
