// The input half of a stream: keeps what the client sent until the process
// takes it, in order, a bounded amount ahead. Beyond that the stream stops
// reading, and the client's writes wait.
//
// Process: caissond. Thread: any.
// Ownership: shared by its stream and by core's callbacks.
#ifndef CAISSON_SERVER_SERVICE_STDIN_FEED_H_
#define CAISSON_SERVER_SERVICE_STDIN_FEED_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

#include "server/core/streams.h"

namespace caisson::service {

class StdinFeed : public std::enable_shared_from_this<StdinFeed> {
 public:
  // So much may wait for the process while the stream goes on reading, so that
  // a kill or a resize behind it is seen.
  static constexpr size_t kWindowBytes = 1 << 20;
  // What a piece counts besides its bytes: empty ones take memory as well.
  static constexpr size_t kPieceBytes = 128;

  struct Hooks {
    std::function<void()> on_room;  // after Add said no: read on
    std::function<void(absl::Status)> on_error;
    // Whether the client is lost: its end of requests then is no end of input.
    std::function<bool()> is_gone;
  };

  StdinFeed(core::SessionPtr session, Hooks hooks)
      : session_(std::move(session)), hooks_(std::move(hooks)) {}

  // Returns whether the stream may go on reading at once.
  bool Add(std::optional<int64_t> offset, std::string bytes);

  // The end of the input, behind everything added; a terminal may get many.
  // With `half_close` it is inferred from the end of the requests and must not
  // happen for a client that is lost. Returns as Add.
  bool AddEnd(bool half_close);

  // Drops what waits and the hooks; callbacks find nothing to do.
  void Stop();

 private:
  struct Piece {
    std::optional<int64_t> offset;
    std::string bytes;
    bool end = false;
    bool half_close = false;

    size_t size() const { return bytes.size() + kPieceBytes; }
  };

  bool AddPiece(Piece piece);
  void GiveNext();
  void OnTaken(const absl::Status& status);
  void TellRoom();
  void End(bool half_close);

  const core::SessionPtr session_;
  absl::Mutex mutex_;
  Hooks hooks_ ABSL_GUARDED_BY(mutex_);
  std::deque<Piece> pieces_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of the pieces, see kPieceBytes
  bool giving_ ABSL_GUARDED_BY(mutex_) = false;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_STDIN_FEED_H_
