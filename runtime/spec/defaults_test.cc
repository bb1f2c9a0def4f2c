#include "runtime/spec/defaults.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/spec/capability.h"
#include "runtime/spec/validate.h"
#include "runtime/spec/validate_cases_test.h"

namespace caisson::spec {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::SizeIs;

constexpr std::string_view kId = "0123456789abcdef0123456789abcdef";

const CapabilitySets& Exact(const Process& process) {
  return *process.capabilities->exact;
}

TEST(DefaultsTest, UnsetMeansStrict) {
  const ContainerSpec spec = WithDefaults(ValidSpec(), kId);
  EXPECT_EQ(spec.name, "0123456789ab");
  EXPECT_EQ(spec.hostname, "0123456789ab");
  EXPECT_EQ(spec.rootfs.host_directory->writable_layer, true);
  EXPECT_EQ(spec.process.user, "0:0");
  EXPECT_EQ(spec.process.working_dir, "/");
  EXPECT_EQ(spec.process.stdin_mode, StdinMode::kNone);
  EXPECT_EQ(spec.process.umask, 022);
  EXPECT_FALSE(spec.process.allow_new_privileges);
  EXPECT_EQ(spec.process.env.at("PATH"), kDefaultPath);
  EXPECT_EQ(spec.process.env.at("HOSTNAME"), "0123456789ab");
  EXPECT_FALSE(spec.process.env.contains("TERM"));
  EXPECT_EQ(spec.resources.pids_limit, 2048);
  EXPECT_EQ(spec.resources.memory.kill_group, true);
  EXPECT_EQ(spec.namespaces.pid.mode, NamespaceMode::kPrivate);
  EXPECT_EQ(spec.namespaces.ipc.mode, NamespaceMode::kPrivate);
  EXPECT_EQ(spec.namespaces.uts.mode, NamespaceMode::kPrivate);
  EXPECT_EQ(spec.namespaces.cgroup.mode, NamespaceMode::kPrivate);
  EXPECT_EQ(spec.namespaces.time.mode, NamespaceMode::kHost);
  EXPECT_EQ(spec.network.mode, NetworkMode::kNone);
  EXPECT_TRUE(spec.user_namespace.host);
  EXPECT_EQ(spec.security.seccomp.profile, "default/1");
  EXPECT_THAT(*spec.security.masked_paths, Contains("/proc/kcore"));
  EXPECT_THAT(*spec.security.readonly_paths, Contains("/proc/sys"));
  EXPECT_EQ(spec.stop_signal, "SIGTERM");
  EXPECT_EQ(spec.stop_timeout, absl::Seconds(10));
  EXPECT_EQ(spec.log.max_files, 4);
  EXPECT_FALSE(spec.delete_after_exit.has_value());
  EXPECT_FALSE(spec.process.oom_score_adj.has_value());
}

TEST(DefaultsTest, TheEffectiveSpecIsValidAndStaysTheSame) {
  ContainerSpec spec = ValidSpec();
  spec.process.tty = true;
  spec.resources.cpu.limit_millis = 500;
  spec.mounts.resize(1);
  spec.mounts[0].target = "/tmp";
  spec.mounts[0].tmpfs.emplace();
  const ContainerSpec effective = WithDefaults(spec, kId);
  EXPECT_THAT(Validate(effective), IsEmpty());
  EXPECT_EQ(WithDefaults(effective, kId), effective);
  const ExecSpec exec = WithDefaults(ValidExec(), effective);
  EXPECT_THAT(Validate(exec), IsEmpty());
  EXPECT_EQ(WithDefaults(exec, effective), exec);
}

TEST(DefaultsTest, NineCapabilitiesAndNoneInheritable) {
  const ContainerSpec spec = WithDefaults(ValidSpec());
  const CapabilitySets& sets = Exact(spec.process);
  EXPECT_THAT(sets.bounding,
              ElementsAre("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER",
                          "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
                          "CAP_NET_BIND_SERVICE", "CAP_SETFCAP"));
  EXPECT_EQ(sets.permitted, sets.bounding);
  EXPECT_EQ(sets.effective, sets.bounding);
  EXPECT_THAT(sets.inheritable, IsEmpty());
  EXPECT_THAT(sets.ambient, IsEmpty());
}

TEST(DefaultsTest, CapabilitiesAreAddedAndDropped) {
  const auto resolve = [](Capabilities change) {
    ContainerSpec spec = ValidSpec();
    spec.process.capabilities = change;
    return Exact(WithDefaults(spec).process);
  };
  EXPECT_THAT(resolve({.add = {"kill"}, .drop = {"ALL"}}).bounding,
              ElementsAre("CAP_KILL"));
  EXPECT_THAT(resolve({.add = {"ALL"}}).bounding,
              SizeIs(kLastKnownCapability + 1));
  EXPECT_THAT(resolve({.add = {"ALL"}, .drop = {"SYS_ADMIN"}}).bounding,
              Not(Contains("CAP_SYS_ADMIN")));
  const CapabilitySets ambient =
      resolve({.add = {"NET_ADMIN"}, .ambient = {"NET_ADMIN"}});
  EXPECT_THAT(ambient.ambient, ElementsAre("CAP_NET_ADMIN"));
  EXPECT_THAT(ambient.inheritable, ElementsAre("CAP_NET_ADMIN"));
}

TEST(DefaultsTest, PrivilegedIsSpelledOut) {
  ContainerSpec spec = ValidSpec();
  spec.security.privileged = true;
  const ContainerSpec effective = WithDefaults(spec);
  EXPECT_TRUE(effective.security.seccomp.unconfined);
  EXPECT_FALSE(effective.security.seccomp.profile.has_value());
  EXPECT_THAT(*effective.security.masked_paths, IsEmpty());
  EXPECT_THAT(*effective.security.readonly_paths, IsEmpty());
  EXPECT_EQ(CapabilityMask(Exact(effective.process).effective),
            AllCapabilities());
}

TEST(DefaultsTest, AnExplicitEmptyListStaysEmpty) {
  ContainerSpec spec = ValidSpec();
  spec.security.masked_paths.emplace();
  EXPECT_THAT(*WithDefaults(spec).security.masked_paths, IsEmpty());
}

TEST(DefaultsTest, WhatIsSetIsKept) {
  ContainerSpec spec = ValidSpec();
  spec.name = "web";
  spec.hostname = "host";
  spec.process.env = {{"PATH", "/bin"}};
  spec.process.env_raw = {{"HOSTNAME", "x"}};
  spec.process.umask = 0;
  spec.process.tty = true;
  spec.process.terminal_size = TerminalSize{.rows = 50, .cols = 0};
  spec.stop_signal = "int";
  spec.stop_timeout = absl::ZeroDuration();
  spec.resources.pids_limit = -1;
  const ContainerSpec effective = WithDefaults(spec, kId);
  EXPECT_EQ(effective.name, "web");
  EXPECT_EQ(effective.hostname, "host");
  EXPECT_EQ(effective.process.env.at("PATH"), "/bin");
  EXPECT_FALSE(effective.process.env.contains("HOSTNAME"));
  EXPECT_EQ(effective.process.env.at("TERM"), "xterm");
  EXPECT_EQ(effective.process.umask, 0);
  EXPECT_EQ(effective.process.terminal_size->rows, 50);
  EXPECT_EQ(effective.process.terminal_size->cols, 80);
  EXPECT_EQ(effective.stop_signal, "SIGINT");
  EXPECT_EQ(effective.stop_timeout, absl::ZeroDuration());
  EXPECT_EQ(effective.resources.pids_limit, -1);
}

TEST(DefaultsTest, DefaultRlimitsAreMarked) {
  ContainerSpec spec = ValidSpec();
  spec.process.rlimits = {{.name = "RLIMIT_CORE", .soft = 5, .hard = 6}};
  const ContainerSpec effective = WithDefaults(spec);
  EXPECT_THAT(effective.process.rlimits,
              ElementsAre(Rlimit{"CORE", 5, 6, false},
                          Rlimit{"NOFILE", 1024, 524288, true},
                          Rlimit{"MEMLOCK", 8 << 20, 8 << 20, true}));
}

TEST(DefaultsTest, ATmpfsIsStrictUnlessToldOtherwise) {
  ContainerSpec spec = ValidSpec();
  spec.mounts.resize(1);
  spec.mounts[0].tmpfs.emplace();
  spec.mounts[0].options = {"dev", "noexec"};
  const Mount mount = WithDefaults(spec).mounts[0];
  EXPECT_THAT(mount.options, ElementsAre("dev", "noexec", "nosuid"));
  EXPECT_EQ(mount.tmpfs->mode, 01777);
  EXPECT_EQ(mount.propagation, "rprivate");
}

TEST(DefaultsTest, ASharedUtsNamespaceHasItsOwnName) {
  ContainerSpec spec = ValidSpec();
  spec.namespaces.uts.mode = NamespaceMode::kHost;
  EXPECT_EQ(WithDefaults(spec, kId).hostname, "");
}

TEST(DefaultsTest, AnExecTakesItsContainersPlace) {
  ContainerSpec spec = ValidSpec();
  spec.process.user = "1000:100";
  spec.process.extra_groups = {"7"};
  spec.process.working_dir = "/srv";
  spec.process.env = {{"A", "container"}, {"B", "container"}};
  spec.process.env_raw = {{"R", "\xff"}};
  spec.process.capabilities = Capabilities{.drop = {"ALL"}};
  spec.process.rlimits = {{.name = "NOFILE", .soft = 7, .hard = 7},
                          {.name = "CPU", .soft = 9, .hard = 9}};
  spec.process.umask = 077;
  const ContainerSpec container = WithDefaults(spec, kId);
  ExecSpec exec = ValidExec();
  exec.process.env = {{"B", "exec"}};
  exec.process.rlimits = {{.name = "RLIMIT_CPU", .soft = 1, .hard = 2}};
  const ExecSpec effective = WithDefaults(exec, container);
  EXPECT_EQ(effective.process.user, "1000:100");
  EXPECT_THAT(effective.process.extra_groups, ElementsAre("7"));
  EXPECT_EQ(effective.process.working_dir, "/srv");
  EXPECT_THAT(effective.process.env, Contains(Pair("A", "container")));
  EXPECT_THAT(effective.process.env, Contains(Pair("B", "exec")));
  EXPECT_THAT(effective.process.env,
              Contains(Pair("HOSTNAME", "0123456789ab")));
  EXPECT_THAT(effective.process.env_raw, ElementsAre(Pair("R", "\xff")));
  EXPECT_THAT(Exact(effective.process).bounding, IsEmpty());
  EXPECT_THAT(effective.process.rlimits, Contains(Rlimit{"CPU", 1, 2, false}));
  EXPECT_THAT(effective.process.rlimits,
              Contains(Rlimit{"NOFILE", 7, 7, false}));
  EXPECT_EQ(effective.process.umask, 077);
  EXPECT_EQ(effective.on_disconnect.action, DisconnectAction::kKill);
  EXPECT_EQ(effective.spool_bytes, 1 << 20);
  EXPECT_EQ(effective.retention, absl::Minutes(10));
}

TEST(DefaultsTest, AnExecWithAnotherUserGetsNotItsGroups) {
  ContainerSpec spec = ValidSpec();
  spec.process.extra_groups = {"7"};
  ExecSpec exec = ValidExec();
  exec.process.user = "5";
  const ExecSpec effective = WithDefaults(exec, WithDefaults(spec));
  EXPECT_EQ(effective.process.user, "5");
  EXPECT_THAT(effective.process.extra_groups, IsEmpty());
}

TEST(DefaultsTest, PortsAreOfTheLoopbackUnlessAskedOtherwise) {
  ContainerSpec spec = ValidSpec();
  spec.network.mode = NetworkMode::kAttach;
  spec.network.networks = {{.network = "a"}};
  spec.network.ports = {{.container_port = 80},
                        {.container_port = 53,
                         .host_port = 53,
                         .host_ip = "::",
                         .protocol = "udp",
                         .count = 2}};
  const Network network = WithDefaults(spec, kId).network;
  // Chosen where the other ones of the container are known.
  EXPECT_EQ(network.networks[0].interface, "");
  EXPECT_EQ(network.ports[0].host_ip, "127.0.0.1");
  EXPECT_EQ(network.ports[0].host_port, 0);
  EXPECT_EQ(network.ports[0].protocol, "tcp");
  EXPECT_EQ(network.ports[0].count, 1);
  EXPECT_EQ(network.ports[1], spec.network.ports[1]);
}

TEST(DefaultsTest, NetworksAreBridgesOnTheirOwn) {
  const NetworkSpec bridge = WithDefaults(NetworkSpec(), kId);
  EXPECT_EQ(bridge.name, "0123456789ab");
  EXPECT_EQ(bridge.driver, "bridge");
  EXPECT_EQ(bridge.mode, "");
  EXPECT_EQ(bridge.isolation, NetworkIsolation::kNetwork);
  EXPECT_FALSE(bridge.ingress);
  EXPECT_EQ(bridge.nat4, Nat());
}

TEST(DefaultsTest, TheEffectiveNetworkIsValidAndStaysTheSame) {
  for (const char* driver :
       {"bridge", "ptp", "macvlan", "ipvlan", "host-device"}) {
    NetworkSpec spec;
    spec.driver = driver;
    if (spec.driver != "bridge" && spec.driver != "ptp") {
      spec.interface = "eth0";
    }
    const NetworkSpec effective = WithDefaults(spec, kId);
    EXPECT_THAT(Validate(effective), IsEmpty()) << driver;
    EXPECT_EQ(WithDefaults(effective, kId), effective) << driver;
  }
}

}  // namespace
}  // namespace caisson::spec
