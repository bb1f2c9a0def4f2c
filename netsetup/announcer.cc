#include "netsetup/announcer.h"

#include <pthread.h>

#include "netsetup/announce.h"
#include "runtime/base/status_macros.h"

namespace caisson::netsetup {

Announcer::Announcer() : thread_([this] { Work(); }) {}

Announcer::~Announcer() {
  {
    absl::MutexLock lock(&mutex_);
    ends_ = true;
  }
  thread_.join();
}

void Announcer::Post(int link, const IpAddress& address,
                     const MacAddress& mac) {
  absl::MutexLock lock(&mutex_);
  frames_.push_back({.link = link, .address = address, .mac = mac});
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
      frame = frames_.front();
      frames_.pop_front();
    }
    base::IgnoreError(SendAnnouncement(frame.link, frame.address, frame.mac),
                      "who missed it asks later, and the link may be gone");
  }
}

}  // namespace caisson::netsetup
