// Root filesystems, layers, binds, memory filesystems and propagation.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/leakcheck/proc.h"
#include "tests/testing/daemon_fixture.h"
#include "tests/testing/temp_dir.h"

namespace caisson::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class MountsTest : public DaemonTest {
 protected:
  static v1::Mount* AddBind(v1::ContainerSpec* spec, const std::string& source,
                            const std::string& target) {
    v1::Mount* mount = spec->add_mounts();
    mount->set_target(target);
    mount->mutable_bind()->set_source(source);
    return mount;
  }

  TempDir directory_;
};

TEST_F(MountsTest, WritesGoToAPrivateLayer) {
  const Delivered first = RunToEnd(
      stubs(), ShSpec("echo changed > /marker; rm /etc/group; cat /marker"));
  EXPECT_EQ(first.out, "changed\n") << first.err;
  const Delivered second = RunToEnd(stubs(), ShSpec("cat /marker; ls /etc"));
  EXPECT_EQ(second.out, "container\ngroup\npasswd\n");
  EXPECT_EQ(ReadFileOrEmpty(SharedRootfs() + "/marker"), "container\n");
}

TEST_F(MountsTest, LayerOutlivesTheRun) {
  v1::ContainerSpec spec =
      ShSpec("[ -e /kept ] && exit 3; echo x > /kept; exit 2");
  const v1::Container container = CreateAndStart(spec);
  EXPECT_EQ(Wait(container.id()).exit_code(), 2);
  Start(container.id());
  EXPECT_EQ(Wait(container.id()).exit_code(), 3);
}

TEST_F(MountsTest, WriteThroughWritesTheDirectory) {
  const std::string root = directory_.File("root");
  MakeRootfs(root);
  v1::ContainerSpec spec = ShSpec("echo here > /written");
  spec.mutable_rootfs()->mutable_host_directory()->set_path(root);
  spec.mutable_rootfs()->mutable_host_directory()->set_writable_layer(false);
  EXPECT_EQ(RunToEnd(stubs(), spec).shell_status(), 0);
  EXPECT_EQ(ReadFileOrEmpty(root + "/written"), "here\n");
}

TEST_F(MountsTest, BindsOfDirectoriesAndFiles) {
  WriteFileOrDie(directory_.File("file"), "content\n");
  fs::create_directory(directory_.File("dir"));
  v1::ContainerSpec spec =
      ShSpec("cat /in/file; echo out > /d/result; ls -d /deep/new/d");
  AddBind(&spec, directory_.File("file"), "/in/file")->set_read_only(true);
  AddBind(&spec, directory_.File("dir"), "/d");
  AddBind(&spec, directory_.File("dir"), "/deep/new/d");
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_EQ(delivered.out, "content\n/deep/new/d\n") << delivered.err;
  EXPECT_EQ(ReadFileOrEmpty(directory_.File("dir/result")), "out\n");
}

TEST_F(MountsTest, ReadOnlyBindCannotBeWritten) {
  fs::create_directory(directory_.File("dir"));
  v1::ContainerSpec spec = ProbeSpec({"try", "write", "/d/x", "y"});
  AddBind(&spec, directory_.File("dir"), "/d")->set_read_only(true);
  EXPECT_EQ(RunToEnd(stubs(), spec).out, "write=EROFS\n");
}

TEST_F(MountsTest, MissingSourceIsAnErrorOrIsMade) {
  v1::ContainerSpec spec = ShSpec("echo x > /d/y");
  AddBind(&spec, directory_.File("new"), "/d");
  const grpc::Status status = RunToEnd(stubs(), spec).status;
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(Describe(status), HasSubstr(directory_.File("new")));
  spec.mutable_mounts(0)->mutable_bind()->set_create_source(true);
  EXPECT_EQ(RunToEnd(stubs(), spec).shell_status(), 0);
  EXPECT_EQ(ReadFileOrEmpty(directory_.File("new/y")), "x\n");
}

TEST_F(MountsTest, OptionsOfAMountHold) {
  v1::ContainerSpec spec = ProbeSpec({"facts", "mounts"});
  v1::Mount* mount = spec.add_mounts();
  mount->set_target("/t");
  mount->mutable_tmpfs()->set_size_bytes(1 << 20);
  mount->mutable_tmpfs()->set_mode(0700);
  mount->add_options("noexec");
  const ProbeFacts facts(RunToEnd(stubs(), spec).out);
  std::string line;
  for (const std::string& candidate : facts.All("mount")) {
    if (candidate.find(" /t ") != std::string::npos) line = candidate;
  }
  EXPECT_THAT(
      line, AllOf(HasSubstr("noexec"), HasSubstr("nosuid"), HasSubstr("nodev"),
                  HasSubstr("size=1024k"), HasSubstr("mode=700")));
}

TEST_F(MountsTest, ProgramsOfABindRunUnlessItIsNoexec) {
  fs::copy_file(SharedRootfs() + kProbe, directory_.File("program"));
  v1::ContainerSpec spec = Spec({"/d/program", "exit", "5"});
  v1::Mount* mount = AddBind(&spec, directory_.path(), "/d");
  EXPECT_EQ(RunToEnd(stubs(), spec).shell_status(), 5);
  mount->add_options("noexec");
  EXPECT_THAT(RunToEnd(stubs(), spec).status,
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                        "COMMAND_NOT_EXECUTABLE"));
}

TEST_F(MountsTest, TmpfsIsFullAtItsSize) {
  v1::ContainerSpec spec = ShSpec(
      "dd if=/dev/zero of=/t/x bs=1024 count=2000 2>/dev/null; "
      "wc -c < /t/x");
  v1::Mount* mount = spec.add_mounts();
  mount->set_target("/t");
  mount->mutable_tmpfs()->set_size_bytes(1 << 20);
  EXPECT_EQ(RunToEnd(stubs(), spec).out, "1048576\n");
}

