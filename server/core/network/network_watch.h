// Waits for others to change what is ours on the host: the firewall's table,
// links. Only wakes; what to do about it is decided on the lane.
//
// Process: caissond. Thread: one of its own, which sleeps unless there is news;
// Start and destruction by the owner.
#ifndef CAISSON_SERVER_CORE_NETWORK_NETWORK_WATCH_H_
#define CAISSON_SERVER_CORE_NETWORK_NETWORK_WATCH_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

#include "netsetup/link_watch.h"
#include "netsetup/nft/watch.h"
#include "runtime/base/unique_fd.h"

namespace caisson::core {

class NetworkWatch {
 public:
  // Called on the thread; must only post. What was seen together is told
  // together.
  struct News {
    bool table_changed = false;
    bool foreign_chains_changed = false;
    std::vector<std::string> deleted_links;
    bool links_lost = false;
  };
  using Listener = std::function<void(News)>;

  static absl::StatusOr<std::unique_ptr<NetworkWatch>> Start(
      netsetup::nft::Watch table, netsetup::LinkWatch links, Listener listener);
  ~NetworkWatch();
  NetworkWatch(const NetworkWatch&) = delete;
  NetworkWatch& operator=(const NetworkWatch&) = delete;

 private:
  NetworkWatch(netsetup::nft::Watch table, netsetup::LinkWatch links,
               base::UniqueFd stop, Listener listener);

  void Run();
  void ReadTable(News* news);
  void ReadLinks(News* news);

  netsetup::nft::Watch table_;
  netsetup::LinkWatch links_;
  const base::UniqueFd stop_;
  const Listener listener_;
  std::thread thread_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NETWORK_WATCH_H_
