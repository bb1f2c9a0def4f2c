// What a container shares with the host and what it does not.
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/leakcheck/proc.h"
#include "tests/testing/daemon_fixture.h"
#include "tests/testing/temp_dir.h"

namespace caisson::testing {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr const char* kNamespaces[] = {"cgroup", "ipc", "mnt",  "net",
                                       "pid",    "uts", "user", "time"};

class NamespacesTest : public DaemonTest {
 protected:
  // What the probe finds in a container like this one.
  static ProbeFacts FactsOf(v1::ContainerSpec spec,
                            const std::vector<std::string>& sections) {
    spec.mutable_process()->clear_args();
    spec.mutable_process()->add_args(kProbe);
    spec.mutable_process()->add_args("facts");
    for (const std::string& section : sections) {
      spec.mutable_process()->add_args(section);
    }
    const Delivered delivered = RunToEnd(stubs(), spec);
    EXPECT_THAT(delivered.status, IsOk());
    EXPECT_EQ(delivered.shell_status(), 0) << delivered.err;
    return ProbeFacts(delivered.out);
  }

  // The daemon's own: what "the host's" means to it.
  static std::string DaemonNamespace(const std::string& name) {
    return leakcheck::LinkTarget(
        absl::StrCat("/proc/", daemon().pid(), "/ns/", name));
  }
  static std::string NamespaceOf(pid_t pid, const std::string& name) {
    return leakcheck::LinkTarget(absl::StrCat("/proc/", pid, "/ns/", name));
  }
  // Ids 0 to size - 1 of a user namespace of its own.
  static void Map(int64_t host_id, int64_t size, v1::ContainerSpec* spec) {
    v1::IdMapping* maps = spec->mutable_user_namespace()->mutable_explicit_();
    for (v1::IdMap* map : {maps->add_uids(), maps->add_gids()}) {
      map->set_container_id(0);
      map->set_host_id(host_id);
      map->set_size(size);
    }
  }
};

TEST_F(NamespacesTest, HostnameIsItsOwn) {
  char before[256];
  ASSERT_EQ(::gethostname(before, sizeof before), 0);
  v1::ContainerSpec spec = ShSpec("hostname");
  spec.set_hostname("chamber");
  spec.set_domainname("deep");
  const ProbeFacts facts = FactsOf(spec, {"place"});
  EXPECT_EQ(facts.Get("hostname"), "chamber");
  EXPECT_EQ(facts.Get("domainname"), "deep");
  char after[256];
  ASSERT_EQ(::gethostname(after, sizeof after), 0);
  EXPECT_STREQ(before, after);
}

TEST_F(NamespacesTest, HostnameIsTheShortIdByDefault) {
  const v1::Container container = CreateAndStart(ShSpec("hostname"));
  Wait(container.id());
  EXPECT_EQ(Logs(container.id()), container.id().substr(0, 12) + "\n");
}

TEST_F(NamespacesTest, AllButUserAndTimeAreNewByDefault) {
  const ProbeFacts facts = FactsOf(ShSpec(""), {"ns"});
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "uts"}) {
    EXPECT_NE(facts.Get(absl::StrCat("ns.", name)), DaemonNamespace(name))
        << name;
    EXPECT_THAT(facts.Get(absl::StrCat("ns.", name)), StartsWith(name));
  }
  EXPECT_EQ(facts.Get("ns.user"), DaemonNamespace("user"));
  EXPECT_EQ(facts.Get("ns.time"), DaemonNamespace("time"));
}

TEST_F(NamespacesTest, EachCanBeTheHosts) {
  v1::ContainerSpec spec = ShSpec("");
  v1::Namespaces* namespaces = spec.mutable_namespaces();
  namespaces->mutable_pid()->set_host(true);
  namespaces->mutable_ipc()->set_host(true);
  namespaces->mutable_uts()->set_host(true);
  namespaces->mutable_cgroup()->set_host(true);
  spec.mutable_network()->set_host(true);
  const ProbeFacts facts = FactsOf(spec, {"ns"});
  for (const char* name : {"cgroup", "ipc", "net", "pid", "uts"}) {
    EXPECT_EQ(facts.Get(absl::StrCat("ns.", name)), DaemonNamespace(name))
        << name;
  }
  EXPECT_NE(facts.Get("ns.mnt"), DaemonNamespace("mnt"));
}

TEST_F(NamespacesTest, TimeIsNewOnRequest) {
  v1::ContainerSpec spec = ShSpec("");
  spec.mutable_namespaces()->mutable_time()->set_private_(true);
  EXPECT_NE(FactsOf(spec, {"ns"}).Get("ns.time"), DaemonNamespace("time"));
}

