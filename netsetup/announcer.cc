#include "netsetup/announcer.h"

#include <pthread.h>

#include <utility>

#include "netsetup/announce.h"
#include "runtime/base/status_macros.h"

namespace caisson::netsetup {

Announcer::Announcer(base::UniqueFd socket)
    : socket_(std::move(socket)), thread_([this] { Work(); }) {}

Announcer::~Announcer() {
  {
    absl::MutexLock lock(&mutex_);
    ends_ = true;
  }
  thread_.join();
}

void Announcer::Post(Frame frame) {
  absl::MutexLock lock(&mutex_);
  frames_.push_back(std::move(frame));
}

void Announcer::Work() {
  ::pthread_setname_np(::pthread_self(), "announcer");
  const auto has_news = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return ends_ || !frames_.empty();
  };
  for (;;) {
    Frame frame;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&has_news));
      if (frames_.empty()) return;
      frame = std::move(frames_.front());
      frames_.pop_front();
    }
    const int socket =
        frame.socket.is_valid() ? frame.socket.get() : socket_.get();
    base::IgnoreError(
        SendAnnouncement(socket, frame.link, frame.address, frame.mac),
        "who missed it asks later, and the link may be gone");
  }
}

}  // namespace caisson::netsetup
