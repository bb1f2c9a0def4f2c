// Bad input of any kind: the expected code, reason and field, and no change.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

#include "tests/integration/bad_input_rows.h"
#include "tests/testing/daemon_fixture.h"
#include "tests/testing/raw_call.h"

namespace caisson::testing {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;

class BadInputTest : public DaemonTest {
 protected:
  void SetUp() override {
    DaemonTest::SetUp();
    if (!HasFatalFailure() && !IsSkipped()) revision_ = Revision();
  }
  // Whatever was refused has left no trace in the store.
  void TearDown() override {
    if (revision_ >= 0) {
      EXPECT_EQ(Revision(), revision_);
      EXPECT_THAT(Ids(), IsEmpty());
    }
    DaemonTest::TearDown();
  }

  static int64_t Revision() {
    v1::ListContainersResponse response;
    EXPECT_THAT(
        Call(stubs().containers, &v1::ContainerService::Stub::ListContainers,
             v1::ListContainersRequest(), &response),
        IsOk());
    return response.revision();
  }
  // After what changes nothing but the revision.
  void ForgetRevision() { revision_ = Revision(); }
  // Since the test began.
  void ExpectNoEvents() const {
    grpc::ClientContext context;
    v1::WatchEventsRequest request;
    request.set_after_revision(revision_);
    const auto reader = stubs().events->WatchEvents(&context, request);
    v1::WatchEventsResponse response;
    // Until everything up to now was delivered.
    const int64_t now = Revision();
    while (response.bookmark().revision() < now && reader->Read(&response)) {
      EXPECT_FALSE(response.has_batch()) << response.ShortDebugString();
    }
    context.TryCancel();
    reader->Finish();
  }
  static RawResult Send(const std::string& method,
                        const std::vector<std::string>& requests) {
    return RawCall(stubs().channel, "/caisson.v1." + method, requests);
  }
  static void ExpectRefused(const grpc::Status& status, const std::string& code,
                            const std::string& reason,
                            const std::string& field) {
    EXPECT_EQ(CodeName(status.error_code()), code) << Describe(status);
    const ErrorFacts facts = FactsOf(status);
    EXPECT_EQ(facts.reason, reason) << Describe(status);
    EXPECT_EQ(facts.domain, "caisson");
    EXPECT_EQ(facts.error_infos, 1);
    if (!field.empty()) {
      EXPECT_THAT(facts.fields, Contains(field)) << Describe(status);
    }
    EXPECT_LE(status.error_details().size(), 4096u);
    EXPECT_NE(status.error_message(), "");
  }

 private:
  int64_t revision_ = -1;
};

TEST_F(BadInputTest, SpecsAreRefusedWithTheFieldToBlame) {
  EXPECT_GE(BadSpecs().size() + BadRequests().size(), 150u);
  for (const BadSpec& row : BadSpecs()) {
    SCOPED_TRACE(row.text);
    v1::ContainerSpec change;
    ASSERT_TRUE(
        google::protobuf::TextFormat::ParseFromString(row.text, &change));
    v1::CreateContainerRequest request;
    *request.mutable_spec() = Spec({"/bin/true"});
    request.mutable_spec()->MergeFrom(change);
    const RawResult result =
        Send("ContainerService/CreateContainer", {request.SerializeAsString()});
    ExpectRefused(result.status, "INVALID_ARGUMENT", "INVALID_FIELD",
                  absl::StrCat("spec.", row.field));
  }
}

TEST_F(BadInputTest, SpecsAreRefusedTheSameWayByRunAndExplain) {
  for (size_t i = 0; i < BadSpecs().size(); i += 8) {
    const BadSpec& row = BadSpecs()[i];
    SCOPED_TRACE(row.text);
    v1::ContainerSpec spec;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(row.text, &spec));
    v1::ContainerSpec base = Spec({"/bin/true"});
    base.MergeFrom(spec);
    v1::RunRequest run;
    *run.mutable_start()->mutable_spec() = base;
    ExpectRefused(
        Send("ContainerService/Run", {run.SerializeAsString()}).status,
        "INVALID_ARGUMENT", "INVALID_FIELD",
        absl::StrCat("start.spec.", row.field));
    v1::ExplainContainerRequest explain;
    *explain.mutable_spec() = base;
    ExpectRefused(
        Send("ContainerService/ExplainContainer", {explain.SerializeAsString()})
            .status,
        "INVALID_ARGUMENT", "INVALID_FIELD", absl::StrCat("spec.", row.field));
  }
}

TEST_F(BadInputTest, RequestsAreRefusedWithTheirReason) {
  for (const BadRequest& row : BadRequests()) {
    SCOPED_TRACE(absl::StrCat(row.method, " ", row.text));
    const auto request = NewRequestOf(row.method);
    ASSERT_NE(request, nullptr);
    ASSERT_TRUE(
        google::protobuf::TextFormat::ParseFromString(row.text, request.get()));
    ExpectRefused(Send(row.method, {request->SerializeAsString()}).status,
                  row.code, row.reason, row.field);
  }
}

