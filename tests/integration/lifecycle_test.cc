// The verbs of a container's life, and which of them are legal when.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/testing/daemon_fixture.h"

namespace caisson::testing {
namespace {

using ::testing::Contains;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

using Containers = v1::ContainerService::Stub;

class LifecycleTest : public DaemonTest {
 protected:
  static grpc::Status TryStart(const std::string& id) {
    v1::StartContainerRequest request;
    request.set_container(id);
    v1::StartContainerResponse response;
    return Call(stubs().containers, &Containers::StartContainer, request,
                &response);
  }
  static grpc::Status Stop(const std::string& id, int64_t seconds = -1) {
    v1::StopContainerRequest request;
    request.set_container(id);
    if (seconds >= 0) request.mutable_timeout()->set_seconds(seconds);
    v1::StopContainerResponse response;
    return Call(stubs().containers, &Containers::StopContainer, request,
                &response);
  }
  static grpc::Status Kill(const std::string& id, const std::string& signal) {
    v1::KillContainerRequest request;
    request.set_container(id);
    request.set_signal(signal);
    v1::KillContainerResponse response;
    return Call(stubs().containers, &Containers::KillContainer, request,
                &response);
  }
  static grpc::Status TryGet(const std::string& id, v1::Container* container) {
    v1::GetContainerRequest request;
    request.set_container(id);
    v1::GetContainerResponse response;
    grpc::Status status =
        Call(stubs().containers, &Containers::GetContainer, request, &response);
    *container = response.container();
    return status;
  }
};

TEST_F(LifecycleTest, GoesThroughAllStates) {
  v1::ContainerSpec spec = WaitingSpec();
  spec.set_name("life");
  (*spec.mutable_labels())["a"] = "b";
  const v1::Container created = Create(spec);
  EXPECT_THAT(created.id(), MatchesRegex("[0-9a-f]+"));
  EXPECT_THAT(created.id(), SizeIs(32));
  EXPECT_EQ(created.status().state(), v1::CONTAINER_STATE_CREATED);
  EXPECT_EQ(created.status().run(), 0);
  EXPECT_EQ(created.spec().labels().at("a"), "b");
  EXPECT_GT(created.revision(), 0);

  const v1::Container running = Start("life");
  EXPECT_EQ(running.status().state(), v1::CONTAINER_STATE_RUNNING);
  EXPECT_EQ(running.status().run(), 1);
  EXPECT_GT(running.status().pid(), 0);
  EXPECT_THAT(running.revision(), Gt(created.revision()));
  EXPECT_EQ(running.status().effective().seccomp(), "default/1");
  EXPECT_EQ(running.status().effective().pids_limit(), 2048);

  EXPECT_THAT(Stop("life"), IsOk());
  const v1::Container exited = Get("life");
  EXPECT_EQ(exited.status().state(), v1::CONTAINER_STATE_EXITED);
  EXPECT_EQ(exited.status().exit().exit_code(), 0);
  EXPECT_EQ(exited.status().exit().reason(), v1::EXIT_REASON_STOPPED);
  EXPECT_EQ(exited.status().pid(), 0);

  EXPECT_EQ(Start("life").status().run(), 2);
  EXPECT_THAT(Delete("life", false),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "WRONG_STATE"));
  EXPECT_THAT(Delete("life", true), IsOk());
  v1::Container gone;
  EXPECT_THAT(TryGet("life", &gone),
              FailsWith(grpc::StatusCode::NOT_FOUND, "CONTAINER_NOT_FOUND"));
}

TEST_F(LifecycleTest, IllegalTransitionsAreRefused) {
  const v1::Container created = Create(WaitingSpec());
  EXPECT_THAT(Kill(created.id(), "SIGTERM"),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "WRONG_STATE"));
  Start(created.id());
  EXPECT_THAT(TryStart(created.id()),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "WRONG_STATE"));
  const ErrorFacts facts = FactsOf(TryStart(created.id()));
  EXPECT_EQ(facts.metadata.at("state"), "RUNNING");
  EXPECT_THAT(Delete(created.id(), true), IsOk());
  EXPECT_THAT(Stop(created.id()),
              FailsWith(grpc::StatusCode::NOT_FOUND, "CONTAINER_NOT_FOUND"));
}

