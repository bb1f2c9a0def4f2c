// caisson-shim: one static binary, two roles.
//
//   caisson-shim --keeper --state DIR [--cgroup-base PATH]
//     runs the keeper, which forks the shims. Ends with status 3 when DIR has
//     a keeper already.
//   caisson-shim --shim ...
//     how the keeper of another release executes this one as a shim.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "runtime/cgroup/base.h"
#include "runtime/cgroup/facts.h"
#include "runtime/shim/handover.h"
#include "runtime/shim/keeper.h"
#include "runtime/shim/shim.h"

namespace caisson::shim {
namespace {

constexpr int kExitUsage = 2;
constexpr int kExitHasKeeper = 3;

struct Flags {
  bool keeper = false;
  bool joined = false;  // the cgroup, before the copy was executed
  const char* state = nullptr;
  const char* cgroup_base = nullptr;
};

bool ParseFlags(int argc, char** argv, Flags* flags) {
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--keeper") {
      flags->keeper = true;
    } else if (flag == "--joined") {
      flags->joined = true;
    } else if (flag == "--state" && i + 1 < argc) {
      flags->state = argv[++i];
    } else if (flag == "--cgroup-base" && i + 1 < argc) {
      flags->cgroup_base = argv[++i];
    } else {
      return false;
    }
  }
  return flags->keeper && flags->state != nullptr;
}

absl::Status JoinCgroup(const char* path) {
  CAISSON_ASSIGN_OR_RETURN(const cgroup::Facts facts, cgroup::Detect());
  CAISSON_ASSIGN_OR_RETURN(cgroup::Base base, cgroup::ResolveBase(facts, path));
  CAISSON_RETURN_IF_ERROR(cgroup::CreateKeeperGroup(&base));
  return cgroup::JoinKeeperGroup(base);
}

// Descriptors 0 to 2 exist, or the first ones opened would take their place.
void OpenStandardStreams() {
  for (int fd = 0; fd < 3; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // The lowest free number, which is this one. It stays open across exec.
    if (::open("/dev/null", O_RDWR) < 0) return;  // lint-allow(cloexec): 0 to 2
  }
}

int Fail(const char* what, int error) {
  CAISSON_LOG(kError, what, {"error", base::ErrnoName(error)});
  return 1;
}

int RunKeeper(const Flags& flags) {
  Keeper keeper;
  const int error = keeper.Open(flags.state);
  if (error == EBUSY) return kExitHasKeeper;
  if (error != 0) return Fail("cannot keep shims", error);
  keeper.Run();
  return 0;
}

// The image that does the work is a sealed copy, started with a clean heap:
// every shim shares its pages.
int StartKeeper(const Flags& flags, int argc, char** argv) {
  if (flags.joined && RunsSealed()) return RunKeeper(flags);
  if (flags.cgroup_base != nullptr) {
    const absl::Status joined = JoinCgroup(flags.cgroup_base);
    if (!joined.ok()) {
      CAISSON_LOG(kError, "cannot join the keeper's cgroup",
                  {"error", joined.ToString()});
      return 1;
    }
  }
  char joined_flag[] = "--joined";
  char* copy_argv[16] = {};
  if (argc > 14) return kExitUsage;
  for (int i = 0; i < argc; ++i) copy_argv[i] = argv[i];
  copy_argv[argc] = joined_flag;
  return Fail("cannot execute a sealed copy", ExecuteSealedCopy(copy_argv));
}

int Main(int argc, char** argv) {
  OpenStandardStreams();
  ShimArguments arguments;
  if (ParseShimArguments(argc, argv, &arguments)) RunShim(&arguments);
  Flags flags;
  if (!ParseFlags(argc, argv, &flags)) {
    ::fputs("usage: caisson-shim --keeper --state DIR [--cgroup-base PATH]\n",
            stderr);
    return kExitUsage;
  }
  return StartKeeper(flags, argc, argv);
}

}  // namespace
}  // namespace caisson::shim

int main(int argc, char** argv) {
  return caisson::shim::Main(argc, argv);
}
