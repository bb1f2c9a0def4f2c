#include "server/core/manager/containers.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/file.h"
#include "server/core/testing/test_core.h"

namespace caisson::core {
namespace {

using shim::FrameType;
using store::ContainerState;

class ContainersTest : public TestCore {
 protected:
  absl::StatusOr<ContainerPtr> Delete(const std::string& container,
                                      bool force = false) {
    Result<ContainerPtr> deleted;
    containers().Delete({.container = container,
                         .force = force,
                         .expected_revision = {},
                         .request = {}},
                        deleted.Take());
    return deleted.Get();
  }
  absl::Status Kill(const std::string& container,
                    const std::string& signal = "") {
    DoneResult killed;
    containers().Kill({.container = container,
                       .signal = {.signal = signal, .scope = {}},
                       .request = {}},
                      killed.Take());
    return killed.Get();
  }
  // A pipe in the place of a file that takes no byte more; its reading end.
  static base::UniqueFd MakeFullFifo(const std::string& path) {
    EXPECT_EQ(::unlink(path.c_str()), 0);
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    base::UniqueFd reader(
        ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const base::UniqueFd writer(
        ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    const std::string bytes(4096, 0);
    while (::write(writer.get(), bytes.data(), bytes.size()) > 0) {
    }
    return reader;
  }
};

TEST_F(ContainersTest, CreateMakesRowAndDirectory) {
  const ContainerPtr container = Create("web");
  EXPECT_EQ(container->name, "web");
  EXPECT_EQ(container->status.state, ContainerState::kCreated);
  EXPECT_EQ(container->intent, store::Intent::kNone);
  for (const char* name : {"/lock", "/exit", "/upper", "/work"}) {
    EXPECT_TRUE(base::PathExists(Directory(container->id) + name)) << name;
  }
}

TEST_F(ContainersTest, AnUnnamedContainerIsNamedAfterItsId) {
  const ContainerPtr container = Create("");
  EXPECT_EQ(container->name, container->id.substr(0, 12));
  EXPECT_EQ(container->spec->name, container->name);
}

TEST_F(ContainersTest, ANameIsGivenOnceAndFreeAfterDelete) {
  const ContainerPtr first = Create("web");
  Result<CreateResult> second;
  containers().Create({.spec = Spec("web"), .request = {}}, second.Take());
  EXPECT_EQ(ReasonOf(second.Get().status()), "NAME_IN_USE");
  ASSERT_TRUE(Delete("web").ok());
  EXPECT_FALSE(base::PathExists(Directory(first->id)));
  EXPECT_NE(Create("web")->id, first->id);
}

TEST_F(ContainersTest, ABadSpecMakesNothing) {
  spec::ContainerSpec spec = Spec("web");
  spec.process.command.clear();
  Result<CreateResult> created;
  containers().Create({.spec = spec, .request = {}}, created.Take());
  EXPECT_EQ(ReasonOf(created.Get().status()), "INVALID_FIELD");
  EXPECT_TRUE(catalog().AllContainers().empty());
}

TEST_F(ContainersTest, ValidateOnlyExplainsAndMakesNothing) {
  Result<CreateResult> checked;
  containers().Create(
      {.spec = Spec("web"), .request = {}, .validate_only = true},
      checked.Take());
  ASSERT_TRUE(checked.Get().ok()) << checked.Get().status().ToString();
  EXPECT_TRUE(checked.Get()->container->id.empty());
  EXPECT_FALSE(checked.Get()->plan->steps.empty());
  EXPECT_TRUE(catalog().AllContainers().empty());
  Create("web");
  Result<CreateResult> taken;
  containers().Create(
      {.spec = Spec("web"), .request = {}, .validate_only = true},
      taken.Take());
  EXPECT_EQ(ReasonOf(taken.Get().status()), "NAME_IN_USE");
}

TEST_F(ContainersTest, StartRunsAndExitIsTold) {
  FakeShimPtr shim;
  const ContainerPtr running = StartNew(&shim);
  EXPECT_EQ(running->status.state, ContainerState::kRunning);
  EXPECT_EQ(running->status.run, 1);
  EXPECT_EQ(running->status.pid, 4711);
  shim->ExitedWith(7);
  const ContainerPtr exited = WaitExited(running->id);
  EXPECT_EQ(exited->status.state, ContainerState::kExited);
  EXPECT_EQ(exited->status.pid, 0);
  ASSERT_TRUE(exited->status.exit.has_value());
  EXPECT_EQ(exited->status.exit->code, 7);
  EXPECT_EQ(exited->status.output_end_offset, 5);
}

TEST_F(ContainersTest, ASecondRunCountsOn) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  shim->ExitedWith(0);
  WaitExited(id);
  Result<StartResult> again;
  containers().Start({.container = id, .request = {}}, again.Take());
  shim = keeper_.NextShim();
  EXPECT_EQ(shim->run, 2u);
  ASSERT_TRUE(shim->Prepare());
  shim->Started();
  ASSERT_TRUE(again.Get().ok());
  EXPECT_EQ(again.Get()->container->status.run, 2);
}

TEST_F(ContainersTest, AStreamThatOutlivesItsContainerKillsNothing) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  const Started exec = ExecNew(shim.get(), id);
  Result<Started> attached;
  containers().Attach({.container = id}, attached.Take());
  ASSERT_TRUE(attached.Get().ok());
  Result<ContainerPtr> deleted;
  containers().Delete(
      {.container = id, .force = true, .expected_revision = {}, .request = {}},
      deleted.Take());
  EXPECT_EQ(shim->Receive().type, FrameType::kKill);
  shim->ExitedWith(0);
  ASSERT_TRUE(deleted.Get().ok());
  WaitForgotten(id);
  for (const SessionPtr& session : {exec.session, attached.Get()->session}) {
    DoneResult killed;
    session->Kill({.signal = "KILL", .scope = {}}, killed.Take());
    EXPECT_TRUE(killed.Get().ok());
    session->Leave(StreamEnd::kDelivered);
  }
}

TEST_F(ContainersTest, AFailedStartLeavesEverythingAsBefore) {
  const ContainerPtr container = Create();
  for (int round = 0; round < 2; ++round) {
    Result<StartResult> started;
    containers().Start({.container = "web", .request = {}}, started.Take());
    const FakeShimPtr shim = keeper_.NextShim();
    EXPECT_EQ(shim->run, 1u);
    shim->Failed(0, ENOENT);
    EXPECT_EQ(ReasonOf(started.Get().status()), "START_FAILED");
    shim->Die();
    const ContainerPtr after = catalog().Find("web");
    EXPECT_EQ(after->status.state, ContainerState::kCreated);
    EXPECT_EQ(after->status.run, 0);
    EXPECT_EQ(after->intent, store::Intent::kNone);
  }
}

TEST_F(ContainersTest, AStartWaitsForTheShimOfAFailedOne) {
  Create();
  Result<StartResult> failed;
  containers().Start({.container = "web", .request = {}}, failed.Take());
  const FakeShimPtr first = keeper_.NextShim();
  ASSERT_TRUE(first->Prepare());
  first->Failed(0, ENOENT);
  EXPECT_EQ(ReasonOf(failed.Get().status()), "START_FAILED");
  EXPECT_FALSE(first->Receive().ok);  // we left; it still undoes its work
  Result<StartResult> again;
  containers().Start({.container = "web", .request = {}}, again.Take());
  Result<CreateResult> other;  // its answer comes after that of a refusal
  containers().Create({.spec = Spec("other"), .request = {}}, other.Take());
  ASSERT_TRUE(other.Get().ok());
  EXPECT_FALSE(again.IsReady());
  first->Die();
  const FakeShimPtr second = keeper_.NextShim();
  ASSERT_TRUE(second->Prepare());
  second->Started();
  EXPECT_TRUE(again.Get().ok()) << again.Get().status().ToString();
}

TEST_F(ContainersTest, AForkThatFailsIsAFailedStart) {
  Create();
  Result<StartResult> started;
  containers().Start({.container = "web", .request = {}}, started.Take());
  keeper_.RefuseShim(EAGAIN);
  EXPECT_FALSE(started.Get().ok());
  EXPECT_EQ(catalog().Find("web")->status.state, ContainerState::kCreated);
}

TEST_F(ContainersTest, StartOfARunningContainerIsRefused) {
  FakeShimPtr shim;
  StartNew(&shim);
  Result<StartResult> again;
  containers().Start({.container = "web", .request = {}}, again.Take());
  EXPECT_EQ(ReasonOf(again.Get().status()), "WRONG_STATE");
}

TEST_F(ContainersTest, StopTellsTheShimAndWaitsForTheExit) {
  FakeShimPtr shim;
  StartNew(&shim);
  Result<ContainerPtr> stopped;
  containers().Stop({.container = "web",
                     .signal = "INT",
                     .timeout = absl::Seconds(3),
                     .request_id = ""},
                    stopped.Take());
  const TestFrame frame = shim->Receive();
  ASSERT_EQ(frame.type, FrameType::kStop);
  EXPECT_EQ(frame.As<shim::StopBody>().signal, SIGINT);
  EXPECT_EQ(frame.As<shim::StopBody>().timeout_ns, 3'000'000'000);
  const auto pending = containers().Pending(catalog().Find("web")->id);
  ASSERT_TRUE(pending.has_value());
  EXPECT_EQ(pending->operation, "stop");
  EXPECT_FALSE(stopped.IsReady());
  shim->ExitedWith(0);
  ASSERT_TRUE(stopped.Get().ok());
  EXPECT_EQ((*stopped.Get())->status.state, ContainerState::kExited);
}

TEST_F(ContainersTest, StopOfWhatDoesNotRunIsDone) {
  Create();
  Result<ContainerPtr> stopped;
  containers().Stop(
      {.container = "web", .signal = "", .timeout = {}, .request_id = ""},
      stopped.Take());
  EXPECT_TRUE(stopped.Get().ok());
}

TEST_F(ContainersTest, KillSendsTheSignal) {
  FakeShimPtr shim;
  StartNew(&shim);
  ASSERT_TRUE(Kill("web", "term").ok());
  const TestFrame frame = shim->Receive();
  ASSERT_EQ(frame.type, FrameType::kKill);
  EXPECT_EQ(frame.As<shim::KillBody>().signal, SIGTERM);
  EXPECT_EQ(frame.As<shim::KillBody>().scope, shim::Scope::kProcess);
  EXPECT_EQ(ReasonOf(Kill("web", "NOSUCH")), "INVALID_FIELD");
}

TEST_F(ContainersTest, KillOfWhatDoesNotRunIsRefused) {
  Create();
  EXPECT_EQ(ReasonOf(Kill("web")), "WRONG_STATE");
  EXPECT_EQ(ReasonOf(Kill("nobody")), "CONTAINER_NOT_FOUND");
}

TEST_F(ContainersTest, OurSigkillIsAKillWhateverTheShimSaw) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  ASSERT_TRUE(Kill(id).ok());
  record::ExitRecord record = shim->RecordOf(SIGKILL);
  record.kind = record::ExitKind::kSignal;
  record.cause = record::ExitCause::kSignaled;
  shim->Exited(record);
  shim->Die();
  EXPECT_EQ(WaitExited(id)->status.exit->reason, store::ExitReason::kKilled);
}

TEST_F(ContainersTest, AStartWaitsForAKillOfTheRunBefore) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  // A kill that hangs: its file takes no more. The file goes, so that the rest
  // of the group can.
  const std::string kill = MakeKillFile(id);
  const base::UniqueFd full = MakeFullFifo(kill);
  EXPECT_TRUE(Kill("web").ok());
  pollfd no_writer = {.fd = full.get(), .events = POLLIN, .revents = POLLHUP};
  while ((no_writer.revents & POLLHUP) != 0) ::poll(&no_writer, 1, -1);
  ASSERT_EQ(::unlink(kill.c_str()), 0);
  shim->ExitedWith(0);
  WaitExited(id);
  Result<StartResult> again;
  containers().Start({.container = "web", .request = {}}, again.Take());
  // Behind the removal of the group, and behind what it posts.
  absl::Notification removed;
  env().blocking->Post([&removed] { removed.Notify(); });
  removed.WaitForNotification();
  WaitExited(id);
  EXPECT_EQ(catalog().Find("web")->intent, store::Intent::kNone);
  std::string bytes(1 << 16, 0);
  EXPECT_GT(::read(full.get(), bytes.data(), bytes.size()), 0);
  const FakeShimPtr second = keeper_.NextShim();
  ASSERT_TRUE(second->Prepare());
  second->Started();
  EXPECT_TRUE(again.Get().ok()) << again.Get().status().ToString();
}

TEST_F(ContainersTest, DeleteOfARunningContainerNeedsForce) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  EXPECT_EQ(ReasonOf(Delete("web").status()), "WRONG_STATE");
  Result<ContainerPtr> deleted;
  containers().Delete({.container = "web",
                       .force = true,
                       .expected_revision = {},
                       .request = {}},
                      deleted.Take());
  const TestFrame frame = shim->Receive();
  ASSERT_EQ(frame.type, FrameType::kKill);
  EXPECT_EQ(frame.As<shim::KillBody>().signal, SIGKILL);
  shim->ExitedWith(0);
  ASSERT_TRUE(deleted.Get().ok());
  EXPECT_EQ((*deleted.Get())->status.state, ContainerState::kDeleted);
  EXPECT_EQ(catalog().Find("web"), nullptr);
  EXPECT_NE(catalog().Tombstone(id), nullptr);
  WaitForgotten(id);
}

