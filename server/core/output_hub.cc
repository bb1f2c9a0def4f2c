#include "server/core/output_hub.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::core {
namespace {

// New records, new segments; the directory itself going away is told by core.
constexpr uint32_t kMask = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
// Events without a waiter after which a watch is given up.
constexpr int kMaxIdleEvents = 16;
constexpr int kPollPeriodMs = 50;
// A writer in full flow makes an event with each of its writes. What it writes
// in this time is read at once: a fifth of the daemon's work at 300 MB/s, and
// less than a client needs to answer what it just got.
constexpr absl::Duration kGatherTime = absl::Microseconds(200);

}  // namespace

absl::StatusOr<std::unique_ptr<OutputService::Hub>>
OutputService::Hub::Create() {
  base::UniqueFd inotify(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!inotify.is_valid()) return base::SyscallError("inotify_init1");
  base::UniqueFd signal(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!signal.is_valid()) return base::SyscallError("eventfd");
  std::unique_ptr<Hub> hub(new Hub(std::move(inotify), std::move(signal)));
  hub->thread_ = std::thread([raw = hub.get()] { raw->Loop(); });
  ::pthread_setname_np(hub->thread_.native_handle(), "output-hub");
  return hub;
}

OutputService::Hub::Hub(base::UniqueFd inotify, base::UniqueFd signal)
    : inotify_(std::move(inotify)), signal_(std::move(signal)) {}

OutputService::Hub::~Hub() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  Signal();
  thread_.join();
}

void OutputService::Hub::Signal() {
  const uint64_t one = 1;
  // A full counter (EAGAIN) wakes the thread as well.
  static_cast<void>(!::write(signal_.get(), &one, sizeof(one)));
}

bool OutputService::Hub::Watch(OutputSource* source) {
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(source);
    if (found != entries_.end()) {
      found->second.idle_events = 0;
      return false;
    }
    Add(source);
    if (polled_.count(source) == 0) return true;
  }
  Signal();  // the thread may be waiting without a time limit
  return true;
}

void OutputService::Hub::Forget(OutputSource* source) {
  absl::MutexLock lock(&mutex_);
  Remove(source);
}

void OutputService::Hub::Add(OutputSource* source) {
  Entry entry;
  entry.watch =
      ::inotify_add_watch(inotify_.get(), source->directory().c_str(), kMask);
  if (entry.watch >= 0) {
    by_watch_.emplace(entry.watch, source);
    polled_.erase(source);
  } else {
    // There is no directory yet, or the host gives no more watches.
    polled_.insert(source);
  }
  entries_[source] = entry;
}

void OutputService::Hub::Remove(OutputSource* source) {
  const auto found = entries_.find(source);
  if (found == entries_.end()) return;
  const int watch = found->second.watch;
  entries_.erase(found);
  polled_.erase(source);
  if (watch < 0) return;
  auto [begin, end] = by_watch_.equal_range(watch);
  for (auto i = begin; i != end; ++i) {
    if (i->second != source) continue;
    by_watch_.erase(i);
    break;
  }
  if (by_watch_.count(watch) > 0) return;
  // Fails when the directory is gone: then the watch is, too.
  static_cast<void>(::inotify_rm_watch(inotify_.get(), watch));
}

void OutputService::Hub::Loop() {
  while (true) {
    bool polling = false;
    {
      absl::MutexLock lock(&mutex_);
      if (stop_) return;
      polling = !polled_.empty();
    }
    std::array<pollfd, 2> fds = {pollfd{inotify_.get(), POLLIN, 0},
                                 pollfd{signal_.get(), POLLIN, 0}};
    static_cast<void>(
        ::poll(fds.data(), fds.size(), polling ? kPollPeriodMs : -1));
    uint64_t count = 0;
    static_cast<void>(!::read(signal_.get(), &count, sizeof(count)));
    OutputSource::Wakes wakes;
    ReadEvents(&wakes);
    if (polling) NotifyPolled(&wakes);
    for (auto& wake : wakes) wake();
    // The first event after a rest is told at once, the next ones together.
    if (!wakes.empty()) absl::SleepFor(kGatherTime);
  }
}

void OutputService::Hub::ReadEvents(OutputSource::Wakes* wakes) {
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  const ssize_t size = ::read(inotify_.get(), buffer.data(), buffer.size());
  if (size <= 0) return;
  // Many events of one watch are one change.
  std::set<int> watches;
  bool overflow = false;
  for (ssize_t at = 0; at < size;) {
    const auto* const event =
        reinterpret_cast<const inotify_event*>(buffer.data() + at);
    if ((event->mask & IN_Q_OVERFLOW) != 0) overflow = true;
    watches.insert(event->wd);
    at += static_cast<ssize_t>(sizeof(inotify_event)) +
          static_cast<ssize_t>(event->len);
  }
  if (overflow) return NotifyAll(wakes);
  absl::MutexLock lock(&mutex_);
  for (const int watch : watches) {
    for (OutputSource* source : SourcesOf(watch)) Tell(source, wakes);
  }
}

void OutputService::Hub::NotifyAll(OutputSource::Wakes* wakes) {
  absl::MutexLock lock(&mutex_);
  for (auto& [source, entry] : entries_) source->TakeWaiters(wakes);
}

void OutputService::Hub::NotifyPolled(OutputSource::Wakes* wakes) {
  absl::MutexLock lock(&mutex_);
  const std::set<OutputSource*> polled = polled_;
  for (OutputSource* source : polled) {
    Add(source);
    Tell(source, wakes);
  }
}

std::vector<OutputSource*> OutputService::Hub::SourcesOf(int watch) const {
  std::vector<OutputSource*> sources;
  auto [begin, end] = by_watch_.equal_range(watch);
  for (auto i = begin; i != end; ++i) sources.push_back(i->second);
  return sources;
}

void OutputService::Hub::Tell(OutputSource* source,
                              OutputSource::Wakes* wakes) {
  Entry& entry = entries_[source];
  if (source->TakeWaiters(wakes)) {
    entry.idle_events = 0;
    return;
  }
  if (++entry.idle_events >= kMaxIdleEvents) Remove(source);
}

}  // namespace caisson::core
