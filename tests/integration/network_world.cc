#include "tests/integration/network_world.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <utility>

#include "netsetup/link.h"
#include "runtime/base/status_matchers.h"
#include "tests/testing/process.h"

namespace caisson::testing {
namespace {

using base::IsOk;
using netsetup::Netns;

// Once for the program: names of namespaces are seen by its children alone.
bool HidePins() {
  static const bool hidden = [] {
    return ::unshare(CLONE_NEWNS) == 0 &&
           ::mount("", "/", nullptr, MS_PRIVATE | MS_REC, nullptr) == 0 &&
           ::mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == 0;
  }();
  return hidden;
}

ProcessResult RunIn(const std::string& netns,
                    const std::vector<std::string>& argv) {
  ProcessOptions options;
  // Looks for the program.
  options.argv = {"/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  if (!netns.empty()) {
    options.argv.insert(options.argv.end(), {"ip", "netns", "exec", netns});
  }
  options.argv.insert(options.argv.end(), argv.begin(), argv.end());
  return RunProgram(options);
}

}  // namespace

void NetworkWorld::SetUp() {
  ASSERT_EQ(::geteuid(), 0u) << "run it as root";
  ASSERT_TRUE(HidePins());
  CAISSON_ASSERT_OK_AND_ASSIGN(before_, netsetup::CurrentNetns());
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
  CAISSON_ASSERT_OK_AND_ASSIGN(host_, netsetup::Socket::Open());
  CAISSON_ASSERT_OK(host_->Request(
      netsetup::BuildChangeLink({.name = "lo"}, {.up = true}), "up", "lo"));
}

void NetworkWorld::TearDown() {
  for (const auto& [name, netns] : containers_) {
    EXPECT_THAT(netsetup::UnpinNetns(name), IsOk());
  }
  if (before_.fd.is_valid()) {
    EXPECT_EQ(::setns(before_.fd.get(), CLONE_NEWNET), 0);
  }
}

const Netns& NetworkWorld::AddContainer(const std::string& name) {
  absl::StatusOr<Netns> netns =
      netsetup::CreateNetns(netsetup::DefaultSysctls());
  EXPECT_THAT(netns, IsOk());
  EXPECT_THAT(netsetup::PinNetns(netns->fd.get(), name), IsOk());
  // A reference stays good: see the reserve.
  if (containers_.empty()) containers_.reserve(1024);
  containers_.emplace_back(name, *std::move(netns));
  return containers_.back().second;
}

std::string NetworkWorld::Run(const std::string& netns,
                              const std::vector<std::string>& argv) {
  const ProcessResult result = RunIn(netns, argv);
  EXPECT_EQ(result.status, 0) << argv[0] << ": " << result.err;
  return result.out;
}

bool NetworkWorld::Succeeds(const std::string& netns,
                            const std::vector<std::string>& argv) {
  return RunIn(netns, argv).status == 0;
}

nlohmann::json NetworkWorld::Json(const std::string& netns,
                                  const std::vector<std::string>& argv) {
  // Not a failure of the parser, which would throw, but of the test.
  nlohmann::json parsed =
      nlohmann::json::parse(Run(netns, argv), nullptr, false);
  EXPECT_FALSE(parsed.is_discarded());
  return parsed.is_discarded() ? nlohmann::json::array() : parsed;
}

nlohmann::json NetworkWorld::LinkJson(const std::string& netns,
                                      const std::string& name) {
  for (const nlohmann::json& link :
       Json(netns, {"ip", "-j", "-d", "link", "show"})) {
    if (link.value("ifname", "") == name) return link;
  }
  return nullptr;
}

bool NetworkWorld::Ping(const std::string& netns, const std::string& address) {
  return Succeeds(netns, {"ping", "-n", "-q", "-c", "1", "-W", "2", address});
}

std::string NetworkWorld::ReadSysctlIn(const std::string& netns,
                                       const std::string& key) {
  std::string value = Run(netns, {"cat", "/proc/sys/" + key});
  while (!value.empty() && value.back() == '\n') value.pop_back();
  return value;
}

}  // namespace caisson::testing