TEST_F(LifecycleTest, StopOfOneThatHasExitedIsFine) {
  const v1::Container container = CreateAndStart(ShSpec("exit 3"));
  EXPECT_EQ(Wait(container.id()).exit_code(), 3);
  EXPECT_THAT(Stop(container.id()), IsOk());
  EXPECT_EQ(Get(container.id()).status().exit().exit_code(), 3);
}

TEST_F(LifecycleTest, StopKillsAfterItsTimeout) {
  // The first process of a pid namespace ignores what it does not handle.
  const v1::Container container = CreateAndStart(ShSpec("sleep 3600"));
  EXPECT_THAT(Stop(container.id(), 1), IsOk());
  const v1::Exited exit = Get(container.id()).status().exit();
  EXPECT_EQ(exit.signal(), "SIGKILL");
  EXPECT_EQ(exit.status(), 137);
  EXPECT_EQ(exit.reason(), v1::EXIT_REASON_STOPPED);
}

TEST_F(LifecycleTest, StopSignalCanBeChosen) {
  v1::ContainerSpec spec = ProbeSpec({"trap", "exit=6"});
  spec.set_stop_signal("USR1");
  const v1::Container container = CreateAndStart(spec);
  EXPECT_TRUE(PollUntil(absl::Seconds(20),
                        [&] { return Logs(container.id()) == "ready\n"; }));
  EXPECT_THAT(Stop(container.id()), IsOk());
  EXPECT_EQ(Get(container.id()).status().exit().exit_code(), 6);
  EXPECT_EQ(Logs(container.id()), "ready\nsignal=SIGUSR1\n");
}

TEST_F(LifecycleTest, KillDeliversAnySignal) {
  const v1::Container container = CreateAndStart(ProbeSpec({"trap"}));
  EXPECT_TRUE(PollUntil(absl::Seconds(20),
                        [&] { return Logs(container.id()) == "ready\n"; }));
  EXPECT_THAT(Kill(container.id(), "HUP"), IsOk());
  EXPECT_THAT(Kill(container.id(), "10"), IsOk());
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    const std::string logs = Logs(container.id());
    return logs.find("signal=SIGHUP\n") != std::string::npos &&
           logs.find("signal=SIGUSR1\n") != std::string::npos;
  })) << Logs(container.id());
  EXPECT_THAT(Kill(container.id(), ""), IsOk());
  EXPECT_EQ(Wait(container.id()).signal(), "SIGKILL");
}

TEST_F(LifecycleTest, WaitConditions) {
  const v1::Container container = Create(WaitingSpec());
  v1::WaitContainerResponse running;
  std::thread waiter([&] {
    v1::WaitContainerRequest request;
    request.set_container(container.id());
    request.set_condition(v1::WAIT_CONDITION_RUNNING);
    EXPECT_THAT(
        Call(stubs().containers, &Containers::WaitContainer, request, &running),
        IsOk());
  });
  Start(container.id());
  waiter.join();
  EXPECT_EQ(running.container().status().state(), v1::CONTAINER_STATE_RUNNING);
  v1::WaitContainerResponse deleted;
  std::thread second([&] {
    v1::WaitContainerRequest request;
    request.set_container(container.id());
    request.set_condition(v1::WAIT_CONDITION_DELETED);
    EXPECT_THAT(
        Call(stubs().containers, &Containers::WaitContainer, request, &deleted),
        IsOk());
  });
  EXPECT_THAT(Delete(container.id()), IsOk());
  second.join();
  EXPECT_EQ(deleted.container().status().state(), v1::CONTAINER_STATE_DELETED);
}

TEST_F(LifecycleTest, TombstoneAnswersByIdOnly) {
  v1::ContainerSpec spec = ShSpec("exit 9");
  spec.set_name("short");
  const v1::Container container = CreateAndStart(spec);
  Wait("short");
  EXPECT_THAT(Delete("short", false), IsOk());
  v1::Container tombstone;
  EXPECT_THAT(TryGet(container.id(), &tombstone), IsOk());
  EXPECT_EQ(tombstone.status().state(), v1::CONTAINER_STATE_DELETED);
  EXPECT_EQ(tombstone.status().exit().exit_code(), 9);
  EXPECT_EQ(Wait(container.id()).exit_code(), 9);
  EXPECT_THAT(Ids(), IsEmpty());
  v1::ContainerFilter filter;
  filter.add_states(v1::CONTAINER_STATE_DELETED);
  EXPECT_THAT(Ids(filter), Contains(container.id()));
  // The name is free at once.
  EXPECT_EQ(Create(spec).spec().name(), "short");
}