TEST_F(ContainersTest, ForcedDeleteCallsAStartOff) {
  Create();
  Result<StartResult> started;
  containers().Start({.container = "web", .request = {}}, started.Take());
  const FakeShimPtr shim = keeper_.NextShim();  // hangs in PREPARE
  Result<ContainerPtr> deleted;
  containers().Delete({.container = "web",
                       .force = true,
                       .expected_revision = {},
                       .request = {}},
                      deleted.Take());
  EXPECT_FALSE(shim->Receive().ok);  // never START
  shim->Die();
  EXPECT_EQ(ReasonOf(started.Get().status()), "CANCELLED_BY_DELETE");
  EXPECT_TRUE(deleted.Get().ok());
}

TEST_F(ContainersTest, DeleteHonoursRevisionAndMissing) {
  const ContainerPtr container = Create();
  Result<ContainerPtr> changed;
  containers().Delete({.container = "web",
                       .expected_revision = container->revision + 1,
                       .request = {}},
                      changed.Take());
  EXPECT_EQ(ReasonOf(changed.Get().status()), "REVISION_CHANGED");
  Result<ContainerPtr> deleted;
  containers().Delete({.container = "web",
                       .expected_revision = container->revision,
                       .request = {}},
                      deleted.Take());
  EXPECT_TRUE(deleted.Get().ok());
  EXPECT_EQ(ReasonOf(Delete("web").status()), "CONTAINER_NOT_FOUND");
  Result<ContainerPtr> missing;
  containers().Delete({.container = "web",
                       .expected_revision = {},
                       .allow_missing = true,
                       .request = {}},
                      missing.Take());
  ASSERT_TRUE(missing.Get().ok());
  EXPECT_EQ(*missing.Get(), nullptr);
}

