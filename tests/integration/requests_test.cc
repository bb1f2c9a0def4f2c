// Retries, revisions, and lists that lead into watches without a gap.
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/testing/daemon_fixture.h"

namespace caisson::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::SizeIs;

using Containers = v1::ContainerService::Stub;

class RequestsTest : public DaemonTest {
 protected:
  void TearDown() override {
    if (!IsSkipped() && !HasFatalFailure()) DeleteAll();
    DaemonTest::TearDown();
  }
  static grpc::Status TryCreate(const v1::ContainerSpec& spec,
                                const std::string& request_id,
                                v1::Container* container) {
    v1::CreateContainerRequest request;
    *request.mutable_spec() = spec;
    request.set_request_id(request_id);
    v1::CreateContainerResponse response;
    grpc::Status status = Call(stubs().containers, &Containers::CreateContainer,
                               request, &response);
    *container = response.container();
    return status;
  }
  static v1::ListContainersResponse Page() {
    v1::ListContainersResponse response;
    EXPECT_THAT(Call(stubs().containers, &Containers::ListContainers,
                     v1::ListContainersRequest(), &response),
                IsOk());
    return response;
  }
  // A watch that is read in the test's own thread.
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchEventsResponse>> reader;
    ~Watch() {
      context.TryCancel();
      if (reader != nullptr) reader->Finish();
    }
  };
  static std::unique_ptr<Watch> StartWatch(
      const v1::WatchEventsRequest& request) {
    auto watch = std::make_unique<Watch>();
    watch->context.set_deadline(
        absl::ToChronoTime(absl::Now() + Scaled(absl::Seconds(60))));
    watch->reader = stubs().events->WatchEvents(&watch->context, request);
    return watch;
  }
};

TEST_F(RequestsTest, RetryOfACreateReturnsTheSameContainer) {
  const std::string id = NewRequestId();
  v1::ContainerSpec spec = ShSpec("true");
  spec.set_name("once");
  v1::Container first;
  v1::Container second;
  EXPECT_THAT(TryCreate(spec, id, &first), IsOk());
  EXPECT_THAT(TryCreate(spec, id, &second), IsOk());
  EXPECT_EQ(first.id(), second.id());
  EXPECT_THAT(Ids(), SizeIs(1));
  spec.set_hostname("other");
  EXPECT_THAT(
      TryCreate(spec, id, &second),
      FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "REQUEST_ID_REUSED"));
}

TEST_F(RequestsTest, RetryIsRememberedAcrossARestart) {
  const std::string id = NewRequestId();
  v1::Container first;
  v1::Container second;
  EXPECT_THAT(TryCreate(ShSpec("true"), id, &first), IsOk());
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  EXPECT_THAT(TryCreate(ShSpec("true"), id, &second), IsOk());
  EXPECT_EQ(first.id(), second.id());
}

TEST_F(RequestsTest, SameRequestAtTheSameTimeIsDoneOnce) {
  const std::string id = NewRequestId();
  std::vector<v1::Container> containers(8);
  std::vector<std::thread> threads;
  for (v1::Container& container : containers) {
    threads.emplace_back([&container, &id] {
      EXPECT_THAT(TryCreate(ShSpec("true"), id, &container), IsOk());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const v1::Container& container : containers) {
    EXPECT_EQ(container.id(), containers[0].id());
  }
  EXPECT_THAT(Ids(), SizeIs(1));
}

TEST_F(RequestsTest, FailedStartIsReplayed) {
  const v1::Container container = Create(Spec({"no-such-command"}));
  v1::StartContainerRequest request;
  request.set_container(container.id());
  request.set_request_id(NewRequestId());
  v1::StartContainerResponse response;
  for (const bool replayed : {false, true}) {
    const grpc::Status status = Call(
        stubs().containers, &Containers::StartContainer, request, &response);
    EXPECT_THAT(status, FailsWith(grpc::StatusCode::FAILED_PRECONDITION,
                                  "COMMAND_NOT_FOUND"));
    EXPECT_EQ(FactsOf(status).metadata.count("replayed"), replayed ? 1u : 0u);
  }
}

TEST_F(RequestsTest, RetryOfAKillIsSentOnce) {
  const v1::Container container = CreateAndStart(ProbeSpec({"trap"}));
  ASSERT_TRUE(PollUntil(absl::Seconds(20),
                        [&] { return Logs(container.id()) == "ready\n"; }));
  v1::KillContainerRequest request;
  request.set_container(container.id());
  request.set_signal("USR1");
  request.set_request_id(NewRequestId());
  v1::KillContainerResponse response;
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Call(stubs().containers, &Containers::KillContainer, request,
                     &response),
                IsOk());
  }
  request.set_signal("USR2");
  request.set_request_id(NewRequestId());
  EXPECT_THAT(
      Call(stubs().containers, &Containers::KillContainer, request, &response),
      IsOk());
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&] {
    return Logs(container.id()) == "ready\nsignal=SIGUSR1\nsignal=SIGUSR2\n";
  })) << Logs(container.id());
}

