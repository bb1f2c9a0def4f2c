#include "runtime/plan/builder.h"

#include <sched.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <iterator>
#include <regex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/plan/describe.h"
#include "runtime/plan/header.h"
#include "runtime/plan/ops.h"
#include "runtime/spec/defaults.h"

namespace caisson::plan {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kId[] = "0123456789abcdef0123456789abcdef";

linux_::HostFacts Facts() {
  linux_::HostFacts facts;
  for (const std::string_view name :
       {linux_::kFeatureOverlay, linux_::kFeatureOverlayVolatile,
        linux_::kFeatureOverlayIdmap, linux_::kFeatureIdmappedMounts,
        linux_::kFeatureNestedUserNamespace}) {
    facts.features.push_back({std::string(name), true, ""});
  }
  for (rlimit& limit : facts.rlimits) limit = {RLIM_INFINITY, RLIM_INFINITY};
  facts.nr_open = 1 << 20;
  facts.bounding_capabilities = (uint64_t{1} << 41) - 1;
  facts.effective_capabilities = facts.bounding_capabilities;
  return facts;
}

// A host whose limits are v1's, where the daemon uses the pids controller and
// the bare v2 tree.
cgroup::Base HybridBase() {
  cgroup::Base base;
  base.facts.hierarchies = {
      {cgroup::Version::kV1, "/cg/memory", "/", {"memory"}},
      {cgroup::Version::kV1, "/cg/pids", "/", {"pids"}},
      {cgroup::Version::kV2, "/cg/unified", "/", {}}};
  base.facts.has_kill = true;
  base.group.directories = {{"memory", "/cg/memory/c"},
                            {"pids", "/cg/pids/c"},
                            {std::string(cgroup::kUnified), "/cg/unified/c"}};
  base.group.has_kill = true;
  return base;
}

cgroup::Base UnifiedBase() {
  cgroup::Base base;
  base.facts.hierarchies = {
      {cgroup::Version::kV2, "/cg", "/", {"cpu", "memory", "pids"}}};
  base.facts.has_kill = true;
  base.group.directories = {{std::string(cgroup::kUnified), "/cg/c"}};
  base.group.has_kill = true;
  base.unified_controllers = {"cpu", "memory", "pids"};
  return base;
}

spec::ContainerSpec Spec() {
  spec::ContainerSpec spec;
  spec.rootfs.host_directory = spec::HostDirectory{"/images/a", {}};
  spec.process.command = {"sh", "-c", "true"};
  return spec;
}

constexpr std::string_view kDefaultPlan =
    R"(PREPARE open /images/a
PREPARE give the upper directory the owner and mode of /images/a (upper /c/upper)
PREPARE open /c/upper
PREPARE open /c/work
PREPARE mount overlay on / (lower /images/a, upper /c/upper, options index=off,metacopy=off, attributes nosuid,nodev)
PREPARE mount tmpfs on /dev (options mode=0755,size=64m, attributes nosuid,noexec)
PREPARE make directory /dev/pts (mode 0755)
PREPARE make directory /dev/shm (mode 0755)
PREPARE make directory /dev/mqueue (mode 0755)
PREPARE make symbolic link /dev/ptmx (to pts/ptmx)
PREPARE make symbolic link /dev/fd (to /proc/self/fd)
PREPARE make symbolic link /dev/stdin (to /proc/self/fd/0)
PREPARE make symbolic link /dev/stdout (to /proc/self/fd/1)
PREPARE make symbolic link /dev/stderr (to /proc/self/fd/2)
PREPARE make symbolic link /dev/core (to /proc/kcore)
PREPARE mount devpts on /dev/pts (options ptmxmode=0666,mode=0620,gid=5, attributes nosuid,noexec)
PREPARE make device /dev/null (device c 1:3, mode 0666)
PREPARE make device /dev/zero (device c 1:5, mode 0666)
PREPARE make device /dev/full (device c 1:7, mode 0666)
PREPARE make device /dev/random (device c 1:8, mode 0666)
PREPARE make device /dev/urandom (device c 1:9, mode 0666)
PREPARE make device /dev/tty (device c 5:0, mode 0666)
PREPARE mount tmpfs on /dev/shm (options mode=1777,size=64m, attributes nosuid,nodev,noexec)
PREPARE mount tmpfs (options size=4k,nr_inodes=1,mode=0555, attributes ro,nosuid,nodev,noexec)
CHILD write /proc/self/oom_score_adj (value 0)
CHILD join namespaces network
CHILD new namespaces cgroup
CHILD set propagation of / (propagation recursive private)
CHILD attach the root /
CHILD mount proc on /proc (attributes nosuid,nodev,noexec)
CHILD attach proc on /proc
CHILD set sysctl net/ipv4/ip_unprivileged_port_start (value 0)
CHILD set sysctl net/ipv4/ping_group_range (value 0 2147483647)
CHILD mount sysfs on /sys (attributes ro,nosuid,nodev,noexec)
CHILD attach sysfs on /sys
CHILD attach tmpfs on /dev
CHILD attach tmpfs on /dev/shm
CHILD mount mqueue on /dev/mqueue (attributes nosuid,nodev,noexec)
CHILD attach mqueue on /dev/mqueue
CHILD attach devpts on /dev/pts
CHILD mask /proc/kcore
CHILD make read-only /proc/sys
CHILD change the root /
CHILD set hostname 0123456789ab
CHILD bring up loopback
CHILD new session keyring
EXEC look up user 0 (group 0)
EXEC change directory to /
EXEC connect standard streams (terminal false)
EXEC limit NOFILE (soft 1024, hard 524288)
EXEC limit CORE (soft 0, hard unlimited)
EXEC limit MEMLOCK (soft 8388608, hard 8388608)
EXEC set umask 0022
EXEC reset signals
EXEC limit capabilities to CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FOWNER,CAP_FSETID,CAP_KILL,CAP_SETGID,CAP_SETUID,CAP_NET_BIND_SERVICE,CAP_SETFCAP
EXEC set groups, gid and uid
EXEC set capabilities (permitted CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FOWNER,CAP_FSETID,CAP_KILL,CAP_SETGID,CAP_SETUID,CAP_NET_BIND_SERVICE,CAP_SETFCAP, effective CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FOWNER,CAP_FSETID,CAP_KILL,CAP_SETGID,CAP_SETUID,CAP_NET_BIND_SERVICE,CAP_SETFCAP, inheritable none, ambient none)
EXEC die with the shim by SIGKILL
EXEC close all other fds
EXEC no new privileges
EXEC load seccomp filter (...)
EXEC execute sh (arguments sh -c true, searchPath /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin, variables 2)
)";

