#include "server/store/event_ring.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>

namespace caisson::store {
namespace {

// Of the allocator, for a block.
constexpr size_t kBlockBytes = 16;
// A text as short as this is inside of its string.
constexpr size_t kInsideBytes = 15;

// Each of them tells what it has outside of itself.
size_t Outside(const std::string& text) {
  return text.capacity() <= kInsideBytes ? 0 : text.capacity() + kBlockBytes;
}
size_t Outside(const HeldBy& holder) {
  return Outside(holder.name);
}
size_t Outside(const PublishedPort& port) {
  return Outside(port.protocol) + Outside(port.host_ip);
}
size_t Outside(const spec::NetworkRoute& route) {
  return Outside(route.destination) + Outside(route.gateway);
}
size_t Outside(const spec::Subnet& subnet) {
  return Outside(subnet.cidr) + Outside(subnet.gateway);
}
size_t Outside(const Endpoint& endpoint);

template <typename T>
size_t Outside(const std::vector<T>& list) {
  if (list.empty()) return 0;
  size_t bytes = kBlockBytes + list.capacity() * sizeof(T);
  for (const T& one : list) bytes += Outside(one);
  return bytes;
}

size_t Outside(const Endpoint& endpoint) {
  return Outside(endpoint.id) + Outside(endpoint.network_id) +
         Outside(endpoint.network_name) + Outside(endpoint.interface) +
         Outside(endpoint.mac) + Outside(endpoint.addresses) +
         Outside(endpoint.gateways) + Outside(endpoint.aliases) +
         Outside(endpoint.routes) + Outside(endpoint.ports) +
         Outside(endpoint.host_link);
}

size_t Outside(const std::optional<ExitInfo>& exit) {
  if (!exit.has_value()) return 0;
  return Outside(exit->message) + Outside(exit->held_by) +
         Outside(exit->cut_reason);
}

size_t Outside(const ContainerRecord& record) {
  const Effective& effective = record.status.effective;
  return Outside(record.id) + Outside(record.name) +
         Outside(record.status.exit) + Outside(effective.seccomp) +
         Outside(effective.capabilities) + Outside(effective.user) +
         Outside(effective.cgroup_path) + Outside(record.status.networks) +
         Outside(record.kernel.boot_id) + Outside(record.kernel.cgroup_path) +
         Outside(record.request_id) + Outside(record.start_request);
}

size_t Outside(const ExecRecord& record) {
  return Outside(record.id) + Outside(record.container_id);
}

size_t Outside(const NetworkRecord& record) {
  return Outside(record.id) + Outside(record.name) + Outside(record.subnets) +
         Outside(record.request_id);
}

size_t Outside(const NetworkNamespaceRecord& record) {
  return Outside(record.id) + Outside(record.name);
}

}  // namespace

size_t MemoryOf(const std::vector<EventPtr>& events) {
  size_t bytes = 0;
  std::set<const void*> counted;
  const auto add = [&](const auto& object) {
    if (object == nullptr || !counted.insert(object.get()).second) return;
    bytes += kBlockBytes + sizeof(*object) + Outside(*object);
  };
  for (const EventPtr& event : events) {
    bytes += kBlockBytes + sizeof(Event) + Outside(event->type) +
             Outside(event->request_id);
    for (const auto& [key, value] : event->attributes) {
      bytes += 2 * sizeof(std::string) + Outside(key) + Outside(value);
    }
    add(event->container);
    add(event->exec);
    add(event->network);
    add(event->network_namespace);
  }
  return bytes;
}

EventRing::EventRing(size_t max_events, size_t max_bytes, int64_t floor)
    : max_events_(max_events),
      max_bytes_(max_bytes),
      floor_(floor),
      through_(floor) {}

void EventRing::Append(int64_t revision, const std::vector<EventPtr>& events,
                       size_t bytes) {
  absl::MutexLock lock(&mutex_);
  through_ = revision;
  if (events.empty()) return;
  batches_.push_back({revision, bytes, events});
  events_ += events.size();
  bytes_ += bytes;
  while (!batches_.empty() && (events_ > max_events_ || bytes_ > max_bytes_)) {
    const Batch& oldest = batches_.front();
    events_ -= oldest.events.size();
    bytes_ -= oldest.bytes;
    floor_ = oldest.revision;
    batches_.pop_front();
  }
}

bool EventRing::Read(int64_t after, size_t max_events,
                     EventSlice* slice) const {
  absl::MutexLock lock(&mutex_);
  if (after < floor_) return false;
  slice->events.clear();
  slice->through_revision = std::max(after, through_);
  auto batch = std::upper_bound(
      batches_.begin(), batches_.end(), after,
      [](int64_t revision, const Batch& b) { return revision < b.revision; });
  for (; batch != batches_.end(); ++batch) {
    const size_t size = slice->events.size() + batch->events.size();
    if (!slice->events.empty() && size > max_events) {
      slice->through_revision = slice->events.back()->revision;
      break;
    }
    slice->events.insert(slice->events.end(), batch->events.begin(),
                         batch->events.end());
  }
  return true;
}

int64_t EventRing::through() const {
  absl::MutexLock lock(&mutex_);
  return through_;
}

}  // namespace caisson::store