TEST_F(RequestsTest, RunIsJoinedByItsRetry) {
  v1::RunStart start;
  *start.mutable_spec() = ShSpec("cat; exit 7");
  start.mutable_spec()->mutable_process()->set_stdin(v1::STDIN_MODE_OPEN);
  start.set_request_id(NewRequestId());
  auto first = StartRun(stubs(), start);
  ASSERT_TRUE(first->SendInput("abc"));
  ASSERT_TRUE(first->ReadUntilOutput("abc"));
  // The output may come before the word that its input was taken.
  ASSERT_TRUE(first->ReadUntil(
      [](const Delivered& d) { return d.progress.offset() == 3; }));
  auto second = StartRun(stubs(), start);
  ASSERT_TRUE(second->ReadUntilOutput("abc"));
  EXPECT_TRUE(second->delivered().start.replayed());
  EXPECT_EQ(second->delivered().start.stdin_offset(), 3);
  EXPECT_EQ(second->delivered().start.container().id(),
            first->delivered().start.container().id());
  ASSERT_TRUE(second->SendInput("def"));
  ASSERT_TRUE(second->ReadUntilOutput("def"));
  ASSERT_TRUE(second->HalfClose());
  EXPECT_EQ(second->Rest().shell_status(), 7);
  EXPECT_EQ(second->delivered().out, "abcdef");
  EXPECT_THAT(Ids(), SizeIs(1));
}

TEST_F(RequestsTest, AutoDeletedRunIsAnsweredAfterTheExit) {
  v1::RunStart start;
  *start.mutable_spec() =
      ShSpec("trap 'exit 9' TERM; echo kept; while true; do sleep 0.05; done");
  start.mutable_spec()->mutable_delete_after_exit();
  start.set_request_id(NewRequestId());
  v1::KillContainerRequest kill;
  kill.set_signal("SIGTERM");
  {
    auto talk = StartRun(stubs(), start);
    ASSERT_TRUE(talk->ReadUntilOutput("kept"));
    kill.set_container(talk->delivered().start.container().id());
    // The client is gone before there is an exit to be told of.
    talk->Cancel();
    talk->Rest();
  }
  v1::KillContainerResponse killed;
  EXPECT_THAT(Call(stubs().containers,
                   &v1::ContainerService::Stub::KillContainer, kill, &killed),
              IsOk());
  auto again = StartRun(stubs(), start);
  const Delivered& delivered = again->Rest();
  EXPECT_THAT(delivered.status, IsOk());
  EXPECT_EQ(delivered.shell_status(), 9);
  EXPECT_THAT(delivered.out, HasSubstr("kept"));
}

TEST_F(RequestsTest, ExecIsJoinedByItsRetry) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  v1::ExecStart start;
  start.set_container(container.id());
  *start.mutable_spec() = ShExec("echo x; exit 6");
  start.set_request_id(NewRequestId());
  const Delivered first = StartExec(stubs(), start)->Rest();
  const Delivered second = StartExec(stubs(), start)->Rest();
  EXPECT_EQ(first.start.exec().id(), second.start.exec().id());
  EXPECT_EQ(second.shell_status(), 6);
  EXPECT_EQ(second.out, "x\n");
  EXPECT_TRUE(second.start.replayed());
}

TEST_F(RequestsTest, RequestIdsAreUuidsInAnyCase) {
  v1::Container first;
  v1::Container second;
  for (const char* id : {"x", "3f2a8c1e-0000-4000-8000-00000000000",
                         "00000000-0000-0000-0000-000000000000",
                         "3f2a8c1e000040008000000000000001"}) {
    EXPECT_THAT(TryCreate(ShSpec("true"), id, &first),
                RefusesField("request_id"))
        << id;
  }
  EXPECT_THAT(Ids(), SizeIs(0));
  const std::string id = NewRequestId();
  EXPECT_THAT(TryCreate(ShSpec("true"), absl::AsciiStrToUpper(id), &first),
              IsOk());
  EXPECT_THAT(TryCreate(ShSpec("true"), absl::AsciiStrToLower(id), &second),
              IsOk());
  EXPECT_EQ(first.id(), second.id());
}

