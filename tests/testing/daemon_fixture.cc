#include "tests/testing/daemon_fixture.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace caisson::testing {

namespace {

// The end of a daemon's log, for people who read a failure.
std::string LastLines(const std::string& text, size_t count) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (lines.size() > count) {
    lines.erase(lines.begin(), lines.end() - static_cast<long>(count));
  }
  return absl::StrJoin(lines, "\n");
}

constexpr size_t kLogLines = 60;

}  // namespace

std::unique_ptr<Daemon> DaemonTest::daemon_;
leakcheck::Snapshot DaemonTest::baseline_;
DaemonOptions DaemonTest::options_;

void DaemonTest::SetDaemonOptions(DaemonOptions options) {
  options_ = std::move(options);
}

std::string DaemonTest::WhyNot() {
  return ::geteuid() == 0 ? "" : "needs root";
}

void DaemonTest::SetUpTestSuite() {
  if (!WhyNot().empty()) return;
  SharedRootfs();
  daemon_ = std::make_unique<Daemon>(std::exchange(options_, {}));
  ASSERT_TRUE(daemon_->Start()) << LastLines(daemon_->log(), kLogLines);
  // Once through, so that what is made once and kept is there before.
  const Delivered warm = RunToEnd(stubs(), ShSpec("exit 3"));
  ASSERT_EQ(warm.shell_status(), 3)
      << Describe(warm.status) << LastLines(daemon_->log(), kLogLines);
  // The container is deleted after its last message: wait for that too.
  PollUntil(absl::Seconds(20), [] { return List().empty(); });
  TakeBaseline();
}

void DaemonTest::SetUp() {
  if (!WhyNot().empty()) GTEST_SKIP() << WhyNot();
  ASSERT_NE(daemon_, nullptr);
  log_begin_ = daemon_->log().size();
  ASSERT_TRUE(daemon_->running()) << LastLines(daemon_->log(), kLogLines);
}

void DaemonTest::TearDown() {
  if (daemon_ == nullptr || IsSkipped()) return;
  if (HasFailure()) {
    std::fprintf(
        stderr, "--- daemon log of this test\n%s\n---\n",
        LastLines(daemon_->log().substr(log_begin_), kLogLines).c_str());
  }
  if (daemon_->running()) DeleteAll();
}

void DaemonTest::TearDownTestSuite() {
  if (daemon_ == nullptr) return;
  if (daemon_->running()) {
    DeleteAll();
    EXPECT_EQ(absl::StrJoin(Leaks(), "\n"), "") << "left behind";
    EXPECT_EQ(absl::StrJoin(AuditProblems(), "\n"), "") << "audit";
    EXPECT_EQ(daemon_->Stop(), 0) << LastLines(daemon_->log(), kLogLines);
  }
  daemon_.reset();
}

std::vector<std::string> DaemonTest::Leaks() {
  std::vector<std::string> lines;
  PollUntil(absl::Seconds(15), [&] {
    lines = leakcheck::Added(baseline_, daemon_->TakeSnapshot());
    return lines.empty();
  });
  return lines;
}

v1::Container DaemonTest::Create(const v1::ContainerSpec& spec) {
  v1::CreateContainerRequest request;
  *request.mutable_spec() = spec;
  v1::CreateContainerResponse response;
  EXPECT_THAT(
      Call(stubs().containers, &v1::ContainerService::Stub::CreateContainer,
           request, &response),
      IsOk());
  return response.container();
}

v1::Container DaemonTest::Start(const std::string& container) {
  v1::StartContainerRequest request;
  request.set_container(container);
  v1::StartContainerResponse response;
  EXPECT_THAT(
      Call(stubs().containers, &v1::ContainerService::Stub::StartContainer,
           request, &response),
      IsOk());
  return response.container();
}

v1::Container DaemonTest::CreateAndStart(const v1::ContainerSpec& spec) {
  const v1::Container container = Create(spec);
  return container.id().empty() ? container : Start(container.id());
}