TEST_F(BadInputTest, PathsThatTheHostLacksAreNotFound) {
  for (const char* text :
       {"rootfs { host_directory { path: '/no/such' } }",
        "rootfs { host_directory { path: '/no/such' } read_only: true }",
        "mounts { target: '/a' bind { source: '/no/such' } }"}) {
    SCOPED_TRACE(text);
    v1::ContainerSpec change;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &change));
    v1::RunRequest request;
    *request.mutable_start()->mutable_spec() = Spec({"/bin/true"});
    request.mutable_start()->mutable_spec()->MergeFrom(change);
    const grpc::Status status =
        Send("ContainerService/Run", {request.SerializeAsString()}).status;
    ExpectRefused(status, "NOT_FOUND", "PATH_NOT_FOUND", "");
    EXPECT_EQ(FactsOf(status).metadata.at("path"), "/no/such");
  }
  // It takes a try to find out. Nobody saw it, but it counted.
  ExpectNoEvents();
  ForgetRevision();
}

TEST_F(BadInputTest, BytesThatAreNoMessageAreRefusedByEveryMethod) {
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  int methods = 0;
  for (const char* name : {"ContainerService", "ExecService", "EventService",
                           "NetworkService", "SystemService"}) {
    const auto* service =
        pool->FindServiceByName(absl::StrCat("caisson.v1.", name));
    ASSERT_NE(service, nullptr);
    for (int i = 0; i < service->method_count(); ++i, ++methods) {
      const std::string method =
          absl::StrCat(name, "/", service->method(i)->name());
      for (const std::string& bytes :
           {std::string("\xff\xff\xff\xff"), std::string("\x0a\x7f"),
            std::string("\x07")}) {
        SCOPED_TRACE(method);
        ExpectRefused(Send(method, {bytes}).status, "INVALID_ARGUMENT",
                      "MALFORMED_MESSAGE", "");
      }
    }
  }
  EXPECT_GE(methods, 24);
}

TEST_F(BadInputTest, UnknownFieldsOfASpecAreRefusedAtAnyDepth) {
  v1::CreateContainerRequest request;
  *request.mutable_spec() = Spec({"/bin/true"});
  for (google::protobuf::Message* message :
       {static_cast<google::protobuf::Message*>(request.mutable_spec()),
        static_cast<google::protobuf::Message*>(
            request.mutable_spec()->mutable_process()),
        static_cast<google::protobuf::Message*>(
            request.mutable_spec()->mutable_security()->mutable_seccomp()),
        static_cast<google::protobuf::Message*>(
            request.mutable_spec()->add_mounts())}) {
    auto* unknown = message->GetReflection()->MutableUnknownFields(message);
    unknown->AddVarint(14999, 1);
    ExpectRefused(
        Send("ContainerService/CreateContainer", {request.SerializeAsString()})
            .status,
        "INVALID_ARGUMENT", "UNKNOWN_FIELD", "");
    unknown->Clear();
  }
}

TEST_F(BadInputTest, UnknownFieldsElsewhereAreIgnored) {
  v1::ListContainersRequest request;
  request.GetReflection()->MutableUnknownFields(&request)->AddVarint(14999, 1);
  EXPECT_THAT(
      Send("ContainerService/ListContainers", {request.SerializeAsString()})
          .status,
      IsOk());
}

TEST_F(BadInputTest, StreamThatEndsBeforeItsFirstMessageIsRefused) {
  for (const char* method : {"ContainerService/Run", "ExecService/Exec",
                             "ContainerService/AttachContainer"}) {
    SCOPED_TRACE(method);
    ExpectRefused(Send(method, {}).status, "INVALID_ARGUMENT", "MISSING_START",
                  "");
  }
}

TEST_F(BadInputTest, MethodsThatAreNoneAreUnimplementedWithoutReason) {
  for (const char* method :
       {"/caisson.v1.ContainerService/NoSuch", "/caisson.v1.NoSuch/Run",
        "/caisson.v1.ContainerService/Run/",
        "//caisson.v1.ContainerService/Run",
        "/Caisson.v1.ContainerService/Run"}) {
    const RawResult result = RawCall(stubs().channel, method, {""});
    EXPECT_EQ(CodeName(result.status.error_code()), "UNIMPLEMENTED") << method;
    EXPECT_EQ(FactsOf(result.status).reason, "") << method;
  }
}

TEST_F(BadInputTest, MessagesThatAreTooLongAreRefused) {
  v1::CreateContainerRequest request;
  *request.mutable_spec() = Spec({"/bin/true", std::string(5 << 20, 'x')});
  EXPECT_EQ(CodeName(Send("ContainerService/CreateContainer",
                          {request.SerializeAsString()})
                         .status.error_code()),
            "RESOURCE_EXHAUSTED");
  *request.mutable_spec() = Spec({"/bin/true"});
  for (int i = 0; i < 20; ++i) {
    request.mutable_spec()->mutable_process()->add_args(
        std::string(100000, 'x'));
  }
  EXPECT_EQ(CodeName(Send("ContainerService/CreateContainer",
                          {request.SerializeAsString()})
                         .status.error_code()),
            "INVALID_ARGUMENT");
}

}  // namespace
}  // namespace caisson::testing
