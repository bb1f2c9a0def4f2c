// caisson version.
#include "grpcpp/client_context.h"

#include "clients/caisson/format_flag.h"
#include "clients/caisson/output.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class VersionVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("--client", &client_only_, "do not ask the service");
    format_.Declare(flags);
    flags->Words(nullptr, 0, 0);
  }

  int Run(Context* context) override {
    if (!format_.Valid()) return 125;
    v1::GetInfoResponse service;
    const grpc::Status status = Ask(context, &service);
    if (format_.json()) {
      PrintLine(JsonOf(service));
    } else {
      PrintLine(std::string("client ") + CAISSON_VERSION);
      if (!service.version().empty()) {
        PrintLine("service " + service.version() + ", API level " +
                  std::to_string(service.api_level()));
      }
    }
    return status.ok() ? 0 : context->Fail("version", status);
  }

 private:
  grpc::Status Ask(Context* context, v1::GetInfoResponse* service) const {
    if (client_only_) return grpc::Status::OK;
    v1::GetInfoResponse info;
    grpc::ClientContext client_context;
    grpc::Status status =
        context->connection().system().GetInfo(&client_context, {}, &info);
    service->set_version(info.version());
    service->set_api_level(info.api_level());
    return status;
  }

  static std::string JsonOf(const v1::GetInfoResponse& service) {
    std::string text = "{\n \"client\": {\"version\": \"" CAISSON_VERSION "\"}";
    if (!service.version().empty()) {
      text += ",\n \"service\": " + Json(service, false);
    }
    return text + "\n}";
  }

  bool client_only_ = false;
  FormatFlag format_;
};

}  // namespace

std::unique_ptr<Verb> MakeVersion() {
  return std::make_unique<VersionVerb>();
}

}  // namespace caisson::cli
