// Finds the keys that leave a terminal session: ctrl-p ctrl-q unless the user
// wants others.
//
// Thread: one.
#ifndef CAISSON_CLIENTS_CAISSON_DETACH_KEYS_H_
#define CAISSON_CLIENTS_CAISSON_DETACH_KEYS_H_

#include <optional>
#include <string>
#include <string_view>

namespace caisson::cli {

inline constexpr char kDefaultDetachKeys[] = "ctrl-p,ctrl-q";

// "ctrl-p,ctrl-q", "a", "ctrl-@" ...: the bytes that the keys send; "" is none.
// Nothing when it is no such list.
std::optional<std::string> ParseDetachKeys(const std::string& text);

class DetachKeys {
 public:
  // Without keys nothing is ever found.
  explicit DetachKeys(std::string keys) : keys_(std::move(keys)) {}

  // What of the input goes to the process. The beginning of the keys is held
  // back until it is clear that it was meant for the process.
  std::string Filter(std::string_view input) {
    std::string kept;
    for (const char c : input) {
      if (detached_) break;
      held_ += c;
      while (!held_.empty() && keys_.compare(0, held_.size(), held_) != 0) {
        kept += held_.front();
        held_.erase(0, 1);
      }
      detached_ = !keys_.empty() && held_ == keys_;
    }
    return kept;
  }
  bool detached() const { return detached_; }

 private:
  std::string keys_;
  std::string held_;
  bool detached_ = false;
};

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_DETACH_KEYS_H_
