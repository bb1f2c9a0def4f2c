#include "tests/testing/rootfs.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "tests/testing/environment.h"
#include "tests/testing/temp_dir.h"

namespace caisson::testing {

namespace {

namespace fs = std::filesystem;

// What the tests call by name. Links, so that the directory stays small.
constexpr const char* kApplets[] = {
    "[",      "cat",   "chmod",     "date",  "dd",       "df",      "echo",
    "env",    "false", "grep",      "head",  "hostname", "id",      "ip",
    "ipcs",   "kill",  "ln",        "ls",    "mkdir",    "mount",   "mv",
    "nice",   "ping",  "printf",    "ps",    "pwd",      "rm",      "sed",
    "seq",    "sh",    "sha256sum", "sleep", "sort",     "stty",    "tail",
    "test",   "touch", "true",      "tty",   "umount",   "uname",   "wc",
    "whoami", "yes",   "nc",        "tr",    "stat",     "readlink"};

std::string FindBusybox() {
  for (const char* path : {"/bin/busybox", "/usr/bin/busybox"}) {
    if (fs::exists(path)) return path;
  }
  std::fprintf(stderr, "busybox (package busybox-static) is not there\n");
  std::abort();
}

// Removes the shared directory when the tests are over.
class SharedRootfsEnvironment : public ::testing::Environment {
 public:
  const std::string& Path() {
    if (directory_ == nullptr) {
      directory_ = std::make_unique<TempDir>();
      path_ = directory_->File("rootfs");
      MakeRootfs(path_);
    }
    return path_;
  }
  void TearDown() override { directory_.reset(); }

 private:
  std::unique_ptr<TempDir> directory_;
  std::string path_;
};

SharedRootfsEnvironment* const shared = static_cast<SharedRootfsEnvironment*>(
    ::testing::AddGlobalTestEnvironment(new SharedRootfsEnvironment));

}  // namespace

const std::string& SharedRootfs() {
  return shared->Path();
}

void MakeRootfs(const std::string& directory) {
  for (const char* name : {"bin", "dev", "etc", "proc", "root", "sys", "tmp",
                           "usr", "var", "home/user"}) {
    fs::create_directories(absl::StrCat(directory, "/", name));
  }
  fs::permissions(absl::StrCat(directory, "/tmp"),
                  fs::perms::all | fs::perms::sticky_bit);
  const std::string bin = absl::StrCat(directory, "/bin/");
  fs::copy_file(FindBusybox(), bin + "busybox");
  for (const char* applet : kApplets) {
    fs::create_symlink("busybox", bin + applet);
  }
  const std::string probe = ProgramPath("caisson-probe");
  if (probe.empty()) {
    std::fprintf(stderr,
                 "caisson-probe is neither beside the test nor in "
                 "CAISSON_BIN_DIR\n");
    std::abort();
  }
  fs::copy_file(probe, absl::StrCat(directory, kProbe));
  WriteFileOrDie(absl::StrCat(directory, "/etc/passwd"),
                 "root:x:0:0:root:/root:/bin/sh\n"
                 "user:x:1000:1000:user:/home/user:/bin/sh\n");
  WriteFileOrDie(absl::StrCat(directory, "/etc/group"),
                 "root:x:0:\nuser:x:1000:\nstaff:x:50:user\n"
                 "audio:x:29:user\n");
  WriteFileOrDie(absl::StrCat(directory, "/marker"), "container\n");
  WriteFileOrDie(absl::StrCat(directory, "/bin/not-executable"), "text\n");
}

}  // namespace caisson::testing
