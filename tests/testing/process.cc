#include "tests/testing/process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "tests/testing/children.h"
#include "tests/testing/environment.h"

extern char** environ;

namespace caisson::testing {

namespace {

using base::UniqueFd;

[[noreturn]] void Fail(const char* what) {
  ::perror(what);
  std::abort();
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) Fail("pipe2");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// Null-terminated arrays for execve, made before the fork.
struct Image {
  explicit Image(const ProcessOptions& options) : options_(options) {
    for (const std::string& text : options_.argv) {
      argv.push_back(const_cast<char*>(text.c_str()));
    }
    argv.push_back(nullptr);
    for (char** entry = environ; *entry != nullptr; ++entry) {
      env.push_back(*entry);
    }
    for (const std::string& text : options_.env) {
      env.push_back(const_cast<char*>(text.c_str()));
    }
    env.push_back(nullptr);
  }

  std::vector<char*> argv;
  std::vector<char*> env;

 private:
  const ProcessOptions& options_;
};

// After the fork: only what is safe beside other threads.
[[noreturn]] void Exec(const Image& image, std::array<int, 3> stdio,
                       bool terminal) {
  if (terminal) {
    ::setsid();
    ::ioctl(stdio[0], TIOCSCTTY, 0);
  }
  for (int i = 0; i < 3; ++i) {
    if (::dup2(stdio[static_cast<size_t>(i)], i) < 0) ::_exit(120);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execve(image.argv[0], image.argv.data(), image.env.data());
  ::_exit(121);
}

// One poll round of RunProgram's three pipes.
struct Pump {
  UniqueFd in, out, err;
  std::string_view input;
  ProcessResult* result;

  static void Read(UniqueFd* fd, std::string* text) {
    char buffer[65536];
    const ssize_t n = ::read(fd->get(), buffer, sizeof buffer);
    if (n > 0) text->append(buffer, static_cast<size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) fd->reset();
  }

  void Write() {
    const ssize_t n = ::write(in.get(), input.data(), input.size());
    if (n > 0) input.remove_prefix(static_cast<size_t>(n));
    if (input.empty() || (n < 0 && errno != EINTR && errno != EAGAIN)) {
      in.reset();
    }
  }

  void Round(int milliseconds) {
    if (input.empty()) in.reset();
    std::array<pollfd, 3> fds = {pollfd{in.get(), POLLOUT, 0},
                                 pollfd{out.get(), POLLIN, 0},
                                 pollfd{err.get(), POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), milliseconds) <= 0) return;
    if (fds[0].revents != 0) Write();
    if (fds[1].revents != 0) Read(&out, &result->out);
    if (fds[2].revents != 0) Read(&err, &result->err);
  }

  bool done() const { return !out.is_valid() && !err.is_valid(); }
};

// Waits for the process until `end`; kills it then.
int Reap(pid_t pid, absl::Time end) {
  int status = 0;
  absl::Duration pause = absl::Milliseconds(1);
  while (true) {
    const pid_t done = ::waitpid(pid, &status, WNOHANG);
    if (done == pid) break;
    if (done < 0 && errno != EINTR) return -1;
    if (absl::Now() >= end) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      ForgetOwnChild(pid);
      return -1;
    }
    absl::SleepFor(pause);
    pause = std::min(pause * 2, absl::Milliseconds(20));
  }
  ForgetOwnChild(pid);
  return ShellStatus(status);
}

}  // namespace

int ShellStatus(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
                                  : WEXITSTATUS(wait_status);
}

ProcessResult RunProgram(const ProcessOptions& options) {
  // A program that does not read its input must not end the test.
  ::signal(SIGPIPE, SIG_IGN);
  ProcessResult result;
  const Image image(options);
  Pipe in = MakePipe();
  Pipe out = MakePipe();
  Pipe err = MakePipe();
  const pid_t pid = ::fork();
  if (pid < 0) Fail("fork");
  if (pid == 0) {
    Exec(image, {in.read.get(), out.write.get(), err.write.get()}, false);
  }
  AddOwnChild(pid);
  in.read.reset();
  out.write.reset();
  err.write.reset();
  ::fcntl(in.write.get(), F_SETFL, O_NONBLOCK);
  Pump pump{std::move(in.write), std::move(out.read), std::move(err.read),
            options.input, &result};
  const absl::Time end = absl::Now() + Scaled(options.timeout);
  while (!pump.done() && absl::Now() < end) pump.Round(100);
  result.status = Reap(pid, end);
  return result;
}

