#include "tests/testing/environment.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace caisson::testing {

std::string EnvironmentOr(const char* name, std::string_view otherwise) {
  // No test changes the environment while threads run.
  const char* value = std::getenv(name);
  return std::string(value == nullptr ? otherwise : value);
}

std::string ProgramPath(std::string_view name) {
  std::error_code ignored;
  const std::filesystem::path here =
      std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const std::filesystem::path& folder :
       {std::filesystem::path(EnvironmentOr("CAISSON_BIN_DIR", "")), here,
        here.parent_path() / "bin"}) {
    if (folder.empty()) continue;
    const std::filesystem::path path = folder / name;
    if (::access(path.c_str(), X_OK) == 0) {
      return std::filesystem::absolute(path, ignored).string();
    }
  }
  return "";
}

double TimeoutScale() {
  double scale = 1;
  if (!absl::SimpleAtod(EnvironmentOr("CAISSON_TEST_TIMEOUT_SCALE", "1"),
                        &scale)) {
    return 1;
  }
  return std::max(scale, 1.0);
}

absl::Duration Scaled(absl::Duration timeout) {
  return timeout * TimeoutScale();
}

int ScaledCount(int count, int least) {
  return std::max(least, static_cast<int>(count / TimeoutScale()));
}

bool HasCgroupV2Limits() {
  const std::string controllers =
      ReadFileOrEmpty("/sys/fs/cgroup/cgroup.controllers");
  return controllers.find("memory") != std::string::npos;
}

bool PollUntil(absl::Duration timeout, const std::function<bool()>& condition) {
  const absl::Time end = absl::Now() + Scaled(timeout);
  absl::Duration pause = absl::Milliseconds(2);
  while (!condition()) {
    if (absl::Now() >= end) return condition();
    absl::SleepFor(pause);
    pause = std::min(pause * 2, absl::Milliseconds(50));
  }
  return true;
}

std::string ReadFileOrEmpty(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file),
          std::istreambuf_iterator<char>()};
}

void WriteFileOrDie(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.flush();
  if (!file.good()) {
    ::perror(absl::StrCat("cannot write ", path).c_str());
    std::abort();
  }
}

}  // namespace caisson::testing
