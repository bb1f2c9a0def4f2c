// /etc/hosts, /etc/resolv.conf and /etc/hostname of a container with networks,
// whatever the image and the spec have there.
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/plan_fixture.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr char kAll[] = "cat /etc/hosts /etc/resolv.conf /etc/hostname";
constexpr char kOurs[] = "our hosts\nour resolv.conf\nour hostname\n";

class RootLaunchNamesTest : public RootLaunchPlanTest {
 protected:
  void SetUp() override {
    RootLaunchPlanTest::SetUp();
    WriteNameFiles();
  }
  std::string Ours(const std::string& name) const {
    return ReadFileOrEmpty(base::StrCat(runner_.directory(), "/", name));
  }
  std::string Image(const std::string& name) const {
    return base::StrCat(runner_.rootfs(), "/etc/", name);
  }
  static spec::Mount Bind(const std::string& source,
                          const std::string& target) {
    spec::Mount mount;
    mount.target = target;
    mount.bind = spec::BindMount{source};
    return mount;
  }
};

TEST_F(RootLaunchNamesTest, CoverTheImagesOwnAndAreMadeWhereItHasNone) {
  std::ofstream(Image("hosts")) << "the image's\n";
  EXPECT_EQ(Output(kAll), kOurs);
  EXPECT_EQ(ReadFileOrEmpty(Image("hosts")), "the image's\n");
  EXPECT_FALSE(fs::exists(Image("resolv.conf")));
}

TEST_F(RootLaunchNamesTest, AreTextThatTheContainersRootMayEdit) {
  const std::string out =
      Output(base::StrCat("echo more >>/etc/hosts; ", kAll,
                          "; stat -c %u:%g /etc/hosts; "
                          "while read a b c d e f rest; do case $e in /etc/*) "
                          "echo $e $f;; esac; done </proc/self/mountinfo"));
  EXPECT_THAT(out, HasSubstr("our hosts\nmore\nour resolv.conf\n"));
  EXPECT_THAT(out, HasSubstr("\n0:0\n"));
  for (const char* name : {"hosts", "resolv.conf", "hostname"}) {
    EXPECT_THAT(
        out, HasSubstr(base::StrCat("/etc/", name, " rw,nosuid,nodev,noexec")));
  }
  EXPECT_EQ(Ours("hosts"), "our hosts\nmore\n");
}

