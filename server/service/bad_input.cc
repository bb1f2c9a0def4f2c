#include "server/service/bad_input.h"

#include <memory>

#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

#include "caisson/v1/errors.pb.h"
#include "runtime/base/str_cat.h"

namespace caisson::service {
namespace {

// Every reason that is sent is in the published list.
void ExpectKnownReason(const std::string& reason) {
  caisson::v1::ErrorReason value;
  EXPECT_TRUE(caisson::v1::ErrorReason_Parse("ERROR_REASON_" + reason, &value))
      << reason;
}

void ExpectField(const Outcome& outcome, const std::string& field) {
  const google::rpc::BadRequest bad = outcome.bad_request();
  std::string seen;
  for (const auto& violation : bad.field_violations()) {
    if (violation.field() == field) {
      EXPECT_FALSE(violation.description().empty());
      return;
    }
    base::StrAppend(&seen, violation.field(), ": ", violation.description(),
                    "\n");
  }
  ADD_FAILURE() << "no violation of " << field << ", but of\n" << seen;
}

}  // namespace

std::string FromText(std::string_view method, const std::string& text) {
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(
          "caisson.v1." + std::string(method));
  EXPECT_NE(descriptor, nullptr) << method;
  if (descriptor == nullptr) return "";
  const std::unique_ptr<google::protobuf::Message> request(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(descriptor->input_type())
          ->New());
  for (const auto& part : absl::StrSplit(text, kMerge)) {
    EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(std::string(part),
                                                              request.get()))
        << part;
  }
  return request->SerializePartialAsString();
}

void ExpectAllRefused(TestServer* server, const std::vector<BadInput>& rows) {
  for (const BadInput& row : rows) {
    std::vector<std::string> requests;
    for (const std::string& text : row.text) {
      requests.push_back(FromText(row.method, text));
    }
    SCOPED_TRACE(base::StrCat(
        row.method, " ", row.text.empty() ? "" : row.text[0].substr(0, 300)));
    const Outcome outcome = server->Call(row.role, row.method, requests);
    EXPECT_TRUE(outcome.responses.empty());
    EXPECT_EQ(outcome.status.error_code(), row.code)
        << outcome.status.error_message();
    EXPECT_FALSE(outcome.status.error_message().empty());
    const google::rpc::ErrorInfo info = outcome.info();
    EXPECT_EQ(info.domain(), "caisson");
    EXPECT_EQ(info.reason(), row.reason);
    ExpectKnownReason(info.reason());
    if (!row.field.empty()) ExpectField(outcome, row.field);
  }
}

}  // namespace caisson::service