TEST_F(LifecycleTest, NamesAreUnique) {
  v1::ContainerSpec spec = ShSpec("true");
  spec.set_name("only");
  const v1::Container first = Create(spec);
  v1::CreateContainerRequest request;
  *request.mutable_spec() = spec;
  v1::CreateContainerResponse response;
  EXPECT_THAT(Call(stubs().containers, &Containers::CreateContainer, request,
                   &response),
              FailsWith(grpc::StatusCode::ALREADY_EXISTS, "NAME_IN_USE"));
  EXPECT_THAT(RunToEnd(stubs(), spec).status,
              FailsWith(grpc::StatusCode::ALREADY_EXISTS, "NAME_IN_USE"));
}

TEST_F(LifecycleTest, GetTakesTheBeginningOfAnId) {
  const v1::Container container = Create(ShSpec("true"));
  v1::Container found;
  EXPECT_THAT(TryGet(container.id().substr(0, 6), &found), IsOk());
  EXPECT_EQ(found.id(), container.id());
  // Nothing that changes takes one.
  EXPECT_THAT(Delete(container.id().substr(0, 6)),
              FailsWith(grpc::StatusCode::NOT_FOUND, "CONTAINER_NOT_FOUND"));
}

TEST_F(LifecycleTest, ListFiltersAndPages) {
  std::vector<std::string> ids;
  for (int i = 0; i < 7; ++i) {
    v1::ContainerSpec spec = ShSpec("true");
    (*spec.mutable_labels())["parity"] = i % 2 == 0 ? "even" : "odd";
    ids.push_back(Create(spec).id());
  }
  v1::ContainerFilter filter;
  filter.set_label_selector("parity=even");
  EXPECT_THAT(Ids(filter), SizeIs(4));
  filter.set_label_selector("parity in (odd),!other");
  EXPECT_THAT(Ids(filter), SizeIs(3));
  std::vector<std::string> paged;
  v1::ListContainersRequest request;
  request.set_page_size(3);
  int pages = 0;
  do {
    v1::ListContainersResponse response;
    ASSERT_THAT(Call(stubs().containers, &Containers::ListContainers, request,
                     &response),
                IsOk());
    for (const v1::Container& container : response.containers()) {
      paged.push_back(container.id());
    }
    request.set_page_token(response.next_page_token());
    ++pages;
  } while (!request.page_token().empty());
  EXPECT_EQ(paged, ids);
  EXPECT_EQ(pages, 3);
}

TEST_F(LifecycleTest, ValidateOnlyMakesNothing) {
  v1::CreateContainerRequest request;
  *request.mutable_spec() = ShSpec("true");
  request.set_validate_only(true);
  v1::CreateContainerResponse response;
  EXPECT_THAT(Call(stubs().containers, &Containers::CreateContainer, request,
                   &response),
              IsOk());
  EXPECT_EQ(response.container().id(), "");
  EXPECT_GT(response.plan().steps_size(), 10);
  EXPECT_THAT(Ids(), IsEmpty());
}

TEST_F(LifecycleTest, ExplainTellsTheSteps) {
  v1::ExplainContainerRequest request;
  *request.mutable_spec() = ShSpec("true");
  v1::ExplainContainerResponse response;
  EXPECT_THAT(Call(stubs().containers, &Containers::ExplainContainer, request,
                   &response),
              IsOk());
  const v1::Plan& plan = response.plan();
  EXPECT_THAT(plan.hash(), SizeIs(64));
  EXPECT_GT(plan.summary_size(), 0);
  std::string text;
  for (const v1::PlanStep& step : plan.steps()) {
    EXPECT_NE(step.text(), "");
    text += step.text() + "\n";
  }
  for (const char* word : {"overlay", "/proc", "change the root", "seccomp"}) {
    EXPECT_THAT(text, HasSubstr(word));
  }
}

