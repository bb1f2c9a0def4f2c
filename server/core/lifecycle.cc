#include "server/core/lifecycle.h"

#include <array>

namespace caisson::core {
namespace {

inline constexpr uint8_t kNo = 0xff;

using Row = std::array<uint8_t, kEventCount>;

constexpr uint8_t To(State state) {
  return static_cast<uint8_t>(state);
}

constexpr uint8_t kCreatedTo = To(State::kCreated);
constexpr uint8_t kStartingTo = To(State::kStarting);
constexpr uint8_t kAgainTo = To(State::kStartingAgain);
constexpr uint8_t kRunningTo = To(State::kRunning);
constexpr uint8_t kStoppingTo = To(State::kStopping);
constexpr uint8_t kCancelTo = To(State::kCancelling);
constexpr uint8_t kKillingTo = To(State::kKilling);
constexpr uint8_t kExitedTo = To(State::kExited);
constexpr uint8_t kDeletingTo = To(State::kDeleting);
constexpr uint8_t kGoneTo = To(State::kGone);

// Rows in the order of State, columns in that of Event. kExit in kCancelling:
// it had started after all and ended at once, or its shim was lost.
// clang-format off
constexpr std::array<Row, kStateCount> kTable = {{
    // kMade, kStart, kStarted, kFailed, kStop, kExit, kDelete, kForce, kRemoved
    {kCreatedTo, kNo, kNo, kGoneTo, kNo, kNo, kNo, kNo, kNo},
    {kNo, kStartingTo, kNo, kNo, kCreatedTo, kNo, kDeletingTo, kDeletingTo,
     kNo},
    {kNo, kNo, kRunningTo, kCreatedTo, kNo, kNo, kNo, kCancelTo, kNo},
    {kNo, kNo, kRunningTo, kGoneTo, kNo, kNo, kNo, kCancelTo, kNo},
    {kNo, kNo, kRunningTo, kExitedTo, kNo, kNo, kNo, kCancelTo, kNo},
    {kNo, kNo, kNo, kNo, kStoppingTo, kExitedTo, kNo, kKillingTo, kNo},
    {kNo, kNo, kNo, kNo, kStoppingTo, kExitedTo, kNo, kKillingTo, kNo},
    {kNo, kNo, kKillingTo, kDeletingTo, kNo, kDeletingTo, kCancelTo, kCancelTo,
     kNo},
    {kNo, kNo, kNo, kNo, kKillingTo, kDeletingTo, kKillingTo, kKillingTo, kNo},
    {kNo, kAgainTo, kNo, kNo, kExitedTo, kNo, kDeletingTo, kDeletingTo, kNo},
    {kNo, kNo, kNo, kNo, kNo, kNo, kDeletingTo, kDeletingTo, kGoneTo},
    {kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo},
}};
// clang-format on

}  // namespace

std::optional<State> Next(State state, Event event) {
  const uint8_t to =
      kTable[static_cast<size_t>(state)][static_cast<size_t>(event)];
  if (to == kNo) return std::nullopt;
  return static_cast<State>(to);
}

bool IsSettling(State state) {
  switch (state) {
    case State::kCreating:
    case State::kStarting:
    case State::kLaunching:
    case State::kStartingAgain:
    case State::kStopping:
    case State::kCancelling:
    case State::kKilling:
    case State::kDeleting:
      return true;
    case State::kCreated:
    case State::kRunning:
    case State::kExited:
    case State::kGone:
      return false;
  }
  return false;
}

bool IsRunning(State state) {
  return state == State::kRunning || state == State::kStopping ||
         state == State::kKilling;
}

store::ContainerState PublicState(State state) {
  switch (state) {
    case State::kCreating:
    case State::kCreated:
    case State::kStarting:
    case State::kLaunching:
    case State::kCancelling:
      return store::ContainerState::kCreated;
    case State::kRunning:
    case State::kStopping:
    case State::kKilling:
      return store::ContainerState::kRunning;
    case State::kStartingAgain:
    case State::kExited:
      return store::ContainerState::kExited;
    case State::kDeleting:
    case State::kGone:
      return store::ContainerState::kDeleted;
  }
  return store::ContainerState::kDeleted;
}

std::string_view PublicStateName(store::ContainerState state) {
  switch (state) {
    case store::ContainerState::kCreated:
      return "CREATED";
    case store::ContainerState::kRunning:
      return "RUNNING";
    case store::ContainerState::kPaused:
      return "PAUSED";
    case store::ContainerState::kRestarting:
      return "RESTARTING";
    case store::ContainerState::kExited:
      return "EXITED";
    case store::ContainerState::kDeleted:
      return "DELETED";
  }
  return "DELETED";
}

std::string_view StateName(State state) {
  static constexpr std::array<std::string_view, kStateCount> kNames = {
      "creating",       "created", "starting", "launching",
      "starting-again", "running", "stopping", "cancelling",
      "killing",        "exited",  "deleting", "gone"};
  return kNames[static_cast<size_t>(state)];
}

}  // namespace caisson::core
