#include "tests/testing/cleanup.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

#include "tests/leakcheck/proc.h"
#include "tests/leakcheck/snapshot.h"
#include "tests/testing/children.h"
#include "tests/testing/environment.h"

namespace caisson::testing {

namespace {

namespace fs = std::filesystem;

// The cgroup and all below it, the deepest first.
std::vector<std::string> TreeOf(const std::string& path) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(path, error), end;
       !error && it != end; it.increment(error)) {
    if (it->is_directory(error)) found.push_back(it->path().string());
  }
  found.push_back(path);
  std::sort(found.begin(), found.end(),
            [](const std::string& a, const std::string& b) {
              return a.size() > b.size();
            });
  return found;
}

void KillIn(const std::string& cgroup) {
  // A frozen process dies of SIGKILL only once it is thawed.
  for (const auto& [file, value] : {std::pair("cgroup.freeze", "0"),
                                    std::pair("freezer.state", "THAWED")}) {
    const std::string path = absl::StrCat(cgroup, "/", file);
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) continue;
    if (::write(fd, value, std::string_view(value).size()) < 0) errno = 0;
    ::close(fd);
  }
  std::istringstream pids(
      leakcheck::ReadText(absl::StrCat(cgroup, "/cgroup.procs")));
  for (pid_t pid; pids >> pid;) {
    if (pid > 1) ::kill(pid, SIGKILL);
  }
}

bool RemoveCgroups(const std::string& base) {
  const std::vector<std::string> roots = leakcheck::FindCgroups(base);
  for (const std::string& root : roots) {
    for (const std::string& path : TreeOf(root)) {
      KillIn(path);
      ::rmdir(path.c_str());
    }
  }
  return leakcheck::FindCgroups(base).empty();
}

}  // namespace

std::vector<pid_t> ServiceProcesses(const std::string& state) {
  std::vector<pid_t> found;
  for (const std::string& name : leakcheck::NamesIn("/proc")) {
    int pid = 0;
    if (!absl::SimpleAtoi(name, &pid) || pid == ::getpid()) continue;
    const std::vector<std::string> words = absl::StrSplit(
        leakcheck::ReadText(absl::StrCat("/proc/", name, "/cmdline")), '\0');
    const bool ours =
        std::any_of(words.begin(), words.end(), [&](const std::string& word) {
          return word == state || word == absl::StrCat("--state=", state);
        });
    const bool service = words[0].find("caissond") != std::string::npos ||
                         words[0].find("caisson-shim") != std::string::npos;
    if (ours && service) found.push_back(pid);
  }
  return found;
}

std::vector<std::string> CleanUp(const Sandbox& sandbox) {
  std::vector<std::string> left;
  const bool ended = PollUntil(absl::Seconds(10), [&] {
    const std::vector<pid_t> pids = ServiceProcesses(sandbox.state);
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    ReapAdopted();
    return pids.empty();
  });
  if (!ended) left.push_back("processes with " + sandbox.state);
  const bool removed = PollUntil(absl::Seconds(10), [&] {
    const bool done = RemoveCgroups(sandbox.cgroup_base);
    ReapAdopted();
    return done;
  });
  if (!removed) left.push_back("cgroups named " + sandbox.cgroup_base);
  for (const leakcheck::MountLine& mount :
       leakcheck::ParseMountinfo(leakcheck::ReadText("/proc/self/mountinfo"))) {
    if (mount.target.rfind(sandbox.directory + "/", 0) == 0) {
      left.push_back("mount " + mount.target);
      ::umount2(mount.target.c_str(), MNT_DETACH);
    }
  }
  std::error_code error;
  fs::remove_all(sandbox.directory, error);
  if (error) left.push_back(sandbox.directory + ": " + error.message());
  return left;
}

}  // namespace caisson::testing