TEST_F(RequestsTest, AnIdBelongsToOneMethod) {
  const std::string id = NewRequestId();
  v1::Container container;
  EXPECT_THAT(TryCreate(WaitingSpec(), id, &container), IsOk());
  v1::StartContainerRequest start;
  start.set_container(container.id());
  start.set_request_id(id);
  v1::StartContainerResponse response;
  EXPECT_THAT(
      Call(stubs().containers, &Containers::StartContainer, start, &response),
      FailsWith(grpc::StatusCode::INVALID_ARGUMENT, "REQUEST_ID_REUSED"));
  EXPECT_EQ(Get(container.id()).status().state(), v1::CONTAINER_STATE_CREATED);
}

TEST_F(RequestsTest, AFailureThatChangedNothingIsTriedAnew) {
  v1::ContainerSpec spec = ShSpec("true");
  spec.set_name("taken");
  const std::string holder = Create(spec).id();
  const std::string id = NewRequestId();
  v1::Container container;
  EXPECT_THAT(TryCreate(spec, id, &container),
              FailsWith(grpc::StatusCode::ALREADY_EXISTS, "NAME_IN_USE"));
  EXPECT_THAT(Delete(holder), IsOk());
  EXPECT_THAT(TryCreate(spec, id, &container), IsOk());
  EXPECT_EQ(container.spec().name(), "taken");
}

TEST_F(RequestsTest, AReplayShowsTheObjectAsItIsNow) {
  const std::string id = NewRequestId();
  v1::Container created;
  EXPECT_THAT(TryCreate(WaitingSpec(), id, &created), IsOk());
  Start(created.id());
  v1::Container again;
  EXPECT_THAT(TryCreate(WaitingSpec(), id, &again), IsOk());
  EXPECT_EQ(again.status().state(), v1::CONTAINER_STATE_RUNNING);
  EXPECT_THAT(Delete(created.id()), IsOk());
  // Its tombstone, and no second container.
  EXPECT_THAT(TryCreate(WaitingSpec(), id, &again), IsOk());
  EXPECT_EQ(again.id(), created.id());
  EXPECT_EQ(again.status().state(), v1::CONTAINER_STATE_DELETED);
  EXPECT_THAT(Ids(), SizeIs(0));
}

TEST_F(RequestsTest, RetryOfADeleteReturnsTheTombstone) {
  const v1::Container container = CreateAndStart(WaitingSpec());
  v1::DeleteContainerRequest request;
  request.set_container(container.id());
  request.set_force(true);
  request.set_request_id(NewRequestId());
  for (const bool restarted : {false, false, true}) {
    if (restarted) {
      ASSERT_TRUE(daemon().Restart()) << daemon().log();
    }
    v1::DeleteContainerResponse response;
    EXPECT_THAT(Call(stubs().containers, &Containers::DeleteContainer, request,
                     &response),
                IsOk());
    EXPECT_EQ(response.container().id(), container.id());
    EXPECT_EQ(response.container().status().state(),
              v1::CONTAINER_STATE_DELETED);
    EXPECT_EQ(response.container().status().exit().signal(), "SIGKILL");
  }
  request.set_request_id(NewRequestId());
  v1::DeleteContainerResponse response;
  EXPECT_THAT(Call(stubs().containers, &Containers::DeleteContainer, request,
                   &response),
              FailsWith(grpc::StatusCode::NOT_FOUND, "CONTAINER_NOT_FOUND"));
}