TEST_F(NamespacesTest, EachCanBeThatOfAnotherContainer) {
  const v1::Container owner = CreateAndStart(WaitingSpec());
  v1::ContainerSpec spec = ShSpec("");
  v1::Namespaces* namespaces = spec.mutable_namespaces();
  namespaces->mutable_pid()->set_container(owner.id());
  namespaces->mutable_ipc()->set_container(owner.id());
  namespaces->mutable_uts()->set_container(owner.spec().name());
  spec.mutable_network()->set_container(owner.id());
  const ProbeFacts facts = FactsOf(spec, {"ns"});
  for (const char* name : {"ipc", "net", "pid", "uts"}) {
    EXPECT_EQ(facts.Get(absl::StrCat("ns.", name)),
              NamespaceOf(owner.status().pid(), name))
        << name;
  }
  EXPECT_THAT(Delete(owner.id()), IsOk());
}

TEST_F(NamespacesTest, SharingWithOneThatDoesNotRunIsRefused) {
  const v1::Container owner = Create(ShSpec("true"));
  v1::ContainerSpec spec = ShSpec("true");
  spec.mutable_network()->set_container(owner.id());
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_THAT(delivered.status, FailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                                          "NAMESPACE_OWNER_GONE"));
}

TEST_F(NamespacesTest, MountsOfTheHostDoNotChange) {
  const std::string path = absl::StrCat("/proc/", daemon().pid(), "/mountinfo");
  const std::string own_before = leakcheck::ReadText("/proc/self/mountinfo");
  const std::string daemon_before = leakcheck::ReadText(path);
  const Delivered delivered =
      RunToEnd(stubs(), ShSpec("cat /proc/self/mountinfo"));
  EXPECT_EQ(delivered.shell_status(), 0);
  EXPECT_EQ(leakcheck::ReadText(path), daemon_before);
  EXPECT_EQ(leakcheck::ReadText("/proc/self/mountinfo"), own_before);
}

TEST_F(NamespacesTest, RootIsPivotedAndTheOldOneIsGone) {
  const ProbeFacts facts = FactsOf(ShSpec(""), {"mounts"});
  const std::vector<std::string> mounts = facts.All("mount");
  ASSERT_THAT(mounts, Not(SizeIs(0)));
  // No mount of the host is left, and nothing propagates either way.
  for (const std::string& line : mounts) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    ASSERT_GT(words.size(), 6u);
    EXPECT_THAT(words[4], Not(HasSubstr("caisson"))) << line;
    EXPECT_THAT(line, Not(HasSubstr("shared:"))) << line;
    EXPECT_THAT(line, Not(HasSubstr("master:"))) << line;
  }
  const Delivered delivered =
      RunToEnd(stubs(), ShSpec("cat /marker; ls -a / | tr '\\n' ' '; "
                               "ls -d /boot /opt /lib64 /.old* /put_old 2>&1 | "
                               "grep -v 'No such'; true"));
  EXPECT_EQ(delivered.out,
            "container\n. .. bin dev etc home marker proc root sys tmp usr "
            "var ");
}

TEST_F(NamespacesTest, ProcIsThatOfItsPidNamespace) {
  const Delivered delivered = RunToEnd(
      stubs(),
      ShSpec("grep ' /proc ' /proc/self/mountinfo | grep -c ' - proc '; "
             "echo /proc/[0-9]*; echo $$; cat /proc/1/comm; "
             "grep NSpid /proc/1/status"));
  const std::vector<std::string> lines = absl::StrSplit(delivered.out, '\n');
  ASSERT_GE(lines.size(), 5u) << delivered.out << delivered.err;
  EXPECT_EQ(lines[0], "1");
  // The shell, and nobody else.
  EXPECT_EQ(lines[1], "/proc/1");
  EXPECT_EQ(lines[2], "1");
  EXPECT_EQ(lines[3], "sh");
  EXPECT_EQ(lines[4], "NSpid:\t1");
}

TEST_F(NamespacesTest, CommandIsTheFirstProcess) {
  const ProbeFacts facts = FactsOf(ShSpec(""), {"ids"});
  EXPECT_EQ(facts.Get("pid"), "1");
  EXPECT_EQ(facts.Get("ppid"), "0");
  EXPECT_EQ(facts.Get("sid"), "1");
  EXPECT_EQ(facts.Get("pgid"), "1");
}

TEST_F(NamespacesTest, HostSeesBothPids) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  const std::string status = leakcheck::ReadText(
      absl::StrCat("/proc/", container.status().pid(), "/status"));
  EXPECT_THAT(status, HasSubstr(absl::StrCat(
                          "NSpid:\t", container.status().pid(), "\t1\n")));
  EXPECT_THAT(Delete(container.id()), IsOk());
}

