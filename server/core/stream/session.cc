#include "server/core/stream/session.h"

#include <utility>

namespace caisson::core {

HubSession::HubSession(std::shared_ptr<StreamHub> hub, uint64_t number,
                       StreamRole role, std::shared_ptr<ReaderLane> lane)
    : hub_(std::move(hub)),
      number_(number),
      role_(role),
      lane_(std::move(lane)) {}

HubSession::~HubSession() {
  Leave(StreamEnd::kDisconnected);
}

std::shared_ptr<OutputSource> HubSession::output() const {
  return hub_->source();
}

std::function<void(int64_t)> HubSession::position_listener() const {
  if (lane_ == nullptr) return nullptr;
  return [lane = lane_](int64_t offset) { lane->Tell(offset); };
}

void HubSession::SetStdinListener(
    absl::AnyInvocable<void(StdinProgress)> listener) {
  hub_->queue().Post(
      [hub = hub_, number = number_, listener = std::move(listener)]() mutable {
        hub->Listen(number, std::move(listener));
      });
}

void HubSession::WriteStdin(std::optional<int64_t> offset, std::string bytes,
                            DoneCallback callback) {
  hub_->queue().Post([hub = hub_, number = number_, offset,
                      bytes = std::move(bytes),
                      callback = std::move(callback)]() mutable {
    hub->Write(number, offset, std::move(bytes), std::move(callback));
  });
}

void HubSession::CloseStdin() {
  if (role_ == StreamRole::kLogs) return;
  hub_->queue().Post([hub = hub_] { hub->CloseInput(); });
}

void HubSession::Resize(spec::TerminalSize size, DoneCallback callback) {
  hub_->queue().Post(
      [hub = hub_, size, callback = std::move(callback)]() mutable {
        hub->Resize(size, std::move(callback));
      });
}

void HubSession::Kill(SignalArgs args, DoneCallback callback) {
  hub_->queue().Post([hub = hub_, args = std::move(args),
                      callback = std::move(callback)]() mutable {
    hub->Kill(std::move(args), std::move(callback));
  });
}

void HubSession::CaughtUp(int64_t run) {
  hub_->queue().Post(
      [hub = hub_, number = number_, run] { hub->CaughtUp(number, run); });
}

void HubSession::Leave(StreamEnd end) {
  if (left_.exchange(true)) return;
  hub_->queue().Post(
      [hub = hub_, number = number_, end] { hub->Leave(number, end); });
}

}  // namespace caisson::core
