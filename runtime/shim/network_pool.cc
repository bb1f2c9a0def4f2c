#include "runtime/shim/network_pool.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <utility>

#include "runtime/base/check.h"

namespace caisson::shim {
namespace {

constexpr char kOwnNetwork[] = "/proc/self/ns/net";
// After the last one was taken. What is under way has the processors until
// then: made beside it, a namespace would cost what it saves.
constexpr int64_t kRefillDelayNs = 20 * kNsPerMs;
// After a container has ended: its client waits for the answer still.
constexpr int64_t kAfterEndNs = 2 * kNsPerMs;

bool RaiseLoopback() noexcept {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.is_valid()) return false;
  ifreq request = {};
  memcpy(request.ifr_name, "lo", sizeof("lo"));
  request.ifr_flags = IFF_UP;
  return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

base::UniqueFd OpenOwnNetwork() noexcept {
  return base::UniqueFd(::open(kOwnNetwork, O_RDONLY | O_CLOEXEC));
}

}  // namespace

void NetworkPool::Open(Loop* loop) noexcept {
  loop_ = loop;
  refill_timer_.Bind<&NetworkPool::Refill>(this);
  own_ = OpenOwnNetwork();
  if (own_.is_valid()) refill_timer_.Arm(loop_, kRefillDelayNs);
}

base::UniqueFd NetworkPool::Take() noexcept {
  if (count_ == 0) return base::UniqueFd();
  refill_timer_.Arm(loop_, kRefillDelayNs);
  return std::move(ready_[--count_]);
}

void NetworkPool::RefillSoon() noexcept {
  if (refill_timer_.is_armed()) refill_timer_.Arm(loop_, kAfterEndNs);
}

// One at a time: between two the loop serves who has come meanwhile.
void NetworkPool::Refill() noexcept {
  base::UniqueFd network = Make();
  // A host that does not let us: containers make their own, or say why not.
  if (!network.is_valid()) return;
  ready_[count_++] = std::move(network);
  if (count_ < kSize) refill_timer_.Arm(loop_, kRefillDelayNs);
}

base::UniqueFd NetworkPool::Make() noexcept {
  base::UniqueFd network;
  if (::unshare(CLONE_NEWNET) != 0) return network;
  if (RaiseLoopback()) network = OpenOwnNetwork();
  // Or every later container would be born in the wrong place. It takes what
  // unshare has just been given: only memory can fail it.
  CAISSON_CHECK(::setns(own_.get(), CLONE_NEWNET) == 0);
  return network;
}

}  // namespace caisson::shim