TEST_F(RootLaunchNamesTest, BelongToTheRootOfAUserNamespace) {
  spec::ContainerSpec spec = runner_.Shell(base::StrCat(
      "echo more >>/etc/hosts; stat -c %u:%g /etc/hosts /etc/hostname; ", kAll,
      "; umount -l /etc/hosts 2>/dev/null || echo locked"));
  spec.user_namespace.explicit_maps =
      spec::IdMapping{{{0, 100000, 65536}}, {{0, 200000, 65536}}};
  spec.process.capabilities = spec::Capabilities{{"SYS_ADMIN"}, {}, {}, {}};
  EXPECT_EQ(Output(spec),
            "0:0\n0:0\nour hosts\nmore\nour resolv.conf\nour hostname\n"
            "locked\n");
  struct stat info = {};
  ASSERT_EQ(::stat((runner_.directory() + "/hosts").c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 100000u);
  EXPECT_EQ(info.st_gid, 200000u);
}

// As images of Debian have it.
TEST_F(RootLaunchNamesTest, ALinkOfTheImageIsFollowedInside) {
  fs::create_symlink("../run/systemd/resolve/stub-resolv.conf",
                     Image("resolv.conf"));
  fs::create_symlink("/var/lib/hosts", Image("hosts"));
  EXPECT_EQ(
      Output(base::StrCat(kAll, "; cat /run/systemd/resolve/stub-resolv.conf")),
      base::StrCat(kOurs, "our resolv.conf\n"));
  EXPECT_FALSE(fs::exists(runner_.rootfs() + "/run"));

  spec::ContainerSpec spec = runner_.Shell(kAll);
  spec::Mount run;
  run.target = "/run";
  run.tmpfs = spec::TmpfsMount{};
  spec.mounts = {run};
  EXPECT_EQ(Output(spec), kOurs) << "what the spec mounts there is no obstacle";

  spec.mounts.clear();
  spec.user_namespace.explicit_maps =
      spec::IdMapping{{{0, 100000, 65536}}, {{0, 200000, 65536}}};
  EXPECT_EQ(Output(spec), kOurs);
}

TEST_F(RootLaunchNamesTest, HostileLinksStayInsideTheRoot) {
  const std::string canary = runner_.directory() + "/canary";
  fs::create_directory(canary);
  std::ofstream(canary + "/file") << "the host's\n";
  const std::string up = "/../../../../../../../..";
  fs::create_symlink(canary + "/file", Image("hosts"));
  fs::create_symlink(base::StrCat(up, canary, "/made"), Image("resolv.conf"));
  fs::create_symlink("/proc/self/root" + canary, runner_.rootfs() + "/magic");
  const HostPicture before = runner_.Look();
  EXPECT_EQ(Output(kAll), kOurs);
  EXPECT_EQ(runner_.Look(), before);
  EXPECT_EQ(ReadFileOrEmpty(canary + "/file"), "the host's\n");
  EXPECT_FALSE(fs::exists(canary + "/made"));

  fs::remove(Image("hosts"));
  fs::create_symlink("/magic/made", Image("hosts"));
  Failing(runner_.Shell(kAll));
  EXPECT_FALSE(fs::exists(canary + "/made"));
  fs::remove(Image("hosts"));
  fs::create_symlink("/proc/sys/kernel/core_pattern", Image("hosts"));
  EXPECT_EQ(Failing(runner_.Shell(kAll)).failure.err, EPERM);
}

TEST_F(RootLaunchNamesTest, AHostileDirectoryStaysInsideTheRoot) {
  const std::string canary = runner_.directory() + "/canary";
  fs::create_directory(canary);
  fs::remove_all(runner_.rootfs() + "/etc");
  fs::create_symlink(canary, runner_.rootfs() + "/etc");
  EXPECT_EQ(Output(kAll), kOurs);
  EXPECT_TRUE(fs::is_empty(canary));

  fs::remove(runner_.rootfs() + "/etc");
  std::ofstream(runner_.rootfs() + "/etc") << "no directory\n";
  EXPECT_EQ(Output("cat /etc"), "no directory\n");
}

TEST_F(RootLaunchNamesTest, OfAReadOnlyRootAreReadOnly) {
  spec::ContainerSpec spec = runner_.Shell(
      base::StrCat(kAll, "; echo x 2>/dev/null >>/etc/hosts || echo denied"));
  spec.rootfs.read_only = true;
  EXPECT_EQ(Output(spec), base::StrCat(kOurs, "denied\n"));
  EXPECT_EQ(Ours("hosts"), "our hosts\n");
}

TEST_F(RootLaunchNamesTest, WithoutALayerOnlyWhatTheImageHasIsCovered) {
  for (const char* name : {"proc", "sys", "dev"}) {
    fs::create_directory(base::StrCat(runner_.rootfs(), "/", name));
  }
  std::ofstream(Image("hosts")) << "the image's\n";
  fs::create_symlink("../run/resolv.conf", Image("resolv.conf"));
  spec::ContainerSpec spec = runner_.Shell(
      "cat /etc/hosts; cat /etc/resolv.conf /etc/hostname 2>&1 | wc -l");
  spec.rootfs.read_only = true;
  spec.rootfs.host_directory->writable_layer = false;
  EXPECT_EQ(Output(spec), "our hosts\n2\n");
  EXPECT_FALSE(fs::exists(Image("hostname")));
  EXPECT_FALSE(fs::exists(runner_.rootfs() + "/run"));
}

TEST_F(RootLaunchNamesTest, TheSpecsOwnMountsAreSeen) {
  const std::string own = runner_.directory() + "/own";
  fs::create_directory(own);
  std::ofstream(own + "/hosts") << "own hosts\n";
  spec::ContainerSpec spec = runner_.Shell(kAll);
  spec.mounts = {Bind(own + "/hosts", "/etc//hosts/")};
  EXPECT_EQ(Output(spec), "own hosts\nour resolv.conf\nour hostname\n");
  EXPECT_EQ(Ours("hosts"), "our hosts\n");

  spec = runner_.Shell("cat /etc/hosts; ls /etc");
  spec.mounts = {Bind(own, "/etc")};
  EXPECT_EQ(Output(spec), "our hosts\nhosts\n");
  EXPECT_FALSE(fs::exists(own + "/hostname")) << "somebody's data";
  EXPECT_EQ(ReadFileOrEmpty(own + "/hosts"), "own hosts\n");
}

}  // namespace
}  // namespace caisson::testing