TEST_F(LifecycleTest, ProcessesAreListed) {
  const v1::Container container =
      CreateAndStart(ShSpec("sleep 3600 & echo up; wait"));
  EXPECT_TRUE(PollUntil(absl::Seconds(20),
                        [&] { return Logs(container.id()) == "up\n"; }));
  v1::ListProcessesRequest request;
  request.set_container(container.id());
  v1::ListProcessesResponse response;
  EXPECT_THAT(
      Call(stubs().containers, &Containers::ListProcesses, request, &response),
      IsOk());
  ASSERT_THAT(response.processes(), SizeIs(2));
  const v1::ProcessInfo& first = response.processes(0);
  EXPECT_EQ(first.pid(), container.status().pid());
  EXPECT_EQ(first.container_pid(), 1);
  EXPECT_EQ(first.user(), "0");
  EXPECT_EQ(response.processes(1).args(0), "sleep");
  EXPECT_EQ(response.processes(1).parent_pid(), first.pid());
}

TEST_F(LifecycleTest, CommandsThatCannotRunSayWhyAndLeaveNothing) {
  const auto fails = [](const v1::ContainerSpec& spec) {
    return RunToEnd(stubs(), spec).status;
  };
  EXPECT_THAT(
      fails(Spec({"no-such-command"})),
      FailsWith(grpc::StatusCode::FAILED_PRECONDITION, "COMMAND_NOT_FOUND"));
  EXPECT_THAT(fails(Spec({"/bin/not-executable"})),
              FailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                        "COMMAND_NOT_EXECUTABLE"));
  v1::ContainerSpec spec = ShSpec("true");
  v1::Mount* mount = spec.add_mounts();
  mount->set_target("/data");
  mount->mutable_bind()->set_source("/no/such/source");
  const grpc::Status status = fails(spec);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.error_message(), HasSubstr("/no/such/source"));
  EXPECT_THAT(Ids(), IsEmpty());
}

TEST_F(LifecycleTest, FailedStartLeavesTheContainerToTryAgain) {
  const v1::Container container = Create(Spec({"no-such-command"}));
  const grpc::Status status = TryStart(container.id());
  EXPECT_THAT(status, FailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                                "COMMAND_NOT_FOUND"));
  EXPECT_EQ(TryStart(container.id()).error_code(), status.error_code());
  EXPECT_THAT(Delete(container.id(), false), IsOk());
}

TEST_F(LifecycleTest, DeleteByRevision) {
  const v1::Container container = Create(ShSpec("true"));
  v1::DeleteContainerRequest request;
  request.set_container(container.id());
  request.set_expected_revision(container.revision() + 1);
  v1::DeleteContainerResponse response;
  EXPECT_THAT(Call(stubs().containers, &Containers::DeleteContainer, request,
                   &response),
              FailsWith(grpc::StatusCode::ABORTED, "REVISION_CHANGED"));
  request.set_expected_revision(container.revision());
  EXPECT_THAT(Call(stubs().containers, &Containers::DeleteContainer, request,
                   &response),
              IsOk());
  request.clear_expected_revision();
  request.set_allow_missing(true);
  EXPECT_THAT(Call(stubs().containers, &Containers::DeleteContainer, request,
                   &response),
              IsOk());
}

TEST_F(LifecycleTest, RunWithoutAutoDeleteLeavesTheContainer) {
  v1::ContainerSpec spec = ShSpec("exit 8");
  auto talk = StartRun(stubs(), spec);
  const Delivered& delivered = talk->Rest();
  EXPECT_EQ(delivered.shell_status(), 8);
  EXPECT_EQ(Get(delivered.start.container().id()).status().exit().exit_code(),
            8);
}

TEST_F(LifecycleTest, RunThatIsCutBeforeStartedLeavesNothing) {
  for (int i = 0; i < 10; ++i) {
    auto talk = StartRun(stubs(), ShSpec("sleep 3600"));
    talk->Cancel();
    talk->Rest();
  }
  // Some may have been started before the cancel came; those run on.
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    for (const v1::Container& container : List()) {
      if (container.status().state() != v1::CONTAINER_STATE_RUNNING) {
        return false;
      }
    }
    return true;
  }));
  DeleteAll();
}

