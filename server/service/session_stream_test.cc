// Run, Exec and AttachContainer through real gRPC with a fake core: order of
// messages, input, half-close against a lost client, and the end.
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "caisson/v1/container_service.grpc.pb.h"
#include "caisson/v1/exec_service.grpc.pb.h"
#include "runtime/record/test_log.h"
#include "server/service/bad_input.h"
#include "server/service/fake_session.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

// Holds until a condition of another thread does; no test depends on how long.
template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 30'000; ++i) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(1));  // lint-allow(sleep): a poll
  }
  return false;
}

class SessionStreamTest : public testing::Test {
 protected:
  SessionStreamTest() {
    log_.Start();
    core::OutputSource::State state;
    state.run = 1;
    state.running = true;
    source_ = std::make_shared<core::OutputSource>(server_.output(),
                                                   log_.path(), state);
    session_ = std::make_shared<FakeSession>(source_);
    server_.containers().on_run = [this](core::RunArgs args,
                                         core::Callback<core::Started> done) {
      run_args_ = std::move(args);
      done(Started());
      return std::make_shared<FakeCall>();
    };
    stub_ = pb::ContainerService::NewStub(server_.channel(Role::kAdmin));
  }

  core::Started Started() {
    auto record = std::make_shared<store::ContainerRecord>();
    record->id = "0123456789abcdef0123456789abcdef";
    record->name = "web";
    core::Started started;
    started.container = record;
    started.run = 1;
    started.pid = 7;
    started.session = session_;
    return started;
  }

  void Exit(int code) {
    auto exit = std::make_shared<store::ExitInfo>();
    exit->kind = store::ExitInfo::Kind::kCode;
    exit->code = code;
    exit->run = 1;
    exit->end_offset = static_cast<int64_t>(log_.output().size());
    source_->SetExited(exit);
  }

  using RunStream = grpc::ClientReaderWriter<pb::RunRequest, pb::RunResponse>;

  std::unique_ptr<RunStream> Run(const std::string& more = "") {
    pb::RunRequest request;
    request.ParseFromString(FromText(
        "ContainerService.Run",
        "start { spec { " + std::string(kGoodSpec) + " } " + more + " }"));
    auto stream = stub_->Run(&context_);
    EXPECT_TRUE(stream->Write(request));
    return stream;
  }

  static pb::RunRequest Stdin(const std::string& bytes) {
    pb::RunRequest request;
    request.mutable_stdin()->set_data(bytes);
    return request;
  }

  static std::vector<pb::RunResponse> ReadAll(RunStream* stream) {
    std::vector<pb::RunResponse> all;
    pb::RunResponse response;
    while (stream->Read(&response)) all.push_back(response);
    return all;
  }

  TestServer server_;
  record::TestLog log_;
  std::shared_ptr<core::OutputSource> source_;
  std::shared_ptr<FakeSession> session_;
  core::RunArgs run_args_;
  std::unique_ptr<pb::ContainerService::Stub> stub_;
  grpc::ClientContext context_;
};

TEST_F(SessionStreamTest, StartedFirstThenOutputThenExited) {
  log_.Out("hello");
  log_.Err("oops");
  Exit(7);
  auto stream = Run();
  const auto all = ReadAll(stream.get());
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].started().container().spec().name(), "web");
  EXPECT_EQ(all[0].started().pid(), 7);
  EXPECT_EQ(all[1].output().data(), "hello");
  EXPECT_EQ(all[2].output().stream(), pb::STD_STREAM_STDERR);
  EXPECT_EQ(all[2].output().offset(), 5);
  EXPECT_EQ(all[3].exited().exit_code(), 7);
  EXPECT_TRUE(Eventually([this] { return session_->end().has_value(); }));
  EXPECT_EQ(session_->end(), core::StreamEnd::kDelivered);
  EXPECT_EQ(run_args_.spec.process.command, std::vector<std::string>{"true"});
}

TEST_F(SessionStreamTest, EveryByteArrives) {
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes.push_back(static_cast<char>(i * 7));
  log_.Out(bytes);
  Exit(0);
  auto stream = Run();
  std::string got;
  for (const auto& response : ReadAll(stream.get())) {
    if (!response.has_output()) continue;
    EXPECT_EQ(response.output().offset(), static_cast<int64_t>(got.size()));
    got += response.output().data();
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(got, bytes);
}

TEST_F(SessionStreamTest, TextIsText) {
  log_.Out("h\xC3\xA9\xFF");
  Exit(0);
  auto stream = Run("output { text: true }");
  const auto all = ReadAll(stream.get());
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1].output().text(), "h\xC3\xA9\xEF\xBF\xBD");
  EXPECT_EQ(all[1].output().size(), 4);
}