TEST_F(ContainersTest, WaitKnowsItsConditions) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  const auto wait = [this, &id](WaitCondition condition,
                                Result<WaitResult>* result) {
    return containers().Wait(
        {.container = id, .condition = condition, .run = {}}, result->Take());
  };
  Result<WaitResult> running;
  Result<WaitResult> exited;
  Result<WaitResult> next;
  Result<WaitResult> deleted;
  Result<WaitResult> cancelled;
  wait(WaitCondition::kRunning, &running);
  wait(WaitCondition::kExited, &exited);
  wait(WaitCondition::kNextExit, &next);
  wait(WaitCondition::kDeleted, &deleted);
  wait(WaitCondition::kExited, &cancelled)->Cancel();
  EXPECT_TRUE(running.Get().ok());
  EXPECT_TRUE(absl::IsCancelled(cancelled.Get().status()));
  EXPECT_FALSE(exited.IsReady());
  shim->ExitedWith(3);
  ASSERT_TRUE(exited.Get().ok());
  EXPECT_EQ(exited.Get()->exit->code, 3);
  EXPECT_EQ(next.Get()->exit->code, 3);
  EXPECT_FALSE(deleted.IsReady());
  ASSERT_TRUE(Delete(id).ok());
  EXPECT_EQ(deleted.Get()->exit->code, 3);
  Result<WaitResult> after;  // answered by the tombstone
  wait(WaitCondition::kExited, &after);
  EXPECT_EQ(after.Get()->exit->code, 3);
}