TEST_F(NamespacesTest, MessageQueuesOfOthersAreNotSeen) {
  const int queue = ::msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  ASSERT_GE(queue, 0);
  const absl::Cleanup remove = [queue] { ::msgctl(queue, IPC_RMID, nullptr); };
  // The first line is a heading.
  v1::ContainerSpec spec =
      ShSpec("for f in msg sem shm; do wc -l < /proc/sysvipc/$f; done");
  EXPECT_EQ(RunToEnd(stubs(), spec).out, "1\n1\n1\n");
  spec = ShSpec(absl::StrCat("grep -c ' ", queue, " ' /proc/sysvipc/msg"));
  spec.mutable_namespaces()->mutable_ipc()->set_host(true);
  EXPECT_EQ(RunToEnd(stubs(), spec).out, "1\n");
}

TEST_F(NamespacesTest, CgroupPathsAreRelativeToItsRoot) {
  const ProbeFacts facts = FactsOf(ShSpec(""), {"cgroup"});
  const std::vector<std::string> lines = facts.All("cgroup");
  ASSERT_THAT(lines, Not(SizeIs(0)));
  EXPECT_THAT(lines, Each(EndsWith(":/")));
}

// A script that sends `text` through a port of the loopback. Each end closes
// when the other one does, and only the sender closes by itself: nc gives up at
// the first end of file, whatever is still to be read.
std::string Through(int port, const std::string& text) {
  return absl::StrCat("sleep 60 | nc -l -p ", port, " >/tmp/got & ",
                      "until echo ", text, " | nc 127.0.0.1 ", port,
                      "; do sleep 0.05; done; cat /tmp/got");
}

TEST_F(NamespacesTest, NetworkHasOnlyLoopbackAndItIsUp) {
  const Delivered delivered = RunToEnd(
      stubs(),
      ShSpec("ls /sys/class/net; ip route | wc -l; " + Through(80, "arrives")));
  EXPECT_EQ(delivered.out, "lo\n0\narrives\n");
}

// What the network's own settings give to everybody in it.
TEST_F(NamespacesTest, LowPortsAndEchoRequestsNeedNoCapability) {
  for (const bool mapped : {false, true}) {
    v1::ContainerSpec spec = ShSpec(
        "caisson-probe calls socket_ping socket_raw; " + Through(7, "low"));
    spec.mutable_process()->set_user("1000");
    if (mapped) Map(100000, 65536, &spec);
    EXPECT_EQ(RunToEnd(stubs(), spec).out,
              "socket_ping=ok\nsocket_raw=EPERM\nlow\n")
        << mapped;
  }
}

class UserNamespaceTest : public NamespacesTest {
 protected:
  static v1::ContainerSpec Mapped(const std::vector<std::string>& argv,
                                  int64_t host_id, int64_t size) {
    v1::ContainerSpec spec = Spec(argv);
    Map(host_id, size, &spec);
    return spec;
  }
};

TEST_F(UserNamespaceTest, RootInsideIsSomebodyElseOutside) {
  v1::ContainerSpec spec = Mapped(
      {"/bin/sh", "-c", "id -u; id -g; echo ready; sleep 3600"}, 100000, 65536);
  const v1::Container container = CreateAndStart(spec);
  ASSERT_NE(container.status().pid(), 0);
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return Logs(container.id()) == "0\n0\nready\n";
  })) << Logs(container.id());
  const std::string status = leakcheck::ReadText(
      absl::StrCat("/proc/", container.status().pid(), "/status"));
  EXPECT_THAT(status, HasSubstr("Uid:\t100000\t100000\t100000\t100000\n"));
  EXPECT_THAT(status, HasSubstr("Gid:\t100000\t100000\t100000\t100000\n"));
  EXPECT_THAT(Delete(container.id()), IsOk());
}

TEST_F(UserNamespaceTest, MapIsAsAskedForAndCannotBeChanged) {
  const Delivered delivered = RunToEnd(
      stubs(),
      Mapped({"/bin/sh", "-c",
              "cat /proc/self/uid_map; echo 0 5 1 > /proc/self/uid_map || "
              "echo refused; caisson-probe try setuid 9"},
             10000, 5));
  EXPECT_THAT(delivered.out, HasSubstr("10000"));
  EXPECT_THAT(delivered.out, HasSubstr("refused\n"));
  // An id outside of the map is none.
  EXPECT_THAT(delivered.out, HasSubstr("setuid=EINVAL\n"));
}