TEST_F(LifecycleTest, DisconnectPolicies) {
  const auto leave = [](v1::DisconnectAction action) {
    v1::RunStart start;
    *start.mutable_spec() = ProbeSpec({"trap", "exit=0"});
    start.mutable_on_disconnect()->set_action(action);
    auto talk = StartRun(stubs(), start);
    EXPECT_TRUE(talk->ReadUntilOutput("ready"));
    talk->Cancel();
    return talk->delivered().start.container().id();
  };
  const std::string kept = leave(v1::DISCONNECT_ACTION_KEEP);
  const std::string killed = leave(v1::DISCONNECT_ACTION_KILL);
  const std::string stopped = leave(v1::DISCONNECT_ACTION_STOP);
  const v1::Exited kill = Wait(killed);
  EXPECT_EQ(kill.signal(), "SIGKILL");
  EXPECT_EQ(kill.reason(), v1::EXIT_REASON_DISCONNECTED);
  const v1::Exited stop = Wait(stopped);
  EXPECT_EQ(stop.exit_code(), 0);
  EXPECT_EQ(stop.reason(), v1::EXIT_REASON_DISCONNECTED);
  EXPECT_EQ(Get(kept).status().state(), v1::CONTAINER_STATE_RUNNING);
}

// A Run that is killed when its client is gone for a whole grace.
class GraceTest : public LifecycleTest {
 protected:
  static std::unique_ptr<RunConversation> Begin() {
    v1::RunStart start;
    *start.mutable_spec() = ProbeSpec({"pause"});
    start.mutable_on_disconnect()->set_action(v1::DISCONNECT_ACTION_KILL);
    start.mutable_on_disconnect()->mutable_grace()->set_seconds(Seconds());
    auto talk = StartRun(stubs(), start);
    EXPECT_TRUE(talk->ReadUntilOutput("ready"));
    return talk;
  }
  static bool Outlives(const std::string& id) {
    return !PollUntil(absl::Seconds(Seconds() + 1) / TimeoutScale(), [&] {
      return Get(id).status().state() != v1::CONTAINER_STATE_RUNNING;
    });
  }

 private:
  // Long enough for an attach, short enough to be waited for on slow hosts; of
  // the clock, as the grace is.
  static int64_t Seconds() {
    return static_cast<int64_t>(3 + TimeoutScale() / 4);
  }
};

TEST_F(GraceTest, IsCalledOffByAnAttach) {
  auto talk = Begin();
  const std::string id = talk->delivered().start.container().id();
  talk->Cancel();
  talk->Rest();
  auto attach = StartAttach(stubs(), id);
  ASSERT_TRUE(attach->ReadUntilStarted());
  EXPECT_TRUE(Outlives(id));
}

// The daemon may see a client that left and came back in this order.
TEST_F(GraceTest, IsCalledOffByOneWhoIsAttached) {
  auto talk = Begin();
  const std::string id = talk->delivered().start.container().id();
  auto attach = StartAttach(stubs(), id);
  ASSERT_TRUE(attach->ReadUntilStarted());
  talk->Cancel();
  talk->Rest();
  EXPECT_TRUE(Outlives(id));
}

TEST_F(GraceTest, RunsOutWhenNobodyComes) {
  auto talk = Begin();
  const std::string id = talk->delivered().start.container().id();
  talk->Cancel();
  EXPECT_EQ(Wait(id).reason(), v1::EXIT_REASON_DISCONNECTED);
}

TEST_F(LifecycleTest, DeleteEndsOpenStreams) {
  auto talk = StartRun(stubs(), ProbeSpec({"pause"}));
  ASSERT_TRUE(talk->ReadUntilOutput("ready"));
  EXPECT_THAT(Delete(talk->delivered().start.container().id()), IsOk());
  const Delivered& delivered = talk->Rest();
  EXPECT_THAT(delivered.status, IsOk());
  EXPECT_EQ(delivered.exit.signal(), "SIGKILL");
}

}  // namespace
}  // namespace caisson::testing
