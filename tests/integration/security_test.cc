// What a container cannot do by default, and hostile root filesystems.
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/unique_fd.h"
#include "tests/testing/daemon_fixture.h"
#include "tests/testing/process.h"
#include "tests/testing/temp_dir.h"

namespace caisson::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class SecurityTest : public DaemonTest {
 protected:
  static ProbeFacts Probe(v1::ContainerSpec spec,
                          const std::vector<std::string>& words) {
    spec.mutable_process()->clear_args();
    spec.mutable_process()->add_args(kProbe);
    for (const std::string& word : words) {
      spec.mutable_process()->add_args(word);
    }
    const Delivered delivered = RunToEnd(stubs(), spec);
    EXPECT_THAT(delivered.status, IsOk());
    return ProbeFacts(delivered.out);
  }
  static std::string Try(const std::vector<std::string>& words) {
    std::vector<std::string> all = {"try"};
    all.insert(all.end(), words.begin(), words.end());
    return Probe(ShSpec(""), all).Get(words[0]);
  }
};

TEST_F(SecurityTest, CapabilitiesAreFewInEverySet) {
  const ProbeFacts facts = Probe(ShSpec(""), {"facts", "status"});
  const std::string bounding = facts.Get("status.CapBnd");
  EXPECT_EQ(facts.Get("status.CapEff"), bounding);
  EXPECT_EQ(facts.Get("status.CapPrm"), bounding);
  EXPECT_EQ(facts.Get("status.CapInh"), "0000000000000000");
  EXPECT_EQ(facts.Get("status.CapAmb"), "0000000000000000");
  const auto mask = std::stoull(bounding, nullptr, 16);
  // SYS_MODULE 16, SYS_RAWIO 17, SYS_PTRACE 19, SYS_ADMIN 21, SYS_BOOT 22,
  // SYS_TIME 25, MKNOD 27, AUDIT_CONTROL 30, MAC_ADMIN 33, BPF 39.
  for (const int number : {16, 17, 19, 21, 22, 25, 27, 30, 33, 39}) {
    EXPECT_EQ(mask >> number & 1, 0u) << number;
  }
  // CHOWN 0, SETUID 7, KILL 5: programs that are root expect these.
  for (const int number : {0, 5, 7}) EXPECT_EQ(mask >> number & 1, 1u);
}

TEST_F(SecurityTest, CapabilitiesCanBeDroppedAndAdded) {
  v1::ContainerSpec spec = ShSpec("");
  spec.mutable_process()->mutable_capabilities()->add_drop("ALL");
  EXPECT_EQ(Probe(spec, {"facts", "status"}).Get("status.CapBnd"),
            "0000000000000000");
  spec.mutable_process()->mutable_capabilities()->add_add("CAP_CHOWN");
  spec.mutable_process()->mutable_capabilities()->add_add("net_admin");
  EXPECT_EQ(Probe(spec, {"facts", "status"}).Get("status.CapEff"),
            "0000000000001001");
}

TEST_F(SecurityTest, UserWhoIsNotRootHasNone) {
  v1::ContainerSpec spec = ShSpec("");
  spec.mutable_process()->set_user("1000");
  const ProbeFacts facts = Probe(spec, {"facts", "status"});
  for (const char* set : {"CapEff", "CapPrm", "CapInh", "CapAmb"}) {
    EXPECT_EQ(facts.Get(absl::StrCat("status.", set)), "0000000000000000")
        << set;
  }
}

TEST_F(SecurityTest, AmbientCapabilitiesSurviveTheSwitch) {
  v1::ContainerSpec spec = ShSpec("");
  spec.mutable_process()->set_user("1000");
  spec.mutable_process()->mutable_capabilities()->add_ambient(
      "NET_BIND_SERVICE");
  const ProbeFacts facts = Probe(spec, {"facts", "status"});
  EXPECT_EQ(facts.Get("status.CapAmb"), "0000000000000400");
  EXPECT_EQ(facts.Get("status.CapEff"), "0000000000000400");
}

TEST_F(SecurityTest, FilterAndNoNewPrivilegesAreOn) {
  const ProbeFacts facts = Probe(ShSpec(""), {"facts", "status"});
  EXPECT_EQ(facts.Get("status.Seccomp"), "2");
  EXPECT_EQ(facts.Get("status.NoNewPrivs"), "1");
}