class BuilderTest : public ::testing::Test {
 protected:
  BuilderTest() {
    context_.container_id = kId;
    context_.upper_path = "/c/upper";
    context_.work_path = "/c/work";
  }

  absl::StatusOr<Plan> TryBuild(const spec::ContainerSpec& spec) {
    return BuildLaunchPlan(spec::WithDefaults(spec, kId), facts_, base_,
                           context_);
  }
  void Build(const spec::ContainerSpec& spec) {
    absl::StatusOr<Plan> plan = TryBuild(spec);
    ASSERT_TRUE(plan.ok()) << plan.status();
    plan_ = *std::move(plan);
    ASSERT_TRUE(OpenPlan(plan_.bytes.data(), plan_.bytes.size(), &view_));
    ASSERT_EQ(plan_.notes.size(), view_.header->op_count);
  }
  void BuildExec(const spec::ExecSpec& exec, const spec::ContainerSpec& spec) {
    ExecContext context;
    context.container_id = kId;
    context.exec_number = 3;
    const spec::ContainerSpec container = spec::WithDefaults(spec, kId);
    absl::StatusOr<Plan> plan = BuildExecPlan(
        spec::WithDefaults(exec, container), container, facts_, base_, context);
    ASSERT_TRUE(plan.ok()) << plan.status();
    plan_ = *std::move(plan);
    ASSERT_TRUE(OpenPlan(plan_.bytes.data(), plan_.bytes.size(), &view_));
  }

  std::vector<std::string> Lines() const {
    std::vector<std::string> lines;
    for (uint32_t i = 0; i < view_.header->op_count; ++i) {
      const StepText step = DescribeOp(view_, i);
      lines.push_back(step.stage + " " + step.text);
    }
    return lines;
  }
  std::vector<Op> Find(OpKind kind) const {
    std::vector<Op> found;
    for (uint32_t i = 0; i < view_.header->op_count; ++i) {
      if (view_.ops[i].kind == kind) found.push_back(view_.ops[i]);
    }
    return found;
  }
  // Index of the first op of that kind; -1: none.
  int IndexOf(OpKind kind) const {
    for (uint32_t i = 0; i < view_.header->op_count; ++i) {
      if (view_.ops[i].kind == kind) return static_cast<int>(i);
    }
    return -1;
  }
  int LineOf(std::string_view text) const {
    const std::vector<std::string> lines = Lines();
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].find(text) != std::string::npos) return static_cast<int>(i);
    }
    return -1;
  }

  linux_::HostFacts facts_ = Facts();
  cgroup::Base base_ = HybridBase();
  LaunchContext context_;
  Plan plan_;
  PlanView view_;
};

TEST_F(BuilderTest, SameInputGivesTheSameBytes) {
  Build(Spec());
  const std::string first = plan_.bytes;
  Build(Spec());
  EXPECT_EQ(plan_.bytes, first);
}

TEST_F(BuilderTest, EveryOpSaysWhy) {
  Build(Spec());
  for (size_t i = 0; i < plan_.notes.size(); ++i) {
    EXPECT_FALSE(plan_.notes[i].why.empty()) << Lines()[i];
  }
}

// The whole of the default plan besides its cgroups, by value: a change of the
// defaults shows here.
TEST_F(BuilderTest, DefaultPlanIsThis) {
  spec::ContainerSpec spec = Spec();
  spec.security.masked_paths = {"/proc/kcore", "/sys/kernel/debug"};
  spec.security.readonly_paths = {"/proc/sys"};
  Build(spec);
  std::string text;
  for (const std::string& line : Lines()) {
    if (line.find("/cg/") == std::string::npos) text += line + "\n";
  }
  // How long the filter is belongs to the tests of the filter.
  text = std::regex_replace(text, std::regex("instructions [0-9]+"), "...");
  EXPECT_EQ(text, kDefaultPlan);
}