Interactive::Interactive(const ProcessOptions& options, Stdio stdio) {
  ::signal(SIGPIPE, SIG_IGN);
  const Image image(options);
  if (stdio == Stdio::kTerminal) {
    int master = -1;
    int slave = -1;
    if (::openpty(&master, &slave, nullptr, nullptr, nullptr) < 0) {
      Fail("openpty");
    }
    ::fcntl(master, F_SETFD, FD_CLOEXEC);
    ::fcntl(slave, F_SETFD, FD_CLOEXEC);
    reader_.reset(master);
    terminal_.reset(slave);
    pid_ = ::fork();
    if (pid_ == 0) Exec(image, {slave, slave, slave}, true);
  } else {
    Pipe in = MakePipe();
    Pipe out = MakePipe();
    pid_ = ::fork();
    if (pid_ == 0) {
      Exec(image, {in.read.get(), out.write.get(), out.write.get()}, false);
    }
    input_ = std::move(in.write);
    reader_ = std::move(out.read);
  }
  if (pid_ < 0) Fail("fork");
  AddOwnChild(pid_);
}

Interactive::~Interactive() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    ForgetOwnChild(pid_);
  }
}

bool Interactive::ReadSome(absl::Duration timeout) {
  pollfd fd = {reader_.get(), POLLIN, 0};
  if (::poll(&fd, 1, static_cast<int>(timeout / absl::Milliseconds(1))) <= 0) {
    return true;
  }
  char buffer[65536];
  const ssize_t n = ::read(reader_.get(), buffer, sizeof buffer);
  if (n > 0) output_.append(buffer, static_cast<size_t>(n));
  return n > 0;
}

bool Interactive::WaitFor(std::string_view text, absl::Duration timeout) {
  const absl::Time end = absl::Now() + Scaled(timeout);
  while (output_.find(text) == std::string::npos) {
    if (absl::Now() >= end || !ReadSome(absl::Milliseconds(50))) {
      return output_.find(text) != std::string::npos;
    }
  }
  return true;
}

bool Interactive::Write(std::string_view text) {
  const int fd = input_.is_valid() ? input_.get() : reader_.get();
  return ::write(fd, text.data(), text.size()) ==
         static_cast<ssize_t>(text.size());
}

void Interactive::CloseInput() {
  input_.reset();
}

void Interactive::Signal(int number) const {
  ::kill(pid_, number);
}

void Interactive::Resize(int rows, int cols) const {
  const winsize size = {static_cast<unsigned short>(rows),
                        static_cast<unsigned short>(cols), 0, 0};
  ::ioctl(reader_.get(), TIOCSWINSZ, &size);
}

int Interactive::Wait(absl::Duration timeout) {
  const absl::Time end = absl::Now() + Scaled(timeout);
  while (absl::Now() < end) {
    int status = 0;
    if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
      ForgetOwnChild(pid_);
      pid_ = -1;
      while (ReadSome(absl::ZeroDuration())) {
        pollfd fd = {reader_.get(), POLLIN, 0};
        if (::poll(&fd, 1, 0) <= 0) break;
      }
      return ShellStatus(status);
    }
    if (!ReadSome(absl::Milliseconds(20)))
      absl::SleepFor(absl::Milliseconds(2));
  }
  return -1;
}

std::string Interactive::TerminalModes() const {
  termios modes = {};
  if (::tcgetattr(terminal_.get(), &modes) < 0) return "";
  return absl::StrCat(modes.c_iflag, " ", modes.c_oflag, " ", modes.c_cflag,
                      " ", modes.c_lflag);
}

}  // namespace caisson::testing
