// Connections that outlive the containers they led to. Each keeps the way it
// began with, so it has to be forgotten before its address has a new owner;
// the quarantine of addresses is ten times as long as what passes until then.
// Forgetting is not on the path of a detach: one reading of the kernel's table
// takes 10 ms, for one address as for a thousand.
//
// Process: caissond. Thread: any; a thread of its own, in the host's network
// namespace, talks to the kernel.
#ifndef CAISSON_SERVER_CORE_NETWORK_STALE_FLOWS_H_
#define CAISSON_SERVER_CORE_NETWORK_STALE_FLOWS_H_

#include <memory>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "netsetup/conntrack.h"
#include "netsetup/ip_address.h"
#include "netsetup/netfilter_socket.h"
#include "server/core/executor.h"

namespace caisson::core {

class StaleFlows {
 public:
  static absl::StatusOr<std::unique_ptr<StaleFlows>> Open();
  // Forgets what is still to be forgotten.
  ~StaleFlows();
  StaleFlows(const StaleFlows&) = delete;
  StaleFlows& operator=(const StaleFlows&) = delete;

  // Nobody has these addresses any more. What they began or answer is forgotten
  // within a second or so; a kernel that fails is logged, as connections that
  // nobody answers end by themselves.
  void Add(const std::vector<netsetup::IpPrefix>& addresses);

  // A port leads to somebody from now on: what fits, packets that came while it
  // led to nobody, is forgotten as well.
  void AddPort(const netsetup::FlowFilter& filter);

  // Somebody is about to have these addresses, who asked for them by name.
  // Waits until nothing of an earlier owner can be taken for his.
  void Settle(const std::vector<netsetup::IpPrefix>& addresses);

 private:
  explicit StaleFlows(netsetup::NetfilterSocket socket);

  void Schedule(bool is_first);
  void Sweep();

  netsetup::NetfilterSocket socket_;  // of the thread
  absl::Mutex mutex_;
  std::set<netsetup::IpAddress> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<netsetup::FlowFilter> ports_ ABSL_GUARDED_BY(mutex_);
  std::set<netsetup::IpAddress> swept_now_ ABSL_GUARDED_BY(mutex_);
  Executor thread_;  // ends before what it uses
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_STALE_FLOWS_H_
