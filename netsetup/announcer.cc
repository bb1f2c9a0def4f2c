#include "netsetup/announcer.h"

#include <pthread.h>

#include <utility>

#include "netsetup/announce.h"

namespace caisson::netsetup {

Announcer::~Announcer() {
  std::thread thread;
  {
    absl::MutexLock lock(&mutex_);
    ends_ = true;
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

void Announcer::Post(int link, const IpAddress& address,
                     const MacAddress& mac) {
  absl::MutexLock lock(&mutex_);
  frames_.push_back({.link = link, .address = address, .mac = mac});
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
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
    // The link may be gone by now, and who missed the frame asks later.
    SendAnnouncement(frame.link, frame.address, frame.mac).IgnoreError();
  }
}

}  // namespace caisson::netsetup
