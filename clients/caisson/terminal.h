// The terminal of the user: raw while a session uses it, as before afterwards,
// however the program ends.
//
// Thread: main; Restore from any, signal handlers included.
#ifndef CAISSON_CLIENTS_CAISSON_TERMINAL_H_
#define CAISSON_CLIENTS_CAISSON_TERMINAL_H_

namespace caisson::cli {

struct WindowSize {
  int rows = 0;
  int cols = 0;
};

// The size of the first of stdin, stdout and stderr that is a terminal; 0 by 0
// when none is.
WindowSize CurrentWindowSize();

bool IsTerminal(int fd);

// Makes stdin raw when it is a terminal. Restored by the destructor, and by
// signals that end the program by a fault of its own.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  // Puts the modes back at once. Safe in signal handlers.
  static void Restore();
};

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_TERMINAL_H_
