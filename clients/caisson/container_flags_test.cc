#include "clients/caisson/container_flags.h"

#include <algorithm>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "clients/caisson/mount_flags.h"

namespace caisson::cli {
namespace {

using ::testing::HasSubstr;

// The spec of a command line; `wrong` gets what is wrong with it.
v1::ContainerSpec SpecOf(std::vector<std::string> words,
                         std::string* wrong = nullptr) {
  words.insert(words.begin(), {"--rootfs", "/r"});
  ContainerFlags container;
  std::vector<std::string> command;
  Flags flags("test", "");
  container.Declare(&flags);
  flags.Words(&command, 0, -1, true);
  v1::ContainerSpec spec;
  EXPECT_EQ(flags.Parse(words), std::nullopt);
  const std::string answer = container.Fill(command, &spec);
  if (wrong != nullptr) {
    *wrong = answer;
  } else {
    EXPECT_EQ(answer, "");
  }
  return spec;
}

std::string WrongWith(std::vector<std::string> words) {
  std::string wrong;
  SpecOf(std::move(words), &wrong);
  return wrong;
}

TEST(ContainerFlagsTest, EndsFlagsAtTheCommand) {
  const v1::ContainerSpec spec =
      SpecOf({"-e", "A=1", "--rm", "sh", "-c", "echo --rm -t"});
  ASSERT_EQ(spec.process().args_size(), 3);
  EXPECT_EQ(spec.process().args(0), "sh");
  EXPECT_EQ(spec.process().args(1), "-c");
  EXPECT_EQ(spec.process().args(2), "echo --rm -t");
  EXPECT_EQ(spec.process().env().at("A"), "1");
  EXPECT_TRUE(spec.has_delete_after_exit());
  EXPECT_FALSE(spec.process().tty());
  EXPECT_EQ(spec.rootfs().host_directory().path(), "/r");
}

TEST(ContainerFlagsTest, MakesPathsAbsolute) {
  EXPECT_EQ(AbsolutePath("/a/b"), "/a/b");
  EXPECT_EQ(AbsolutePath(""), "");
  EXPECT_EQ(AbsolutePath("/no/such/../way"), "/no/way");
  EXPECT_EQ(AbsolutePath("/no/.."), "/");
  const std::string here = std::filesystem::current_path();
  EXPECT_EQ(AbsolutePath("a"), here + "/a");
  EXPECT_EQ(AbsolutePath("./a/"), here + "/a");
  EXPECT_EQ(AbsolutePath("."), here);
  EXPECT_EQ(AbsolutePath("a/../b"), here + "/b");
}

TEST(ContainerFlagsTest, TakesCommandsAfterTheMark) {
  const v1::ContainerSpec spec = SpecOf({"-i", "--", "cat", "-n"});
  ASSERT_EQ(spec.process().args_size(), 2);
  EXPECT_EQ(spec.process().args(1), "-n");
}

TEST(ContainerFlagsTest, SendsWordsThatAreNotTextAsBytes) {
  const v1::ContainerSpec spec = SpecOf({"-e", "X=\xff", "echo", "\xc3\x28"});
  EXPECT_EQ(spec.process().args_size(), 0);
  ASSERT_EQ(spec.process().args_raw_size(), 2);
  EXPECT_EQ(spec.process().args_raw(1), "\xc3\x28");
  EXPECT_EQ(spec.process().env_raw().at("X"), "\xff");
}

TEST(ContainerFlagsTest, UnsetIsUnset) {
  const v1::ContainerSpec spec = SpecOf({"true"});
  EXPECT_FALSE(spec.has_security());
  EXPECT_FALSE(spec.has_resources());
  EXPECT_FALSE(spec.has_limits());
  EXPECT_FALSE(spec.has_stop_timeout());
  EXPECT_FALSE(spec.process().has_capabilities());
}

TEST(ContainerFlagsTest, FillsResourcesAndLimits) {
  const v1::ContainerSpec spec = SpecOf(
      {"-m", "64m", "--memory-swap", "96m", "--cpus", "1.5", "--pids-limit",
       "17", "--timeout", "90s", "--ulimit", "nofile=64:128", "--cpuset-cpus",
       "0", "--stop-timeout", "0", "true"});
  EXPECT_EQ(spec.resources().memory().limit_bytes(), 64 << 20);
  EXPECT_EQ(spec.resources().memory().swap_limit_bytes(), 32 << 20);
  EXPECT_EQ(spec.resources().cpu().limit_millis(), 1500);
  EXPECT_EQ(spec.resources().cpu().cpuset_cpus(), "0");
  EXPECT_EQ(spec.resources().pids_limit(), 17);
  EXPECT_EQ(spec.limits().wall_time().seconds(), 90);
  EXPECT_TRUE(spec.has_stop_timeout());
  ASSERT_EQ(spec.process().rlimits_size(), 1);
  EXPECT_EQ(spec.process().rlimits(0).name(), "NOFILE");
  EXPECT_EQ(spec.process().rlimits(0).soft(), 64);
  EXPECT_EQ(spec.process().rlimits(0).hard(), 128);
}

TEST(ContainerFlagsTest, FillsMounts) {
  const v1::ContainerSpec spec =
      SpecOf({"-v", "/a:/b:ro,rslave,nosuid", "--mount",
              "type=tmpfs,target=/t,size=1m,mode=0700,noexec", "--mount",
              "type=bind,src=/c,dst=/d,readonly", "--tmpfs", "/e:size=2k",
              "--mount", "type=mqueue,target=/q", "--device", "/dev/fuse:rw",
              "--device", "/dev/a:/dev/b:r", "true"});
  ASSERT_EQ(spec.mounts_size(), 5);
  EXPECT_EQ(spec.mounts(0).bind().source(), "/a");
  EXPECT_TRUE(spec.mounts(0).read_only());
  EXPECT_EQ(spec.mounts(0).propagation(), "rslave");
  EXPECT_EQ(spec.mounts(0).options(0), "nosuid");
  EXPECT_EQ(spec.mounts(1).tmpfs().size_bytes(), 1 << 20);
  EXPECT_EQ(spec.mounts(1).tmpfs().mode(), 0700);
  EXPECT_EQ(spec.mounts(1).options(0), "noexec");
  EXPECT_EQ(spec.mounts(2).bind().source(), "/c");
  EXPECT_TRUE(spec.mounts(2).read_only());
  EXPECT_EQ(spec.mounts(3).special(), "mqueue");
  EXPECT_EQ(spec.mounts(4).tmpfs().size_bytes(), 2048);
  ASSERT_EQ(spec.devices_size(), 2);
  EXPECT_EQ(spec.devices(0).permissions(), "rw");
  EXPECT_EQ(spec.devices(0).container_path(), "");
  EXPECT_EQ(spec.devices(1).container_path(), "/dev/b");
}

TEST(ContainerFlagsTest, FillsIsolation) {
  const v1::ContainerSpec spec = SpecOf({"--network",
                                         "container:web",
                                         "--pid",
                                         "host",
                                         "--ipc",
                                         "container:x",
                                         "--cgroupns",
                                         "private",
                                         "--uidmap",
                                         "0:1000:1",
                                         "--gidmap",
                                         "0:1000:1",
                                         "--privileged",
                                         "--security-opt",
                                         "seccomp=unconfined",
                                         "--sysctl",
                                         "net.core.somaxconn=9",
                                         "--cap-drop",
                                         "ALL",
                                         "--cap-add",
                                         "KILL",
                                         "true"});
  EXPECT_EQ(spec.network().container(), "web");
  EXPECT_TRUE(spec.namespaces().pid().host());
  EXPECT_EQ(spec.namespaces().ipc().container(), "x");
  EXPECT_TRUE(spec.namespaces().cgroup().private_());
  EXPECT_EQ(spec.user_namespace().explicit_().uids(0).host_id(), 1000);
  EXPECT_TRUE(spec.security().privileged());
  EXPECT_TRUE(spec.security().seccomp().unconfined());
  EXPECT_EQ(spec.sysctls().at("net.core.somaxconn"), "9");
  EXPECT_EQ(spec.process().capabilities().drop(0), "ALL");
  EXPECT_EQ(spec.process().capabilities().add(0), "KILL");
}

TEST(ContainerFlagsTest, SaysWhatIsWrong) {
  EXPECT_THAT(WrongWith({"-m", "lots", "true"}), HasSubstr("--memory"));
  EXPECT_THAT(WrongWith({"--cpus", "x", "true"}), HasSubstr("--cpus"));
  EXPECT_THAT(WrongWith({"--network", ":ip=x", "true"}),
              HasSubstr("--network"));
  EXPECT_THAT(WrongWith({"--ulimit", "nofile", "true"}), HasSubstr("--ulimit"));
  EXPECT_THAT(WrongWith({"--uidmap", "0:1", "true"}), HasSubstr("id map"));
  EXPECT_THAT(WrongWith({"-v", "data:/d", "true"}), HasSubstr("--volume"));
  EXPECT_THAT(WrongWith({"--mount", "type=bind", "true"}),
              HasSubstr("no target"));
  EXPECT_THAT(WrongWith({"--timeout", "soon", "true"}), HasSubstr("--timeout"));
  EXPECT_THAT(WrongWith({"--env-file", "/no/such", "true"}),
              HasSubstr("/no/such"));
  EXPECT_THAT(WrongWith({"--security-opt", "x=y", "true"}),
              HasSubstr("--security-opt"));
}

TEST(FlagsTest, RefusesUnknownFlagsAndWrongCounts) {
  const auto parse = [](const std::vector<std::string>& words) {
    std::vector<std::string> taken;
    Flags flags("test", "");
    flags.Words(&taken, 1, 2);
    return flags.Parse(words);
  };
  EXPECT_EQ(parse({"a"}), std::nullopt);
  EXPECT_EQ(parse({"a", "b"}), std::nullopt);
  EXPECT_EQ(parse({}), 125);
  EXPECT_EQ(parse({"a", "b", "c"}), 125);
  EXPECT_EQ(parse({"--bogus", "a"}), 125);
  EXPECT_EQ(parse({"-x"}), 125);
}

}  // namespace
}  // namespace caisson::cli