TEST_F(ContainersTest, ALostShimIsAnUnknownExit) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  shim->Die();
  const ContainerPtr exited = WaitExited(id);
  EXPECT_EQ(exited->status.exit->reason, store::ExitReason::kShimLost);
  EXPECT_EQ(exited->status.exit->kind, store::ExitInfo::Kind::kUnknown);
}

TEST_F(ContainersTest, AShimThatRecordedAndDiedIsNoLoss) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  shim->WriteRecord(shim->RecordOf(9));
  shim->Die();
  EXPECT_EQ(WaitExited(id)->status.exit->code, 9);
}

TEST_F(ContainersTest, RunIsHiddenUntilItRuns) {
  Result<Started> started;
  containers().Run({.spec = Spec("web"), .request = {}, .on_disconnect = {}},
                   started.Take());
  const FakeShimPtr shim = keeper_.NextShim();
  EXPECT_EQ(catalog().Find("web"), nullptr);
  ASSERT_TRUE(shim->Prepare());
  shim->Started();
  ASSERT_TRUE(started.Get().ok());
  EXPECT_EQ(started.Get()->pid, 4711);
  EXPECT_NE(started.Get()->session, nullptr);
  EXPECT_EQ(catalog().Find("web")->status.state, ContainerState::kRunning);
}

