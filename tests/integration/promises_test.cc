// What holds for every call whatever else goes on: the fate of calls whose
// callers leave, reads that never wait, and ways past what is stuck. A keeper
// or a shim that is stopped (SIGSTOP) holds an operation at a known place.
#include <signal.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/leakcheck/proc.h"
#include "tests/testing/daemon_fixture.h"

namespace caisson::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Containers = v1::ContainerService::Stub;

// A time limit that a call passes while it is under way: 2 s, and 3 s in the
// guest. Not scaled like others: after 5 s without an answer the service gives
// a shim up. Divided by what Call multiplies it with.
absl::Duration Moment() {
  return absl::Seconds(2 + TimeoutScale() / 20) / TimeoutScale();
}

// A process that does nothing until this goes.
class Stopped {
 public:
  explicit Stopped(pid_t pid) : pid_(pid) {
    EXPECT_EQ(::kill(pid_, SIGSTOP), 0);
  }
  ~Stopped() { Continue(); }
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;
  void Continue() {
    if (pid_ > 0) ::kill(pid_, SIGCONT);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

class PromisesTest : public DaemonTest {
 protected:
  static pid_t ShimOf(const v1::Container& container) {
    return leakcheck::ParseStat(
               leakcheck::ReadText(
                   absl::StrCat("/proc/", container.status().pid(), "/stat")))
        .parent;
  }
  static v1::ContainerSpec Named(const std::string& name) {
    v1::ContainerSpec spec = WaitingSpec();
    spec.set_name(name);
    return spec;
  }
  static grpc::Status TryStart(const std::string& container,
                               const std::string& request_id,
                               absl::Duration timeout = absl::Seconds(60)) {
    v1::StartContainerRequest request;
    request.set_container(container);
    request.set_request_id(request_id);
    v1::StartContainerResponse response;
    return Call(stubs().containers, &Containers::StartContainer, request,
                &response, timeout);
  }
  static grpc::Status TryStop(const std::string& container, int64_t seconds,
                              absl::Duration timeout = absl::Seconds(60)) {
    v1::StopContainerRequest request;
    request.set_container(container);
    request.mutable_timeout()->set_seconds(seconds);
    v1::StopContainerResponse response;
    return Call(stubs().containers, &Containers::StopContainer, request,
                &response, timeout);
  }
  static grpc::Status TryDelete(const std::string& container,
                                absl::Duration timeout = absl::Seconds(60)) {
    v1::DeleteContainerRequest request;
    request.set_container(container);
    request.set_force(true);
    v1::DeleteContainerResponse response;
    return Call(stubs().containers, &Containers::DeleteContainer, request,
                &response, timeout);
  }
  static bool WaitForPending(const std::string& container,
                             const std::string& operation) {
    return PollUntil(absl::Seconds(20), [&] {
      const v1::ContainerStatus status = Get(container).status();
      return status.has_pending_operation() &&
             status.pending_operation().operation() == operation;
    });
  }
  // A Run is hidden until it has started, but its name is taken.
  static bool WaitForName(const std::string& name) {
    return PollUntil(absl::Seconds(20), [&] {
      v1::CreateContainerRequest request;
      *request.mutable_spec() = Named(name);
      request.set_validate_only(true);
      v1::CreateContainerResponse response;
      return Call(stubs().containers, &Containers::CreateContainer, request,
                  &response)
                 .error_code() == grpc::StatusCode::ALREADY_EXISTS;
    });
  }
  static bool WaitForState(const std::string& container,
                           v1::ContainerState state) {
    return PollUntil(absl::Seconds(20),
                     [&] { return Get(container).status().state() == state; });
  }
};

// --- Deadlines and cancels: the method's declared fate.

TEST_F(PromisesTest, StartGoesOnWithoutItsCaller) {
  const std::string id = Create(WaitingSpec()).id();
  const std::string request = NewRequestId();
  Stopped keeper(daemon().KeeperPid());
  EXPECT_EQ(TryStart(id, request, Moment()).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  const v1::ContainerStatus status = Get(id).status();
  EXPECT_EQ(status.state(), v1::CONTAINER_STATE_CREATED);
  EXPECT_EQ(status.pending_operation().operation(), "start");
  EXPECT_EQ(status.pending_operation().stage(), "PREPARE");
  EXPECT_EQ(status.pending_operation().request_id(), request);
  EXPECT_TRUE(status.pending_operation().has_since());
  // A retry joins it.
  auto retry =
      std::async(std::launch::async, [&] { return TryStart(id, request); });
  keeper.Continue();
  EXPECT_THAT(retry.get(), IsOk());
  const v1::ContainerStatus running = Get(id).status();
  EXPECT_EQ(running.state(), v1::CONTAINER_STATE_RUNNING);
  EXPECT_EQ(running.run(), 1);
  EXPECT_FALSE(running.has_pending_operation());
  // And is answered again by what it did.
  EXPECT_THAT(TryStart(id, request), IsOk());
  EXPECT_EQ(Get(id).status().run(), 1);
}

TEST_F(PromisesTest, StopGoesOnWithoutItsCaller) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  Stopped shim(ShimOf(container));
  EXPECT_EQ(TryStop(container.id(), 3600, Moment()).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  const v1::ContainerStatus status = Get(container.id()).status();
  EXPECT_EQ(status.state(), v1::CONTAINER_STATE_RUNNING);
  EXPECT_EQ(status.pending_operation().operation(), "stop");
  EXPECT_EQ(status.pending_operation().stage(), "WAIT_EXIT");
  shim.Continue();
  EXPECT_EQ(Wait(container.id()).reason(), v1::EXIT_REASON_STOPPED);
}

TEST_F(PromisesTest, DeleteGoesOnWithoutItsCaller) {
  const v1::Container container = CreateAndStart(Named("gone"));
  Stopped shim(ShimOf(container));
  EXPECT_EQ(TryDelete(container.id(), Moment()).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(Get(container.id()).status().pending_operation().operation(),
            "delete");
  shim.Continue();
  EXPECT_TRUE(WaitForState(container.id(), v1::CONTAINER_STATE_DELETED));
  EXPECT_EQ(Get(container.id()).status().exit().signal(), "SIGKILL");
  EXPECT_EQ(Create(Named("gone")).spec().name(), "gone");
}

TEST_F(PromisesTest, ACreateThatIsCutReservesNoName) {
  // Some are seen before the commit, some after; the client cannot know.
  for (int i = 0; i < 40; ++i) {
    v1::CreateContainerRequest request;
    *request.mutable_spec() = Named(absl::StrCat("cut-", i));
    v1::CreateContainerResponse response;
    grpc::ClientContext context;
    context.set_deadline(
        absl::ToChronoTime(absl::Now() + absl::Microseconds(100 * i)));
    const grpc::Status status =
        stubs().containers->CreateContainer(&context, request, &response);
    if (status.ok()) continue;
    ASSERT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED)
        << Describe(status);
  }
  // Each name is that of a container, or free; nothing hangs in between.
  std::vector<std::string> taken;
  for (const v1::Container& container : List()) {
    taken.push_back(container.spec().name());
  }
  for (int i = 0; i < 40; ++i) {
    const std::string name = absl::StrCat("cut-", i);
    v1::CreateContainerRequest request;
    *request.mutable_spec() = Named(name);
    v1::CreateContainerResponse response;
    const grpc::Status status = Call(
        stubs().containers, &Containers::CreateContainer, request, &response);
    if (!status.ok()) {
      EXPECT_THAT(status,
                  FailsWith(grpc::StatusCode::ALREADY_EXISTS, "NAME_IN_USE"));
      EXPECT_THAT(TryDelete(name), IsOk());
    }
  }
}

TEST_F(PromisesTest, ARunThatIsCutBeforeItStartedLeavesNothing) {
  Stopped keeper(daemon().KeeperPid());
  auto talk = StartRun(stubs(), Named("cut"));
  EXPECT_TRUE(WaitForName("cut"));
  EXPECT_THAT(Ids(), IsEmpty());
  talk->Cancel();
  EXPECT_EQ(talk->Rest().status.error_code(), grpc::StatusCode::CANCELLED);
  keeper.Continue();
  v1::Container again;
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    v1::CreateContainerRequest request;
    *request.mutable_spec() = Named("cut");
    v1::CreateContainerResponse response;
    return Call(stubs().containers, &Containers::CreateContainer, request,
                &response)
        .ok();
  }));
  EXPECT_THAT(Ids(), SizeIs(1));
  EXPECT_THAT(TryDelete("cut"), IsOk());
  EXPECT_THAT(Leaks(), IsEmpty());
  EXPECT_THAT(AuditProblems(), IsEmpty());
}

