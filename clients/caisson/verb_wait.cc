// caisson wait.
#include "grpcpp/client_context.h"

#include "clients/caisson/output.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class WaitVerb : public Verb {
 public:
  void Declare(Flags* flags) override { flags->Words(&words_, 1, -1); }

  int Run(Context* context) override {
    int exit_status = 0;
    for (const std::string& reference : words_) {
      v1::WaitContainerResponse response;
      const grpc::Status status = WithContainer(
          context->connection(), reference, [&](const std::string& id) {
            v1::WaitContainerRequest request;
            request.set_container(id);
            grpc::ClientContext client_context;
            return context->connection().containers().WaitContainer(
                &client_context, request, &response);
          });
      if (!status.ok()) {
        exit_status = context->Fail("wait for " + reference, status);
      } else if (response.exit().has_status()) {
        PrintLine(std::to_string(response.exit().status()));
      } else {
        PrintError("wait for " + reference +
                   ": the exit status is lost: " + response.exit().message());
        exit_status = 1;
      }
    }
    return exit_status;
  }

 private:
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeWait() {
  return std::make_unique<WaitVerb>();
}

}  // namespace caisson::cli
