#include "server/translate/message.h"

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/unknown_field_set.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"

namespace caisson::translate {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

struct UnknownField {
  std::string path;  // of the message that has it
  int number = 0;
};

std::string Join(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : base::StrCat(path, ".", name);
}

std::optional<UnknownField> FindUnknown(const Message& message,
                                        const std::string& path);

std::optional<UnknownField> FindUnknownIn(const Message& message,
                                          const FieldDescriptor* field,
                                          const std::string& path) {
  const Reflection* reflection = message.GetReflection();
  const std::string name = Join(path, field->name());
  if (!field->is_repeated()) {
    return FindUnknown(reflection->GetMessage(message, field), name);
  }
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    auto found = FindUnknown(reflection->GetRepeatedMessage(message, field, i),
                             base::StrCat(name, "[", i, "]"));
    if (found) return found;
  }
  return std::nullopt;
}

// Recursion is bounded by kMaxMessageDepth: the message was parsed with it.
std::optional<UnknownField> FindUnknown(const Message& message,
                                        const std::string& path) {
  const Reflection* reflection = message.GetReflection();
  const auto& unknown = reflection->GetUnknownFields(message);
  if (!unknown.empty()) return UnknownField{path, unknown.field(0).number()};
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    // Iterating a map through reflection would convert it to a list first,
    // and maps of this API hold no messages.
    if (field->is_map()) continue;
    auto found = FindUnknownIn(message, field, path);
    if (found) return found;
  }
  return std::nullopt;
}

bool ShapesOnlyTheAnswer(const std::string& field) {
  return field == "request_id" || field == "view" || field == "output" ||
         field == "text" || field == "max_output_bytes";
}

std::string Sha256(std::string_view bytes) {
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return std::string(digest, digest + size);
}

}  // namespace

absl::Status ParseMessage(google::protobuf::io::ZeroCopyInputStream* input,
                          Message* message) {
  google::protobuf::io::CodedInputStream coded(input);
  coded.SetRecursionLimit(kMaxMessageDepth);
  if (message->ParseFromCodedStream(&coded) && coded.ConsumedEntireMessage()) {
    return absl::OkStatus();
  }
  return base::MakeError(
      absl::StatusCode::kInvalidArgument, "MALFORMED_MESSAGE",
      base::StrCat("the request is not a valid message of type ",
                   message->GetDescriptor()->full_name(),
                   " (truncated, nested deeper than ", kMaxMessageDepth,
                   ", or a string that is not UTF-8)"));
}

absl::Status RejectUnknownFields(const Message& message,
                                 std::string_view path) {
  const auto unknown = FindUnknown(message, std::string(path));
  if (!unknown) return absl::OkStatus();
  const std::string number = base::StrCat(unknown->number);
  base::ErrorDetail detail;
  detail.reason = "UNKNOWN_FIELD";
  detail.metadata = {{"field", unknown->path}, {"number", number}};
  detail.violations = {
      {unknown->path, base::StrCat("has the field number ", number,
                                   ", which this server does not know")}};
  return base::WithDetail(
      absl::InvalidArgumentError(base::StrCat(
          unknown->path, ": this server does not know the field number ",
          number)),
      detail);
}

std::string Fingerprint(const Message& request) {
  std::unique_ptr<Message> copy(request.New());
  copy->CopyFrom(request);
  const auto* descriptor = copy->GetDescriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor* field = descriptor->field(i);
    if (ShapesOnlyTheAnswer(field->name())) {
      copy->GetReflection()->ClearField(copy.get(), field);
    }
  }
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    copy->SerializeToCodedStream(&coded);
  }
  return Sha256(bytes);
}

}  // namespace caisson::translate