TEST_F(PromisesTest, ARunWithARequestIdIsThereForItsRetry) {
  v1::RunStart start;
  *start.mutable_spec() = ShSpec("echo once; exit 4");
  start.mutable_spec()->set_name("retried");
  start.set_request_id(NewRequestId());
  Stopped keeper(daemon().KeeperPid());
  {
    auto talk = StartRun(stubs(), start);
    EXPECT_TRUE(WaitForName("retried"));
    talk->Cancel();
    talk->Rest();
  }
  auto retry = StartRun(stubs(), start);
  keeper.Continue();
  const Delivered& delivered = retry->Rest();
  EXPECT_EQ(delivered.out, "once\n") << Describe(delivered.status);
  EXPECT_EQ(delivered.shell_status(), 4);
  EXPECT_THAT(Ids(), SizeIs(1));
}

// --- Reads never wait.

TEST_F(PromisesTest, ReadsAnswerWhileKeeperAndShimAreStuck) {
  const v1::Container stuck = CreateAndStart(Named("stuck"));
  const std::string starting = Create(Named("starting")).id();
  v1::WatchEventsRequest watch_request;
  grpc::ClientContext watch_context;
  const auto watch = stubs().events->WatchEvents(&watch_context, watch_request);
  v1::WatchEventsResponse event;
  ASSERT_TRUE(watch->Read(&event));  // the bookmark

  Stopped shim(ShimOf(stuck));
  Stopped keeper(daemon().KeeperPid());
  auto stop =
      std::async(std::launch::async, [&] { return TryStop(stuck.id(), 3600); });
  auto start =
      std::async(std::launch::async, [&] { return TryStart(starting, ""); });
  EXPECT_TRUE(WaitForPending(stuck.id(), "stop"));
  EXPECT_TRUE(WaitForPending(starting, "start"));
  const absl::Time begin = absl::Now();
  EXPECT_THAT(Ids(), SizeIs(2));
  EXPECT_EQ(Get(stuck.id()).status().state(), v1::CONTAINER_STATE_RUNNING);
  v1::GetInfoResponse info;
  EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::GetInfo,
                   v1::GetInfoRequest(), &info),
              IsOk());
  v1::ListProcessesRequest processes;
  processes.set_container(stuck.id());
  v1::ListProcessesResponse listed;
  EXPECT_THAT(
      Call(stubs().containers, &Containers::ListProcesses, processes, &listed),
      IsOk());
  EXPECT_THAT(listed.processes(), Not(IsEmpty()));
  EXPECT_EQ(Logs(stuck.id()), "");
  EXPECT_THAT(AuditProblems(), IsEmpty());
  // Other containers are made, and told of, meanwhile.
  const std::string other = Create(ShSpec("true")).id();
  ASSERT_TRUE(watch->Read(&event));
  EXPECT_EQ(event.batch().events(0).container().id(), other);
  EXPECT_LT(absl::Now() - begin, Scaled(absl::Seconds(5)));
  watch_context.TryCancel();
  watch->Finish();
  keeper.Continue();
  shim.Continue();
  EXPECT_THAT(stop.get(), IsOk());
  EXPECT_THAT(start.get(), IsOk());
}

