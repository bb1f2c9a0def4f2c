// What fault_library.cc and the test agree on, in a file that both map: one
// fault that waits for its moment.
//
//   test: Faults::Arm --> kinds, action, nth     (seen = 0, hit = 0)
//   daemon: every step of these kinds counts; the nth one fails, once
//
// Process: test and caissond under test. Thread: any.
#ifndef CAISSON_TESTS_TESTING_FAULT_PLAN_H_
#define CAISSON_TESTS_TESTING_FAULT_PLAN_H_

#include <atomic>
#include <cstdint>

namespace caisson::testing {

// The variable with the path of the file.
inline constexpr char kFaultFile[] = "CAISSON_TEST_FAULTS";

// What counts as a step; a set of them.
enum FaultKind : uint32_t {
  // A message to rtnetlink or netfilter, marks of a batch excepted.
  kNetlinkMessage = 1,
  // A transaction of the store.
  kStoreCommit = 2,
  // A datagram that tells of a change of links or of the firewall.
  kNetlinkEvent = 4,
};

enum class FaultAction : uint32_t {
  // The kernel refuses the one message with EIO; a commit finds a full disk.
  kRefuse,
  // The send fails with ENOBUFS, and nothing of it gets there.
  kSendFails,
  // It is done, and the answer (or the event) lost: ENOBUFS.
  kLoseAnswer,
  // The daemon dies before it, or after.
  kDieBefore,
  kDieAfter,
};

struct FaultPlan {
  // 0: nothing is armed. Written last.
  std::atomic<uint32_t> kinds;
  std::atomic<uint32_t> action;
  std::atomic<int64_t> nth;
  // Steps since it was armed.
  std::atomic<int64_t> seen;
  std::atomic<uint32_t> hit;
};
static_assert(std::atomic<int64_t>::is_always_lock_free);

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_FAULT_PLAN_H_
