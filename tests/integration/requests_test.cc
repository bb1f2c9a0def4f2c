// Retries, revisions, and lists that lead into watches without a gap.
#include <map>
#include <string>
#include <thread>
#include <vector>

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
  *start.mutable_spec() = ShSpec("echo kept; exit 9");
  start.mutable_spec()->mutable_delete_after_exit();
  start.set_request_id(NewRequestId());
  {
    auto talk = StartRun(stubs(), start);
    ASSERT_TRUE(talk->ReadUntilStarted());
    // The client is gone before it was told of the exit.
  }
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