// --- Ways past what is stuck.

TEST_F(PromisesTest, AKillPassesAShimThatHangs) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  Stopped shim(ShimOf(container));
  v1::KillContainerRequest request;
  request.set_container(container.id());
  v1::KillContainerResponse response;
  EXPECT_THAT(
      Call(stubs().containers, &Containers::KillContainer, request, &response),
      IsOk());
  // Nobody reaps it while its parent is stopped.
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return leakcheck::ParseStat(
               leakcheck::ReadText(
                   absl::StrCat("/proc/", container.status().pid(), "/stat")))
               .state == 'Z';
  }));
  shim.Continue();
  EXPECT_EQ(Wait(container.id()).reason(), v1::EXIT_REASON_KILLED);
}

TEST_F(PromisesTest, AForcedDeletePassesAShimThatHangs) {
  const v1::Container container = CreateAndStart(Named("hangs"));
  const Stopped shim(ShimOf(container));
  EXPECT_THAT(TryDelete("hangs"), IsOk());
  const v1::Exited exit = Get(container.id()).status().exit();
  // Nobody was there to see how it ended, and nothing is invented.
  EXPECT_TRUE(exit.unknown());
  EXPECT_EQ(exit.reason(), v1::EXIT_REASON_SHIM_LOST);
  EXPECT_THAT(Leaks(), IsEmpty());
}

// Also one that an earlier daemon left.
TEST_F(PromisesTest, AForcedDeletePassesAShimThatHungBefore) {
  const v1::Container container = CreateAndStart(Named("hung"));
  const Stopped shim(ShimOf(container));
  daemon().Kill9();
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_THAT(TryDelete("hung"), IsOk());
  EXPECT_EQ(Get(container.id()).status().exit().reason(),
            v1::EXIT_REASON_SHIM_LOST);
  EXPECT_THAT(Leaks(), IsEmpty());
}

TEST_F(PromisesTest, AStopPassesAShimThatHangs) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  const Stopped shim(ShimOf(container));
  EXPECT_THAT(TryStop(container.id(), 0), IsOk());
  EXPECT_EQ(Get(container.id()).status().exit().reason(),
            v1::EXIT_REASON_SHIM_LOST);
}

TEST_F(PromisesTest, AForcedDeleteCallsAStartOff) {
  const std::string id = Create(Named("early")).id();
  Stopped keeper(daemon().KeeperPid());
  auto start = std::async(std::launch::async, [&] { return TryStart(id, ""); });
  ASSERT_TRUE(WaitForPending(id, "start"));
  EXPECT_THAT(TryDelete(id), IsOk());
  EXPECT_THAT(start.get(),
              FailsWith(grpc::StatusCode::ABORTED, "CANCELLED_BY_DELETE"));
  EXPECT_EQ(Create(Named("early")).spec().name(), "early");
}

}  // namespace
}  // namespace caisson::testing
