// The link's thread and its tables. Included by the link's own files only.
//
// Process: caissond. Thread: as said at each part.
#ifndef CAISSON_SERVER_SHIMLINK_LINK_IMPL_H_
#define CAISSON_SERVER_SHIMLINK_LINK_IMPL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "runtime/base/unique_fd.h"
#include "server/shimlink/keeper_process.h"
#include "server/shimlink/link.h"

namespace caisson::shimlink {

// What epoll says: the id of a connection, or one of these.
inline constexpr uint64_t kKeeperTag = 0;
inline constexpr uint64_t kWakeTag = UINT64_MAX;
inline constexpr uint64_t kChildTag = UINT64_MAX - 1;

class Link::Impl {
 public:
  Impl(LinkOptions options, base::UniqueFd state, base::UniqueFd shims,
       base::UniqueFd epoll, base::UniqueFd wake);
  ~Impl();
  void Stop();

  void StartThread();
  absl::Status WaitForKeeper(absl::Duration limit);
  absl::StatusOr<ConnPtr> Spawn(const SpawnArgs& args, ConnHandlers handlers);
  absl::StatusOr<ConnPtr> Connect(const std::string& id, ConnHandlers handlers);
  pid_t keeper_pid() const;

 private:
  struct Entry {
    ConnPtr conn;
    ConnHandlers handlers;  // used on the thread only
    // The socket ended before the keeper answered: on_closed comes after.
    bool closed = false;
  };
  using EntryPtr = std::shared_ptr<Entry>;

  // Any thread.
  absl::StatusOr<ConnPtr> Add(base::UniqueFd socket, ConnHandlers handlers);
  EntryPtr FindEntry(uint64_t id) const;

  // The thread.
  void Run();
  void HandleEvent(uint64_t tag, uint32_t events);
  void ReadConn(const EntryPtr& entry);
  void CloseEntry(const EntryPtr& entry);
  bool AwaitsKeeper(const EntryPtr& entry) const;
  void ReportClosed(const EntryPtr& entry);
  void CloseAll();

  // The keeper, on the thread (link_keeper.cc).
  void DriveKeeper();
  bool ConnectKeeper();
  void LaunchKeeper();
  void ReadKeeper();
  void OnKeeperFrame(const shim::FrameView& frame, base::UniqueFd pid_fd);
  void FinishSpawn(const std::string& id, absl::StatusOr<ShimProcess> shim);
  void LoseKeeper(const char* why);
  void ReapEndedKeepers();
  int NextTimeoutMs() const;

  const LinkOptions options_;
  const base::UniqueFd state_fd_;
  const base::UniqueFd shims_fd_;
  const base::UniqueFd epoll_fd_;
  const base::UniqueFd wake_fd_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, EntryPtr> entries_ ABSL_GUARDED_BY(mutex_);
  // Spawns that the keeper has not answered, by container id.
  absl::flat_hash_map<std::string, uint64_t> spawns_ ABSL_GUARDED_BY(mutex_);
  pid_t keeper_pid_ ABSL_GUARDED_BY(mutex_) = 0;
  // Sent to by any thread; read, replaced and closed by the link's.
  std::shared_ptr<ShimConn> keeper_ ABSL_GUARDED_BY(mutex_);

  // The link's thread alone.
  std::vector<KeeperProcess> children_;  // keepers that we started
  absl::Time next_attempt_ = absl::InfinitePast();
  absl::Time launch_again_ = absl::InfinitePast();
  absl::Duration backoff_;

  std::thread thread_;
};

}  // namespace caisson::shimlink

#endif  // CAISSON_SERVER_SHIMLINK_LINK_IMPL_H_