TEST_F(SecurityTest, BothCanBeSwitchedOffOnRequest) {
  v1::ContainerSpec spec = ShSpec("");
  spec.mutable_security()->mutable_seccomp()->set_unconfined(true);
  spec.mutable_process()->set_allow_new_privileges(true);
  const ProbeFacts facts = Probe(spec, {"facts", "status"});
  EXPECT_EQ(facts.Get("status.Seccomp"), "0");
  EXPECT_EQ(facts.Get("status.NoNewPrivs"), "0");
}

TEST_F(SecurityTest, DangerousCallsAreRefused) {
  const ProbeFacts facts = Probe(ShSpec(""), {"calls"});
  for (const char* name : {"acct",
                           "add_key",
                           "bpf",
                           "delete_module",
                           "finit_module",
                           "init_module",
                           "io_uring_setup",
                           "kexec_load",
                           "keyctl",
                           "mount",
                           "open_by_handle_at",
                           "perf_event_open",
                           "pivot_root",
                           "quotactl",
                           "reboot",
                           "request_key",
                           "setns",
                           "socket_raw",
                           "swapon",
                           "swapoff",
                           "tiocsti",
                           "tiocsti_wide",
                           "umount2",
                           "unshare_net",
                           "unshare_ns",
                           "unshare_user",
                           "userfaultfd",
                           "vhangup",
                           "x32_getpid"}) {
    EXPECT_THAT(facts.Get(name), AnyOf("EPERM", "ENOSYS")) << name;
  }
  // The number of its first argument is behind a pointer, which no filter can
  // follow: libraries must fall back to clone.
  EXPECT_EQ(facts.Get("clone3"), "ENOSYS");
  for (const char* name : {"socket_alg", "socket_packet", "socket_vsock"}) {
    EXPECT_EQ(facts.Get(name), "EAFNOSUPPORT") << name;
  }
}

TEST_F(SecurityTest, OrdinaryCallsWork) {
  const ProbeFacts facts = Probe(ShSpec(""), {"calls"});
  EXPECT_EQ(facts.Get("socket_stream"), "ok");
  EXPECT_EQ(facts.Get("socket_unix"), "ok");
  EXPECT_EQ(facts.Get("tiocgwinsz"), "ENOTTY");
}

TEST_F(SecurityTest, ProcAndSysCannotBeChanged) {
  for (const char* path :
       {"/proc/sys/kernel/domainname", "/proc/sysrq-trigger",
        "/proc/sys/vm/drop_caches", "/sys/kernel/mm/ksm/run"}) {
    EXPECT_THAT(Try({"open", path, "w"}), AnyOf("EROFS", "EACCES", "ENOENT"))
        << path;
  }
  // Masked: empty, whatever the host has there.
  const Delivered delivered = RunToEnd(
      stubs(), ShSpec("cat /proc/kcore 2>/dev/null | head -c 16 | wc -c; "
                      "cat /proc/keys 2>/dev/null | wc -c; "
                      "ls /sys/firmware 2>/dev/null | wc -l"));
  EXPECT_EQ(delivered.out, "0\n0\n0\n");
}

TEST_F(SecurityTest, MountsOfTheKernelAreNarrow) {
  const std::vector<std::string> mounts =
      Probe(ShSpec(""), {"facts", "mounts"}).All("mount");
  const auto options = [&](const std::string& target) -> std::string {
    for (const std::string& line : mounts) {
      if (line.find(" " + target + " ") != std::string::npos) return line;
    }
    return "no " + target;
  };
  EXPECT_THAT(options("/proc"), AllOf(HasSubstr("nosuid"), HasSubstr("nodev"),
                                      HasSubstr("noexec")));
  EXPECT_THAT(options("/sys"), AllOf(HasSubstr(" ro,"), HasSubstr("nosuid"),
                                     HasSubstr("nodev"), HasSubstr("noexec")));
  EXPECT_THAT(options("/dev"), AllOf(HasSubstr("nosuid"), HasSubstr("tmpfs")));
  EXPECT_THAT(options("/dev/shm"),
              AllOf(HasSubstr("nosuid"), HasSubstr("nodev")));
  EXPECT_THAT(options("/dev/pts"), HasSubstr("devpts"));
  EXPECT_THAT(options("/dev/mqueue"), HasSubstr("mqueue"));
}

