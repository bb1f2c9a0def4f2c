// caisson start.
#include "grpcpp/client_context.h"

#include "clients/caisson/each.h"
#include "clients/caisson/output.h"
#include "clients/caisson/session_flags.h"
#include "clients/caisson/session_runner.h"
#include "clients/caisson/verb.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

constexpr int kServiceError = 125;

class StartVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-a,--attach", &attach_,
                  "join its output and exit with its status");
    flags->Switch("-i,--interactive", &interactive_, "join its input as well");
    session_.Declare(flags);
    flags->Words(&words_, 1, -1);
  }

  int Run(Context* context) override {
    SessionOptions options;
    const std::string wrong = session_.Fill(&options);
    if (!wrong.empty()) {
      PrintError("start: " + wrong);
      return kServiceError;
    }
    if (!attach_ && !interactive_) {
      return ForEach(context, "start", words_, [&](const std::string& id) {
        const grpc::Status status = Start(context, id);
        // What was wanted is the case.
        return RunsAlready(status) ? grpc::Status::OK : status;
      });
    }
    if (words_.size() > 1) {
      PrintError("start: only one container can be joined");
      return kServiceError;
    }
    return StartAttached(context, options);
  }

 private:
  static grpc::Status Start(Context* context, const std::string& container) {
    v1::StartContainerRequest request;
    request.set_container(container);
    v1::StartContainerResponse response;
    grpc::ClientContext client_context;
    return context->connection().containers().StartContainer(
        &client_context, request, &response);
  }

  static bool RunsAlready(const grpc::Status& status) {
    const client::Cause cause = client::CauseOf(status);
    const auto state = cause.metadata.find("state");
    return cause.reason == "WRONG_STATE" && state != cause.metadata.end() &&
           state->second == "RUNNING";
  }

  int StartAttached(Context* context, SessionOptions options) const {
    PrepareSignals();
    const std::string tried = "start " + words_[0];
    v1::Container container;
    grpc::Status status = Look(context, &container);
    if (!status.ok()) return context->Fail(tried, status, kServiceError);
    const std::string& id = container.id();
    options.input = interactive_;
    options.terminal = container.spec().process().tty();
    if (container.status().run() == 0) {
      // Joined first: it may be gone as soon as it has exited.
      options.on_started = [&](const v1::Started&) {
        return Start(context, id);
      };
    } else {
      // Joined later: before, there would be the exit of its last run.
      status = Start(context, id);
      if (!status.ok()) {
        return context->Fail(tried, status, client::ExitStatusOf(status));
      }
    }
    v1::AttachStart start;
    start.set_container(id);
    // The output of this run begins where that of the last one ended.
    start.mutable_output()->set_offset(container.status().output_end_offset());
    start.set_no_stdin(!interactive_);
    return StatusOfSession(
        RunSession(
            [&] { return client::OpenAttach(context->connection(), start); },
            options),
        tried, context->address());
  }

  grpc::Status Look(Context* context, v1::Container* container) const {
    v1::GetContainerRequest request;
    request.set_container(words_[0]);
    request.set_view(v1::VIEW_BASIC);
    v1::GetContainerResponse response;
    grpc::ClientContext client_context;
    grpc::Status status = context->connection().containers().GetContainer(
        &client_context, request, &response);
    *container = response.container();
    return status;
  }

  bool attach_ = false;
  bool interactive_ = false;
  SessionFlags session_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeStart() {
  return std::make_unique<StartVerb>();
}

}  // namespace caisson::cli