TEST_F(BuilderTest, NamespacesArePrivateByDefault) {
  Build(Spec());
  EXPECT_EQ(view_.header->clone_flags,
            uint64_t{CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                     CLONE_NEWNET});
  EXPECT_EQ(view_.header->join_pid_slot, kNoSlot);
  const std::vector<Op> unshares = Find(OpKind::kUnshare);
  ASSERT_THAT(unshares, SizeIs(1));
  EXPECT_EQ(unshares[0].a, uint64_t{CLONE_NEWCGROUP});
  EXPECT_LT(IndexOf(OpKind::kJoinCgroup), IndexOf(OpKind::kUnshare))
      << "the namespace is rooted where the process is";
}

TEST_F(BuilderTest, AFreshNetworkIsEnteredBeforeEverythingThatShowsIt) {
  Build(Spec());
  EXPECT_TRUE((view_.header->flags & kPlanFreshNetwork) != 0);
  const std::vector<Op> joins = Find(OpKind::kSetNamespaces);
  ASSERT_THAT(joins, SizeIs(1));
  EXPECT_EQ(joins[0].in, kSlotNetwork);
  EXPECT_EQ(joins[0].a, uint64_t{CLONE_NEWNET});
  EXPECT_EQ(joins[0].flags, kOpSkipMissing) << "the clone makes it then";
  EXPECT_LT(IndexOf(OpKind::kSetNamespaces), LineOf("sysfs"));
  EXPECT_LT(IndexOf(OpKind::kSetNamespaces), IndexOf(OpKind::kLoopbackUp));
}

TEST_F(BuilderTest, AnAttachedContainersNetworkIsConfiguredByTheDaemon) {
  Build(Spec());
  const std::vector<std::string> alone = Lines();
  EXPECT_TRUE((view_.header->flags & kPlanNeedsNetwork) == 0);
  spec::ContainerSpec spec = Spec();
  spec.network.mode = spec::NetworkMode::kAttach;
  spec.network.networks.emplace_back();
  Build(spec);
  EXPECT_TRUE((view_.header->flags & kPlanNeedsNetwork) != 0);
  EXPECT_TRUE((view_.header->flags & kPlanFreshNetwork) != 0);
  EXPECT_TRUE((view_.header->clone_flags & CLONE_NEWNET) != 0);
  EXPECT_EQ(Lines(), alone) << "all of it comes before the child's first step";
  EXPECT_THAT(plan_.summary, Contains(HasSubstr("network namespace: ")));
}

TEST_F(BuilderTest, HostNamespacesAreLeftAlone) {
  spec::ContainerSpec spec = Spec();
  spec.namespaces.pid.mode = spec::NamespaceMode::kHost;
  spec.namespaces.uts.mode = spec::NamespaceMode::kHost;
  spec.namespaces.cgroup.mode = spec::NamespaceMode::kHost;
  spec.network.mode = spec::NetworkMode::kHost;
  Build(spec);
  EXPECT_EQ(view_.header->clone_flags, uint64_t{CLONE_NEWNS | CLONE_NEWIPC});
  EXPECT_TRUE((view_.header->flags & kPlanSharedPidNamespace) != 0);
  EXPECT_EQ(IndexOf(OpKind::kSetHostname), -1);
  EXPECT_EQ(IndexOf(OpKind::kLoopbackUp), -1);
  EXPECT_EQ(IndexOf(OpKind::kUnshare), -1);
  EXPECT_EQ(IndexOf(OpKind::kSetNamespaces), -1);
  EXPECT_TRUE((view_.header->flags & kPlanFreshNetwork) == 0);
}

TEST_F(BuilderTest, SharedNamespacesComeFromTheOwnersProcess) {
  context_.owners["web"] = NamespaceOwner{4711, "feedbeef"};
  spec::ContainerSpec spec = Spec();
  spec.namespaces.pid = {spec::NamespaceMode::kContainer, "web"};
  spec.namespaces.ipc = {spec::NamespaceMode::kContainer, "web"};
  spec.network = {spec::NetworkMode::kContainer, "web"};
  Build(spec);
  const std::vector<Op> opened = Find(OpKind::kOpenPidfd);
  ASSERT_THAT(opened, SizeIs(1)) << "one process, one pidfd";
  EXPECT_EQ(opened[0].a, 4711u);
  EXPECT_STREQ(view_.Str(opened[0].s1), "/feedbeef/");
  EXPECT_EQ(view_.header->join_pid_slot, opened[0].out);
  ASSERT_THAT(Find(OpKind::kSetNamespaces), SizeIs(2));
  EXPECT_EQ(view_.header->clone_flags, uint64_t{CLONE_NEWNS | CLONE_NEWUTS});
}

