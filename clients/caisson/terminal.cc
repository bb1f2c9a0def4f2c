#include "clients/caisson/terminal.h"

#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>

namespace caisson::cli {

namespace {

// What Restore puts back; written before the flag is set.
termios original_modes;
std::atomic<bool> is_raw{false};

// A fault of this program must not leave the user's terminal raw.
void RestoreAndDie(int number) {
  RawTerminal::Restore();
  ::signal(number, SIG_DFL);
  ::raise(number);
}

}  // namespace

bool IsTerminal(int fd) {
  return ::isatty(fd) == 1;
}

WindowSize CurrentWindowSize() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    winsize size = {};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0) return {size.ws_row, size.ws_col};
  }
  return {};
}

RawTerminal::RawTerminal() {
  if (::tcgetattr(STDIN_FILENO, &original_modes) < 0) return;
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::signal(number, RestoreAndDie);
  }
  termios raw = original_modes;
  ::cfmakeraw(&raw);
  // Before the change: a signal in between then restores what is there.
  is_raw = true;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

RawTerminal::~RawTerminal() {
  Restore();
}

void RawTerminal::Restore() {
  if (is_raw.exchange(false)) {
    ::tcsetattr(STDIN_FILENO, TCSADRAIN, &original_modes);
  }
}

}  // namespace caisson::cli
