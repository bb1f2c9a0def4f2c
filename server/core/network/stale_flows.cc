#include "server/core/network/stale_flows.h"

#include <algorithm>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"

namespace caisson::core {
namespace {

constexpr absl::Duration kDelay = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<StaleFlows>> StaleFlows::Open() {
  CAISSON_ASSIGN_OR_RETURN(netsetup::NetfilterSocket socket,
                           netsetup::NetfilterSocket::Open());
  return std::unique_ptr<StaleFlows>(new StaleFlows(std::move(socket)));
}

StaleFlows::StaleFlows(netsetup::NetfilterSocket socket)
    : socket_(std::move(socket)), thread_(1, "core-flows") {}

StaleFlows::~StaleFlows() {
  thread_.Stop();
  Sweep();
}

void StaleFlows::Add(const std::vector<netsetup::IpPrefix>& addresses) {
  if (addresses.empty()) return;
  bool is_first = false;
  {
    absl::MutexLock lock(&mutex_);
    is_first = waiting_.empty() && ports_.empty();
    for (const netsetup::IpPrefix& one : addresses) {
      waiting_.insert(one.address);
    }
  }
  Schedule(is_first);
}

void StaleFlows::AddPort(const netsetup::FlowFilter& filter) {
  bool is_first = false;
  {
    absl::MutexLock lock(&mutex_);
    is_first = waiting_.empty() && ports_.empty();
    ports_.push_back(filter);
  }
  Schedule(is_first);
}

void StaleFlows::Schedule(bool is_first) {
  if (is_first) thread_.After(kDelay, [this] { Sweep(); });
}

void StaleFlows::Settle(const std::vector<netsetup::IpPrefix>& addresses) {
  {
    absl::MutexLock lock(&mutex_);
    const auto is_stale = [this](const netsetup::IpPrefix& one)
                              ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                                return waiting_.contains(one.address) ||
                                       swept_now_.contains(one.address);
                              };
    if (std::none_of(addresses.begin(), addresses.end(), is_stale)) return;
  }
  absl::Notification swept;
  thread_.Post([this, &swept] {
    Sweep();
    swept.Notify();
  });
  swept.WaitForNotification();
}

void StaleFlows::Sweep() {
  std::set<netsetup::IpAddress> addresses;
  std::vector<netsetup::FlowFilter> ports;
  {
    absl::MutexLock lock(&mutex_);
    swept_now_.swap(waiting_);
    addresses = swept_now_;
    ports.swap(ports_);
  }
  const absl::StatusOr<size_t> flushed =
      netsetup::FlushFlowsOf(&socket_, addresses);
  if (!flushed.ok()) {
    CAISSON_LOG(kWarning, "connections of an earlier owner are not forgotten",
                {"addresses", addresses.size()},
                {"error", flushed.status().ToString()});
  }
  for (const netsetup::FlowFilter& port : ports) {
    const absl::StatusOr<size_t> forgotten =
        netsetup::FlushFlows(&socket_, port);
    if (forgotten.ok()) continue;
    CAISSON_LOG(kWarning, "connections to a port go on where they went",
                {"port", port.original_port.value_or(0)},
                {"error", forgotten.status().ToString()});
  }
  absl::MutexLock lock(&mutex_);
  swept_now_.clear();
}

}  // namespace caisson::core