TEST_F(BuilderTest, ANetworkNamespaceIsOpenedBesideTheContainer) {
  context_.network_namespace_path = "/run/netns/lab";
  spec::ContainerSpec spec = Spec();
  for (const bool named : {true, false}) {
    spec.network = {};
    if (named) {
      spec.network.mode = spec::NetworkMode::kNamespace;
      spec.network.namespace_name = "lab";
    } else {
      spec.network.mode = spec::NetworkMode::kNamespacePath;
      spec.network.namespace_path = "/run/netns/lab";
    }
    Build(spec);
    EXPECT_THAT(plan_.summary, Contains(HasSubstr("that at /run/netns/lab")));
    const std::vector<Op> joins = Find(OpKind::kSetNamespaces);
    ASSERT_THAT(joins, SizeIs(1));
    EXPECT_EQ(joins[0].a, uint64_t{CLONE_NEWNET});
    std::vector<Op> opened = Find(OpKind::kOpenPath);
    std::erase_if(opened, [&](const Op& op) { return op.out != joins[0].in; });
    ASSERT_THAT(opened, SizeIs(1));
    EXPECT_STREQ(view_.Str(opened[0].s1), "/run/netns/lab");
    EXPECT_TRUE((opened[0].flags & kOpSpecPath) != 0);
    // Nothing of what only a namespace of its own gets.
    EXPECT_TRUE((view_.header->clone_flags & CLONE_NEWNET) == 0);
    EXPECT_TRUE((view_.header->flags & kPlanFreshNetwork) == 0);
    EXPECT_EQ(IndexOf(OpKind::kLoopbackUp), -1);
    EXPECT_EQ(LineOf("ip_unprivileged_port_start"), -1);
    EXPECT_LT(IndexOf(OpKind::kSetNamespaces), LineOf("sysfs"));
  }
}

TEST_F(BuilderTest, GoneOwnerIsAFailedPrecondition) {
  spec::ContainerSpec spec = Spec();
  spec.network = {spec::NetworkMode::kContainer, "web"};
  const absl::Status status = TryBuild(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::DetailOf(status).reason, "NAMESPACE_OWNER_GONE");
}

TEST_F(BuilderTest, TheShimKillsTheRestWhereTheKernelKillsOne) {
  spec::ContainerSpec spec = Spec();
  spec.resources.memory.limit_bytes = 64 << 20;
  Build(spec);
  EXPECT_TRUE((view_.header->flags & kPlanOomKillsTree) != 0);
  EXPECT_THAT(plan_.summary, Contains(HasSubstr("the shim then all others")));
  spec.resources.memory.kill_group = false;
  Build(spec);
  EXPECT_TRUE((view_.header->flags & kPlanOomKillsTree) == 0);
  base_ = UnifiedBase();
  spec.resources.memory.kill_group = true;
  Build(spec);
  EXPECT_TRUE((view_.header->flags & kPlanOomKillsTree) == 0);
}

TEST_F(BuilderTest, CgroupStepsBecomeOps) {
  Build(Spec());
  EXPECT_LT(LineOf("make directory /cg/pids/c/"),
            LineOf("/cg/pids/c/0123456789abcdef0123456789abcdef/pids.max "
                   "(value 2048)"));
  const std::vector<Op> joins = Find(OpKind::kJoinCgroup);
  ASSERT_FALSE(joins.empty());
  for (const Op& join : joins) EXPECT_EQ(join.executor, Executor::kChild);
  std::vector<std::string> directories;
  uint32_t cursor = 0;
  const StrRef list = view_.header->policy.cgroup_directories;
  while (const char* text = NextString(view_, list, &cursor)) {
    directories.push_back(text);
  }
  EXPECT_THAT(directories,
              AllOf(Contains("unified"),
                    Contains(std::string("/cg/unified/c/") + kId)));
  EXPECT_TRUE((view_.header->flags & kPlanCgroupKill) != 0);
}

TEST_F(BuilderTest, UnifiedHierarchyIsJoinedByCloneAndShownReadOnly) {
  base_ = UnifiedBase();
  Build(Spec());
  EXPECT_THAT(Find(OpKind::kJoinCgroup), IsEmpty());
  bool opened = false;
  for (const Op& op : Find(OpKind::kOpenPath)) {
    opened |= op.out == kSlotCgroup;
  }
  EXPECT_TRUE(opened);
  EXPECT_THAT(Find(OpKind::kAttachDeviceFilter), SizeIs(1));
  EXPECT_THAT(Lines(), Contains(HasSubstr("CHILD mount cgroup2 on "
                                          "/sys/fs/cgroup (attributes "
                                          "ro,nosuid,nodev,noexec)")));
}

TEST_F(BuilderTest, UserNamespaceIsMappedBeforeAnythingElseInside) {
  spec::ContainerSpec spec = Spec();
  spec.user_namespace.explicit_maps =
      spec::IdMapping{{{0, 100000, 1000}}, {{0, 200000, 5}, {5, 300000, 1}}};
  Build(spec);
  EXPECT_TRUE((view_.header->clone_flags & CLONE_NEWUSER) != 0);
  EXPECT_TRUE((view_.header->flags & kPlanFreshNetwork) == 0)
      << "what was made before belongs to the host's user namespace";
  EXPECT_TRUE((view_.header->flags & kPlanNeedsMapped) != 0);
  EXPECT_EQ(view_.header->inner_root_uid, 100000u);
  EXPECT_EQ(view_.header->inner_root_gid, 200000u);
  EXPECT_THAT(Lines(),
              Contains(HasSubstr("PARENT write the process's uid_map (value 0 "
                                 "100000 1000")));
  EXPECT_LT(IndexOf(OpKind::kWaitBarrier), IndexOf(OpKind::kBecomeRoot));
  EXPECT_LT(IndexOf(OpKind::kBecomeRoot), IndexOf(OpKind::kUnshare) >= 0
                                              ? LineOf("CHILD set propagation")
                                              : 0);
  EXPECT_THAT(Lines(), Contains(HasSubstr("gid=300000"))) << "group tty";
  // The idmapped layer is attached before the overlay is made, and goes.
  EXPECT_LT(IndexOf(OpKind::kAttachAt), IndexOf(OpKind::kNewOverlay));
  EXPECT_LT(IndexOf(OpKind::kNewOverlay), IndexOf(OpKind::kDetachAt));
}

