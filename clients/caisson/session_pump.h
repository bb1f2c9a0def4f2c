// The sending half of a session: reads stdin and signals, and sends input,
// end of input, resizes and kills.
//
// Thread: Loop runs in a thread of its own; the others call the rest.
#ifndef CAISSON_CLIENTS_CAISSON_SESSION_PUMP_H_
#define CAISSON_CLIENTS_CAISSON_SESSION_PUMP_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "clients/caisson/detach_keys.h"
#include "clients/cpp/input_window.h"
#include "clients/cpp/session.h"

namespace caisson::cli {

struct PumpOptions {
  // The process has a terminal: it gets the sizes of ours.
  bool terminal = false;
  // Our stdin is a terminal in raw mode, from which no signal comes: those that
  // come mean this program and end the session, not the process.
  bool raw = false;
  // Other signals go to the process.
  bool signals = true;
  // The bytes by which a raw terminal is left; "": none.
  std::string detach_keys;
};

class SessionPump {
 public:
  SessionPump(client::Session* session, PumpOptions options);
  ~SessionPump();
  SessionPump(const SessionPump&) = delete;
  SessionPump& operator=(const SessionPump&) = delete;

  // Until Stop.
  void Loop();

  // The process runs; from now on its input is read.
  void StartInput(int64_t offset);
  // The process took input up to here, or takes none any more.
  void InputTaken(int64_t offset, bool closed);
  // The process runs: signals go to it, and no longer end the start.
  void SetStarted();
  void Stop();

  bool detached() const { return detached_; }
  // The signal by which the user insisted on leaving; 0: none.
  int aborted_by() const { return aborted_by_; }

 private:
  void Wake() const;
  void Leave();
  void TakeSignal();
  void PassOn(int number);
  void TakeInput();
  void SendSize();

  client::Session* const session_;
  const PumpOptions options_;
  int signal_fd_ = -1;
  int wake_fd_ = -1;
  client::InputWindow window_;
  DetachKeys keys_;
  std::atomic<bool> reading_{false};
  std::atomic<bool> started_{false};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> detached_{false};
  std::atomic<int> aborted_by_{0};
  int insisted_ = 0;
};

// The signals that the pump takes; blocked in every thread.
void BlockPumpedSignals();

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_SESSION_PUMP_H_
