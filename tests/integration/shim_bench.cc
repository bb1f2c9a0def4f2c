// What keeper and shim cost without a daemon: phases of a start, execs, bytes
// of output a second, and memory of a shim with many running.
//
//   shim_bench [starts [running]]
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/str_cat.h"
#include "tests/integration/shim_driver.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

using shim::FrameType;

int64_t NowNs() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

// Milliseconds of a phase, over all samples.
struct Samples {
  void Add(int64_t ns) { ms.push_back(static_cast<double>(ns) / 1e6); }
  void Print(const char* name) {
    std::sort(ms.begin(), ms.end());
    std::printf("%-22s p50 %7.3f ms   p99 %7.3f ms\n", name, ms[ms.size() / 2],
                ms[ms.size() * 99 / 100]);
  }
  std::vector<double> ms;
};

void MeasureStarts(ShimDriver* driver, int count) {
  Samples fork, prepare, clone, child, started, ended, total;
  spec::ContainerSpec spec = driver->Shell("");
  spec.process.command = {"/bin/true"};
  driver->context().volatile_state = true;
  for (int i = 0; i < count; ++i) {
    const int64_t begin = NowNs();
    auto container = driver->Start(spec);
    const auto frame = container->shim->Await(FrameType::kStarted);
    const int64_t running = NowNs();
    const auto body = frame->As<shim::StartedBody>();
    driver->Finish(container.get());
    const int64_t end = NowNs();
    fork.Add(body.phases.fork_ns);
    prepare.Add(body.phases.prepare_ns);
    clone.Add(body.phases.clone_ns);
    child.Add(body.phases.child_ns);
    started.Add(running - begin);
    ended.Add(end - running);
    total.Add(end - begin);
    driver->Remove(container.get());
  }
  driver->context().volatile_state = false;
  fork.Print("keeper: fork");
  prepare.Print("shim: PREPARE");
  clone.Print("shim: clone");
  child.Print("child: to execve");
  started.Print("spawn to started");
  ended.Print("started to shim gone");
  total.Print("all");
}

void MeasureExecs(ShimDriver* driver, int count) {
  auto container = driver->Start(driver->Shell("cat"));
  container->shim->Await(FrameType::kStarted);
  spec::ExecSpec spec = driver->ShellExec("");
  spec.process.command = {"/bin/true"};
  Samples started, ended;
  for (int i = 0; i < count; ++i) {
    const int64_t begin = NowNs();
    const uint32_t exec = driver->Exec(container.get(), spec);
    container->shim->Await(FrameType::kStarted, exec);
    const int64_t running = NowNs();
    driver->FinishExec(container.get(), exec);
    started.Add(running - begin);
    ended.Add(NowNs() - running);
  }
  started.Print("exec: to started");
  ended.Print("exec: started to exited");
  container->shim->Send(FrameType::kCloseStdin);
  driver->Finish(container.get());
  driver->Remove(container.get());
}

// Lines of one size through `cat`, which writes large blocks.
void MeasureOutput(ShimDriver* driver, const char* name, size_t line_bytes,
                   int copies) {
  const std::string line = std::string(line_bytes - 1, 'x') + "\n";
  std::string text;
  while (text.size() < (16 << 20)) text += line;
  WriteFileOrDie(driver->rootfs() + "/lines", text);
  std::string script = "exec cat";
  for (int i = 0; i < copies; ++i) script += " /lines";
  auto container = driver->Start(driver->Shell(script));
  container->shim->Await(FrameType::kStarted);
  const record::ExitRecord record = driver->Finish(container.get());
  const double seconds = static_cast<double>(record.usage.wall_ns) / 1e9;
  std::printf("%-22s %7.1f MB/s of output (%.2f s)\n", name,
              static_cast<double>(record.end_offset) / 1e6 / seconds, seconds);
  driver->Remove(container.get());
}

int64_t PssKib(pid_t pid) {
  std::ifstream file(base::StrCat("/proc/", pid, "/smaps_rollup"));
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("Pss:", 0) == 0)
      return ::strtoll(line.c_str() + 4, nullptr, 10);
  }
  return -1;
}

void MeasureMemory(ShimDriver* driver, int count) {
  std::vector<std::unique_ptr<TestContainer>> running;
  for (int i = 0; i < count; ++i) {
    running.push_back(driver->Start(driver->Shell("echo x; exec cat")));
    running.back()->shim->Await(FrameType::kStarted);
  }
  int64_t sum = 0;
  int64_t most = 0;
  for (const auto& container : running) {
    const int64_t pss = PssKib(container->shim_pid);
    sum += pss;
    most = std::max(most, pss);
  }
  std::printf("%-22s %lld KiB mean, %lld KiB most, keeper %lld KiB (%d)\n",
              "PSS of a shim", static_cast<long long>(sum / count),
              static_cast<long long>(most),
              static_cast<long long>(PssKib(driver->keeper_pid())), count);
  for (const auto& container : running) {
    container->shim->Send(FrameType::kCloseStdin);
    driver->Finish(container.get());
    driver->Remove(container.get());
  }
}

void Main(int starts, int running) {
  ShimDriver driver;
  MeasureStarts(&driver, starts);
  MeasureExecs(&driver, starts);
  MeasureOutput(&driver, "4 KiB lines", 4096, 40);
  MeasureOutput(&driver, "2-byte lines", 2, 4);
  MeasureMemory(&driver, running);
}

}  // namespace
}  // namespace caisson::testing

int main(int argc, char** argv) {
  caisson::testing::Main(
      argc > 1 ? static_cast<int>(::strtol(argv[1], nullptr, 10)) : 200,
      argc > 2 ? static_cast<int>(::strtol(argv[2], nullptr, 10)) : 200);
  return 0;
}