TEST_F(UserNamespaceTest, OwnsTheOtherNamespaces) {
  v1::ContainerSpec spec =
      Mapped({"/bin/sh", "-c",
              "caisson-probe try sethostname inside; hostname; "
              "ip link set lo mtu 1234 && cat /sys/class/net/lo/mtu"},
             100000, 65536);
  spec.mutable_process()->mutable_capabilities()->add_add("SYS_ADMIN");
  spec.mutable_process()->mutable_capabilities()->add_add("NET_ADMIN");
  EXPECT_EQ(RunToEnd(stubs(), spec).out, "sethostname=ok\ninside\n1234\n");
}

TEST_F(UserNamespaceTest, FilesOfUnmappedIdsBelongToNobody) {
  const TempDir directory;
  WriteFileOrDie(directory.File("file"), "of the host's root\n");
  v1::ContainerSpec spec =
      Mapped({"/bin/sh", "-c",
              "stat -c %u:%g /in; cat /in; caisson-probe try write /in x; "
              "caisson-probe try chown /in 0"},
             100000, 65536);
  v1::Mount* mount = spec.add_mounts();
  mount->set_target("/in");
  mount->mutable_bind()->set_source(directory.File("file"));
  EXPECT_EQ(RunToEnd(stubs(), spec).out,
            "65534:65534\nof the host's root\nwrite=EACCES\nchown=EPERM\n");
}

TEST_F(UserNamespaceTest, OverlappingMapsAreRefused) {
  v1::ContainerSpec spec = Mapped({"/bin/true"}, 100000, 10);
  v1::IdMap* second =
      spec.mutable_user_namespace()->mutable_explicit_()->add_uids();
  second->set_container_id(5);
  second->set_host_id(200000);
  second->set_size(10);
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_EQ(delivered.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
      << Describe(delivered.status);
}

TEST_F(UserNamespaceTest, CannotRemountWhatIsReadOnly) {
  v1::ContainerSpec spec =
      Mapped({kProbe, "try", "remount-rw", "/"}, 100000, 65536);
  spec.mutable_rootfs()->set_read_only(true);
  spec.mutable_process()->mutable_capabilities()->add_add("SYS_ADMIN");
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_THAT(delivered.out, StartsWith("remount-rw=EPERM")) << delivered.err;
}

TEST_F(NamespacesTest, UserAndGroupsAreSwitched) {
  v1::ContainerSpec spec = ShSpec("");
  spec.mutable_process()->set_user("1000:1000");
  spec.mutable_process()->set_strict_groups(true);
  ProbeFacts facts = FactsOf(spec, {"ids", "status"});
  EXPECT_EQ(facts.Get("uid"), "1000 1000 1000");
  EXPECT_EQ(facts.Get("gid"), "1000 1000 1000");
  EXPECT_THAT(facts.Get("status.Groups"), AnyOf("", " ", "1000 ", "1000"));
}

TEST_F(NamespacesTest, NamesOfUsersAreLookedUpInside) {
  v1::ContainerSpec spec = ShSpec("");
  spec.mutable_process()->set_user("user");
  const ProbeFacts facts = FactsOf(spec, {"ids", "status", "env"});
  EXPECT_EQ(facts.Get("uid"), "1000 1000 1000");
  EXPECT_THAT(facts.Get("status.Groups"),
              AllOf(HasSubstr("29"), HasSubstr("50")));
  EXPECT_EQ(facts.Get("env.HOME"), "/home/user");
}

TEST_F(NamespacesTest, UnknownUserIsAnError) {
  v1::ContainerSpec spec = ShSpec("true");
  spec.mutable_process()->set_user("nobody-here");
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_EQ(delivered.status.error_code(),
            grpc::StatusCode::FAILED_PRECONDITION)
      << Describe(delivered.status);
}

// The same host, but its "/" has shared propagation, as under systemd.
class SharedRootTest : public NamespacesTest {
 protected:
  static void SetUpTestSuite() {
    DaemonOptions options;
    options.shared_root = true;
    SetDaemonOptions(options);
    NamespacesTest::SetUpTestSuite();
  }
};

TEST_F(SharedRootTest, NothingPropagatesToTheHost) {
  const std::string path = absl::StrCat("/proc/", daemon().pid(), "/mountinfo");
  const std::string before = leakcheck::ReadText(path);
  ASSERT_THAT(before, HasSubstr("shared:"));
  const v1::Container container = CreateAndStart(WaitingSpec());
  EXPECT_EQ(leakcheck::ReadText(path), before);
  EXPECT_THAT(Delete(container.id()), IsOk());
  EXPECT_EQ(leakcheck::ReadText(path), before);
}

}  // namespace
}  // namespace caisson::testing
