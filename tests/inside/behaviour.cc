// Modes that misbehave, wait or end in a chosen way.
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/inside/modes.h"

namespace caisson::inside {

namespace {

void Say(const std::string& line) {
  const std::string text = line + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) ::_exit(74);
}

void SleepSeconds(int64_t seconds) {
  timespec left = {static_cast<time_t>(seconds), 0};
  while (::nanosleep(&left, &left) < 0 && errno == EINTR) {
  }
}

[[noreturn]] void WaitForever() {
  while (true) ::pause();
}

// The state letter of a process, 0 when it is gone.
char StateOf(const std::string& pid) {
  const int fd =
      ::open(("/proc/" + pid + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[512] = {};
  const ssize_t n = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  // The name in parentheses may itself hold any byte.
  const char* end = n > 0 ? std::strrchr(text, ')') : nullptr;
  return end != nullptr && end[1] == ' ' ? end[2] : 0;
}

int CountZombies() {
  DIR* dir = ::opendir("/proc");
  if (dir == nullptr) return -1;
  int count = 0;
  while (const dirent* entry = ::readdir(dir)) {
    const char first = entry->d_name[0];
    if (first >= '0' && first <= '9' && StateOf(entry->d_name) == 'Z') ++count;
  }
  ::closedir(dir);
  return count;
}

}  // namespace

int Exit(const Arguments& arguments) {
  return arguments.empty() ? 0 : static_cast<int>(NumberOr(arguments[0], 0));
}

int Die(const Arguments& arguments) {
  const int number =
      arguments.empty() ? SIGKILL : static_cast<int>(NumberOr(arguments[0], 9));
  const rlimit no_core = {0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(number, SIG_DFL);
  ::kill(::getpid(), number);
  // The first process of a pid namespace survives what it does not handle.
  return 99;
}

int TrapSignals(const Arguments& arguments) {
  int exit_code = -1;
  for (const std::string& argument : arguments) {
    if (argument.rfind("exit=", 0) == 0) {
      exit_code = static_cast<int>(NumberOr(argument.substr(5), 0));
    }
  }
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  Say("ready");
  while (true) {
    int number = 0;
    if (::sigwait(&all, &number) != 0) return 1;
    if (number == SIGCHLD || number == SIGWINCH) continue;
    const char* name = ::sigabbrev_np(number);
    Say(std::string("signal=SIG") + (name == nullptr ? "RT" : name));
    if (exit_code >= 0) return exit_code;
  }
}

int Pause(const Arguments&) {
  Say("ready");
  WaitForever();
}

int HoldOutput(const Arguments& arguments) {
  const pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) {
    SleepSeconds(arguments.empty() ? 3600 : NumberOr(arguments[0], 3600));
    // Shows that nobody closed the far end meanwhile.
    Say("still here");
    ::_exit(0);
  }
  Say("holding");
  return 0;
}

int MakeOrphans(const Arguments& arguments) {
  const int64_t count = arguments.empty() ? 100 : NumberOr(arguments[0], 100);
  for (int64_t i = 0; i < count; ++i) {
    const pid_t child = ::fork();
    if (child < 0) return 1;
    if (child == 0) {
      // The grandchild is an orphan as soon as its parent is gone.
      if (::fork() == 0) ::usleep(1000);
      ::_exit(0);
    }
    ::waitpid(child, nullptr, 0);
  }
  int zombies = CountZombies();
  for (int tries = 0; zombies != 0 && tries < 500; ++tries) {
    ::usleep(10000);
    zombies = CountZombies();
  }
  PrintFact("zombies", std::to_string(zombies));
  return 0;
}

int ForkMany(const Arguments& arguments) {
  const int64_t count = arguments.empty() ? 1000 : NumberOr(arguments[0], 1000);
  int64_t forked = 0;
  int err = 0;
  while (forked < count) {
    const pid_t child = ::fork();
    if (child == 0) WaitForever();
    if (child < 0) {
      err = errno;
      break;
    }
    ++forked;
  }
  PrintFact("forked", std::to_string(forked));
  PrintFact("errno", ErrnoText(err));
  return 0;
}

int EatMemory(const Arguments& arguments) {
  const auto size = static_cast<size_t>(
      arguments.empty() ? 64 << 20 : NumberOr(arguments[0], 64 << 20));
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  // Page by page with different contents, so that nothing can be merged.
  auto* bytes = static_cast<volatile char*>(memory);
  for (size_t i = 0; i < size; i += 4096) bytes[i] = static_cast<char>(i >> 12);
  Say("ate");
  if (arguments.size() > 1 && arguments[1] == "exit") return 0;
  WaitForever();
}

int Spin(const Arguments& arguments) {
  const int64_t seconds = arguments.empty() ? 1 : NumberOr(arguments[0], 1);
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const time_t end = now.tv_sec + static_cast<time_t>(seconds);
  uint64_t rounds = 0;
  volatile uint64_t work = 0;
  do {
    for (int i = 0; i < 100000; ++i) work = work + static_cast<uint64_t>(i);
    ++rounds;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
  } while (now.tv_sec < end);
  PrintFact("rounds", std::to_string(rounds));
  return 0;
}

int WatchSize(const Arguments&) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGWINCH);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  const int changes = ::signalfd(-1, &set, SFD_CLOEXEC);
  const auto print = [] {
    winsize size = {};
    ::ioctl(0, TIOCGWINSZ, &size);
    Say("size=" + std::to_string(size.ws_row) + "x" +
        std::to_string(size.ws_col));
  };
  print();
  while (true) {
    pollfd fds[] = {{0, POLLIN, 0}, {changes, POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return 1;
    if (fds[1].revents != 0) {
      signalfd_siginfo info;
      if (::read(changes, &info, sizeof info) < 0) return 1;
      print();
    }
    char text[256];
    if (fds[0].revents != 0 && ::read(0, text, sizeof text) <= 0) return 0;
  }
}

}  // namespace caisson::inside
