#include "server/core/output_source.h"

#include <algorithm>
#include <utility>

#include "runtime/base/status_macros.h"
#include "server/core/output_hub.h"

namespace caisson::core {
namespace {

// Runs whose exits are kept for readers that lag behind restarts.
constexpr size_t kExitsKept = 16;

}  // namespace

absl::StatusOr<std::unique_ptr<OutputService>> OutputService::Create(
    Options options) {
  CAISSON_ASSIGN_OR_RETURN(std::unique_ptr<Hub> hub, Hub::Create());
  return std::unique_ptr<OutputService>(
      new OutputService(options, std::move(hub)));
}

OutputService::OutputService(Options options, std::unique_ptr<Hub> hub)
    : executor_(options.threads, "output"), hub_(std::move(hub)) {}

OutputService::~OutputService() {
  executor_.Stop();
}

OutputSource::OutputSource(OutputService* service, std::string directory,
                           State state)
    : service_(service),
      directory_(std::move(directory)),
      state_(std::move(state)) {
  if (state_.exit != nullptr) exits_[state_.exit->run] = state_.exit;
}

OutputSource::~OutputSource() {
  service_->hub().Forget(this);
}

OutputSource::State OutputSource::state() const {
  absl::MutexLock lock(&mutex_);
  return state_;
}

std::shared_ptr<const store::ExitInfo> OutputSource::ExitOf(int64_t run) const {
  absl::MutexLock lock(&mutex_);
  const auto found = exits_.lower_bound(run);
  return found == exits_.end() ? nullptr : found->second;
}

void OutputSource::SetRunning(int64_t run) {
  Wakes wakes;
  {
    absl::MutexLock lock(&mutex_);
    state_.run = run;
    state_.running = true;
    MoveWaiters(&wakes);
  }
  for (auto& wake : wakes) wake();
}

void OutputSource::SetExited(std::shared_ptr<const store::ExitInfo> exit) {
  Wakes wakes;
  {
    absl::MutexLock lock(&mutex_);
    exits_[exit->run] = exit;
    if (exits_.size() > kExitsKept) exits_.erase(exits_.begin());
    state_.run = std::max(state_.run, exit->run);
    state_.running = false;
    state_.exit = std::move(exit);
    MoveWaiters(&wakes);
  }
  for (auto& wake : wakes) wake();
}

void OutputSource::SetRemoved() {
  Wakes wakes;
  {
    absl::MutexLock lock(&mutex_);
    state_.removed = true;
    state_.running = false;
    MoveWaiters(&wakes);
  }
  for (auto& wake : wakes) wake();
}

uint64_t OutputSource::generation() const {
  absl::MutexLock lock(&mutex_);
  return generation_;
}

bool OutputSource::Watch() {
  return service_->hub().Watch(this);
}

uint64_t OutputSource::WaitBeyond(uint64_t generation,
                                  absl::AnyInvocable<void()> wake) {
  absl::MutexLock lock(&mutex_);
  if (generation_ != generation) return 0;
  waiters_.emplace(++last_waiter_, std::move(wake));
  return last_waiter_;
}

void OutputSource::Forget(uint64_t waiter) {
  absl::MutexLock lock(&mutex_);
  waiters_.erase(waiter);
}

bool OutputSource::TakeWaiters(Wakes* wakes) {
  absl::MutexLock lock(&mutex_);
  const bool any = !waiters_.empty();
  MoveWaiters(wakes);
  return any;
}

void OutputSource::MoveWaiters(Wakes* wakes) {
  ++generation_;
  for (auto& [name, wake] : waiters_) wakes->push_back(std::move(wake));
  waiters_.clear();
}

}  // namespace caisson::core
