// caisson explain: the plan of a start, for people who know mount(8).
#include <unistd.h>

#include "grpcpp/client_context.h"

#include "clients/caisson/container_flags.h"
#include "clients/caisson/format_flag.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/verb.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

constexpr size_t kWhyColumn = 72;

// Who does the steps of a stage.
std::string StageTitle(const std::string& stage) {
  if (stage == "PREPARE") return "PREPARE: the shim, before the process exists";
  if (stage == "PARENT") return "PARENT: the shim, beside the new process";
  if (stage == "CHILD") return "CHILD: the new process, in its namespaces";
  if (stage == "EXEC") return "EXEC: the new process, last";
  return stage;
}

std::string StepText(const v1::PlanStep& step, bool why, bool colours) {
  std::string number = std::to_string(step.index());
  number.insert(0, number.size() < 4 ? 4 - number.size() : 0, ' ');
  std::string line = number + "  " + client::OneLine(step.text());
  if (!why || step.why().empty()) return line + "\n";
  if (line.size() + 2 < kWhyColumn) {
    line.resize(kWhyColumn, ' ');
  } else {
    line += "\n" + std::string(kWhyColumn, ' ');
  }
  const std::string reason = "# " + client::OneLine(step.why());
  return line + (colours ? "\x1b[2m" + reason + "\x1b[0m" : reason) + "\n";
}

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
    const bool colours = WantColours();
    std::string text;
    for (const std::string& line : plan.summary()) {
      text += client::OneLine(line) + "\n";
    }
    std::string stage;
    for (const v1::PlanStep& step : plan.steps()) {
      if (step.stage() != stage) {
        stage = step.stage();
        const std::string title = StageTitle(stage);
        text += "\n" + (colours ? "\x1b[1m" + title + "\x1b[0m" : title) + "\n";
      }
      text += StepText(step, !no_why_, colours);
    }
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
