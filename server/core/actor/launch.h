// One start under way: from the plan to the program's first instruction.
//
//   Launch::Begin  plan, lock, memfd, keeper asked
//     PREPARED --> START   (on the link's thread, unless it was called off)
//     NETWORK --> attach --> START   instead, for a container with networks
//     STARTED | FAILED | closed  --> the container's queue
//
// Process: caissond. Thread: the container's queue; Gate from the link's too.
#ifndef CAISSON_SERVER_CORE_ACTOR_LAUNCH_H_
#define CAISSON_SERVER_CORE_ACTOR_LAUNCH_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "runtime/base/unique_fd.h"
#include "runtime/plan/builder.h"
#include "server/core/actor/env.h"
#include "server/core/request_table.h"
#include "server/core/types.h"
#include "server/shimlink/conn.h"

namespace caisson::core {

// START is sent once, or never: decided by whoever comes first.
class StartGate {
 public:
  // The shim is prepared. True: send START now.
  bool TakeStart() { return Take(kSent); }
  // The start is called off. True: START was not and will not be sent.
  bool TakeCancel() { return Take(kCancelled); }
  bool start_sent() const { return state_ == kSent; }

 private:
  static constexpr int kOpen = 0, kSent = 1, kCancelled = 2;
  bool Take(int to) {
    int open = kOpen;
    return state_.compare_exchange_strong(open, to);
  }
  std::atomic<int> state_ = kOpen;
};

// A frame that was copied from the link's buffer.
struct ShimFrame {
  shim::FrameType type = {};
  uint32_t target = 0;
  std::string body;

  // The body as T; ParseFrame has checked that it is long enough.
  template <typename T>
  T As() const {
    T value = {};
    std::memcpy(&value, body.data(), std::min(sizeof(T), body.size()));
    return value;
  }
};

// Time of the parts, in order.
class PhaseClock {
 public:
  explicit PhaseClock(absl::Time begin) : begin_(begin), last_(begin) {}
  // The time since the last mark belongs to `name`.
  void Mark(std::string name);
  // A part that somebody else measured.
  void Add(std::string name, absl::Duration duration);
  Timings Finish();

 private:
  const absl::Time begin_;
  absl::Time last_;
  Timings timings_;
};

// What happens to a shim's connection, on the container's queue. A container
// has many connections in its life: `link` says which one speaks.
struct ShimEvents {
  std::function<void(uint64_t link, const ShimFrame& frame)> on_frame;
  std::function<void(uint64_t link)> on_closed;
  std::function<void(uint64_t link, absl::StatusOr<shimlink::ShimProcess>)>
      on_spawned;
  // What was refused because the shim did not read may be sent again.
  std::function<void(uint64_t link)> on_writable;
};

// The network namespace of a container whose plan has kPlanNeedsNetwork, to be
// configured before START while its shim prepares the rest: whoever gets it
// sends START through the gate when that is done, or closes the connection.
// Called on the link's thread: must only post.
using OnNetwork =
    std::function<void(const shimlink::ConnPtr&, base::UniqueFd network)>;

// Handlers that carry everything to `queue`. If there is a gate, PREPARED is
// answered at once; with `on_network` START is its matter.
shimlink::ConnHandlers HandlersOn(const std::shared_ptr<SerialQueue>& queue,
                                  const std::shared_ptr<StartGate>& gate,
                                  uint64_t link, const ShimEvents& events,
                                  OnNetwork on_network = nullptr);

// The plan of the next run of a container. `named_reader`: started by Run.
absl::StatusOr<plan::Plan> PlanContainer(const Env& env, const std::string& id,
                                         const spec::ContainerSpec& effective,
                                         int64_t run, bool named_reader,
                                         const spec::OnDisconnect& policy);

// Adds the outcome of a request that an earlier daemon began: it made `object`.
void FinishInterrupted(Env* env, const std::string& request_id,
                       const std::string& object,
                       store::Transaction* transaction);

// Takes back the row of a request that came to nothing: a retry does it anew.
void EraseRequest(const std::string& request_id,
                  store::Transaction* transaction);

// What the records say of an effective spec.
store::Effective EffectiveOf(const spec::ContainerSpec& effective,
                             const plan::Plan& plan);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_ACTOR_LAUNCH_H_
