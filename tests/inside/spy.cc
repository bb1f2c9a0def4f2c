// Watches the other processes of its pid namespace from their birth on: what a
// hostile container does to the processes that the service sends into it.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "tests/inside/modes.h"

namespace caisson::inside {

namespace {

volatile sig_atomic_t stopped = 0;

std::string LinkTarget(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t n = ::readlink(path.c_str(), target, sizeof target);
  return n < 0 ? "" : std::string(target, static_cast<size_t>(n));
}

std::vector<std::string> NamesIn(const std::string& path) {
  std::vector<std::string> names;
  DIR* dir = ::opendir(path.c_str());
  if (dir == nullptr) return names;
  while (const dirent* entry = ::readdir(dir)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  ::closedir(dir);
  return names;
}

bool StartsWith(const std::string& text, const char* prefix) {
  return text.rfind(prefix, 0) == 0;
}

// What the programs of this test may hold.
bool IsOwn(const std::string& target) {
  return target.empty() || target == "/dev/null" || StartsWith(target, "pipe:");
}

class Spy {
 public:
  void Look() {
    const std::string self = std::to_string(::getpid());
    for (const std::string& pid : NamesIn("/proc")) {
      if (isdigit(static_cast<unsigned char>(pid[0])) == 0 || pid == self) {
        continue;
      }
      seen_.insert(pid);
      LookAt("/proc/" + pid);
      Trace(static_cast<pid_t>(NumberOr(pid, 0)));
    }
  }
  void Report() const {
    PrintFact("seen", std::to_string(seen_.size()));
    for (const std::string& finding : findings_) PrintFact("found", finding);
  }

 private:
  void LookAt(const std::string& process) {
    const std::string exe = LinkTarget(process + "/exe");
    if (!exe.empty() && exe[0] != '/') findings_.insert("exe " + exe);
    const int fd = ::open((process + "/exe").c_str(), O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
      // A program of our own that has ended meanwhile is no finding.
      const std::string path =
          LinkTarget("/proc/self/fd/" + std::to_string(fd));
      if (path[0] != '/') findings_.insert("writable " + path);
      ::close(fd);
    }
    for (const std::string& name : NamesIn(process + "/fd")) {
      const std::string target = LinkTarget(process + "/fd/" + name);
      if (!IsOwn(target)) findings_.insert("fd " + target);
    }
  }

  void Trace(pid_t pid) {
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) return;
    ::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr);
    int status = 0;
    ::waitpid(pid, &status, __WALL);
    const std::string exe = LinkTarget("/proc/" + std::to_string(pid) + "/exe");
    if (!exe.empty() && exe[0] != '/') findings_.insert("traced " + exe);
    if (WIFSTOPPED(status)) ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  }

  std::set<std::string> seen_;
  std::set<std::string> findings_;
};

}  // namespace

int SpyOnOthers(const Arguments&) {
  struct sigaction action = {};
  action.sa_handler = [](int) { stopped = 1; };
  ::sigaction(SIGTERM, &action, nullptr);
  PrintFact("ready", "");
  Spy spy;
  while (stopped == 0) spy.Look();
  spy.Report();
  return 0;
}

}  // namespace caisson::inside
