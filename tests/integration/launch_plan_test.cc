// A plan, executed as the shim does, makes the container that was asked for,
// and a plan that fails at any step leaves nothing behind.
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "runtime/plan/header.h"
#include "runtime/plan/host_devices.h"
#include "runtime/plan/ops.h"
#include "runtime/spec/defaults.h"
#include "tests/integration/plan_fixture.h"

namespace caisson::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(RootLaunchPlanTest, RunsAProgramAndReportsItsExit) {
  const PlanResult result = runner_.RunShell("echo out; echo err >&2; exit 7");
  ASSERT_TRUE(result.started) << Describe(result);
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
  EXPECT_EQ(result.exit_code, 7);
}

TEST_F(RootLaunchPlanTest, IsPidOneInItsOwnRoot) {
  EXPECT_EQ(Output("echo $$; cat /marker; ls -d /tmp/plan.* 2>/dev/null | wc "
                   "-l; cat /proc/1/comm; true"),
            "1\ncontainer\n0\nsh\n");
}

TEST_F(RootLaunchPlanTest, HasNoOtherFileDescriptors) {
  EXPECT_EQ(Output("ls /proc/1/fd; true"), "0\n1\n2\n");
}

TEST_F(RootLaunchPlanTest, MountsOnlyWhatThePlanSays) {
  const std::string mounts = Output(
      "while read a b c d e f rest; do echo $e $f; done "
      "</proc/self/mountinfo");
  EXPECT_THAT(mounts, StartsWith("/ rw,nosuid,nodev"));
  EXPECT_THAT(mounts, HasSubstr("\n/proc rw,nosuid,nodev,noexec"));
  EXPECT_THAT(mounts, HasSubstr("\n/sys ro,nosuid,nodev,noexec"));
  EXPECT_THAT(mounts, HasSubstr("\n/dev rw,nosuid,noexec"));
  EXPECT_THAT(mounts, HasSubstr("\n/dev/pts rw,nosuid,noexec"));
  EXPECT_THAT(mounts, HasSubstr("\n/dev/shm rw,nosuid,nodev,noexec"));
  EXPECT_THAT(mounts, HasSubstr("\n/proc/sys ro"));
  const std::string full = Output("cat /proc/self/mountinfo");
  EXPECT_THAT(full, Not(HasSubstr("shared:")));
  EXPECT_THAT(full, Not(HasSubstr("master:")));
  EXPECT_THAT(full, Not(HasSubstr(runner_.directory())));
}

TEST_F(RootLaunchPlanTest, LeavesTheHostAsItWas) {
  const HostPicture before = runner_.Look();
  Output("hostname; touch /file");
  EXPECT_EQ(runner_.Look(), before);
  EXPECT_FALSE(fs::exists(runner_.rootfs() + "/file"));
  EXPECT_FALSE(fs::exists(runner_.rootfs() + "/proc"));
  EXPECT_TRUE(fs::exists(runner_.directory() + "/upper/file"));
}

TEST_F(RootLaunchPlanTest, ReadOnlyRootStaysReadOnly) {
  spec::ContainerSpec spec =
      runner_.Shell("touch /x 2>&1; touch /dev/shm/y && echo shm");
  spec.rootfs.read_only = true;
  EXPECT_THAT(Output(spec), AllOf(HasSubstr("Read-only"), EndsWith("shm\n")));
}

TEST_F(RootLaunchPlanTest, WithoutLayerReadOnlyNeverTouchesTheDirectory) {
  for (const char* name : {"proc", "sys", "dev"}) {
    fs::create_directory(base::StrCat(runner_.rootfs(), "/", name));
  }
  spec::ContainerSpec spec = runner_.Shell("touch /x 2>&1 | wc -l");
  spec.rootfs.read_only = true;
  spec.rootfs.host_directory->writable_layer = false;
  EXPECT_EQ(Output(spec), "1\n");
}

TEST_F(RootLaunchPlanTest, WritesThroughWhenAsked) {
  spec::ContainerSpec spec = runner_.Shell("echo hello >/through");
  spec.rootfs.host_directory->writable_layer = false;
  Output(spec);
  EXPECT_TRUE(fs::exists(runner_.rootfs() + "/through"));
}

