// caisson start.
#include "grpcpp/client_context.h"

#include "clients/caisson/each.h"
#include "clients/caisson/session_runner.h"
#include "clients/caisson/verb.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

class StartVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-a,--attach", &attach_,
                  "join its output and exit with its status");
    flags->Switch("-i,--interactive", &interactive_, "join its input as well");
    flags->Words(&words_, 1, -1);
  }

  int Run(Context* context) override {
    if (!attach_ && !interactive_) {
      return ForEach(context, "start", words_, [&](const std::string& id) {
        return StartOne(context, id, nullptr);
      });
    }
    if (words_.size() > 1) {
      return context->Fail("start",
                           {grpc::StatusCode::INVALID_ARGUMENT,
                            "only one container can be joined"},
                           125);
    }
    return StartAttached(context);
  }

 private:
  static grpc::Status StartOne(Context* context, const std::string& id,
                               v1::Container* container) {
    v1::StartContainerRequest request;
    request.set_container(id);
    v1::StartContainerResponse response;
    grpc::ClientContext client_context;
    grpc::Status status = context->connection().containers().StartContainer(
        &client_context, request, &response);
    if (container != nullptr) *container = response.container();
    return status;
  }

  // The output of this run begins where that of the last one ended.
  int StartAttached(Context* context) {
    PrepareSignals();
    int64_t from = 0;
    v1::Container container;
    const grpc::Status status = WithContainer(
        context->connection(), words_[0], [&](const std::string& id) {
          const grpc::Status looked = EndOfOutput(context, id, &from);
          return looked.ok() ? StartOne(context, id, &container) : looked;
        });
    const std::string tried = "start " + words_[0];
    if (!status.ok()) {
      return context->Fail(tried, status, client::ExitStatusOf(status));
    }
    v1::AttachStart start;
    start.set_container(container.id());
    start.mutable_output()->set_offset(from);
    start.set_no_stdin(!interactive_);
    SessionOptions options;
    options.input = interactive_;
    options.terminal = container.spec().process().tty();
    return StatusOfSession(
        RunSession(
            [&] { return client::OpenAttach(context->connection(), start); },
            options),
        tried, context->address());
  }

  static grpc::Status EndOfOutput(Context* context, const std::string& id,
                                  int64_t* end) {
    v1::GetContainerRequest request;
    request.set_container(id);
    request.set_view(v1::VIEW_BASIC);
    v1::GetContainerResponse response;
    grpc::ClientContext client_context;
    grpc::Status status = context->connection().containers().GetContainer(
        &client_context, request, &response);
    *end = response.container().status().output_end_offset();
    return status;
  }

  bool attach_ = false;
  bool interactive_ = false;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeStart() {
  return std::make_unique<StartVerb>();
}

}  // namespace caisson::cli
