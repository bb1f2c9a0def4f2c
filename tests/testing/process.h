// Programs that a test starts: run to the end, or talked to.
#ifndef CAISSON_TESTS_TESTING_PROCESS_H_
#define CAISSON_TESTS_TESTING_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

#include "runtime/base/unique_fd.h"

namespace caisson::testing {

struct ProcessOptions {
  std::vector<std::string> argv;
  // "NAME=value", besides those of the test.
  std::vector<std::string> env;
  // Everything that it reads from its stdin.
  std::string input;
  absl::Duration timeout = absl::Seconds(60);
};

struct ProcessResult {
  // As a shell has it: the exit code, or 128 + signal; -1: timed out.
  int status = -1;
  std::string out;
  std::string err;
};

// Runs a program to its end. One that takes too long is killed.
ProcessResult RunProgram(const ProcessOptions& options);

// A program whose stdin and stdout are pipes or one terminal.
class Interactive {
 public:
  enum class Stdio { kPipes, kTerminal };

  Interactive(const ProcessOptions& options, Stdio stdio);
  // Kills it when it still runs.
  ~Interactive();
  Interactive(const Interactive&) = delete;
  Interactive& operator=(const Interactive&) = delete;

  pid_t pid() const { return pid_; }
  // What it wrote so far; with pipes stdout and stderr together.
  const std::string& output() const { return output_; }

  // Reads until the output contains `text`; false when it ends or takes too
  // long.
  bool WaitFor(std::string_view text,
               absl::Duration timeout = absl::Seconds(30));
  bool Write(std::string_view text);
  void CloseInput();
  void Signal(int number) const;
  // Changes the size of the terminal.
  void Resize(int rows, int cols) const;
  // Reads to the end; the status as in ProcessResult.
  int Wait(absl::Duration timeout = absl::Seconds(30));
  // The terminal's modes as a comparable text.
  std::string TerminalModes() const;

 private:
  bool ReadSome(absl::Duration timeout);

  pid_t pid_ = -1;
  base::UniqueFd input_;
  base::UniqueFd reader_;
  // The side of the program: keeps the terminal's modes readable.
  base::UniqueFd terminal_;
  std::string output_;
};

// The number that a shell shows for a wait status.
int ShellStatus(int wait_status);

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_PROCESS_H_
