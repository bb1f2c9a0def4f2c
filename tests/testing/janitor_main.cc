// caisson-test-janitor DIRECTORY ROOT STATE CGROUP_BASE: waits until its stdin
// ends, which it does when the test program is gone however it died, and then
// removes what its daemon has left.
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "tests/testing/cleanup.h"

int main(int argc, char** argv) {
  if (argc != 5) return 64;
  // The signal that ends the test must not end its janitor.
  for (const int number : {SIGHUP, SIGINT, SIGTERM, SIGQUIT}) {
    ::signal(number, SIG_IGN);
  }
  ::setsid();
  char byte;
  ssize_t n;
  do {
    n = ::read(STDIN_FILENO, &byte, 1);
  } while (n > 0 || (n < 0 && errno == EINTR));
  int left = 0;
  for (const std::string& line :
       caisson::testing::CleanUp({argv[1], argv[2], argv[3], argv[4]})) {
    std::fprintf(stderr, "caisson-test-janitor: left: %s\n", line.c_str());
    left = 1;
  }
  return left;
}