// Propagation between a directory of the daemon's mount namespace and the
// container. The daemon's "/" is shared, so that peers can be made.
class PropagationTest : public MountsTest {
 protected:
  static void SetUpTestSuite() {
    DaemonOptions options;
    options.shared_root = true;
    SetDaemonOptions(options);
    MountsTest::SetUpTestSuite();
  }
  // In the daemon's mount namespace; 0 or the errno.
  static int InDaemon(const std::function<bool()>& act) {
    const pid_t child = ::fork();
    if (child == 0) {
      const int fd =
          ::open(absl::StrCat("/proc/", daemon().pid(), "/ns/mnt").c_str(),
                 O_RDONLY | O_CLOEXEC);
      const bool done = ::setns(fd, CLONE_NEWNS) == 0 && act();
      ::_exit(done ? 0 : errno);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WEXITSTATUS(status);
  }
  static int MountInDaemon(const std::string& path) {
    return InDaemon([&] {
      return ::mount("caisson-test", path.c_str(), "tmpfs", 0, nullptr) == 0;
    });
  }
  static int UnmountInDaemon(const std::string& path) {
    return InDaemon([&] { return ::umount2(path.c_str(), MNT_DETACH) == 0; });
  }
  static std::string MountsOfDaemon() {
    return leakcheck::ReadText(
        absl::StrCat("/proc/", daemon().pid(), "/mountinfo"));
  }
  // How many mounts the container sees below /d, when the daemon mounts one
  // there after the start.
  std::string MountsSeen(const std::string& propagation) {
    const std::string source = directory_.File(propagation);
    fs::create_directories(source + "/b");
    v1::ContainerSpec spec = ShSpec(
        "until [ -e /d/go ]; do sleep 0.05; done; "
        "grep -c ' /d/b ' /proc/self/mountinfo");
    AddBind(&spec, source, "/d")->set_propagation(propagation);
    const v1::Container container = CreateAndStart(spec);
    EXPECT_EQ(MountInDaemon(source + "/b"), 0);
    WriteFileOrDie(source + "/go", "");
    Wait(container.id());
    EXPECT_EQ(UnmountInDaemon(source + "/b"), 0);
    return Logs(container.id());
  }
  // The container's line of mountinfo for /d.
  std::string LineWith(const std::string& propagation) {
    fs::create_directories(directory_.File("dir"));
    v1::ContainerSpec spec = ProbeSpec({"facts", "mounts"});
    v1::Mount* mount = AddBind(&spec, directory_.File("dir"), "/d");
    if (!propagation.empty()) mount->set_propagation(propagation);
    const Delivered delivered = RunToEnd(stubs(), spec);
    EXPECT_THAT(delivered.status, IsOk());
    const ProbeFacts facts(delivered.out);
    for (const std::string& line : facts.All("mount")) {
      if (line.find(" /d ") != std::string::npos) return line;
    }
    return "";
  }
};

TEST_F(PropagationTest, PrivateIsTheDefault) {
  EXPECT_THAT(LineWith(""),
              AllOf(Not(HasSubstr("shared:")), Not(HasSubstr("master:"))));
}

TEST_F(PropagationTest, SlaveReceives) {
  EXPECT_THAT(LineWith("rslave"),
              AllOf(Not(HasSubstr("shared:")), HasSubstr("master:")));
}

TEST_F(PropagationTest, SharedGoesBothWays) {
  EXPECT_THAT(LineWith("rshared"), HasSubstr("shared:"));
}

TEST_F(PropagationTest, MountsOfTheHostArriveWhereTheyAreWanted) {
  EXPECT_EQ(MountsSeen("rprivate"), "0\n");
  EXPECT_EQ(MountsSeen("rslave"), "1\n");
  EXPECT_EQ(MountsSeen("rshared"), "1\n");
}

TEST_F(PropagationTest, MountsOfAContainerLeaveItOnlyWhereShared) {
  for (const std::string propagation : {"rprivate", "rslave", "rshared"}) {
    const std::string source = directory_.File(propagation);
    fs::create_directories(source + "/a");
    v1::ContainerSpec spec =
        ShSpec("mount -t tmpfs caisson-inner /d/a && exit 5");
    spec.mutable_process()->mutable_capabilities()->add_add("SYS_ADMIN");
    AddBind(&spec, source, "/d")->set_propagation(propagation);
    EXPECT_EQ(RunToEnd(stubs(), spec).shell_status(), 5) << propagation;
    if (propagation != "rshared") {
      EXPECT_THAT(MountsOfDaemon(), Not(HasSubstr("caisson-inner")))
          << propagation;
      continue;
    }
    EXPECT_THAT(MountsOfDaemon(), HasSubstr(source + "/a "));
    EXPECT_EQ(UnmountInDaemon(source + "/a"), 0);
  }
}

TEST_F(PropagationTest, UnbindableSourceIsAnErrorThatNamesIt) {
  const std::string source = directory_.File("unbindable");
  fs::create_directory(source);
  ASSERT_EQ(MountInDaemon(source), 0);
  ASSERT_EQ(InDaemon([&] {
              return ::mount(nullptr, source.c_str(), nullptr, MS_UNBINDABLE,
                             nullptr) == 0;
            }),
            0);
  v1::ContainerSpec spec = ShSpec("true");
  AddBind(&spec, source, "/d");
  const grpc::Status status = RunToEnd(stubs(), spec).status;
  EXPECT_THAT(status,
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "START_FAILED"));
  EXPECT_THAT(Describe(status), HasSubstr(source));
  EXPECT_EQ(UnmountInDaemon(source), 0);
}

}  // namespace
}  // namespace caisson::testing
