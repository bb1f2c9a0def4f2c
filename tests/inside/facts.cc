// Prints what a process can see of itself.
#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "tests/inside/modes.h"

extern char** environ;

namespace caisson::inside {

namespace {

std::string ReadWhole(const std::string& path) {
  std::string text;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char buffer[4096];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(n));
  }
  ::close(fd);
  return text;
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::string LinkOf(const std::string& path) {
  char target[4096];
  const ssize_t n = ::readlink(path.c_str(), target, sizeof target);
  return n < 0 ? ErrnoText(errno) : std::string(target, static_cast<size_t>(n));
}

void PrintArguments(const Arguments&) {
  // From the kernel, not from main(): what execve was given.
  const std::string all = ReadWhole("/proc/self/cmdline");
  size_t index = 0;
  for (size_t begin = 0; begin < all.size(); ++index) {
    const size_t end = all.find('\0', begin);
    PrintFact("argv." + std::to_string(index), all.substr(begin, end - begin));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
}

void PrintEnvironment(const Arguments&) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    PrintFact("env." + text.substr(0, equals),
              equals == std::string::npos ? "" : text.substr(equals + 1));
  }
}

void PrintIds(const Arguments&) {
  uid_t r, e, s;
  ::getresuid(&r, &e, &s);
  PrintFact("uid", std::to_string(r) + " " + std::to_string(e) + " " +
                       std::to_string(s));
  gid_t rg, eg, sg;
  ::getresgid(&rg, &eg, &sg);
  PrintFact("gid", std::to_string(rg) + " " + std::to_string(eg) + " " +
                       std::to_string(sg));
  PrintFact("pid", std::to_string(::getpid()));
  PrintFact("ppid", std::to_string(::getppid()));
  PrintFact("pgid", std::to_string(::getpgid(0)));
  PrintFact("sid", std::to_string(::getsid(0)));
}

void PrintStatus(const Arguments&) {
  for (const std::string& line : LinesOf(ReadWhole("/proc/self/status"))) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t value = line.find_first_not_of(" \t", colon + 1);
    PrintFact("status." + line.substr(0, colon),
              value == std::string::npos ? "" : line.substr(value));
  }
}

void PrintPlace(const Arguments&) {
  char cwd[4096];
  PrintFact("cwd", ::getcwd(cwd, sizeof cwd) ? cwd : ErrnoText(errno));
  utsname names = {};
  ::uname(&names);
  PrintFact("hostname", names.nodename);
  PrintFact("domainname", names.domainname);
  const mode_t mask = ::umask(0);
  ::umask(mask);
  char octal[16];
  std::snprintf(octal, sizeof octal, "%04o", mask);
  PrintFact("umask", octal);
  PrintFact("oom_score_adj",
            LinesOf(ReadWhole("/proc/self/oom_score_adj") + "\n")[0]);
  PrintFact("dumpable", std::to_string(::prctl(PR_GET_DUMPABLE)));
  PrintFact("pdeathsig", [] {
    int signal = -1;
    ::prctl(PR_GET_PDEATHSIG, &signal);
    return std::to_string(signal);
  }());
}

void PrintDescriptors(const Arguments&) {
  DIR* dir = ::opendir("/proc/self/fd");
  if (dir == nullptr) return;
  const int own = ::dirfd(dir);
  while (const dirent* entry = ::readdir(dir)) {
    const std::string name = entry->d_name;
    if (name[0] == '.' || name == std::to_string(own)) continue;
    PrintFact("fd." + name, LinkOf("/proc/self/fd/" + name));
  }
  ::closedir(dir);
}

void PrintNamespaces(const Arguments&) {
  for (const char* name :
       {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"}) {
    PrintFact(std::string("ns.") + name,
              LinkOf(std::string("/proc/self/ns/") + name));
  }
  for (const char* name : {"uid_map", "gid_map", "setgroups"}) {
    PrintFact(name, ReadWhole(std::string("/proc/self/") + name));
  }
  PrintFact("timens_offsets", ReadWhole("/proc/self/timens_offsets"));
}

void PrintLimits(const Arguments&) {
  static constexpr std::pair<const char*, int> kLimits[] = {
      {"AS", RLIMIT_AS},
      {"CORE", RLIMIT_CORE},
      {"CPU", RLIMIT_CPU},
      {"DATA", RLIMIT_DATA},
      {"FSIZE", RLIMIT_FSIZE},
      {"MEMLOCK", RLIMIT_MEMLOCK},
      {"MSGQUEUE", RLIMIT_MSGQUEUE},
      {"NICE", RLIMIT_NICE},
      {"NOFILE", RLIMIT_NOFILE},
      {"NPROC", RLIMIT_NPROC},
      {"RTPRIO", RLIMIT_RTPRIO},
      {"SIGPENDING", RLIMIT_SIGPENDING},
      {"STACK", RLIMIT_STACK}};
  const auto text = [](rlim_t value) {
    return value == RLIM_INFINITY ? std::string("-1") : std::to_string(value);
  };
  for (const auto& [name, number] : kLimits) {
    rlimit limit = {};
    ::getrlimit(static_cast<__rlimit_resource>(number), &limit);
    PrintFact(std::string("limit.") + name,
              text(limit.rlim_cur) + " " + text(limit.rlim_max));
  }
}

void PrintMounts(const Arguments&) {
  for (const std::string& line : LinesOf(ReadWhole("/proc/self/mountinfo"))) {
    PrintFact("mount", line);
  }
}

void PrintCgroup(const Arguments&) {
  for (const std::string& line : LinesOf(ReadWhole("/proc/self/cgroup"))) {
    PrintFact("cgroup", line);
  }
}

void PrintTerminal(const Arguments&) {
  for (const int fd : {0, 1, 2}) {
    PrintFact("tty." + std::to_string(fd), ::isatty(fd) ? "yes" : "no");
  }
  winsize size = {};
  if (::ioctl(0, TIOCGWINSZ, &size) == 0) {
    PrintFact("rows", std::to_string(size.ws_row));
    PrintFact("cols", std::to_string(size.ws_col));
  }
}

struct Section {
  const char* name;
  void (*print)(const Arguments&);
};

constexpr Section kSections[] = {
    {"argv", PrintArguments},    {"env", PrintEnvironment},
    {"ids", PrintIds},           {"status", PrintStatus},
    {"place", PrintPlace},       {"fds", PrintDescriptors},
    {"ns", PrintNamespaces},     {"limits", PrintLimits},
    {"mounts", PrintMounts},     {"cgroup", PrintCgroup},
    {"terminal", PrintTerminal},
};

}  // namespace

int Facts(const Arguments& arguments) {
  for (const Section& section : kSections) {
    if (arguments.empty() || std::find(arguments.begin(), arguments.end(),
                                       section.name) != arguments.end()) {
      section.print(arguments);
    }
  }
  return 0;
}

}  // namespace caisson::inside
