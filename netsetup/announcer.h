// Announces addresses a moment later, on a thread of its own: a bridge passes a
// frame on to all of its ports before the sender goes on, and takes 3 us for
// each (measured). No attachment waits for that.
//
// Process: daemon. Thread: any of the host's network namespace.
#ifndef CAISSON_NETSETUP_ANNOUNCER_H_
#define CAISSON_NETSETUP_ANNOUNCER_H_

#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "netsetup/ip_address.h"
#include "runtime/base/unique_fd.h"

namespace caisson::netsetup {

class Announcer {
 public:
  struct Frame {
    // Of another namespace, which is closed after it; none: of that of the
    // announcer.
    base::UniqueFd socket;
    int link = 0;
    IpAddress address;
    MacAddress mac;
  };

  // `socket` as of OpenAnnouncementSocket.
  explicit Announcer(base::UniqueFd socket);
  // Sends what is left.
  ~Announcer();
  Announcer(const Announcer&) = delete;
  Announcer& operator=(const Announcer&) = delete;

  // As SendAnnouncement; a frame that cannot be sent is lost.
  void Post(Frame frame);

 private:
  void Work();

  const base::UniqueFd socket_;
  absl::Mutex mutex_;
  std::deque<Frame> frames_ ABSL_GUARDED_BY(mutex_);
  bool ends_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_ANNOUNCER_H_
