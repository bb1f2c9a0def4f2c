// The life of a container as its actor sees it: one table that says what every
// event does in every state. Clients see fewer states (PublicState); what is
// between two of them is a pending operation.
//
//             kMade               kStart               kStarted
//  kCreating --------> kCreated ----------> kStarting -----------> kRunning
//      |kFailed           |    <-----------    |                    |   |
//      v                  |      kFailed       |kForceDelete   kStop|   |kExit
//    kGone                |                    v                    v   |
//                         |kDelete       kCancelling           kStopping|
//  kLaunching (Run)       |               | kFailed                 |   |
//   |kStarted -> kRunning |               |                    kExit|   |
//   |kFailed  -> kGone    |               |    kForceDelete         v   v
//   |kForceDelete         |               |  kKilling <-- running  kExited
//   v                     v               v      |kExit             |   ^
//  kCancelling        kDeleting <---------+------+       kStart     | |kFailed
//                         |  ^                     kStartingAgain <-+---+
//                         |  +------------------------------ kDelete|
//                         v kRemoved                                |
//                       kGone                (kStarted -> kRunning) v
//
// An operation that finds a state in which its event is missing from the table
// either waits for it to pass (IsSettling) or fails with WRONG_STATE.
//
// Process: caissond. Thread: any; pure.
#ifndef CAISSON_SERVER_CORE_LIFECYCLE_H_
#define CAISSON_SERVER_CORE_LIFECYCLE_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "server/store/records.h"

namespace caisson::core {

enum class State : uint8_t {
  kCreating = 0,   // row with an intent; the directory is being made
  kCreated,        // never started
  kStarting,       // first start under way
  kLaunching,      // Run: created and started as one, or not at all
  kStartingAgain,  // a later start under way
  kRunning,
  kStopping,    // running; the stop sequence is under way
  kCancelling,  // a start under way that a forced delete gave up
  kKilling,     // running; a forced delete waits for the exit
  kExited,
  kDeleting,
  kGone,
};
inline constexpr int kStateCount = 12;

enum class Event : uint8_t {
  kMade = 0,     // row and directory are there
  kStart,        // asked to start
  kStarted,      // the program runs
  kFailed,       // creating or starting failed and was undone
  kStop,         // asked to stop
  kExit,         // the run is over, its output drained
  kDelete,       // asked to delete
  kForceDelete,  // asked to delete, running or not
  kRemoved,      // the row is gone
};
inline constexpr int kEventCount = 9;

// The state after `event`; nullopt: it is not possible in this state.
std::optional<State> Next(State state, Event event);

inline bool Can(State state, Event event) {
  return Next(state, event).has_value();
}

// A state that ends by itself: what cannot be done in it may be possible soon.
bool IsSettling(State state);

// There is a process, as far as clients are concerned.
bool IsRunning(State state);

// What clients see. Rows in kCreating and kLaunching are hidden from them.
store::ContainerState PublicState(State state);

// "running": as errors name it to clients.
std::string_view PublicStateName(store::ContainerState state);

// "kRunning" as "running": for the log.
std::string_view StateName(State state);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_LIFECYCLE_H_
