// caisson explain: the plan of a start, for people who know mount(8).
#include <unistd.h>

#include "grpcpp/client_context.h"

#include "clients/caisson/container_flags.h"
#include "clients/caisson/format_flag.h"
#include "clients/caisson/plan_text.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/verb.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

class ExplainVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("--no-why", &no_why_, "without the reasons");
    container_.Declare(flags);
    format_.Declare(flags);
    flags->Words(&words_, 1, -1, true);
  }

  int Run(Context* context) override {
    if (!format_.Valid()) return 125;
    v1::ExplainContainerResponse response;
    const grpc::Status status = Ask(context, &response);
    if (!status.ok()) return context->Fail("explain", status);
    if (format_.json()) {
      PrintLine(Json(response.plan(), true));
    } else {
      WriteFully(STDOUT_FILENO, TextOf(response.plan()));
    }
    return 0;
  }

 private:
  // A command with a root filesystem, or the name of a container.
  grpc::Status Ask(Context* context, v1::ExplainContainerResponse* response) {
    v1::ExplainContainerRequest request;
    if (!container_.rootfs.empty()) {
      const std::string wrong = container_.Fill(words_, request.mutable_spec());
      if (!wrong.empty()) {
        return {grpc::StatusCode::INVALID_ARGUMENT, wrong};
      }
      return Call(context, request, response);
    }
    if (words_.size() != 1) {
      return {grpc::StatusCode::INVALID_ARGUMENT,
              "give a container, or --rootfs DIR and a command"};
    }
    return WithContainer(context->connection(), words_[0],
                         [&](const std::string& id) {
                           request.set_container(id);
                           return Call(context, request, response);
                         });
  }

  static grpc::Status Call(Context* context,
                           const v1::ExplainContainerRequest& request,
                           v1::ExplainContainerResponse* response) {
    grpc::ClientContext client_context;
    return context->connection().containers().ExplainContainer(
        &client_context, request, response);
  }

  std::string TextOf(const v1::Plan& plan) const {
    std::string text;
    for (const std::string& line : plan.summary()) {
      text += client::OneLine(line) + "\n";
    }
    text += StepsText(plan.steps(), !no_why_);
    for (const std::string& feature : plan.missing_features()) {
      text += "\nThe host cannot: " + client::OneLine(feature) + "\n";
    }
    return text + "\nplan " + plan.hash() + "\n";
  }

  bool no_why_ = false;
  ContainerFlags container_;
  FormatFlag format_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeExplain() {
  return std::make_unique<ExplainVerb>();
}

}  // namespace caisson::cli