TEST_F(SessionStreamTest, AHalfCloseIsTheEndOfTheInput) {
  auto stream = Run();
  EXPECT_TRUE(stream->Write(Stdin("abc")));
  EXPECT_TRUE(stream->Write(Stdin("def")));
  EXPECT_TRUE(stream->WritesDone());
  EXPECT_TRUE(Eventually([this] { return session_->closes() == 1; }));
  EXPECT_EQ(session_->input(), "abcdef");
  Exit(0);
  EXPECT_EQ(ReadAll(stream.get()).size(), 2u);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(SessionStreamTest, ALostClientClosesNoInputAndDisconnects) {
  for (int i = 0; i < 20; ++i) {
    session_ = std::make_shared<FakeSession>(source_);
    grpc::ClientContext context;
    pb::RunRequest request;
    request.ParseFromString(
        FromText("ContainerService.Run",
                 "start { spec { " + std::string(kGoodSpec) + " } }"));
    auto stream = stub_->Run(&context);
    EXPECT_TRUE(stream->Write(request));
    pb::RunResponse response;
    EXPECT_TRUE(stream->Read(&response));
    EXPECT_TRUE(response.has_started());
    context.TryCancel();
    stream->Finish();
    EXPECT_TRUE(Eventually([this] { return session_->end().has_value(); }));
    EXPECT_EQ(session_->end(), core::StreamEnd::kDisconnected);
    EXPECT_EQ(session_->closes(), 0);
  }
}

TEST_F(SessionStreamTest, InputBehindASlowProcessIsBoundedAndControlPasses) {
  session_->HoldInput();
  auto stream = Run();
  EXPECT_TRUE(stream->Write(Stdin("first")));
  EXPECT_TRUE(stream->Write(Stdin(std::string(100'000, 'x'))));
  pb::RunRequest kill;
  kill.mutable_kill()->set_signal("TERM");
  EXPECT_TRUE(stream->Write(kill));
  pb::RunRequest resize;
  resize.mutable_resize()->set_rows(50);
  EXPECT_TRUE(stream->Write(resize));
  EXPECT_TRUE(Eventually([this] { return session_->rows() == 50; }));
  EXPECT_EQ(session_->signal(), "TERM");
  EXPECT_EQ(session_->input(), "first");
  // Twice the window of stdin: the server stops reading, and goes on later.
  std::thread writer([&stream] {
    for (int i = 0; i < 40; ++i) {
      EXPECT_TRUE(stream->Write(Stdin(std::string(60'000, 'y'))));
    }
    EXPECT_TRUE(stream->WritesDone());
  });
  // Nothing marks that the server has stopped reading.
  absl::SleepFor(absl::Milliseconds(20));  // lint-allow(sleep): see above
  EXPECT_EQ(session_->closes(), 0);
  session_->TakeInput();
  EXPECT_TRUE(Eventually([this] { return session_->closes() == 1; }));
  EXPECT_EQ(session_->input().size(), 5u + 100'000 + 40 * 60'000);
  writer.join();
  Exit(0);
  ReadAll(stream.get());
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(SessionStreamTest, ProgressOfTheInputIsTold) {
  auto stream = Run();
  pb::RunResponse response;
  EXPECT_TRUE(stream->Read(&response));
  // The stream listens only after it has said `started`.
  EXPECT_TRUE(Eventually([this] {
    return session_->TellProgress({42, true});
  }));
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.stdin().offset(), 42);
  EXPECT_TRUE(response.stdin().closed());
  context_.TryCancel();
  stream->Finish();
}

TEST_F(SessionStreamTest, BadMessagesEndTheStreamAsALostClient) {
  struct Row {
    const char* text;
    const char* reason;
  };
  for (const Row& row :
       {Row{"", "OUT_OF_ORDER_MESSAGE"},
        Row{"start {}", "OUT_OF_ORDER_MESSAGE"},
        Row{"resize { rows: -1 }", "INVALID_FIELD"},
        Row{"kill { signal: 'NO' }", "INVALID_FIELD"},
        Row{"kill { scope: 9 }", "INVALID_FIELD"},
        Row{"stdin { data: 'x' offset: -1 }", "INVALID_FIELD"}}) {
    SCOPED_TRACE(row.text);
    session_ = std::make_shared<FakeSession>(source_);
    const std::string method = "ContainerService.Run";
    const Outcome outcome = server_.Call(
        Role::kAdmin, method,
        {FromText(method, "start { spec { " + std::string(kGoodSpec) + " } }"),
         FromText(method, row.text)});
    EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(outcome.info().reason(), row.reason);
    EXPECT_TRUE(Eventually([this] { return session_->end().has_value(); }));
    EXPECT_EQ(session_->end(), core::StreamEnd::kDisconnected);
    EXPECT_EQ(session_->closes(), 0);
  }
}

TEST_F(SessionStreamTest, ACancelBeforeTheStartCancelsTheCall) {
  std::promise<void> cancelled;
  std::promise<core::Callback<core::Started>> pending;
  server_.containers().on_run = [&](core::RunArgs,
                                    core::Callback<core::Started> done) {
    pending.set_value(std::move(done));
    return std::make_shared<FakeCall>([&] { cancelled.set_value(); });
  };
  auto stream = Run();
  core::Callback<core::Started> done = pending.get_future().get();
  context_.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  cancelled.get_future().get();
  // Core was faster after all: the stream must still be left.
  done(Started());
  EXPECT_EQ(session_->end(), core::StreamEnd::kDisconnected);
}

TEST_F(SessionStreamTest, AHeartbeatFillsSilence) {
  auto stream = Run("output { heartbeat_interval { seconds: 1 } }");
  pb::RunResponse response;
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_TRUE(stream->Read(&response));
  EXPECT_TRUE(response.has_heartbeat());
  EXPECT_GT(response.heartbeat().time().seconds(), 0);
  context_.TryCancel();
  stream->Finish();
}

TEST_F(SessionStreamTest, AttachLeavesTheInputOpenAndStopsAtTheEnd) {
  log_.Out("old\n");
  server_.containers().on_attach = [this](core::AttachArgs,
                                          core::Callback<core::Started> done) {
    done(Started());
  };
  auto stream = stub_->AttachContainer(&context_);
  pb::AttachContainerRequest request;
  request.ParseFromString(
      FromText("ContainerService.AttachContainer",
               "start { container: 'web' output { offset: 0 stop_at_end: true "
               "} }"));
  EXPECT_TRUE(stream->Write(request));
  EXPECT_TRUE(stream->WritesDone());
  std::vector<pb::AttachContainerResponse> all;
  pb::AttachContainerResponse response;
  while (stream->Read(&response)) all.push_back(response);
  EXPECT_TRUE(stream->Finish().ok());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].output().data(), "old\n");
  EXPECT_TRUE(Eventually([this] { return session_->end().has_value(); }));
  EXPECT_EQ(session_->end(), core::StreamEnd::kDetached);
  EXPECT_EQ(session_->closes(), 0);
}

TEST_F(SessionStreamTest, TooManyAttachesAreToldSo) {
  server_.containers().on_attach = [this](core::AttachArgs,
                                          core::Callback<core::Started> done) {
    done(Started());
  };
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReaderWriter<
      pb::AttachContainerRequest, pb::AttachContainerResponse>>>
      streams;
  pb::AttachContainerRequest request;
  request.mutable_start()->set_container("web");
  pb::AttachContainerResponse response;
  for (int i = 0; i < 4; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(stub_->AttachContainer(contexts.back().get()));
    EXPECT_TRUE(streams.back()->Write(request));
    EXPECT_TRUE(streams.back()->Read(&response));
  }
  const Outcome outcome =
      server_.Call(Role::kAdmin, "ContainerService.AttachContainer",
                   {request.SerializeAsString()});
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(outcome.info().reason(), "TOO_MANY_STREAMS");
  for (size_t i = 0; i < streams.size(); ++i) {
    contexts[i]->TryCancel();
    streams[i]->Finish();
  }
}

TEST_F(SessionStreamTest, TheDaemonsEndIsTold) {
  auto stream = Run();
  pb::RunResponse response;
  EXPECT_TRUE(stream->Read(&response));
  server_.servers().StopServing();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(SessionStreamTest, ExecSyncCollectsOutputAndGivesInput) {
  log_.Out("out");
  log_.Err("err");
  log_.Out(std::string(50, 'z'));
  server_.execs().on_exec = [this](core::ExecArgs,
                                   core::Callback<core::Started> done) {
    core::Started started = Started();
    auto exec = std::make_shared<store::ExecRecord>();
    exec->id = "00000000000000000000000000000001";
    started.exec = exec;
    done(std::move(started));
    Exit(3);
    return std::make_shared<FakeCall>();
  };
  auto stub = pb::ExecService::NewStub(server_.channel(Role::kAdmin));
  pb::ExecSyncRequest request;
  request.set_container("web");
  request.mutable_spec()->mutable_process()->add_command("x");
  request.set_stdin_data("input");
  request.set_max_output_bytes(10);
  request.set_text(true);
  pb::ExecSyncResponse response;
  EXPECT_TRUE(stub->ExecSync(&context_, request, &response).ok());
  EXPECT_EQ(response.stdout_text(), "outzzzz");
  EXPECT_EQ(response.stderr_text(), "err");
  EXPECT_TRUE(response.truncated());
  EXPECT_EQ(response.exit().exit_code(), 3);
  EXPECT_EQ(response.exec_id(), "00000000000000000000000000000001");
  EXPECT_EQ(session_->input(), "input");
  EXPECT_EQ(session_->closes(), 1);
  EXPECT_EQ(session_->end(), core::StreamEnd::kDelivered);
}

}  // namespace
}  // namespace caisson::service