TEST_F(ContainersTest, AFailedRunLeavesNothing) {
  Result<Started> started;
  containers().Run({.spec = Spec("web"), .request = {}, .on_disconnect = {}},
                   started.Take());
  const FakeShimPtr shim = keeper_.NextShim();
  ASSERT_TRUE(shim->Prepare());
  shim->Failed(3, EACCES);
  EXPECT_FALSE(started.Get().ok());
  shim->Die();
  EXPECT_TRUE(catalog().AllContainers().empty());
  EXPECT_EQ(catalog().Tombstone(shim->id), nullptr);
  EXPECT_FALSE(base::PathExists(Directory(shim->id)));
  WaitForgotten(shim->id);
}

TEST_F(ContainersTest, ARunWhoseCallerIsGoneIsUndone) {
  Result<Started> started;
  const CallPtr call = containers().Run(
      {.spec = Spec("web"), .request = {}, .on_disconnect = {}},
      started.Take());
  const FakeShimPtr shim = keeper_.NextShim();
  call->Cancel();
  EXPECT_FALSE(shim->Receive().ok);  // never START
  shim->Die();
  EXPECT_TRUE(absl::IsCancelled(started.Get().status()));
  EXPECT_TRUE(catalog().AllContainers().empty());
}

TEST_F(ContainersTest, ARunWithARequestIdSurvivesItsCaller) {
  Result<Started> started;
  const CallPtr call = containers().Run(
      {.spec = Spec("web"), .request = Key("Run"), .on_disconnect = {}},
      started.Take());
  const FakeShimPtr shim = keeper_.NextShim();
  call->Cancel();
  ASSERT_TRUE(shim->Prepare());
  shim->Started();
  EXPECT_TRUE(started.Get().ok());
  Result<Started> retry;
  containers().Run(
      {.spec = Spec("web"), .request = Key("Run"), .on_disconnect = {}},
      retry.Take());
  ASSERT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
  EXPECT_TRUE(retry.Get()->replayed);
  EXPECT_EQ(retry.Get()->container->id, started.Get()->container->id);
}

TEST_F(ContainersTest, DeleteAfterExitWaitsForTheStreams) {
  RunArgs args = {.spec = Spec("web"), .request = {}, .on_disconnect = {}};
  args.spec.delete_after_exit = absl::ZeroDuration();
  FakeShimPtr shim;
  Started started = RunNew(&shim, std::move(args));
  Result<WaitResult> deleted;
  const CallPtr wait = containers().Wait(
      {.container = "web", .condition = WaitCondition::kDeleted, .run = {}},
      deleted.Take());
  shim->ExitedWith(0);
  WaitExited("web");
  EXPECT_FALSE(deleted.IsReady());
  started.session->Leave(StreamEnd::kDelivered);
  EXPECT_TRUE(deleted.Get().ok());
  EXPECT_EQ(catalog().Find("web"), nullptr);
}

