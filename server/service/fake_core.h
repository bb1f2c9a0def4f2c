// Stand-ins for core in the tests of this layer. What a test does not set is
// not expected to be called and fails it.
//
// Process: unit tests. Thread: any.
#ifndef CAISSON_SERVER_SERVICE_FAKE_CORE_H_
#define CAISSON_SERVER_SERVICE_FAKE_CORE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"

#include "server/core/container_manager.h"
#include "server/core/exec_manager.h"
#include "server/core/system.h"

namespace caisson::service {

inline absl::Status NotExpected(const char* call) {
  ADD_FAILURE() << "the request reached core: " << call;
  return absl::InternalError("not expected");
}

class FakeCall : public core::Call {
 public:
  explicit FakeCall(std::function<void()> on_cancel = [] {})
      : on_cancel_(std::move(on_cancel)) {}
  void Cancel() override { on_cancel_(); }

 private:
  const std::function<void()> on_cancel_;
};

class FakeContainers : public core::ContainerManager {
 public:
  std::function<core::CallPtr(core::CreateArgs,
                              core::Callback<core::CreateResult>)>
      on_create;
  std::function<core::CallPtr(core::WaitArgs, core::Callback<core::WaitResult>)>
      on_wait;
  std::function<core::CallPtr(core::RunArgs, core::Callback<core::Started>)>
      on_run;
  std::function<void(core::AttachArgs, core::Callback<core::Started>)>
      on_attach;
  std::function<absl::StatusOr<core::SessionPtr>(std::string)> on_logs;

  core::CallPtr Create(core::CreateArgs args,
                       core::Callback<core::CreateResult> callback) override {
    if (on_create) return on_create(std::move(args), std::move(callback));
    callback(NotExpected("Create"));
    return std::make_shared<FakeCall>();
  }
  void Start(core::StartArgs,
             core::Callback<core::StartResult> callback) override {
    callback(NotExpected("Start"));
  }
  void Stop(core::StopArgs,
            core::Callback<core::ContainerPtr> callback) override {
    callback(NotExpected("Stop"));
  }
  void Kill(core::KillArgs, core::DoneCallback callback) override {
    callback(NotExpected("Kill"));
  }
  void Delete(core::DeleteArgs,
              core::Callback<core::ContainerPtr> callback) override {
    callback(NotExpected("Delete"));
  }
  core::CallPtr Wait(core::WaitArgs args,
                     core::Callback<core::WaitResult> callback) override {
    if (on_wait) return on_wait(std::move(args), std::move(callback));
    callback(NotExpected("Wait"));
    return std::make_shared<FakeCall>();
  }
  core::CallPtr Run(core::RunArgs args,
                    core::Callback<core::Started> callback) override {
    if (on_run) return on_run(std::move(args), std::move(callback));
    callback(NotExpected("Run"));
    return std::make_shared<FakeCall>();
  }
  void Attach(core::AttachArgs args,
              core::Callback<core::Started> callback) override {
    if (on_attach) return on_attach(std::move(args), std::move(callback));
    callback(NotExpected("Attach"));
  }
  absl::StatusOr<core::SessionPtr> OpenLogs(
      std::string_view container) override {
    if (on_logs) return on_logs(std::string(container));
    return NotExpected("OpenLogs");
  }
  void ListProcesses(
      std::string,
      core::Callback<std::vector<core::ProcessEntry>> callback) override {
    callback(NotExpected("ListProcesses"));
  }
  void Explain(spec::ContainerSpec,
               core::Callback<core::Explanation> callback) override {
    callback(NotExpected("Explain"));
  }
  void ExplainExisting(std::string,
                       core::Callback<core::Explanation> callback) override {
    callback(NotExpected("ExplainExisting"));
  }
  std::optional<core::PendingOperation> Pending(
      std::string_view) const override {
    return std::nullopt;
  }
};

class FakeExecs : public core::ExecManager {
 public:
  std::function<core::CallPtr(core::ExecArgs, core::Callback<core::Started>)>
      on_exec;

  core::CallPtr Exec(core::ExecArgs args,
                     core::Callback<core::Started> callback) override {
    if (on_exec) return on_exec(std::move(args), std::move(callback));
    callback(NotExpected("Exec"));
    return std::make_shared<FakeCall>();
  }
  void Kill(core::KillExecArgs, core::DoneCallback callback) override {
    callback(NotExpected("KillExec"));
  }
  core::CallPtr Wait(std::string,
                     core::Callback<core::WaitExecResult> callback) override {
    callback(NotExpected("WaitExec"));
    return std::make_shared<FakeCall>();
  }
  absl::StatusOr<core::SessionPtr> OpenLogs(std::string_view) override {
    return NotExpected("OpenLogs of an exec");
  }
};

class FakeSystem : public core::System {
 public:
  core::Info GetInfo() const override {
    NotExpected("GetInfo").IgnoreError();
    return {};
  }
  void Audit(core::AuditArgs,
             core::Callback<core::AuditResult> callback) override {
    callback(NotExpected("Audit"));
  }
  void Repair(core::RepairArgs,
              core::Callback<core::RepairResult> callback) override {
    callback(NotExpected("Repair"));
  }
};

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
  void TellProgress(core::StdinProgress progress) {
    absl::MutexLock lock(&mutex_);
    if (listener_) listener_(progress);
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
  std::optional<core::StreamEnd> end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_FAKE_CORE_H_