class MountLockTest : public BuilderTest {
 protected:
  static spec::ContainerSpec Mapped(std::vector<std::string> capabilities) {
    spec::ContainerSpec spec = Spec();
    spec.user_namespace.explicit_maps =
        spec::IdMapping{{{0, 100000, 1000}}, {{0, 100000, 1000}}};
    spec.process.capabilities =
        spec::Capabilities{std::move(capabilities), {}, {}, {}};
    return spec;
  }
  void ForbidNesting() { facts_.features.back().available = false; }
};

TEST_F(MountLockTest, TreeIsStagedThenCopied) {
  spec::ContainerSpec spec = Mapped({});
  spec.process.tty = true;
  Build(spec);
  EXPECT_EQ(view_.header->clone_flags & CLONE_NEWNS, 0u) << "made by the stage";
  EXPECT_LT(IndexOf(OpKind::kBecomeRoot), IndexOf(OpKind::kStageMounts));
  EXPECT_LT(IndexOf(OpKind::kStageMounts), LineOf("CHILD set propagation"));
  const int copy = LineOf("CHILD new namespaces mount");
  EXPECT_LT(LineOf("CHILD change the root"), copy);
  EXPECT_EQ(LineOf("CHILD open /"), copy + 1);
  // What the shim keeps must be attached in the copy.
  EXPECT_LT(copy, LineOf("CHILD attach devpts"));
  EXPECT_LT(copy, LineOf("CHILD bind the terminal"));
  for (const Op& op : Find(OpKind::kAttach)) {
    if (op.in == kSlotDevpts) continue;
    EXPECT_STRNE(view_.Str(op.s1), "dev/pts");
  }
}

TEST_F(MountLockTest, OnlyContainersWithIdMapsNeedIt) {
  Build(Spec());
  EXPECT_EQ(IndexOf(OpKind::kStageMounts), -1);
  EXPECT_EQ(LineOf("CHILD new namespaces mount"), -1);
}

TEST_F(MountLockTest, WithoutNestingOnlyWhoCannotMountStarts) {
  ForbidNesting();
  Build(Mapped({}));
  EXPECT_EQ(IndexOf(OpKind::kStageMounts), -1);
  EXPECT_TRUE((view_.header->clone_flags & CLONE_NEWNS) != 0);
  EXPECT_THAT(plan_.summary, Contains(HasSubstr("not locked")));
  const absl::Status status = TryBuild(Mapped({"SYS_ADMIN"})).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(base::DetailOf(status).reason, "FEATURE_UNAVAILABLE");
}

TEST_F(MountLockTest, WithoutNestingAnExecCannotMountEither) {
  ForbidNesting();
  const spec::ContainerSpec container = spec::WithDefaults(Mapped({}), kId);
  spec::ExecSpec exec;
  exec.process.command = {"id"};
  const auto build = [&] {
    return BuildExecPlan(spec::WithDefaults(exec, container), container, facts_,
                         base_, {.container_id = kId, .exec_number = 1})
        .status();
  };
  EXPECT_TRUE(build().ok()) << build();
  exec.process.capabilities = spec::Capabilities{{"SYS_ADMIN"}, {}, {}, {}};
  EXPECT_EQ(base::DetailOf(build()).reason, "FEATURE_UNAVAILABLE");
}

TEST_F(MountLockTest, FieldsThatCannotHoldAreRefused) {
  spec::ContainerSpec spec = Mapped({});
  spec.resources.pids_limit = 1;
  absl::Status status = TryBuild(spec).status();
  ASSERT_THAT(base::DetailOf(status).violations, SizeIs(1));
  EXPECT_EQ(base::DetailOf(status).violations[0].field,
            "spec.resources.pids_limit");
  spec.resources.pids_limit = 2;
  spec::Mount mount;
  mount.target = "/data";
  mount.bind = spec::BindMount{"/srv/data"};
  mount.propagation = "rshared";
  spec.mounts = {mount};
  status = TryBuild(spec).status();
  ASSERT_THAT(base::DetailOf(status).violations, SizeIs(1));
  EXPECT_EQ(base::DetailOf(status).violations[0].field,
            "spec.mounts[0].propagation");
}