TEST_F(ContainersTest, DeleteAfterExitWaitsUntilFollowersHaveCaughtUp) {
  RunArgs args = {.spec = Spec("web"), .request = {}, .on_disconnect = {}};
  args.spec.delete_after_exit = absl::ZeroDuration();
  FakeShimPtr shim;
  Started started = RunNew(&shim, std::move(args));
  started.session->Leave(StreamEnd::kDetached);
  const absl::StatusOr<SessionPtr> logs = containers().OpenLogs("web");
  ASSERT_TRUE(logs.ok());
  Result<WaitResult> deleted;
  const CallPtr wait = containers().Wait(
      {.container = "web", .condition = WaitCondition::kDeleted, .run = {}},
      deleted.Take());
  shim->ExitedWith(0);
  WaitExited("web");
  (*logs)->CaughtUp(0);  // with another run
  Result<ContainerPtr> later;
  containers().Stop(
      {.container = "web", .signal = "", .timeout = {}, .request_id = ""},
      later.Take());
  EXPECT_TRUE(later.Get().ok());
  EXPECT_FALSE(deleted.IsReady());
  (*logs)->CaughtUp(1);
  EXPECT_TRUE(deleted.Get().ok());
  EXPECT_TRUE((*logs)->output()->state().removed);
}

TEST_F(ContainersTest, DeleteAfterExitWaitsForARunThatMayComeBack) {
  RunArgs args = {
      .spec = Spec("web"), .request = Key("Run"), .on_disconnect = {}};
  args.spec.delete_after_exit = absl::ZeroDuration();
  FakeShimPtr shim;
  Started started = RunNew(&shim, args);
  started.session->Leave(StreamEnd::kDisconnected);
  shim->ExitedWith(4);
  WaitExited("web");
  Result<Started> retry;
  containers().Run(args, retry.Take());
  ASSERT_TRUE(retry.Get().ok()) << retry.Get().status().ToString();
  EXPECT_EQ(retry.Get()->container->status.exit->code, 4);
  Result<WaitResult> deleted;
  const CallPtr wait = containers().Wait(
      {.container = "web", .condition = WaitCondition::kDeleted, .run = {}},
      deleted.Take());
  retry.Get()->session->Leave(StreamEnd::kDelivered);
  EXPECT_TRUE(deleted.Get().ok());
}

TEST_F(ContainersTest, AStartThatLosesItsKeeperDoesNotGoOn) {
  const std::string id = Create()->id;
  const std::string kill = MakeKillFile(id);
  Result<StartResult> started;
  containers().Start({.container = id, .request = {}}, started.Take());
  const FakeShimPtr shim = keeper_.NextShim(/*answered=*/false);
  ASSERT_TRUE(shim->Prepare());  // it was told to start
  keeper_.Die();
  EXPECT_FALSE(started.Get().ok());
  EXPECT_FALSE(shim->Receive().ok);
  while (*base::ReadFileToString(kill, 16) != "1") ::sched_yield();
  EXPECT_EQ(catalog().ContainerById(id)->status.state,
            ContainerState::kCreated);
  EXPECT_EQ(::unlink(kill.c_str()), 0);
}

TEST_F(ContainersTest, EveryChangeHasItsEvent) {
  FakeShimPtr shim;
  const std::string id = StartNew(&shim)->id;
  shim->ExitedWith(0);
  WaitExited(id);
  ASSERT_TRUE(Delete(id).ok());
  store::EventSlice slice;
  ASSERT_TRUE(env().store->ReadRecentEvents(0, 100, &slice));
  std::vector<std::string> types;
  for (const store::EventPtr& event : slice.events) {
    types.push_back(event->type);
  }
  EXPECT_THAT(types,
              testing::ElementsAre("container.created", "container.started",
                                   "container.exited", "container.deleted"));
}

TEST_F(ContainersTest, CallsAreRefusedWhileTheDaemonStops) {
  Create();
  Result<WaitResult> waiting;
  const CallPtr wait =
      containers().Wait({.container = "web", .run = {}}, waiting.Take());
  Result<StartResult> starting;
  containers().Start({.container = "web", .request = {}}, starting.Take());
  const FakeShimPtr shim = keeper_.NextShim();
  Close();
  EXPECT_EQ(ReasonOf(waiting.Get().status()), "SHUTTING_DOWN");
  EXPECT_EQ(ReasonOf(starting.Get().status()), "SHUTTING_DOWN");
}

}  // namespace
}  // namespace caisson::core
