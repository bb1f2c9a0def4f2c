// The service as a program on the host: its socket, its lock, who may call it,
// and what it knows of the objects that it owns.
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/leakcheck/snapshot.h"
#include "tests/testing/children.h"
#include "tests/testing/daemon_fixture.h"
#include "tests/testing/process.h"
#include "tests/testing/raw_call.h"
#include "tests/testing/temp_dir.h"

namespace caisson::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class ServiceTest : public DaemonTest {
 protected:
  // A program of this tree, run to its end.
  static ProcessResult RunDaemon(const std::vector<std::string>& flags) {
    ProcessOptions options;
    options.argv = {ProgramPath("caissond")};
    options.argv.insert(options.argv.end(), flags.begin(), flags.end());
    return RunProgram(options);
  }
  // The errno of a connection to the socket by another user; 0: it was made.
  static int ConnectAs(uid_t uid) {
    const std::string path = daemon().socket();
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const pid_t child = ::fork();
    if (child == 0) {
      const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (::setresgid(uid, uid, uid) < 0 || ::setresuid(uid, uid, uid) < 0) {
        ::_exit(255);
      }
      const int failed = ::connect(
          fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
      ::_exit(failed < 0 ? errno : 0);
    }
    AddOwnChild(child);
    int status = 0;
    ::waitpid(child, &status, 0);
    ForgetOwnChild(child);
    return WEXITSTATUS(status);
  }
};

TEST_F(ServiceTest, SocketIsForRootAndItsGroup) {
  struct stat info = {};
  ASSERT_EQ(::stat(daemon().socket().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0660u);
  EXPECT_EQ(info.st_uid, 0u);
  EXPECT_EQ(ConnectAs(0), 0);
  EXPECT_EQ(ConnectAs(65534), EACCES);
}

TEST_F(ServiceTest, HealthIsServedForTheServerAndEachService) {
  // HealthCheckRequest{service}, HealthCheckResponse{status = SERVING}.
  for (const std::string& name :
       {std::string(), std::string("caisson.v1.ContainerService"),
        std::string("caisson.v1.ExecService")}) {
    std::string request;
    if (!name.empty()) {
      request = absl::StrCat(
          "\x0a", std::string(1, static_cast<char>(name.size())), name);
    }
    const RawResult result =
        RawCall(stubs().channel, "/grpc.health.v1.Health/Check", {request});
    EXPECT_THAT(result.status, IsOk());
    EXPECT_THAT(result.responses, ElementsAre("\x08\x01"));
  }
}

TEST_F(ServiceTest, ReflectionListsTheServices) {
  // ServerReflectionRequest{list_services: ""}.
  const RawResult result =
      RawCall(stubs().channel,
              "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
              {std::string("\x3a\x00", 2)});
  ASSERT_FALSE(result.responses.empty()) << Describe(result.status);
  for (const char* name :
       {"caisson.v1.ContainerService", "caisson.v1.ExecService",
        "caisson.v1.EventService", "caisson.v1.NetworkService",
        "caisson.v1.SystemService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(result.responses[0], HasSubstr(name));
  }
}

TEST_F(ServiceTest, SecondDaemonOnTheSameRootIsRefused) {
  const Sandbox& sandbox = daemon().sandbox();
  TempDir other;
  const ProcessResult result = RunDaemon(
      {"--root", sandbox.root, "--state", other.File("state"), "--cgroup-base",
       absl::StrCat(sandbox.cgroup_base, "-second")});
  EXPECT_GT(result.status, 0);
  EXPECT_THAT(absl::StrCat(result.out, result.err),
              HasSubstr(absl::StrCat(daemon().pid())));
  // The first one is as before.
  EXPECT_EQ(RunToEnd(stubs(), ShSpec("exit 2")).shell_status(), 2);
}

TEST_F(ServiceTest, SocketOfADeadDaemonIsTakenOver) {
  daemon().Kill9();
  ASSERT_TRUE(fs::exists(daemon().socket()));
  ASSERT_TRUE(daemon().Start()) << daemon().log();
  EXPECT_EQ(RunToEnd(stubs(), ShSpec("exit 2")).shell_status(), 2);
}

TEST_F(ServiceTest, KeeperIsStoppedOnceNobodyNeedsIt) {
  const Sandbox& sandbox = daemon().sandbox();
  const auto stop_keeper = [&sandbox] {
    return RunDaemon({"--stop-keeper", "--root", sandbox.root, "--state",
                      sandbox.state, "--cgroup-base", sandbox.cgroup_base});
  };
  const v1::Container container = CreateAndStart(WaitingSpec());
  const pid_t keeper = daemon().KeeperPid();
  ProcessResult result = stop_keeper();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr(absl::StrCat(daemon().pid())));
  EXPECT_EQ(daemon().Stop(), 0) << daemon().log();
  result = stop_keeper();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("keeps 1 shim:"));
  EXPECT_EQ(daemon().KeeperPid(), keeper);
  ASSERT_TRUE(daemon().Start()) << daemon().log();
  EXPECT_EQ(Get(container.id()).status().state(), v1::CONTAINER_STATE_RUNNING);

  EXPECT_THAT(Delete(container.id()), IsOk());
  EXPECT_EQ(daemon().Stop(), 0) << daemon().log();
  // The shim ends by itself soon after its container.
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    result = stop_keeper();
    return result.status == 0;
  })) << result.err;
  EXPECT_EQ(daemon().KeeperPid(), -1);
  EXPECT_THAT(leakcheck::FindCgroups(sandbox.cgroup_base), IsEmpty());
  EXPECT_EQ(stop_keeper().status, 0);  // again is no error
  ASSERT_TRUE(daemon().Start()) << daemon().log();
  EXPECT_EQ(RunToEnd(stubs(), ShSpec("exit 2")).shell_status(), 2);
}