v1::Container DaemonTest::Get(const std::string& container) {
  v1::GetContainerRequest request;
  request.set_container(container);
  v1::GetContainerResponse response;
  EXPECT_THAT(
      Call(stubs().containers, &v1::ContainerService::Stub::GetContainer,
           request, &response),
      IsOk());
  return response.container();
}

v1::Exited DaemonTest::Wait(const std::string& container) {
  v1::WaitContainerRequest request;
  request.set_container(container);
  v1::WaitContainerResponse response;
  EXPECT_THAT(
      Call(stubs().containers, &v1::ContainerService::Stub::WaitContainer,
           request, &response),
      IsOk());
  return response.exit();
}

grpc::Status DaemonTest::Delete(const std::string& container, bool force) {
  v1::DeleteContainerRequest request;
  request.set_container(container);
  request.set_force(force);
  v1::DeleteContainerResponse response;
  return Call(stubs().containers, &v1::ContainerService::Stub::DeleteContainer,
              request, &response);
}

std::vector<v1::Container> DaemonTest::List(const v1::ContainerFilter& filter) {
  std::vector<v1::Container> all;
  v1::ListContainersRequest request;
  *request.mutable_filter() = filter;
  request.set_page_size(1000);
  do {
    v1::ListContainersResponse response;
    const grpc::Status status =
        Call(stubs().containers, &v1::ContainerService::Stub::ListContainers,
             request, &response);
    EXPECT_THAT(status, IsOk());
    if (!status.ok()) break;
    all.insert(all.end(), response.containers().begin(),
               response.containers().end());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

std::vector<std::string> DaemonTest::Ids(const v1::ContainerFilter& filter) {
  std::vector<std::string> ids;
  for (const v1::Container& container : List(filter)) {
    ids.push_back(container.id());
  }
  return ids;
}

std::string DaemonTest::Logs(const std::string& container) {
  v1::StreamLogsRequest request;
  request.mutable_filter()->add_containers(container);
  grpc::ClientContext context;
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + Scaled(absl::Seconds(60))));
  const auto reader = stubs().containers->StreamLogs(&context, request);
  std::string text;
  v1::StreamLogsResponse response;
  while (reader->Read(&response)) {
    for (const v1::LogEntry& entry : response.batch().entries()) {
      text += entry.data();
    }
  }
  EXPECT_THAT(reader->Finish(), IsOk());
  return text;
}

v1::ExecSyncResponse DaemonTest::ExecSync(const std::string& container,
                                          const v1::ExecSpec& spec) {
  v1::ExecSyncRequest request;
  request.set_container(container);
  *request.mutable_spec() = spec;
  v1::ExecSyncResponse response;
  EXPECT_THAT(
      Call(stubs().execs, &v1::ExecService::Stub::ExecSync, request, &response),
      IsOk());
  return response;
}

std::vector<std::string> DaemonTest::AuditProblems() {
  v1::AuditRequest request;
  request.set_only_problems(true);
  request.set_page_size(10000);
  v1::AuditResponse response;
  std::vector<std::string> problems;
  const grpc::Status status =
      Call(stubs().system, &v1::SystemService::Stub::Audit, request, &response);
  if (!status.ok()) problems.push_back(Describe(status));
  for (const v1::AuditObject& object : response.objects()) {
    problems.push_back(absl::StrCat(v1::AuditState_Name(object.state()), " ",
                                    object.kind(), " ", object.key(), " ",
                                    object.detail()));
  }
  return problems;
}

void DaemonTest::DeleteAll() {
  for (const v1::Container& container : List()) {
    // One that is being deleted by itself may be gone by now.
    const grpc::Status status = Delete(container.id());
    if (!status.ok() && status.error_code() != grpc::StatusCode::NOT_FOUND) {
      ADD_FAILURE() << "delete " << container.id() << ": " << Describe(status);
    }
  }
}

}  // namespace caisson::testing
