#include "server/service/stdin_feed.h"

#include <utility>

namespace caisson::service {

bool StdinFeed::Add(std::optional<int64_t> offset, std::string bytes) {
  return AddPiece({offset, std::move(bytes), false, false});
}

bool StdinFeed::AddEnd(bool half_close) {
  return AddPiece({std::nullopt, "", true, half_close});
}

bool StdinFeed::AddPiece(Piece piece) {
  bool more = false;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return true;
    bytes_ += piece.size();
    pieces_.push_back(std::move(piece));
    more = bytes_ < kWindowBytes;
    paused_ = !more;
  }
  GiveNext();
  return more;
}

void StdinFeed::GiveNext() {
  while (true) {
    Piece piece;
    {
      absl::MutexLock lock(&mutex_);
      if (giving_ || stopped_ || pieces_.empty()) return;
      piece = std::move(pieces_.front());
      pieces_.pop_front();
      bytes_ -= piece.size();
      giving_ = !piece.end;
    }
    if (!piece.end) {
      session_->WriteStdin(piece.offset, std::move(piece.bytes),
                           [self = shared_from_this()](absl::Status status) {
                             self->OnTaken(status);
                           });
      return;
    }
    End(piece.half_close);
  }
}

void StdinFeed::End(bool half_close) {
  std::function<bool()> is_gone;
  {
    absl::MutexLock lock(&mutex_);
    is_gone = hooks_.is_gone;
  }
  if (half_close && (!is_gone || is_gone())) return;
  session_->CloseStdin();
}

void StdinFeed::OnTaken(const absl::Status& status) {
  std::function<void(absl::Status)> on_error;
  {
    absl::MutexLock lock(&mutex_);
    giving_ = false;
    if (stopped_) return;
    if (!status.ok()) on_error = hooks_.on_error;
  }
  if (on_error) return on_error(status);
  GiveNext();
  TellRoom();
}

// After GiveNext: ends are taken at once, so there may be no later moment.
void StdinFeed::TellRoom() {
  std::function<void()> on_room;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_ || !paused_ || bytes_ >= kWindowBytes) return;
    paused_ = false;
    on_room = hooks_.on_room;
  }
  if (on_room) on_room();
}

void StdinFeed::Stop() {
  Hooks hooks;
  std::deque<Piece> pieces;
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
  hooks = std::move(hooks_);
  hooks_ = {};
  pieces = std::move(pieces_);
  pieces_.clear();
}

}  // namespace caisson::service