TEST_F(ServiceTest, FailedCallsAreLoggedWithTheirCause) {
  v1::GetContainerRequest request;
  request.set_container("nobody-has-this-name");
  v1::GetContainerResponse response;
  EXPECT_FALSE(Call(stubs().containers,
                    &v1::ContainerService::Stub::GetContainer, request,
                    &response)
                   .ok());
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [] {
    const std::string log = daemon().log();
    return log.find("GetContainer") != std::string::npos &&
           log.find("CONTAINER_NOT_FOUND") != std::string::npos;
  }));
}

TEST_F(ServiceTest, SecretsAreNotLogged) {
  v1::ContainerSpec spec = ShSpec("exit 3");
  (*spec.mutable_process()->mutable_env())["TOKEN"] = "very-secret-1234";
  RunToEnd(stubs(), spec);
  spec.set_hostname("not a host name");
  EXPECT_FALSE(RunToEnd(stubs(), spec).status.ok());
  EXPECT_THAT(daemon().log(), Not(HasSubstr("very-secret-1234")));
}

TEST_F(ServiceTest, AuditKnowsWhatRuns) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  v1::AuditRequest request;
  v1::AuditResponse response;
  EXPECT_THAT(
      Call(stubs().system, &v1::SystemService::Stub::Audit, request, &response),
      IsOk());
  std::vector<std::string> kinds;
  for (const v1::AuditObject& object : response.objects()) {
    EXPECT_EQ(object.state(), v1::AUDIT_STATE_OK)
        << object.kind() << " " << object.key() << " " << object.detail();
    if (object.owner() == container.id()) kinds.push_back(object.kind());
  }
  EXPECT_THAT(kinds, Contains("cgroup"));
  EXPECT_THAT(kinds, Contains("directory"));
  EXPECT_THAT(kinds, Contains("process"));
  EXPECT_THAT(Delete(container.id()), IsOk());
}

TEST_F(ServiceTest, AuditAndLeakcheckFindTheSameOrphans) {
  const std::string id(32, 'a');
  const std::string directory =
      absl::StrCat(daemon().sandbox().root, "/containers/", id);
  const leakcheck::Snapshot before = daemon().TakeSnapshot();
  EXPECT_THAT(AuditProblems(), IsEmpty());
  fs::create_directories(directory);
  const std::vector<std::string> bases =
      leakcheck::FindCgroups(daemon().sandbox().cgroup_base);
  ASSERT_FALSE(bases.empty());
  fs::create_directory(absl::StrCat(bases[0], "/", id));
  const std::vector<std::string> added =
      leakcheck::Added(before, daemon().TakeSnapshot());
  EXPECT_THAT(added, Contains(HasSubstr(directory)));
  EXPECT_THAT(added, Contains(HasSubstr(absl::StrCat(bases[0], "/", id))));
  const std::vector<std::string> problems = AuditProblems();
  EXPECT_THAT(problems, Contains(HasSubstr("ORPHAN directory")));
  EXPECT_THAT(problems, Contains(HasSubstr("ORPHAN cgroup")));
  v1::RepairHostRequest request;
  request.set_dry_run(true);
  v1::RepairHostResponse response;
  EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::RepairHost,
                   request, &response),
              IsOk());
  EXPECT_TRUE(fs::exists(directory));
  EXPECT_EQ(static_cast<size_t>(response.removed_size()), problems.size());
  request.set_dry_run(false);
  EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::RepairHost,
                   request, &response),
              IsOk());
  EXPECT_THAT(response.failed(), IsEmpty());
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_THAT(leakcheck::Added(before, daemon().TakeSnapshot()), IsEmpty());
}

}  // namespace
}  // namespace caisson::testing
