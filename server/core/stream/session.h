// One stream of a StreamHub: carries its calls to the container's queue.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_STREAM_SESSION_H_
#define CAISSON_SERVER_CORE_STREAM_SESSION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "server/core/stream/stream_hub.h"
#include "server/core/streams.h"

namespace caisson::core {

class HubSession final : public Session {
 public:
  // `lane`: of an owner that is the named reader; null otherwise.
  HubSession(std::shared_ptr<StreamHub> hub, uint64_t number, StreamRole role,
             std::shared_ptr<ReaderLane> lane);
  ~HubSession() override;

  std::shared_ptr<OutputSource> output() const override;
  std::function<void(int64_t)> position_listener() const override;
  void SetStdinListener(
      absl::AnyInvocable<void(StdinProgress)> listener) override;
  void WriteStdin(std::optional<int64_t> offset, std::string bytes,
                  DoneCallback callback) override;
  void CloseStdin() override;
  void Resize(spec::TerminalSize size, DoneCallback callback) override;
  void Kill(SignalArgs args, DoneCallback callback) override;
  void CaughtUp(int64_t run) override;
  void Leave(StreamEnd end) override;

 private:
  const std::shared_ptr<StreamHub> hub_;
  const uint64_t number_;
  const StreamRole role_;
  const std::shared_ptr<ReaderLane> lane_;
  std::atomic<bool> left_ = false;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_STREAM_SESSION_H_
