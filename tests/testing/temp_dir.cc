#include "tests/testing/temp_dir.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"

#include "tests/testing/environment.h"

namespace caisson::testing {

TempDir::TempDir()
    : path_(EnvironmentOr("TMPDIR", "/tmp") + "/caisson.XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) {
    ::perror(path_.c_str());
    std::abort();
  }
}

TempDir::~TempDir() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error) {
    std::fprintf(stderr, "cannot remove %s: %s\n", path_.c_str(),
                 error.message().c_str());
  }
}

std::string TempDir::File(std::string_view name) const {
  return path_ + "/" + std::string(name);
}

}  // namespace caisson::testing