TEST_F(SecurityTest, ReadOnlyRootCannotBeWritten) {
  v1::ContainerSpec spec = ShSpec("");
  spec.mutable_rootfs()->set_read_only(true);
  EXPECT_EQ(Probe(spec, {"try", "write", "/marker", "x"}).Get("write"),
            "EROFS");
  // /dev/shm is memory, not the root.
  EXPECT_EQ(Probe(spec, {"try", "write", "/dev/shm/x", "x"}).Get("write"),
            "ok");
}

TEST_F(SecurityTest, StandardDevicesWork) {
  const Delivered delivered = RunToEnd(
      stubs(),
      ShSpec("ls /dev | tr '\\n' ' '; head -c 4 /dev/zero | wc -c; "
             "head -c 4 /dev/urandom | wc -c; head -c 4 /dev/random | wc -c; "
             "echo x > /dev/null && echo null; "
             "echo x 2>/dev/null > /dev/full || echo full; "
             "readlink /dev/fd; readlink /dev/stdin; readlink /dev/ptmx"));
  for (const char* name :
       {"fd ", "full ", "mqueue ", "null ", "ptmx ", "pts ", "random ", "shm ",
        "stderr ", "stdin ", "stdout ", "tty ", "urandom ", "zero "}) {
    EXPECT_THAT(delivered.out, HasSubstr(name));
  }
  EXPECT_THAT(delivered.out, HasSubstr("4\n4\n4\nnull\nfull\n"));
  EXPECT_THAT(delivered.out, HasSubstr("/proc/self/fd\n/proc/self/fd/0\n"));
  // No disk of the host.
  for (const char* name : {"vda", "sda", "mem ", "kmsg", "kvm"}) {
    EXPECT_THAT(delivered.out, Not(HasSubstr(name)));
  }
}

TEST_F(SecurityTest, OtherDevicesAreRefusedByTheCgroup) {
  // With the right to make nodes the device list still holds, and outside of
  // /dev even a listed one is of no use.
  v1::ContainerSpec spec = ShSpec(
      "caisson-probe try mknod /tmp/mem c 1 1; "
      "caisson-probe try mknod /tmp/disk b 8 0; "
      "caisson-probe try mknod /tmp/null c 1 3; "
      "caisson-probe try open /tmp/null rw; "
      "caisson-probe try open /dev/null rw");
  spec.mutable_process()->mutable_capabilities()->add_add("MKNOD");
  EXPECT_EQ(RunToEnd(stubs(), spec).out,
            "mknod=EPERM\nmknod=EPERM\nmknod=ok\nopen=EACCES\nopen=ok\n");
}

TEST_F(SecurityTest, DevicesOfTheHostOnlyOnRequest) {
  v1::ContainerSpec spec = ShSpec("caisson-probe try open /dev/mine r");
  v1::Device* device = spec.add_devices();
  device->set_host_path("/dev/zero");
  device->set_container_path("/dev/mine");
  device->set_permissions("r");
  EXPECT_EQ(RunToEnd(stubs(), spec).out, "open=ok\n");
}

TEST_F(SecurityTest, RlimitsAreAsAskedFor) {
  v1::ContainerSpec spec = ShSpec("");
  v1::Rlimit* limit = spec.mutable_process()->add_rlimits();
  limit->set_name("NOFILE");
  limit->set_soft(64);
  limit->set_hard(64);
  EXPECT_EQ(Probe(spec, {"facts", "limits"}).Get("limit.NOFILE"), "64 64");
}

TEST_F(SecurityTest, NothingOfTheServiceLeaksIntoTheProcess) {
  v1::ContainerSpec spec = ShSpec("");
  (*spec.mutable_process()->mutable_env())["ONLY"] = "this";
  const ProbeFacts facts = Probe(spec, {"facts"});
  EXPECT_THAT(facts.Names("fd."), ElementsAre("fd.0", "fd.1", "fd.2"));
  EXPECT_EQ(facts.Get("fd.0"), "/dev/null");
  EXPECT_THAT(facts.Names("env."),
              ElementsAre("env.HOME", "env.HOSTNAME", "env.ONLY", "env.PATH"));
  EXPECT_EQ(facts.Get("env.ONLY"), "this");
  EXPECT_EQ(facts.Get("env.HOME"), "/root");
  EXPECT_EQ(facts.Get("umask"), "0022");
  EXPECT_EQ(facts.Get("status.SigBlk"), "0000000000000000");
  EXPECT_EQ(facts.Get("status.SigIgn"), "0000000000000000");
  // On purpose: should its shim die, it does not go on without one.
  EXPECT_EQ(facts.Get("pdeathsig"), "9");
  EXPECT_EQ(facts.Get("cwd"), "/");
}