TEST_F(BuilderTest, UserNamespaceWithoutRootIsRefused) {
  spec::ContainerSpec spec = Spec();
  spec.user_namespace.explicit_maps =
      spec::IdMapping{{{1, 100000, 10}}, {{0, 200000, 10}}};
  const absl::Status status = TryBuild(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_THAT(base::DetailOf(status).violations, SizeIs(1));
  EXPECT_EQ(base::DetailOf(status).violations[0].field,
            "spec.user_namespace.explicit");
}

TEST_F(BuilderTest, MissingFeaturesAreNamed) {
  facts_.features[2] = {std::string(linux_::kFeatureOverlayIdmap), false,
                        "kernel before 5.19"};
  spec::ContainerSpec spec = Spec();
  Build(spec);
  spec.user_namespace.explicit_maps =
      spec::IdMapping{{{0, 1, 10}}, {{0, 1, 10}}};
  const absl::Status status = TryBuild(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(base::DetailOf(status).reason, "FEATURE_UNAVAILABLE");
}

TEST_F(BuilderTest, RootFileSystemKinds) {
  spec::ContainerSpec spec = Spec();
  spec.rootfs.read_only = true;
  Build(spec);
  EXPECT_THAT(Find(OpKind::kNewOverlay), SizeIs(1));
  EXPECT_THAT(Lines(), Contains("CHILD set attributes on / (set ro)"));
  spec.rootfs.host_directory->writable_layer = false;
  Build(spec);
  EXPECT_THAT(Find(OpKind::kNewOverlay), IsEmpty());
  for (const Op& op : Find(OpKind::kAttach)) {
    EXPECT_EQ(op.flags & kOpCreate, 0u) << "never writes to the host";
  }
  spec.rootfs.read_only = false;
  Build(spec);
  EXPECT_THAT(Lines(), Not(Contains("CHILD set attributes on / (set ro)")));
}

TEST_F(BuilderTest, VolatileLayerOnlyWhereTheKernelHasIt) {
  context_.volatile_state = true;
  Build(Spec());
  EXPECT_THAT(Lines(), Contains(HasSubstr("metacopy=off,volatile")));
  EXPECT_TRUE((view_.header->flags & kPlanVolatile) != 0);
  facts_.features[1].available = false;
  Build(Spec());
  EXPECT_THAT(Lines(), Not(Contains(HasSubstr("volatile"))));
}

TEST_F(BuilderTest, SourcesAreOpenedBeforeTheRootAndAttachedAfterTheMasks) {
  spec::ContainerSpec spec = Spec();
  spec::Mount mount;
  mount.target = "/data";
  mount.bind = spec::BindMount{"/srv/data"};
  mount.recursive_read_only = true;
  mount.options = {"noexec", "suid"};
  spec.mounts = {mount};
  Build(spec);
  EXPECT_LT(LineOf("PREPARE bind /srv/data"), LineOf("PREPARE mount overlay"));
  EXPECT_THAT(Lines(),
              Contains("PREPARE set attributes on /data (set "
                       "ro,nodev,noexec, clear nosuid, propagation private, "
                       "recursive true)"));
  EXPECT_LT(LineOf("CHILD mask /proc/kcore"), LineOf("CHILD attach bind of"));
  EXPECT_LT(LineOf("CHILD attach bind of"), IndexOf(OpKind::kPivotRoot));
}

class NameFilesTest : public BuilderTest {
 protected:
  NameFilesTest() {
    context_.hosts_path = "/c/hosts";
    context_.resolv_conf_path = "/c/resolv.conf";
    context_.hostname_path = "/c/hostname";
  }
  // Those lines that are about the file.
  std::string About(std::string_view file) const {
    std::string text;
    for (const std::string& line : Lines()) {
      if (line.find(file) != std::string::npos) text += line + "\n";
    }
    return text;
  }
};

TEST_F(NameFilesTest, AreTextOfTheDaemonsAtTheirPlace) {
  Build(Spec());
  EXPECT_EQ(About("/etc/resolv.conf"),
            "PREPARE bind /c/resolv.conf (on /etc/resolv.conf)\n"
            "PREPARE set attributes on /etc/resolv.conf (set "
            "nosuid,nodev,noexec, propagation private)\n"
            "CHILD attach bind of /c/resolv.conf on /etc/resolv.conf "
            "(ifMissing made)\n");
  EXPECT_THAT(About("/etc/hosts"), HasSubstr("/c/hosts"));
  EXPECT_THAT(About("/etc/hostname"), HasSubstr("/c/hostname"));
}

TEST_F(NameFilesTest, BelongToTheContainersRoot) {
  spec::ContainerSpec spec = Spec();
  spec.user_namespace.explicit_maps =
      spec::IdMapping{{{0, 100000, 1000}}, {{0, 200000, 1000}}};
  Build(spec);
  EXPECT_THAT(Find(OpKind::kSetOwner), SizeIs(3));
  EXPECT_THAT(About("/c/hosts"),
              HasSubstr("PREPARE give to the container's root bind of /c/hosts "
                        "(owner 100000:200000)\n"));
  EXPECT_LT(IndexOf(OpKind::kSetOwner), LineOf("CHILD attach bind of /c/hosts"))
      << "while it is writable still";
}

TEST_F(NameFilesTest, AreReadOnlyWhereTheRootIs) {
  spec::ContainerSpec spec = Spec();
  spec.rootfs.read_only = true;
  Build(spec);
  EXPECT_THAT(About("/etc/hosts"),
              AllOf(HasSubstr("(set ro,nosuid,nodev,noexec"),
                    HasSubstr("(ifMissing made)")));
  EXPECT_THAT(plan_.summary, Not(Contains(HasSubstr("/etc/hosts"))));
  spec.rootfs.host_directory->writable_layer = false;
  Build(spec);
  EXPECT_THAT(About("/etc/hosts"), HasSubstr("(ifMissing left out)"));
  EXPECT_THAT(
      plan_.summary,
      Contains(HasSubstr("/etc/hosts: left out if the image has none")));
}

TEST_F(NameFilesTest, TheSpecsOwnMountIsSeen) {
  spec::ContainerSpec spec = Spec();
  spec::Mount mount;
  mount.target = "/etc/hosts/";
  mount.bind = spec::BindMount{"/my/hosts"};
  spec.mounts = {mount};
  Build(spec);
  EXPECT_EQ(About("/c/hosts"), "");
  EXPECT_THAT(About("/c/hostname"), Not(IsEmpty()));
  EXPECT_THAT(plan_.summary, Contains("/etc/hosts: the spec's own mount"));
}

TEST_F(NameFilesTest, NothingIsMadeInADirectoryOfTheHost) {
  spec::ContainerSpec spec = Spec();
  spec::Mount mount;
  mount.target = "/etc";
  mount.bind = spec::BindMount{"/my/etc"};
  spec.mounts = {mount};
  Build(spec);
  EXPECT_GT(LineOf("CHILD attach bind of /c/hosts"),
            LineOf("CHILD attach bind of /my/etc"));
  EXPECT_THAT(About("/etc/hosts"), HasSubstr("(ifMissing left out)"));
  spec.mounts[0].bind.reset();
  spec.mounts[0].tmpfs = spec::TmpfsMount{};
  Build(spec);
  EXPECT_THAT(About("/etc/hosts"), HasSubstr("(ifMissing made)"));
}

TEST_F(BuilderTest, BadMountOptionsNameTheirField) {
  spec::ContainerSpec spec = Spec();
  spec::Mount mount;
  mount.target = "/data";
  mount.bind = spec::BindMount{"/srv/data"};
  mount.options = {"size=1"};
  spec.mounts = {mount};
  const absl::Status status = TryBuild(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_THAT(base::DetailOf(status).violations, SizeIs(1));
  EXPECT_EQ(base::DetailOf(status).violations[0].field,
            "spec.mounts[0].options");
}

TEST_F(BuilderTest, DevicesOfTheHostBecomeNodesAndRules) {
  context_.devices["/dev/fuse"] = HostDevice{S_IFCHR | 0660, 10, 229};
  spec::ContainerSpec spec = Spec();
  spec.devices = {{"/dev/fuse", "/dev/sub/fuse", "rw", false},
                  {"/dev/missing", "", "", true}};
  Build(spec);
  EXPECT_THAT(Lines(), Contains("PREPARE make device /dev/sub/fuse (device c "
                                "10:229, mode 0660)"));
  spec.devices[1].optional = false;
  EXPECT_EQ(TryBuild(spec).status().code(),
            absl::StatusCode::kFailedPrecondition);
  spec.devices = {{"/dev/fuse", "/opt/fuse", "rw", false}};
  EXPECT_EQ(TryBuild(spec).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(BuilderTest, SysctlsNeedTheirNamespace) {
  spec::ContainerSpec spec = Spec();
  spec.sysctls = {{"net.ipv4.ip_forward", "1"}};
  Build(spec);
  EXPECT_THAT(Lines(),
              Contains("CHILD set sysctl net/ipv4/ip_forward (value 1)"));
  EXPECT_LT(IndexOf(OpKind::kSysctl), IndexOf(OpKind::kReadOnlyPath));
  spec.network.mode = spec::NetworkMode::kHost;
  EXPECT_EQ(TryBuild(spec).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(BuilderTest, AnOwnNetworkIsOpenToItsUsers) {
  spec::ContainerSpec spec = Spec();
  spec.sysctls = {{"net.ipv4.ip_unprivileged_port_start", "1024"}};
  spec.user_namespace.explicit_maps =
      spec::IdMapping{{{0, 100000, 10}}, {{0, 100000, 10}}};
  Build(spec);
  EXPECT_THAT(Lines(), Contains("CHILD set sysctl net/ipv4/ping_group_range "
                                "(value 0 9)"));
  EXPECT_THAT(Find(OpKind::kSysctl), SizeIs(2)) << "the spec's own goes first";
  spec.network.mode = spec::NetworkMode::kHost;
  spec.sysctls.clear();
  Build(spec);
  EXPECT_THAT(Find(OpKind::kSysctl), IsEmpty());
}

TEST_F(BuilderTest, DefaultLimitsAreLoweredExplicitOnesRefused) {
  facts_.rlimits[RLIMIT_NOFILE] = {512, 4096};
  Build(Spec());
  EXPECT_THAT(Lines(), Contains("EXEC limit NOFILE (soft 1024, hard 4096)"));
  EXPECT_THAT(plan_.summary, Contains(HasSubstr("lowered from 524288")));
  spec::ContainerSpec spec = Spec();
  spec.process.rlimits = {{"NOFILE", 10, 5000}};
  EXPECT_EQ(TryBuild(spec).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(BuilderTest, CredentialsComeInTheOnlyOrderThatWorks) {
  Build(Spec());
  const OpKind order[] = {
      OpKind::kResolveUser,     OpKind::kLimitBounding, OpKind::kSetIds,
      OpKind::kSetCapabilities, OpKind::kDeathSignal,   OpKind::kCloseFds,
      OpKind::kNoNewPrivileges, OpKind::kSeccompFilter, OpKind::kExecute};
  for (size_t i = 1; i < std::size(order); ++i) {
    EXPECT_LT(IndexOf(order[i - 1]), IndexOf(order[i])) << i;
  }
  spec::ContainerSpec spec = Spec();
  spec.process.allow_new_privileges = true;
  Build(spec);
  EXPECT_EQ(IndexOf(OpKind::kNoNewPrivileges), -1);
  EXPECT_LT(IndexOf(OpKind::kSeccompFilter), IndexOf(OpKind::kLimitBounding));
}

TEST_F(BuilderTest, CapabilitiesAreCutToTheHosts) {
  facts_.bounding_capabilities &= ~(uint64_t{1} << 7);  // CAP_SETUID
  Build(Spec());
  EXPECT_EQ(Find(OpKind::kLimitBounding)[0].a, 0x8000047bu);
  EXPECT_THAT(plan_.summary, Contains(HasSubstr("CAP_SETUID")));
}

TEST_F(BuilderTest, PolicyCarriesWhatTheShimEnforces) {
  spec::ContainerSpec spec = Spec();
  spec.process.tty = true;
  spec.process.stdin_mode = spec::StdinMode::kOnce;
  spec.process.terminal_size = spec::TerminalSize{40, 0};
  spec.limits.wall_time = absl::Seconds(5);
  spec.limits.output_bytes = 1000;
  spec.limits.output_action = spec::OutputAction::kDiscard;
  spec.stop_signal = "SIGINT";
  spec.stop_timeout = absl::Milliseconds(250);
  context_.named_reader = true;
  context_.run = 7;
  context_.on_disconnect.action = spec::DisconnectAction::kStop;
  Build(spec);
  const PlanHeader& header = *view_.header;
  EXPECT_EQ(header.kind, PlanKind::kContainer);
  EXPECT_STREQ(header.policy.container_id, kId);
  EXPECT_EQ(header.policy.run, 7u);
  EXPECT_EQ(header.policy.rows, 40);
  EXPECT_EQ(header.policy.cols, 80);
  EXPECT_EQ(header.policy.stdin_mode, StdinMode::kOnce);
  EXPECT_EQ(header.policy.wall_time_ns, 5'000'000'000);
  EXPECT_EQ(header.policy.cpu_time_ns, 0);
  EXPECT_EQ(header.policy.output_bytes, 1000);
  EXPECT_EQ(header.policy.output_action, OutputAction::kDiscard);
  EXPECT_EQ(header.policy.stop_signal, 2);
  EXPECT_EQ(header.policy.stop_timeout_ns, 250'000'000);
  EXPECT_EQ(header.policy.on_disconnect, DisconnectAction::kStop);
  EXPECT_EQ(header.flags & (kPlanTty | kPlanNamedReader |
                            kPlanKillWithoutDaemon | kPlanVolatile),
            uint32_t{kPlanTty | kPlanNamedReader | kPlanKillWithoutDaemon});
}

TEST_F(BuilderTest, ExecEntersEverythingAtOnce) {
  spec::ExecSpec exec;
  exec.process.command = {"id"};
  BuildExec(exec, Spec());
  EXPECT_EQ(view_.header->kind, PlanKind::kExec);
  EXPECT_EQ(view_.header->policy.exec_number, 3u);
  EXPECT_EQ(view_.header->policy.on_disconnect, DisconnectAction::kKill);
  EXPECT_EQ(view_.header->clone_flags, 0u);
  EXPECT_EQ(view_.header->join_pid_slot, kSlotInitPidfd);
  const std::vector<Op> joins = Find(OpKind::kSetNamespaces);
  ASSERT_THAT(joins, SizeIs(1));
  EXPECT_EQ(joins[0].a,
            uint64_t{CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                     CLONE_NEWNET | CLONE_NEWCGROUP});
  EXPECT_LT(IndexOf(OpKind::kJoinCgroup), IndexOf(OpKind::kSetNamespaces));
  EXPECT_LT(LineOf("oom_score_adj"), IndexOf(OpKind::kSetNamespaces));
  for (uint32_t i = 0; i < view_.header->op_count; ++i) {
    EXPECT_TRUE(view_.ops[i].executor == Executor::kPrepare ||
                view_.ops[i].executor == Executor::kExec);
  }
}

TEST_F(BuilderTest, ExecOfAContainerInTheHostsNamespacesJoinsOnlyItsOwn) {
  spec::ContainerSpec spec = Spec();
  spec.namespaces.pid.mode = spec::NamespaceMode::kHost;
  spec.network.mode = spec::NetworkMode::kHost;
  spec::ExecSpec exec;
  exec.process.command = {"id"};
  BuildExec(exec, spec);
  EXPECT_EQ(view_.header->join_pid_slot, kNoSlot);
  EXPECT_EQ(
      Find(OpKind::kSetNamespaces)[0].a,
      uint64_t{CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP});
}

TEST_F(BuilderTest, OomScoreBelowTheHostsIsRefused) {
  facts_.effective_capabilities = 0;
  facts_.oom_score_adj_min = 100;
  Build(Spec());
  EXPECT_THAT(Lines(), Contains(HasSubstr("oom_score_adj (value 100)")));
  spec::ContainerSpec spec = Spec();
  spec.process.oom_score_adj = 0;
  EXPECT_EQ(TryBuild(spec).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace caisson::plan
