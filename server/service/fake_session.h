// A stand-in for one client's stream into core, for the tests of this layer.
//
// Process: unit tests. Thread: any.
#ifndef CAISSON_SERVER_SERVICE_FAKE_SESSION_H_
#define CAISSON_SERVER_SERVICE_FAKE_SESSION_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"

#include "server/core/streams.h"

namespace caisson::service {

// Records what a stream does with its session.
class FakeSession : public core::Session {
 public:
  explicit FakeSession(std::shared_ptr<core::OutputSource> output)
      : output_(std::move(output)) {}

  std::shared_ptr<core::OutputSource> output() const override {
    return output_;
  }
  std::function<void(int64_t)> position_listener() const override {
    return nullptr;
  }
  void SetStdinListener(
      absl::AnyInvocable<void(core::StdinProgress)> listener) override {
    absl::MutexLock lock(&mutex_);
    listener_ = std::move(listener);
  }
  void WriteStdin(std::optional<int64_t>, std::string bytes,
                  core::DoneCallback callback) override {
    {
      absl::MutexLock lock(&mutex_);
      EXPECT_FALSE(writing_) << "WriteStdin calls overlap";
      writing_ = true;
      input_ += bytes;
      if (hold_) {
        held_ = std::move(callback);
        return;
      }
      writing_ = false;
    }
    callback(absl::OkStatus());
  }
  void CloseStdin() override {
    absl::MutexLock lock(&mutex_);
    ++closes_;
  }
  void Resize(spec::TerminalSize size, core::DoneCallback callback) override {
    {
      absl::MutexLock lock(&mutex_);
      rows_ = size.rows;
    }
    callback(absl::OkStatus());
  }
  void Kill(core::SignalArgs args, core::DoneCallback callback) override {
    {
      absl::MutexLock lock(&mutex_);
      signal_ = args.signal;
    }
    callback(absl::OkStatus());
  }
  void CaughtUp(int64_t run) override {
    absl::MutexLock lock(&mutex_);
    caught_up_run_ = run;
  }
  void Leave(core::StreamEnd end) override {
    absl::MutexLock lock(&mutex_);
    if (!end_) end_ = end;
  }

  // The process does not take its input from now on.
  void HoldInput() {
    absl::MutexLock lock(&mutex_);
    hold_ = true;
  }
  void TakeInput() {
    core::DoneCallback held;
    {
      absl::MutexLock lock(&mutex_);
      hold_ = false;
      writing_ = false;
      held = std::move(held_);
    }
    if (held) held(absl::OkStatus());
  }
  // False: nobody listens (yet).
  bool TellProgress(core::StdinProgress progress) {
    absl::MutexLock lock(&mutex_);
    if (listener_) listener_(progress);
    return static_cast<bool>(listener_);
  }

  std::string input() const {
    absl::MutexLock lock(&mutex_);
    return input_;
  }
  int closes() const {
    absl::MutexLock lock(&mutex_);
    return closes_;
  }
  int rows() const {
    absl::MutexLock lock(&mutex_);
    return rows_;
  }
  std::string signal() const {
    absl::MutexLock lock(&mutex_);
    return signal_;
  }
  int64_t caught_up_run() const {
    absl::MutexLock lock(&mutex_);
    return caught_up_run_;
  }
  std::optional<core::StreamEnd> end() const {
    absl::MutexLock lock(&mutex_);
    return end_;
  }

 private:
  const std::shared_ptr<core::OutputSource> output_;
  mutable absl::Mutex mutex_;
  absl::AnyInvocable<void(core::StdinProgress)> listener_
      ABSL_GUARDED_BY(mutex_);
  std::string input_ ABSL_GUARDED_BY(mutex_);
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  core::DoneCallback held_ ABSL_GUARDED_BY(mutex_);
  int closes_ ABSL_GUARDED_BY(mutex_) = 0;
  int rows_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string signal_ ABSL_GUARDED_BY(mutex_);
  int64_t caught_up_run_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<core::StreamEnd> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_FAKE_SESSION_H_
