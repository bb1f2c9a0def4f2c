// How much input may be on its way: what was sent and not yet taken by the
// process. Without such a bound a process that does not read would fill the
// stream, and a signal or a resize could not pass.
//
// Thread: any.
#ifndef CAISSON_CLIENTS_CPP_INPUT_WINDOW_H_
#define CAISSON_CLIENTS_CPP_INPUT_WINDOW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace caisson::client {

class InputWindow {
 public:
  explicit InputWindow(size_t size) : size_(static_cast<int64_t>(size)) {}

  // How many bytes may be sent now.
  size_t Room() const {
    const int64_t room = size_ - (sent_.load() - taken_.load());
    return room > 0 ? static_cast<size_t>(room) : 0;
  }
  // Sets where this client's input begins.
  void StartAt(int64_t offset) {
    sent_ = offset;
    taken_ = offset;
  }
  // Counts bytes as sent; the offset of the first of them.
  int64_t Send(size_t count) {
    return sent_.fetch_add(static_cast<int64_t>(count));
  }
  // The process has taken everything before this offset.
  void Taken(int64_t offset) {
    int64_t old = taken_.load();
    while (offset > old && !taken_.compare_exchange_weak(old, offset)) {
    }
  }

 private:
  const int64_t size_;
  std::atomic<int64_t> sent_{0};
  std::atomic<int64_t> taken_{0};
};

}  // namespace caisson::client

#endif  // CAISSON_CLIENTS_CPP_INPUT_WINDOW_H_