TEST_F(RootLaunchPlanTest, HasDefaultCapabilitiesAndFilter) {
  spec::ContainerSpec spec = runner_.Shell("");
  spec.process.command = {"/bin/cat", "/proc/self/status"};
  const std::string status = Output(spec);
  EXPECT_THAT(status, HasSubstr("CapInh:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("CapPrm:\t00000000800004fb"));
  EXPECT_THAT(status, HasSubstr("CapEff:\t00000000800004fb"));
  EXPECT_THAT(status, HasSubstr("CapBnd:\t00000000800004fb"));
  EXPECT_THAT(status, HasSubstr("CapAmb:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(status, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("SigIgn:\t0000000000000000"));
}

TEST_F(RootLaunchPlanTest, OtherUsersHaveNoCapabilities) {
  spec::ContainerSpec spec = runner_.Shell("cat /proc/self/status; id");
  spec.process.user = "app";
  const std::string out = Output(spec);
  EXPECT_THAT(out, HasSubstr("CapPrm:\t0000000000000000"));
  EXPECT_THAT(out, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(out, HasSubstr("CapBnd:\t00000000800004fb"));
  EXPECT_THAT(out, HasSubstr("uid=1000(app) gid=1001(app) "
                             "groups=20(extra),1001(app)"));
}

TEST_F(RootLaunchPlanTest, FilterLoadsWithoutNoNewPrivileges) {
  spec::ContainerSpec spec = runner_.Shell("cat /proc/self/status");
  spec.process.allow_new_privileges = true;
  const std::string status = Output(spec);
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t0"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(status, HasSubstr("CapBnd:\t00000000800004fb"));
}

TEST_F(RootLaunchPlanTest, DigitsAreNumbersAndNeverNames) {
  spec::ContainerSpec spec = runner_.Shell("id -u; id -G; echo $HOME");
  spec.process.user = "1000";
  EXPECT_EQ(Output(spec), "1000\n1001 20\n/home/app\n");
  spec.process.user = "4711";
  EXPECT_EQ(Output(spec), "4711\n0\n/\n");
  spec.process.user = "0:0";
  spec.process.strict_groups = true;
  spec.process.extra_groups = {"20", "others"};
  EXPECT_EQ(Output(spec), "0\n0 20 21\n/root\n");
}

TEST_F(RootLaunchPlanTest, UnknownUserAndGroupAreErrors) {
  spec::ContainerSpec spec = runner_.Shell("true");
  spec.process.user = "nobody";
  EXPECT_EQ(Failing(spec).failure.err, ESRCH);
  spec.process.user = "app:nogroup";
  EXPECT_EQ(Failing(spec).failure.err, ENODATA);
}

TEST_F(RootLaunchPlanTest, HostilePasswdFilesAreErrorsAtOnce) {
  const std::string passwd = runner_.rootfs() + "/etc/passwd";
  fs::remove(passwd);
  ASSERT_EQ(::mkfifo(passwd.c_str(), 0644), 0);
  EXPECT_EQ(Failing(runner_.Shell("true")).failure.err, EINVAL);
  fs::remove(passwd);
  fs::create_symlink("/dev/zero", passwd);
  EXPECT_EQ(Failing(runner_.Shell("true")).failure.err, EINVAL);
  fs::remove(passwd);
  std::ofstream(passwd) << "root:x:0:0::/root:\n";
  fs::resize_file(passwd, uint64_t{1} << 31);
  EXPECT_EQ(Failing(runner_.Shell("true")).failure.err, EFBIG);
  fs::remove(passwd);
  EXPECT_EQ(Output("echo $HOME"), "/\n");
}

TEST_F(RootLaunchPlanTest, MaskedPathsAreEmptyAndUnwritable) {
  EXPECT_EQ(Output("cat /proc/keys /proc/timer_list /proc/interrupts | wc -c; "
                   "ls /sys/firmware | wc -l; "
                   "stat -c %t:%T /proc/interrupts"),
            "0\n0\n1:3\n");
  EXPECT_THAT(Output("echo x >/proc/sys/kernel/core_pattern || echo denied; "
                     "touch /sys/firmware/x || echo denied; "
                     "echo x >/proc/sysrq-trigger || echo denied"),
              "denied\ndenied\ndenied\n");
}

TEST_F(RootLaunchPlanTest, StandardDevicesWork) {
  EXPECT_EQ(
      Output("stat -c '%n %t:%T %a' /dev/null /dev/zero /dev/full /dev/random "
             "/dev/urandom /dev/tty; readlink /dev/ptmx; readlink /dev/fd; "
             "head -c 3 /dev/zero | wc -c; echo x >/dev/null && echo ok; "
             "ls /dev | wc -l"),
      "/dev/null 1:3 666\n/dev/zero 1:5 666\n/dev/full 1:7 666\n"
      "/dev/random 1:8 666\n/dev/urandom 1:9 666\n/dev/tty 5:0 666\n"
      "pts/ptmx\n/proc/self/fd\n3\nok\n15\n");
}

class RootDeviceTest : public RootLaunchPlanTest {
 protected:
  // Listed for reading only; unlisted is refused even to who may make nodes.
  void ExpectFiltered() {
    runner_.context().devices = plan::DetectDevices(Spec());
    EXPECT_THAT(
        Output(Spec()),
        AllOf(HasSubstr("null works\n"), HasSubstr("read works\n"),
              HasSubstr("write refused\n"), HasSubstr("disk refused\n")));
  }
  spec::ContainerSpec Spec() {
    spec::ContainerSpec spec = runner_.Shell(
        "echo x >/dev/null && echo null works; "
        "true </dev/sub/log && echo read works; "
        "(: >/dev/sub/log) 2>/dev/null || echo write refused; "
        "mknod /tmp/disk b 8 0 2>/dev/null || echo disk refused");
    // The kernel's log, which not every /dev has.
    const std::string log = runner_.directory() + "/log";
    if (!fs::exists(log)) {
      EXPECT_EQ(::mknod(log.c_str(), S_IFCHR | 0600, ::makedev(1, 11)), 0);
    }
    spec.devices = {{log, "/dev/sub/log", "r", false}};
    spec.process.capabilities = spec::Capabilities{{"MKNOD", "SYSLOG"}, {}, {}};
    spec.resources.pids_limit = -1;
    return spec;
  }
};

TEST_F(RootDeviceTest, OnlyListedDevicesCanBeUsed) {
  ExpectFiltered();
}

TEST_F(RootDeviceTest, UnifiedHierarchyFiltersByProgram) {
  ASSERT_TRUE(runner_.UseUnifiedOnly());
  ExpectFiltered();
}

TEST_F(RootLaunchPlanTest, UnifiedHierarchyIsReadOnlyFromItsOwnRootDown) {
  ASSERT_TRUE(runner_.UseUnifiedOnly());
  spec::ContainerSpec spec = runner_.Shell(
      "cat /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.procs | head -1; "
      "mkdir /sys/fs/cgroup/x 2>/dev/null || echo refused");
  fs::create_symlink("busybox", runner_.rootfs() + "/bin/mkdir");
  spec.resources.pids_limit = -1;
  EXPECT_THAT(Output(spec),
              AllOf(HasSubstr("0::/\n"), EndsWith("1\nrefused\n")));
}

TEST_F(RootLaunchPlanTest, NamesNetworkAndLimits) {
  spec::ContainerSpec spec = runner_.Shell(
      "hostname; echo $HOSTNAME; ifconfig lo | head -1 >/dev/null && "
      "ls /sys/class/net; ulimit -n; ulimit -c; umask; pwd");
  spec.hostname = "box";
  spec.process.rlimits = {{"NOFILE", 64, 64}};
  EXPECT_EQ(Output(spec), "box\nbox\nlo\n64\n0\n0022\n/\n");
}

TEST_F(RootLaunchPlanTest, ExplicitLimitAboveTheHostIsRefused) {
  spec::ContainerSpec spec = runner_.Shell("true");
  spec.process.rlimits = {{"NOFILE", 1, int64_t{1} << 40}};
  EXPECT_EQ(runner_.TryBuild(spec).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(RootLaunchPlanTest, SysctlsReachTheContainerOnly) {
  spec::ContainerSpec spec = runner_.Shell(
      "cat /proc/sys/net/ipv4/ip_default_ttl "
      "/proc/sys/kernel/msgmax");
  spec.sysctls = {{"net.ipv4.ip_default_ttl", "33"}, {"kernel.msgmax", "4321"}};
  EXPECT_EQ(Output(spec), "33\n4321\n");
}

TEST_F(RootLaunchPlanTest, SharesTheHostsNamespacesWhenAsked) {
  spec::ContainerSpec spec = runner_.Shell(
      "for n in pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done");
  spec.namespaces.pid.mode = spec::NamespaceMode::kHost;
  spec.namespaces.ipc.mode = spec::NamespaceMode::kHost;
  spec.namespaces.uts.mode = spec::NamespaceMode::kHost;
  spec.namespaces.cgroup.mode = spec::NamespaceMode::kHost;
  spec.network.mode = spec::NetworkMode::kHost;
  std::string expected;
  for (const char* name : {"pid", "ipc", "uts", "net", "cgroup"}) {
    expected += fs::read_symlink(base::StrCat("/proc/self/ns/", name)).string();
    expected += "\n";
  }
  EXPECT_EQ(Output(spec), expected);
}

TEST_F(RootLaunchPlanTest, TimeNamespaceIsPrivateWhenAsked) {
  spec::ContainerSpec spec = runner_.Shell("readlink /proc/self/ns/time");
  spec.namespaces.time.mode = spec::NamespaceMode::kPrivate;
  EXPECT_THAT(Output(spec),
              Not(HasSubstr(fs::read_symlink("/proc/self/ns/time").string())));
}

TEST_F(RootLaunchPlanTest, BindAndTmpfsMountsWithOptions) {
  const std::string source = runner_.directory() + "/source";
  fs::create_directory(source);
  std::ofstream(source + "/file") << "data\n";
  spec::ContainerSpec spec = runner_.Shell(
      "cat /data/deep/file /one; touch /data/deep/x 2>&1 | wc -l; "
      "touch /one 2>/dev/null && echo written; stat -c %a /scratch; "
      "mount | while read a b c d e f; do case $c in /data/*|/scratch) echo "
      "$f; "
      "esac; done");
  spec::Mount bind;
  bind.target = "/data/deep";
  bind.bind = spec::BindMount{source};
  bind.read_only = true;
  bind.options = {"noexec"};
  spec::Mount file;
  file.target = "/one";
  file.bind = spec::BindMount{source + "/file"};
  spec::Mount tmpfs;
  tmpfs.target = "/scratch";
  tmpfs.tmpfs = spec::TmpfsMount{1 << 20, 0700};
  spec.mounts = {bind, file, tmpfs};
  const std::string out = Output(spec);
  EXPECT_THAT(out, StartsWith("data\ndata\n1\nwritten\n700\n"));
  EXPECT_THAT(out, HasSubstr("(ro,nosuid,nodev,noexec"));
  EXPECT_THAT(out, HasSubstr("size=1024k"));
}

TEST_F(RootLaunchPlanTest, ReadOnlyBindIsReadOnlyBelowToo) {
  const std::string source = runner_.directory() + "/outer";
  fs::create_directories(source + "/inner");
  ASSERT_EQ(::mount("t", (source + "/inner").c_str(), "tmpfs", 0, ""), 0);
  spec::ContainerSpec spec =
      runner_.Shell("touch /m/inner/x 2>/dev/null || echo denied");
  spec::Mount bind;
  bind.target = "/m";
  bind.bind = spec::BindMount{source};
  bind.read_only = true;
  spec.mounts = {bind};
  EXPECT_EQ(Output(spec), "denied\n");
  ASSERT_EQ(::umount((source + "/inner").c_str()), 0);
}

TEST_F(RootLaunchPlanTest, PropagationFollowsTheSpec) {
  const std::string source = runner_.directory() + "/prop";
  fs::create_directory(source);
  ASSERT_EQ(::mount("t", source.c_str(), "tmpfs", 0, ""), 0);
  ASSERT_EQ(::mount("", source.c_str(), "", MS_SHARED, nullptr), 0);
  const auto with = [&](const std::string& propagation) {
    spec::ContainerSpec spec = runner_.Shell(
        "while read a b c d e f g h; do [ $e = /p ] && echo $g; true; "
        "done </proc/self/mountinfo");
    spec::Mount bind;
    bind.target = "/p";
    bind.bind = spec::BindMount{source};
    bind.propagation = propagation;
    spec.mounts = {bind};
    return Output(spec);
  };
  EXPECT_EQ(with("rprivate"), "-\n");
  EXPECT_THAT(with("rslave"), StartsWith("master:"));
  EXPECT_THAT(with("rshared"), StartsWith("shared:"));
  EXPECT_THAT(with("unbindable"), StartsWith("unbindable"));
  ASSERT_EQ(::umount(source.c_str()), 0);
}

TEST_F(RootLaunchPlanTest, TargetsStayInsideTheRoot) {
  const std::string canary = runner_.directory() + "/canary";
  fs::create_directory(canary);
  const std::string up = "/../../../../../../../..";
  fs::create_symlink(up + canary, runner_.rootfs() + "/escape");
  fs::create_symlink("/", runner_.rootfs() + "/slash");
  spec::ContainerSpec spec = runner_.Shell("ls -d /escape/m /sub");
  spec::Mount first;
  first.target = "/slash/sub";
  first.tmpfs = spec::TmpfsMount{};
  spec.mounts = {first};
  const HostPicture before = runner_.Look();
  EXPECT_EQ(runner_.Run(spec).out, "/sub\n");
  first.target = "/escape/m";
  spec.mounts = {first};
  runner_.ResetLayer();
  runner_.Run(spec);
  EXPECT_EQ(runner_.Look(), before);
  EXPECT_TRUE(fs::is_empty(canary));
}

TEST_F(RootLaunchPlanTest, DanglingLinksAreFollowedInsideTheRoot) {
  const std::string& root = runner_.rootfs();
  fs::create_symlink("../run/sub/resolv.conf", root + "/etc/resolv.conf");
  fs::create_symlink("/nowhere/../../../deep", root + "/absolute");
  fs::create_symlink("loop", root + "/loop");
  const std::string source = runner_.directory() + "/resolv";
  std::ofstream(source) << "nameserver\n";
  spec::ContainerSpec spec =
      runner_.Shell("cat /etc/resolv.conf /run/sub/resolv.conf; ls -d /deep/d");
  spec::Mount file;
  file.target = "/etc/resolv.conf";
  file.bind = spec::BindMount{source};
  spec::Mount directory;
  directory.target = "/absolute/d";
  directory.tmpfs = spec::TmpfsMount{};
  spec.mounts = {file, directory};
  EXPECT_EQ(Output(spec), "nameserver\nnameserver\n/deep/d\n");
  file.target = "/loop";
  spec.mounts = {file};
  EXPECT_EQ(Failing(spec).failure.err, ELOOP);
}

TEST_F(RootLaunchPlanTest, MountsOverProcAreRefused) {
  fs::create_symlink("/proc", runner_.rootfs() + "/innocent");
  spec::ContainerSpec spec = runner_.Shell("true");
  spec::Mount mount;
  mount.tmpfs = spec::TmpfsMount{};
  for (const char* target : {"/proc", "/proc/sys", "/innocent/self"}) {
    mount.target = target;
    spec.mounts = {mount};
    EXPECT_EQ(Failing(spec).failure.err, EPERM) << target;
  }
}

TEST_F(RootLaunchPlanTest, SymlinksForProcSysDevAreRefused) {
  for (const char* name : {"proc", "sys", "dev"}) {
    const std::string path = base::StrCat(runner_.rootfs(), "/", name);
    fs::create_directory(runner_.rootfs() + "/elsewhere");
    fs::create_symlink("/elsewhere", path);
    EXPECT_EQ(Failing(runner_.Shell("true")).failure.err, ELOOP) << name;
    fs::remove(path);
  }
}

TEST_F(RootLaunchPlanTest, ImagesOwnDevIsNeverUsed) {
  fs::create_directory(runner_.rootfs() + "/dev");
  fs::create_symlink("/proc/sysrq-trigger", runner_.rootfs() + "/dev/null");
  EXPECT_EQ(Output("stat -c %t:%T /dev/null /proc/interrupts"), "1:3\n1:3\n");
  for (const char* name : {"console", "ptmx", "pts"}) {
    fs::create_symlink("/etc/passwd",
                       base::StrCat(runner_.rootfs(), "/dev/", name));
  }
  spec::ContainerSpec spec = runner_.Shell("stat -c %t /dev/console; tty");
  spec.process.tty = true;
  EXPECT_EQ(Output(spec), "88\r\n/dev/pts/0\r\n");
}

TEST_F(RootLaunchPlanTest, WorkingDirectoryCannotLeadOutside) {
  spec::ContainerSpec spec = runner_.Shell("pwd");
  for (int fd = 0; fd < 40; ++fd) {
    spec.process.working_dir = base::StrCat("/proc/self/fd/", fd);
    runner_.ResetLayer();
    const PlanResult result = runner_.Run(spec);
    EXPECT_FALSE(result.started) << fd << ": " << result.out;
  }
  spec.process.working_dir = "/proc/self/cwd/../../..";
  EXPECT_FALSE(runner_.Run(spec).started);
  spec.process.working_dir = "/new/place";
  EXPECT_EQ(Output(spec), "/new/place\n");
}

TEST_F(RootLaunchPlanTest, CommandsAreSearchedInTheContainersPath) {
  std::ofstream(runner_.rootfs() + "/etc/plain") << "no program\n";
  std::ofstream(runner_.rootfs() + "/bin/denied") << "#!/bin/sh\n";
  spec::ContainerSpec spec = runner_.Shell("");
  spec.process.command = {"echo", "found"};
  EXPECT_EQ(Output(spec), "found\n");
  spec.process.command = {"nothing-of-that-name"};
  EXPECT_EQ(Failing(spec).failure.err, ENOENT);
  spec.process.command = {"denied"};
  EXPECT_EQ(Failing(spec).failure.err, EACCES);
  spec.process.command = {"/etc/plain"};
  EXPECT_EQ(Failing(spec).failure.err, EACCES);
  spec.process.command = {"/etc"};
  EXPECT_EQ(Failing(spec).failure.err, EACCES);
  fs::permissions(runner_.rootfs() + "/etc/plain", fs::perms::all);
  spec.process.command = {"/etc/plain"};
  EXPECT_EQ(Failing(spec).failure.err, ENOEXEC);
}

TEST_F(RootLaunchPlanTest, EnvironmentIsExactlyWhatWasAskedFor) {
  spec::ContainerSpec spec = runner_.Shell("env");
  spec.process.command = {"/bin/env"};
  spec.process.env = {{"A", "1"}, {"EMPTY", ""}};
  spec.process.env_raw = {{"RAW", "\xff\xfe"}};
  spec.hostname = "h";
  std::string out = Output(spec);
  EXPECT_THAT(out, HasSubstr("A=1\n"));
  EXPECT_THAT(out, HasSubstr("EMPTY=\n"));
  EXPECT_THAT(out, HasSubstr("RAW=\xff\xfe\n"));
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 6) << out;
  EXPECT_THAT(out, HasSubstr("HOME=/root\n"));
}

TEST_F(RootLaunchPlanTest, TerminalIsControllingAndHasItsSize) {
  spec::ContainerSpec spec = runner_.Shell(
      "tty; stty size; stat -c %t /dev/console; exec 3</dev/tty && echo ctty; "
      "echo >/dev/console console; readlink /proc/self/fd/0");
  spec.process.tty = true;
  spec.process.terminal_size = spec::TerminalSize{33, 77};
  const std::string out = Output(spec);
  EXPECT_EQ(out,
            "/dev/pts/0\r\n33 77\r\n88\r\nctty\r\nconsole\r\n/dev/pts/0\r\n");
}

// Every op of every executor, replaced by one that fails: what the launch did
// until then leaves no trace once its fds are closed and its cgroups removed.
class RootFaultTest : public RootLaunchPlanTest {
 protected:
  void FailEachOp(const spec::ContainerSpec& spec) {
    const plan::Plan plan = runner_.Build(spec);
    const HostPicture before = runner_.Look();
    for (uint32_t i = 0; i < plan.notes.size(); ++i) {
      runner_.ResetLayer();
      const PlanResult result = runner_.Run(BreakOp(plan.bytes, i));
      EXPECT_FALSE(result.started) << i;
      EXPECT_EQ(result.failure.op, i);
      EXPECT_EQ(result.failure.err, EBADF) << i;
      EXPECT_EQ(result.out, "");
      ASSERT_EQ(runner_.Look(), before) << "op " << i;
    }
    runner_.ResetLayer();
    EXPECT_EQ(runner_.Run(plan.bytes).out, "ran\n");
  }
};

TEST_F(RootFaultTest, FailingOpsLeaveNothingBehind) {
  spec::ContainerSpec spec = runner_.Shell("echo ran");
  spec::Mount bind;
  bind.target = "/data";
  bind.bind = spec::BindMount{runner_.rootfs()};
  bind.read_only = true;
  spec.mounts = {bind};
  spec.sysctls = {{"net.ipv4.ip_default_ttl", "33"}};
  WriteNameFiles();
  FailEachOp(spec);
}

TEST_F(RootFaultTest, FailingOpsOfAUserNamespaceLeaveNothingBehind) {
  WriteNameFiles();
  spec::ContainerSpec spec = runner_.Shell("echo ran");
  spec.user_namespace.explicit_maps =
      spec::IdMapping{{{0, 100000, 65536}}, {{0, 200000, 65536}}};
  FailEachOp(spec);
}

TEST_F(RootFaultTest, FailingOpsOfATerminalLeaveNothingBehind) {
  spec::ContainerSpec spec = runner_.Shell("stty -opost; echo ran");
  spec.process.tty = true;
  FailEachOp(spec);
}

TEST_F(RootFaultTest, FailingOpsOfAMappedTerminalLeaveNothingBehind) {
  spec::ContainerSpec spec = runner_.Shell("stty -opost; echo ran");
  spec.process.tty = true;
  spec.user_namespace.explicit_maps =
      spec::IdMapping{{{0, 100000, 65536}}, {{0, 200000, 65536}}};
  FailEachOp(spec);
}

class RootUserNamespaceTest : public RootLaunchPlanTest {
 protected:
  spec::ContainerSpec Mapped(const std::string& script) {
    spec::ContainerSpec spec = runner_.Shell(script);
    spec.user_namespace.explicit_maps =
        spec::IdMapping{{{0, 100000, 65536}}, {{0, 200000, 65536}}};
    return spec;
  }
};

TEST_F(RootUserNamespaceTest, MapsIdsAndShowsTheImageAsItsOwn) {
  spec::ContainerSpec spec = Mapped(
      "id -u; id -g; cat /proc/self/uid_map; stat -c %u:%g /marker / "
      "/dev/null; touch /made; stat -c %u /made; hostname changed; "
      "hostname");
  spec.process.capabilities = spec::Capabilities{{"SYS_ADMIN"}, {}, {}, {}};
  const std::string out = Output(spec);
  EXPECT_THAT(out, MatchesRegex("0\n0\n *0 +100000 +65536\n0:0\n0:0\n0:0\n0\n"
                                "changed\n"));
  struct stat info;
  ASSERT_EQ(::stat((runner_.directory() + "/upper/made").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 100000u);
  EXPECT_EQ(info.st_gid, 200000u);
  ASSERT_EQ(::stat((runner_.rootfs() + "/marker").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
}

TEST_F(RootUserNamespaceTest, StandardMountsWorkInside) {
  EXPECT_EQ(
      Output(Mapped("ls /proc | head -1; ls /sys/class/net; "
                    "echo x >/dev/null && echo null; "
                    "touch /dev/shm/x && echo shm; "
                    "echo again >/dev/stdout; cat /proc/interrupts | wc -c")),
      "1\nlo\nnull\nshm\nagain\n0\n");
}

TEST_F(RootUserNamespaceTest, TerminalBelongsToTheUser) {
  spec::ContainerSpec spec = Mapped("tty; stat -c %u:%g /dev/pts/0; id -u");
  spec.process.tty = true;
  spec.process.user = "1000";
  EXPECT_EQ(Output(spec), "/dev/pts/0\r\n1000:5\r\n1000\r\n");
}

// With the right to mount, the container's root can add to the tree, and
// neither loosen nor uncover anything of it.
TEST_F(RootUserNamespaceTest, MountsAreLocked) {
  const std::string source = runner_.directory() + "/source";
  fs::create_directory(source);
  spec::ContainerSpec spec = Mapped(
      "for m in / /data /sys /proc/sys; do "
      "mount -o remount,bind,rw $m 2>/dev/null && echo $m is loose; done; "
      "for m in /data /proc/sys /proc/timer_list /dev/shm; do "
      "umount -l $m 2>/dev/null && echo $m is gone; done; "
      "mount -o bind /data /tmp && mount -o remount,bind,rw /tmp 2>/dev/null "
      "&& echo the copy is loose; umount /tmp; "
      "touch /x /data/x 2>/dev/null && echo written; "
      "mount -t tmpfs t /tmp && touch /tmp/x && echo mounts");
  spec.rootfs.read_only = true;
  spec.process.capabilities = spec::Capabilities{{"SYS_ADMIN"}, {}, {}, {}};
  spec::Mount bind;
  bind.target = "/data";
  bind.bind = spec::BindMount{source};
  bind.read_only = true;
  spec.mounts = {bind};
  EXPECT_EQ(Output(spec), "mounts\n");
  EXPECT_TRUE(fs::is_empty(source));
}

TEST_F(RootUserNamespaceTest, UnifiedHierarchyIsReadOnlyAndLocked) {
  ASSERT_TRUE(runner_.UseUnifiedOnly());
  spec::ContainerSpec spec = Mapped(
      "head -1 /sys/fs/cgroup/cgroup.procs; "
      "mount -o remount,bind,rw /sys/fs/cgroup 2>/dev/null || "
      "echo refused");
  spec.process.capabilities = spec::Capabilities{{"SYS_ADMIN"}, {}, {}, {}};
  spec.resources.pids_limit = -1;
  EXPECT_EQ(Output(spec), "1\nrefused\n");
}

TEST_F(RootUserNamespaceTest, ConsoleAndTerminalHaveTheirNames) {
  spec::ContainerSpec spec = Mapped(
      "readlink /proc/self/fd/0; stat -c %t /dev/console; "
      "echo >/dev/console console");
  spec.process.tty = true;
  EXPECT_EQ(Output(spec), "/dev/pts/0\r\n88\r\nconsole\r\n");
}

TEST_F(RootUserNamespaceTest, OtherUsersWork) {
  spec::ContainerSpec spec =
      Mapped("id -u; id -G; echo x >/dev/stderr; cat /proc/self/oom_score_adj");
  spec.process.user = "app";
  EXPECT_EQ(Output(spec), "1000\n1001 20\n0\n");
}

TEST_F(RootUserNamespaceTest, ForeignNamespacesShowTheHostsFileSystems) {
  spec::ContainerSpec spec = Mapped("ls -d /proc/self /sys/class/net; echo ok");
  spec.namespaces.pid.mode = spec::NamespaceMode::kHost;
  spec.network.mode = spec::NetworkMode::kHost;
  EXPECT_THAT(Output(spec), EndsWith("ok\n"));
}

TEST_F(RootUserNamespaceTest, LeavesTheHostAsItWas) {
  const HostPicture before = runner_.Look();
  Output(Mapped("true"));
  EXPECT_EQ(runner_.Look(), before);
}

class RootExecPlanTest : public RootLaunchPlanTest {
 protected:
  // Runs `exec` in a container that waits, and gives back what it said.
  PlanResult Exec(const spec::ContainerSpec& container,
                  const spec::ExecSpec& exec) {
    runner_.ResetLayer();
    RunningPlan running = runner_.Start(runner_.Build(container).bytes);
    EXPECT_TRUE(running.result.started) << Describe(running.result);
    PlanResult result = runner_.Exec(container, exec, &running);
    runner_.Kill(&running);
    runner_.Finish(std::move(running));
    runner_.RemoveCgroups();
    return result;
  }
  spec::ContainerSpec Waiting() { return runner_.Shell("sleep 1000; true"); }
  spec::ExecSpec ShellExec(const std::string& script) {
    spec::ExecSpec spec;
    spec.process.command = {"/bin/sh", "-c", script};
    return spec;
  }
};

TEST_F(RootExecPlanTest, EntersAllNamespaces) {
  const HostPicture before = runner_.Look();
  const PlanResult result = Exec(
      Waiting(),
      ShellExec("for n in mnt pid ipc uts net cgroup user; do "
                "[ $(readlink /proc/1/ns/$n) = $(readlink /proc/self/ns/$n) ] "
                "|| echo $n differs; done; cat /marker; "
                "[ $$ != 1 ] && echo not one; exit 9"));
  ASSERT_TRUE(result.started) << Describe(result);
  EXPECT_EQ(result.out, "container\nnot one\n");
  EXPECT_EQ(result.exit_code, 9);
  EXPECT_EQ(runner_.Look(), before);
}

TEST_F(RootExecPlanTest, HasTheSameRestrictions) {
  spec::ExecSpec exec = ShellExec("");
  exec.process.command = {"/bin/cat", "/proc/self/status"};
  const std::string out = Exec(Waiting(), exec).out;
  EXPECT_THAT(out, HasSubstr("CapBnd:\t00000000800004fb"));
  EXPECT_THAT(out, HasSubstr("CapEff:\t00000000800004fb"));
  EXPECT_THAT(out, HasSubstr("CapInh:\t0000000000000000"));
  EXPECT_THAT(out, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(out, HasSubstr("Seccomp:\t2"));
}

TEST_F(RootExecPlanTest, WorksInAUserNamespace) {
  spec::ContainerSpec container = Waiting();
  container.user_namespace.explicit_maps =
      spec::IdMapping{{{0, 100000, 65536}}, {{0, 200000, 65536}}};
  spec::ExecSpec exec = ShellExec(
      "id -u; touch /made && stat -c %u:%g /made; echo x >/dev/stdout");
  const PlanResult result = Exec(container, exec);
  EXPECT_EQ(result.out, "0\n0:0\nx\n") << Describe(result);
  exec.process.user = "app";
  exec.process.command = {"/bin/id", "-u"};
  EXPECT_EQ(Exec(container, exec).out, "1000\n");
  exec.process.tty = true;
  exec.process.command = {"/bin/readlink", "/proc/self/fd/0"};
  EXPECT_EQ(Exec(container, exec).out, "/dev/pts/0\r\n");
}

TEST_F(RootExecPlanTest, WorkingDirectoryCannotLeadOutside) {
  runner_.ResetLayer();
  RunningPlan running = runner_.Start(runner_.Build(Waiting()).bytes);
  ASSERT_TRUE(running.result.started);
  spec::ExecSpec exec = ShellExec("pwd");
  for (int fd = 0; fd < 40; ++fd) {
    exec.process.working_dir = base::StrCat("/proc/self/fd/", fd);
    EXPECT_FALSE(runner_.Exec(Waiting(), exec, &running).started) << fd;
  }
  exec.process.working_dir = "/bin/../../../../tmp";
  EXPECT_EQ(runner_.Exec(Waiting(), exec, &running).out, "/tmp\n");
  runner_.Kill(&running);
  runner_.Finish(std::move(running));
}

TEST_F(RootExecPlanTest, TerminalIsInTheContainersDevpts) {
  spec::ExecSpec exec = ShellExec("tty; stty size; stat -c %u:%g $(tty)");
  exec.process.tty = true;
  exec.process.terminal_size = spec::TerminalSize{50, 132};
  exec.process.user = "app";
  EXPECT_EQ(Exec(Waiting(), exec).out, "/dev/pts/0\r\n50 132\r\n1000:5\r\n");
}

TEST_F(RootExecPlanTest, ReplacedNullDeviceIsNotUsedAsInput) {
  spec::ContainerSpec container = runner_.Shell(
      "umount /dev/null 2>/dev/null; rm /dev/null; echo evil >/dev/null; "
      "echo ready; sleep 1000; true");
  fs::create_symlink("busybox", runner_.rootfs() + "/bin/rm");
  runner_.ResetLayer();
  RunningPlan running = runner_.Start(runner_.Build(container).bytes);
  ASSERT_TRUE(running.result.started);
  char ready[6] = {};
  ASSERT_EQ(::read(running.out.get(), ready, sizeof(ready)), 6);
  const PlanResult result = runner_.Exec(container, ShellExec("cat"), &running);
  EXPECT_FALSE(result.started);
  EXPECT_EQ(result.failure.err, ENODEV);
  runner_.Kill(&running);
  runner_.Finish(std::move(running));
}

TEST_F(RootExecPlanTest, DeadContainerIsAnErrorAndNotTheHost) {
  runner_.ResetLayer();
  RunningPlan running = runner_.Start(runner_.Build(Waiting()).bytes);
  ASSERT_TRUE(running.result.started);
  runner_.Kill(&running);
  runner_.AwaitDeath(running);
  const HostPicture before = runner_.Look();
  const PlanResult result =
      runner_.Exec(Waiting(), ShellExec("echo escaped"), &running);
  EXPECT_FALSE(result.started);
  EXPECT_EQ(result.failure.op, init::kFailedSpawn);
  EXPECT_EQ(result.failure.err, ESRCH);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(runner_.Look(), before);
  runner_.Finish(std::move(running));
}

TEST_F(RootExecPlanTest, FailingOpsLeaveNothingBehind) {
  runner_.ResetLayer();
  RunningPlan running = runner_.Start(runner_.Build(Waiting()).bytes);
  ASSERT_TRUE(running.result.started);
  const std::string bytes = runner_.BuildExec(Waiting(), ShellExec("echo ran"));
  const HostPicture before = runner_.Look();
  plan::PlanView view;
  ASSERT_TRUE(plan::OpenPlan(bytes.data(), bytes.size(), &view));
  for (uint32_t i = 0; i < view.header->op_count; ++i) {
    const PlanResult result =
        runner_.Finish(runner_.Start(BreakOp(bytes, i), &running));
    EXPECT_FALSE(result.started) << i;
    EXPECT_EQ(result.failure.op, i);
    runner_.RemoveExecCgroups();
    ASSERT_EQ(runner_.Look(), before) << "op " << i;
  }
  runner_.Kill(&running);
  runner_.Finish(std::move(running));
}

TEST_F(RootLaunchPlanTest, AnotherContainersNamespacesAreShared) {
  RunningPlan first = runner_.Start(
      runner_.Build(runner_.Shell("echo $$; sleep 1000; true")).bytes);
  ASSERT_TRUE(first.result.started);
  runner_.SetOwner("other", first);
  spec::ContainerSpec spec = runner_.Shell(
      "for n in pid ipc uts net; do readlink /proc/self/ns/$n; done; "
      "[ $$ != 1 ] && [ -d /proc/1 ] && echo shared");
  for (spec::Namespace* ns :
       {&spec.namespaces.pid, &spec.namespaces.ipc, &spec.namespaces.uts}) {
    *ns = {spec::NamespaceMode::kContainer, "other"};
  }
  spec.network = {spec::NetworkMode::kContainer, "other"};
  const std::string expected = runner_.NamespacesOf(first);
  runner_.ResetLayer();
  const PlanResult result =
      runner_.Finish(runner_.Start(runner_.BuildSecond(spec)));
  EXPECT_EQ(result.out, base::StrCat(expected, "shared\n")) << Describe(result);
  runner_.Kill(&first);
  runner_.Finish(std::move(first));
}

// How long the parts of a launch take; the numbers are for people, the bound
// only finds what is badly wrong.
TEST_F(RootLaunchPlanTest, ReportsItsPhases) {
  spec::ContainerSpec spec = runner_.Shell("");
  spec.process.command = {"/bin/true"};
  const plan::Plan plan = runner_.Build(spec);
  std::vector<int64_t> prepare, spawn, child;
  for (int i = 0; i < 60; ++i) {
    runner_.ResetLayer();
    const PlanResult result = runner_.Run(plan.bytes);
    ASSERT_TRUE(result.started);
    prepare.push_back(result.prepare_ns / 1000);
    spawn.push_back(result.spawn_ns / 1000);
    child.push_back(result.child_ns / 1000);
  }
  for (auto* list : {&prepare, &spawn, &child}) {
    std::sort(list->begin(), list->end());
  }
  RecordProperty("prepare_us", static_cast<int>(prepare[30]));
  RecordProperty("spawn_us", static_cast<int>(spawn[30]));
  RecordProperty("child_us", static_cast<int>(child[30]));
  std::printf(
      "median us: prepare %ld, clone %ld, clone to exec %ld; %zu ops, "
      "%zu bytes\n",
      static_cast<long>(prepare[30]), static_cast<long>(spawn[30]),
      static_cast<long>(child[30]), plan.notes.size(), plan.bytes.size());
  EXPECT_LT(child[30], 1'000'000);
}

}  // namespace
}  // namespace caisson::testing
