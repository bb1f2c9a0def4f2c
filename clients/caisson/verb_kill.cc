// caisson kill.
#include "grpcpp/client_context.h"

#include "clients/caisson/each.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class KillVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Text("-s,--signal", &signal_, "SIGNAL",
                "what to send; default: SIGKILL");
    flags->Switch("--tree", &tree_,
                  "to the process and all of its descendants");
    flags->Words(&words_, 1, -1);
  }

  int Run(Context* context) override {
    return ForEach(context, "kill", words_, [&](const std::string& id) {
      v1::KillContainerRequest request;
      request.set_container(id);
      request.set_signal(signal_);
      if (tree_) request.set_scope(v1::KILL_SCOPE_TREE);
      v1::KillContainerResponse response;
      grpc::ClientContext client_context;
      return context->connection().containers().KillContainer(
          &client_context, request, &response);
    });
  }

 private:
  std::string signal_;
  bool tree_ = false;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeKill() {
  return std::make_unique<KillVerb>();
}

}  // namespace caisson::cli