TEST_F(RequestsTest, SameStartAtTheSameTimeIsDoneOnce) {
  const v1::Container container = Create(WaitingSpec());
  const std::string id = NewRequestId();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      v1::StartContainerRequest request;
      request.set_container(container.id());
      request.set_request_id(id);
      v1::StartContainerResponse response;
      EXPECT_THAT(Call(stubs().containers, &Containers::StartContainer, request,
                       &response),
                  IsOk());
      EXPECT_EQ(response.container().status().run(), 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(RequestsTest, TheOlderOfTwoStreamsLosesItsInput) {
  v1::RunStart start;
  *start.mutable_spec() = ShSpec("cat");
  start.mutable_spec()->mutable_process()->set_stdin(v1::STDIN_MODE_OPEN);
  start.set_request_id(NewRequestId());
  auto first = StartRun(stubs(), start);
  ASSERT_TRUE(first->ReadUntilStarted());
  auto second = StartRun(stubs(), start);
  ASSERT_TRUE(second->ReadUntilStarted());
  // Both get the output; the input is the newer one's.
  ASSERT_TRUE(second->SendInput("new"));
  ASSERT_TRUE(first->ReadUntilOutput("new"));
  ASSERT_TRUE(second->ReadUntilOutput("new"));
  ASSERT_TRUE(first->SendInput("old"));
  EXPECT_THAT(first->Rest().status,
              FailsWith(grpc::StatusCode::ABORTED, "STREAM_SUPERSEDED"));
  ASSERT_TRUE(second->HalfClose());
  EXPECT_EQ(second->Rest().out, "new");
}

TEST_F(RequestsTest, WatchBeginsWithABookmark) {
  const auto watch = StartWatch({});
  v1::WatchEventsResponse response;
  ASSERT_TRUE(watch->reader->Read(&response));
  EXPECT_TRUE(response.has_bookmark());
  EXPECT_EQ(response.bookmark().revision(), Page().revision());
  EXPECT_EQ(response.bookmark().store_id(), Page().store_id());
}

TEST_F(RequestsTest, EventsTellALife) {
  v1::WatchEventsRequest request;
  request.set_after_revision(Page().revision());
  request.add_types("container.*");
  const auto watch = StartWatch(request);
  const v1::Container container = CreateAndStart(ShSpec("exit 4"));
  Wait(container.id());
  EXPECT_THAT(Delete(container.id()), IsOk());
  std::vector<std::string> types;
  int64_t revision = request.after_revision();
  v1::WatchEventsResponse response;
  while (types.size() < 4 && watch->reader->Read(&response)) {
    if (!response.has_batch()) continue;
    EXPECT_GT(response.batch().revision(), revision);
    revision = response.batch().revision();
    for (const v1::Event& event : response.batch().events()) {
      EXPECT_EQ(event.revision(), revision);
      EXPECT_EQ(event.container().id(), container.id());
      if (event.type() == "container.exited") {
        EXPECT_EQ(event.container().status().exit().exit_code(), 4);
      }
      types.push_back(event.type());
    }
  }
  EXPECT_THAT(types, ElementsAre("container.created", "container.started",
                                 "container.exited", "container.deleted"));
}

TEST_F(RequestsTest, ListThenWatchHasNoGap) {
  // Writers work while one client lists and then applies what it watches; at
  // the end its picture is the service's.
  std::thread writer([] {
    for (int i = 0; i < 15; ++i) {
      const v1::Container container = Create(ShSpec("true"));
      if (i % 3 == 0) {
        EXPECT_THAT(Delete(container.id()), IsOk());
      }
    }
  });
  std::map<std::string, v1::ContainerState> picture;
  v1::ListContainersRequest list;
  list.set_page_size(2);
  int64_t revision = -1;
  do {
    v1::ListContainersResponse response;
    EXPECT_THAT(
        Call(stubs().containers, &Containers::ListContainers, list, &response),
        IsOk());
    if (revision < 0) revision = response.revision();
    EXPECT_EQ(response.revision(), revision);
    for (const v1::Container& container : response.containers()) {
      picture[container.id()] = container.status().state();
    }
    list.set_page_token(response.next_page_token());
  } while (!list.page_token().empty());
  writer.join();
  const v1::ListContainersResponse final_page = Page();
  v1::WatchEventsRequest request;
  request.set_after_revision(revision);
  const auto watch = StartWatch(request);
  v1::WatchEventsResponse response;
  int64_t reached = revision;
  while (reached < final_page.revision() && watch->reader->Read(&response)) {
    reached = response.has_batch() ? response.batch().revision()
                                   : response.bookmark().revision();
    for (const v1::Event& event : response.batch().events()) {
      if (event.container().status().state() == v1::CONTAINER_STATE_DELETED) {
        picture.erase(event.container().id());
      } else if (event.has_container()) {
        picture[event.container().id()] = event.container().status().state();
      }
    }
  }
  std::map<std::string, v1::ContainerState> truth;
  for (const v1::Container& container : final_page.containers()) {
    truth[container.id()] = container.status().state();
  }
  EXPECT_EQ(picture, truth);
  EXPECT_THAT(truth, SizeIs(10));
}

TEST_F(RequestsTest, AWatchThatIsCutResumesWithoutGapOrRepeat) {
  const int64_t begin = Page().revision();
  std::thread writer([] {
    for (int i = 0; i < 12; ++i) {
      EXPECT_EQ(RunToEnd(stubs(), ShSpec("exit 3")).shell_status(), 3);
    }
  });
  // One watcher that comes back after every batch, and one that stays.
  using Seen = std::vector<std::pair<int64_t, std::string>>;
  constexpr size_t kEvents = 12 * 4;
  const auto note = [](const v1::EventBatch& batch, Seen* seen) {
    EXPECT_GT(batch.events_size(), 0);
    for (const v1::Event& event : batch.events()) {
      EXPECT_EQ(event.revision(), batch.revision());
      seen->emplace_back(event.revision(),
                         event.type() + " " + event.container().id());
    }
  };
  Seen cut;
  v1::WatchEventsRequest request;
  request.set_store_id(Page().store_id());
  request.set_after_revision(begin);
  while (cut.size() < kEvents) {
    const auto watch = StartWatch(request);
    v1::WatchEventsResponse response;
    ASSERT_TRUE(watch->reader->Read(&response));
    EXPECT_TRUE(response.has_bookmark());
    while (!response.has_batch()) {
      ASSERT_TRUE(watch->reader->Read(&response));
    }
    note(response.batch(), &cut);
    request.set_after_revision(response.batch().revision());
  }
  writer.join();
  Seen whole;
  request.set_after_revision(begin);
  const auto watch = StartWatch(request);
  v1::WatchEventsResponse response;
  while (whole.size() < kEvents && watch->reader->Read(&response)) {
    if (response.has_batch()) note(response.batch(), &whole);
  }
  EXPECT_EQ(cut, whole);
  // A Run's first two events are one transaction, so one batch.
  ASSERT_EQ(whole.size(), kEvents);
  EXPECT_EQ(whole[0].first, whole[1].first);
}

TEST_F(RequestsTest, AWatchOfWhatDoesNotExistIsRefused) {
  const auto refusal = [](const v1::WatchEventsRequest& request) {
    const auto watch = StartWatch(request);
    v1::WatchEventsResponse response;
    while (watch->reader->Read(&response)) {
    }
    return std::exchange(watch->reader, nullptr)->Finish();
  };
  v1::WatchEventsRequest request;
  request.set_after_revision(Page().revision() + 1'000'000);
  const grpc::Status future = refusal(request);
  EXPECT_EQ(future.error_code(), grpc::StatusCode::OUT_OF_RANGE)
      << Describe(future);
  EXPECT_EQ(FactsOf(future).error_infos, 1);
  request.set_after_revision(Page().revision());
  request.set_store_id("00000000-0000-4000-8000-000000000000");
  EXPECT_THAT(refusal(request),
              FailsWith(grpc::StatusCode::OUT_OF_RANGE, "STORE_CHANGED"));
  // Events are kept across a restart of the daemon.
  const std::string id = Create(ShSpec("true")).id();
  request.set_store_id(Page().store_id());
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  const auto watch = StartWatch(request);
  v1::WatchEventsResponse response;
  while (watch->reader->Read(&response) && !response.has_batch()) {
  }
  ASSERT_TRUE(response.has_batch());
  EXPECT_EQ(response.batch().events(0).container().id(), id);
}

TEST_F(RequestsTest, GetInfoListsLimitsAndFeatures) {
  v1::GetInfoResponse info;
  EXPECT_THAT(Call(stubs().system, &v1::SystemService::Stub::GetInfo,
                   v1::GetInfoRequest(), &info),
              IsOk());
  EXPECT_NE(info.version(), "");
  EXPECT_GE(info.api_level(), 1);
  EXPECT_EQ(info.limits().at("default_pids"), 2048);
  EXPECT_EQ(info.cgroup().version(), HasCgroupV2Limits() ? 2 : 1);
  EXPECT_THAT(info.event_types(),
              IsSupersetOf({"container.created", "container.exited"}));
  EXPECT_GT(info.features_size(), 0);
  for (const v1::Feature& feature : info.features()) {
    EXPECT_EQ(feature.available(), feature.reason().empty()) << feature.name();
  }
}

}  // namespace
}  // namespace caisson::testing