TEST_F(SecurityTest, ArgumentsArriveByteForByte) {
  v1::ContainerSpec spec;
  spec.mutable_rootfs()->mutable_host_directory()->set_path(SharedRootfs());
  for (const std::string& word :
       {std::string(kProbe), std::string("facts"), std::string("argv"),
        std::string("two words"), std::string(""), std::string("a\nb\t\"'$`"),
        std::string("\xff\xfe")}) {
    spec.mutable_process()->add_args_raw(word);
  }
  const ProbeFacts facts(RunToEnd(stubs(), spec).out);
  EXPECT_EQ(facts.Get("argv.3"), "two words");
  EXPECT_EQ(facts.Get("argv.4"), "");
  EXPECT_EQ(facts.Get("argv.5"), "a\nb\t\"'$`");
  EXPECT_EQ(facts.Get("argv.6"), "\xff\xfe");
}

TEST_F(SecurityTest, EnvironmentValuesMayBeAnyBytes) {
  v1::ContainerSpec spec = ProbeSpec({"facts", "env"});
  (*spec.mutable_process()->mutable_env_raw())["RAW"] = "\xff=\x01";
  (*spec.mutable_process()->mutable_env())["EMPTY"] = "";
  const ProbeFacts facts(RunToEnd(stubs(), spec).out);
  EXPECT_EQ(facts.Get("env.RAW"), "\xff=\x01");
  EXPECT_EQ(facts.Get("env.EMPTY"), "");
}

// What an exec is before it is the program must not be read, written or traced
// from inside (CVE-2016-9962, CVE-2019-5736).
TEST_F(SecurityTest, ASpyLearnsNothingFromExecs) {
  v1::ContainerSpec spec = ProbeSpec({"spy"});
  // Its own files it may write, and a program that is open for writing cannot
  // be executed.
  spec.mutable_rootfs()->set_read_only(true);
  const v1::Container container = CreateAndStart(spec);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(
        ExecSync(container.id(), ExecOf({"/bin/true"})).exit().exit_code(), 0);
  }
  v1::StopContainerRequest request;
  request.set_container(container.id());
  v1::StopContainerResponse response;
  EXPECT_THAT(
      Call(stubs().containers, &v1::ContainerService::Stub::StopContainer,
           request, &response),
      IsOk());
  const ProbeFacts facts(Logs(container.id()));
  EXPECT_GT(std::stoi(facts.Get("seen")), 10);
  EXPECT_THAT(facts.All("found"), IsEmpty());
}

