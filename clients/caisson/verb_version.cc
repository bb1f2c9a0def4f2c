// caisson version.
#include "grpcpp/client_context.h"

#include "clients/caisson/output.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class VersionVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("--client", &client_only_, "do not ask the service");
    flags->Words(nullptr, 0, 0);
  }

  int Run(Context* context) override {
    PrintLine(std::string("client ") + CAISSON_VERSION);
    if (client_only_) return 0;
    v1::GetInfoResponse info;
    grpc::ClientContext client_context;
    const grpc::Status status =
        context->connection().system().GetInfo(&client_context, {}, &info);
    if (!status.ok()) return context->Fail("version", status);
    PrintLine("service " + info.version() + ", API level " +
              std::to_string(info.api_level()));
    return 0;
  }

 private:
  bool client_only_ = false;
};

}  // namespace

std::unique_ptr<Verb> MakeVersion() {
  return std::make_unique<VersionVerb>();
}

}  // namespace caisson::cli
