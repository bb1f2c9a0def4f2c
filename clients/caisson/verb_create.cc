// caisson create.
#include "grpcpp/client_context.h"

#include "clients/caisson/container_flags.h"
#include "clients/caisson/output.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class CreateVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    container_.Declare(flags);
    flags->Words(&words_, 0, -1, true);
  }

  int Run(Context* context) override {
    v1::CreateContainerRequest request;
    const std::string wrong = container_.Fill(words_, request.mutable_spec());
    if (!wrong.empty()) {
      PrintError("create: " + wrong);
      return 125;
    }
    if (container_.process.interactive) {
      request.mutable_spec()->mutable_process()->set_stdin(v1::STDIN_MODE_OPEN);
    }
    v1::CreateContainerResponse response;
    grpc::ClientContext client_context;
    const grpc::Status status =
        context->connection().containers().CreateContainer(&client_context,
                                                           request, &response);
    if (!status.ok()) return context->Fail("create", status);
    PrintLine(response.container().id());
    return 0;
  }

 private:
  ContainerFlags container_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeCreate() {
  return std::make_unique<CreateVerb>();
}

}  // namespace caisson::cli