TEST_F(SecurityTest, ServiceRunsFromASealedFile) {
  const base::UniqueFd exe(
      ::open(absl::StrCat("/proc/", daemon().KeeperPid(), "/exe").c_str(),
             O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(exe.is_valid());
  EXPECT_EQ(::fcntl(exe.get(), F_GET_SEALS),
            F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

// A root filesystem that wants to lead the service astray. Whatever it does,
// the host's files stay as they are and the service answers.
class HostileRootTest : public SecurityTest {
 protected:
  void SetUp() override {
    SecurityTest::SetUp();
    if (HasFatalFailure() || IsSkipped()) return;
    root_ = directory_.File("rootfs");
    MakeRootfs(root_);
    victim_ = directory_.File("victim");
    fs::create_directories(victim_);
    WriteFileOrDie(victim_ + "/file", "precious");
  }

  void Replace(const std::string& name, const std::string& target) const {
    fs::remove_all(root_ + name);
    fs::create_symlink(target, root_ + name);
  }
  v1::ContainerSpec HostileSpec(const std::string& script) const {
    v1::ContainerSpec spec = ShSpec(script);
    spec.mutable_rootfs()->mutable_host_directory()->set_path(root_);
    return spec;
  }
  // Either it is refused with a cause, or it runs inside; never outside.
  void ExpectHarmless(const v1::ContainerSpec& spec) const {
    const Delivered delivered = RunToEnd(stubs(), spec);
    if (!delivered.status.ok()) {
      EXPECT_EQ(delivered.status.error_code(),
                grpc::StatusCode::FAILED_PRECONDITION)
          << Describe(delivered.status);
    }
    EXPECT_EQ(ReadFileOrEmpty(victim_ + "/file"), "precious");
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(victim_)) {
      names.push_back(entry.path().filename());
    }
    EXPECT_THAT(names, ElementsAre("file"));
    EXPECT_EQ(RunToEnd(stubs(), ShSpec("exit 5")).shell_status(), 5);
  }

  TempDir directory_;
  std::string root_;
  std::string victim_;
};

TEST_F(HostileRootTest, LinksInPlaceOfMountPoints) {
  for (const char* name : {"/proc", "/sys", "/dev"}) {
    Replace(name, victim_);
    ExpectHarmless(HostileSpec("true"));
    Replace(name, "../../../../../.." + victim_);
    ExpectHarmless(HostileSpec("true"));
    fs::remove(root_ + name);
    fs::create_directory(root_ + name);
  }
}

TEST_F(HostileRootTest, LinksInPlaceOfMountTargets) {
  Replace("/var", victim_);
  v1::ContainerSpec spec = HostileSpec("echo x > /var/data/y; true");
  v1::Mount* mount = spec.add_mounts();
  mount->set_target("/var/data");
  mount->mutable_tmpfs();
  ExpectHarmless(spec);
}

TEST_F(HostileRootTest, LinkInPlaceOfTheWorkingDirectory) {
  Replace("/var", victim_);
  v1::ContainerSpec spec = HostileSpec("pwd; touch here");
  spec.mutable_process()->set_working_dir("/var/new/directory");
  ExpectHarmless(spec);
}

TEST_F(HostileRootTest, PipeInPlaceOfThePasswordFile) {
  fs::remove(root_ + "/etc/passwd");
  ASSERT_EQ(::mkfifo((root_ + "/etc/passwd").c_str(), 0644), 0);
  v1::ContainerSpec spec = HostileSpec("true");
  spec.mutable_process()->set_user("user");
  ExpectHarmless(spec);
}

TEST_F(HostileRootTest, EndlessPasswordFile) {
  Replace("/etc/passwd", "/dev/zero");
  v1::ContainerSpec spec = HostileSpec("true");
  spec.mutable_process()->set_user("user");
  ExpectHarmless(spec);
  Replace("/etc/group", "/etc/group");
  ExpectHarmless(spec);
}

TEST_F(HostileRootTest, CommandThatLeadsOutside) {
  Replace("/bin/true", "../../../../../../../../bin/true");
  Replace("/bin/out", absl::StrCat(victim_, "/file"));
  v1::ContainerSpec spec = HostileSpec("true");
  spec.mutable_process()->clear_args();
  spec.mutable_process()->add_args("/bin/out");
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_THAT(delivered.status, FailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                                          "COMMAND_NOT_FOUND"));
}

// What the program is started by has directories of the host open until a
// moment before, and execve follows such links: of the program, and of its
// interpreter.
TEST_F(HostileRootTest, CommandsThatLeadThroughOpenDirectories) {
  const std::string outside = victim_ + "/file";
  WriteFileOrDie(outside, "#!/bin/sh\necho outside\n");
  fs::permissions(outside, fs::perms::all);
  WriteFileOrDie(root_ + "/bin/script", "#!/bin/link\n");
  fs::permissions(root_ + "/bin/script", fs::perms::all);
  v1::ContainerSpec spec = HostileSpec("sleep 1000");
  v1::ExecSyncRequest exec;
  exec.set_container(CreateAndStart(spec).id());
  exec.set_text(true);
  spec.mutable_process()->clear_args();
  spec.mutable_process()->add_args("");
  exec.mutable_spec()->mutable_process()->add_args("");
  for (int fd = 0; fd < 40 && !HasFailure(); ++fd) {
    Replace("/bin/link", absl::StrCat("/proc/self/fd/", fd,
                                      "/../../../../../../../..", outside));
    for (const char* program : {"/bin/link", "/bin/script"}) {
      spec.mutable_process()->set_args(0, program);
      const Delivered delivered = RunToEnd(stubs(), spec);
      EXPECT_EQ(delivered.status.error_code(),
                grpc::StatusCode::FAILED_PRECONDITION)
          << fd << " " << program << ": " << delivered.out;
      exec.mutable_spec()->mutable_process()->set_args(0, program);
      v1::ExecSyncResponse response;
      EXPECT_EQ(
          Call(stubs().execs, &v1::ExecService::Stub::ExecSync, exec, &response)
              .error_code(),
          grpc::StatusCode::FAILED_PRECONDITION)
          << fd << " " << program << ": " << response.stdout_text();
    }
  }
}

// Its interpreter is the program that executes it: ours.
TEST_F(HostileRootTest, ScriptWhoseInterpreterIsTheService) {
  const std::string shim = ProgramPath("caisson-shim");
  const std::string before = ReadFileOrEmpty(shim);
  ASSERT_THAT(before, Not(IsEmpty()));
  WriteFileOrDie(root_ + "/bin/script", "#!/proc/self/exe\n");
  fs::permissions(root_ + "/bin/script", fs::perms::all);
  v1::ContainerSpec spec = HostileSpec("");
  spec.mutable_process()->clear_args();
  spec.mutable_process()->add_args("/bin/script");
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_FALSE(delivered.status.ok() && delivered.shell_status() == 0);
  EXPECT_EQ(ReadFileOrEmpty(shim), before);
}

TEST_F(HostileRootTest, CapabilitiesOfFilesGiveNothing) {
  const std::string file = root_ + "/bin/capable";
  fs::copy_file(root_ + kProbe, file);
  vfs_cap_data data = {};
  data.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  data.data[0].permitted = data.data[0].inheritable =
      uint32_t{1} << CAP_NET_RAW | uint32_t{1} << CAP_CHOWN;
  ASSERT_EQ(::setxattr(file.c_str(), "security.capability", &data,
                       XATTR_CAPS_SZ_2, 0),
            0);
  v1::ContainerSpec spec = HostileSpec("");
  spec.mutable_process()->set_user("1000");
  spec.mutable_process()->clear_args();
  for (const char* word : {"/bin/capable", "facts", "status"}) {
    spec.mutable_process()->add_args(word);
  }
  const Delivered delivered = RunToEnd(stubs(), spec);
  EXPECT_THAT(delivered.status, IsOk());
  EXPECT_EQ(ProbeFacts(delivered.out).Get("status.CapEff"), "0000000000000000");
}

// The directory in which mounts and the working directory are made is exchanged
// for a link to the outside and back, all the time (CVE-2021-30465,
// CVE-2024-45310).
TEST_F(HostileRootTest, DirectoriesThatAreExchangedForLinks) {
  fs::create_directories(root_ + "/var/data");
  fs::create_directory_symlink(victim_, root_ + "/link");
  std::atomic<bool> over = false;
  std::thread exchange([&] {
    while (!over) {
      ::renameat2(AT_FDCWD, (root_ + "/var").c_str(), AT_FDCWD,
                  (root_ + "/link").c_str(), RENAME_EXCHANGE);
    }
  });
  v1::ContainerSpec spec = HostileSpec("echo x > /var/data/y; true");
  spec.mutable_rootfs()->mutable_host_directory()->set_writable_layer(false);
  spec.mutable_process()->set_working_dir("/var/new");
  for (const char* target : {"/var/data", "/var/deep/er"}) {
    v1::Mount* mount = spec.add_mounts();
    mount->set_target(target);
    mount->mutable_tmpfs();
  }
  for (int i = 0; i < 150 && !HasFailure(); ++i) {
    const Delivered delivered = RunToEnd(stubs(), spec);
    if (delivered.status.ok()) continue;
    EXPECT_EQ(delivered.status.error_code(),
              grpc::StatusCode::FAILED_PRECONDITION)
        << Describe(delivered.status);
  }
  over = true;
  exchange.join();
  ExpectHarmless(HostileSpec("true"));
}

TEST_F(HostileRootTest, RootThatIsALinkOrAFile) {
  const std::string link = directory_.File("link");
  fs::create_symlink("/", link);
  v1::ContainerSpec spec = ShSpec("true");
  spec.mutable_rootfs()->mutable_host_directory()->set_path(victim_ + "/file");
  EXPECT_FALSE(RunToEnd(stubs(), spec).status.ok());
  spec.mutable_rootfs()->mutable_host_directory()->set_path(victim_ +
                                                            "/missing");
  EXPECT_THAT(RunToEnd(stubs(), spec).status,
              FailsWith(grpc::StatusCode::NOT_FOUND, "PATH_NOT_FOUND"));
}

}  // namespace
}  // namespace caisson::testing
