// caisson rm.
#include "grpcpp/client_context.h"

#include "clients/caisson/each.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class RmVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-f,--force", &force_,
                  "kill those that run; one that does not exist is no error");
    flags->Words(&words_, 1, -1);
  }

  int Run(Context* context) override {
    return ForEach(context, "remove", words_, [&](const std::string& id) {
      v1::DeleteContainerRequest request;
      request.set_container(id);
      request.set_force(force_);
      // Not while the word may still turn out to be the beginning of an id.
      request.set_allow_missing(force_ && !MayBeIdPrefix(id));
      v1::DeleteContainerResponse response;
      grpc::ClientContext client_context;
      return context->connection().containers().DeleteContainer(
          &client_context, request, &response);
    });
  }

 private:
  bool force_ = false;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeRm() {
  return std::make_unique<RmVerb>();
}

}  // namespace caisson::cli
