// The physical limit that the benchmarks compare with: the same namespaces,
// the same mount list (overlay included), pivot_root and execve as a Caisson
// container, and nothing else: no daemon, no cgroup, no capability, no filter,
// no log, no record, and of course no safety.
//
// Process: stand-alone, single-threaded. Reads the mount list on standard
// input (see ParseLine), runs the program SAMPLES times and prints the
// nanoseconds from before clone to after waitpid of each sample, one a line.
//
//   caisson-floor SAMPLES IDLE_US SCRATCH PROGRAM [ARG...] < list
//
// SCRATCH is a directory where the fresh overlay directories of each sample
// are made, outside the time that is measured: the daemon, too, makes them
// before a start. "@UPPER@" and "@WORK@" in the list stand for them.
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Step {
  std::string verb;  // mount, bind, mkdir, mknod, symlink
  std::string a, b, c;
  unsigned long flags = 0;  // NOLINT(google-runtime-int): mount(2)
};

unsigned Number(const char* text) {
  return static_cast<unsigned>(strtoul(text, nullptr, 10));
}

[[noreturn]] void Die(const std::string& what) {
  perror(what.c_str());
  _exit(99);
}

// One step a line, fields separated by tabs, all five present:
//   mount <fstype> <target> <data> <flags>     bind <source> <target> - <flags>
//   mkdir <path> - - <mode>   mknod <path> <major> <minor> <mode>
//   symlink <target> <path> - 0
// Paths are relative to the new root.
Step ParseLine(const std::string& line) {
  Step step;
  std::istringstream in(line);
  std::string flags;
  std::getline(in, step.verb, '\t');
  std::getline(in, step.a, '\t');
  std::getline(in, step.b, '\t');
  std::getline(in, step.c, '\t');
  std::getline(in, flags, '\t');
  step.flags = strtoul(flags.c_str(), nullptr, 0);
  return step;
}

std::string Replace(std::string text, const std::string& from,
                    const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

void Apply(const Step& s) {
  int result = 0;
  if (s.verb == "mount") {
    result = mount(s.a.c_str(), s.b.c_str(), s.a.c_str(), s.flags, s.c.c_str());
  } else if (s.verb == "bind") {
    result = mount(s.a.c_str(), s.b.c_str(), nullptr, s.flags, nullptr);
  } else if (s.verb == "mkdir") {
    result = mkdir(s.a.c_str(), s.flags);
    if (result != 0 && errno == EEXIST) result = 0;
  } else if (s.verb == "mknod") {
    result = mknod(s.a.c_str(), s.flags,
                   makedev(Number(s.b.c_str()), Number(s.c.c_str())));
  } else if (s.verb == "symlink") {
    result = symlink(s.a.c_str(), s.b.c_str());
  } else {
    errno = EINVAL;
    result = -1;
  }
  if (result != 0) Die(s.verb + " " + s.a + " " + s.b);
}

// The child: everything between clone and execve. `root` is where the first
// step mounts the root file system.
[[noreturn]] void Child(const std::vector<Step>& steps, const char* root,
                        char** argv) {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    Die("private");
  }
  Apply(steps.front());
  if (chdir(root) != 0) Die("chdir");
  for (size_t i = 1; i < steps.size(); ++i) Apply(steps[i]);
  if (syscall(SYS_pivot_root, ".", ".") != 0) Die("pivot_root");
  if (umount2(".", MNT_DETACH) != 0) Die("umount2");
  if (chdir("/") != 0) Die("chdir /");
  const int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request = {};
  strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP;
  if (ioctl(sock, SIOCSIFFLAGS, &request) != 0) Die("lo");
  if (sethostname("floor", 5) != 0) Die("sethostname");
  execv(argv[0], argv);
  Die("execv");
}

int64_t NowNs() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

int64_t Sample(const std::vector<Step>& steps, const std::string& root,
               char** argv) {
  const int64_t start = NowNs();
  clone_args args = {};
  args.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC |
               CLONE_NEWNET | CLONE_NEWCGROUP;
  args.exit_signal = SIGCHLD;
  const pid_t pid =
      static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof(args)));
  if (pid < 0) Die("clone3");
  if (pid == 0) Child(steps, root.c_str(), argv);
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) {
    fprintf(stderr, "sample failed: status %d\n", status);
    exit(1);
  }
  return NowNs() - start;
}

void MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) Die("mkdir " + path);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    fprintf(stderr,
            "usage: caisson-floor SAMPLES IDLE_US SCRATCH PROGRAM [ARG...] "
            "< mount-list\n");
    return 2;
  }
  const int samples = static_cast<int>(Number(argv[1]));
  const useconds_t idle_us = Number(argv[2]);
  const std::string scratch = argv[3];
  std::vector<Step> list;
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) list.push_back(ParseLine(line));
  }
  if (list.empty()) {
    fprintf(stderr, "caisson-floor: empty mount list\n");
    return 2;
  }
  const std::string root = scratch + "/root";
  MakeDirectory(root);
  for (int i = 0; i < samples; ++i) {
    // Never used before: a volatile overlay refuses a work directory that was.
    const std::string base =
        scratch + "/" + std::to_string(getpid()) + "-" + std::to_string(i);
    MakeDirectory(base);
    MakeDirectory(base + "/upper");
    MakeDirectory(base + "/work");
    std::vector<Step> steps = list;
    for (Step& step : steps) {
      step.b = Replace(step.b, "@ROOT@", root);
      step.c = Replace(Replace(step.c, "@UPPER@", base + "/upper"), "@WORK@",
                       base + "/work");
    }
    if (idle_us > 0) usleep(idle_us);
    printf("%lld\n",
           static_cast<long long>(Sample(steps, root, argv + 4)));  // NOLINT
    fflush(stdout);
  }
  return 0;
}
