#include "clients/cpp/error.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace caisson::client {

namespace {

// Facts that the message may lack, in the order in which they are told.
constexpr const char* kShown[] = {"stage", "step",  "syscall", "errno",
                                  "path",  "limit", "value",   "ref"};

std::string NobodyAnswers(const grpc::Status& status,
                          const std::string& address) {
  return "caissond does not answer at " + address +
         " (is it running? CAISSON_ADDRESS names another one): " +
         status.error_message();
}

std::string FactsOf(const Cause& cause, const std::string& message) {
  std::string facts;
  // These say in their own words what happened.
  if (cause.reason == "COMMAND_NOT_FOUND" ||
      cause.reason == "COMMAND_NOT_EXECUTABLE" ||
      cause.reason == "PATH_NOT_FOUND") {
    return facts;
  }
  for (const char* key : kShown) {
    const auto it = cause.metadata.find(key);
    if (it == cause.metadata.end() || it->second.empty() ||
        message.find(it->second) != std::string::npos) {
      continue;
    }
    facts += (facts.empty() ? "" : ", ") + std::string(key) + " " + it->second;
  }
  return facts;
}

}  // namespace

Cause CauseOf(const grpc::Status& status) {
  Cause cause;
  google::rpc::Status rich;
  if (!rich.ParseFromString(status.error_details())) return cause;
  for (const google::protobuf::Any& any : rich.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    if (any.UnpackTo(&info) && info.domain() == "caisson") {
      cause.reason = info.reason();
      cause.metadata = {info.metadata().begin(), info.metadata().end()};
    } else if (any.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        cause.fields.emplace_back(violation.field(), violation.description());
      }
    }
  }
  return cause;
}

std::string OneLine(const std::string& text) {
  std::string line;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F: terminals take them for the escapes that they were.
    const bool is_c1 = byte == 0xc2 && i + 1 < text.size() &&
                       (static_cast<unsigned char>(text[i + 1]) & 0xe0) == 0x80;
    if (is_c1) ++i;
    line += byte < 0x20 || byte == 0x7f || is_c1 ? ' ' : text[i];
  }
  return line;
}

std::string RenderError(const std::string& tried, const grpc::Status& status,
                        const std::string& address) {
  const Cause cause = CauseOf(status);
  if (cause.reason.empty() &&
      status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    return OneLine(tried + ": " + NobodyAnswers(status, address));
  }
  std::string why = status.error_message();
  if (why.empty()) why = "error " + std::to_string(status.error_code());
  for (const auto& [field, description] : cause.fields) {
    if (why.find(field) == std::string::npos) {
      why += "; " + field + ": " + description;
    }
  }
  const std::string facts = FactsOf(cause, why);
  if (!facts.empty()) why += " (" + facts + ")";
  return OneLine(tried + ": " + why);
}

int ExitStatusOf(const grpc::Status& status) {
  const std::string reason = CauseOf(status).reason;
  if (reason == "COMMAND_NOT_EXECUTABLE") return 126;
  if (reason == "COMMAND_NOT_FOUND") return 127;
  return 125;
}

}  // namespace caisson::client
