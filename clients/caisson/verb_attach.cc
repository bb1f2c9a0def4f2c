// caisson attach.
#include "grpcpp/client_context.h"

#include "clients/caisson/output.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/session_flags.h"
#include "clients/caisson/session_runner.h"
#include "clients/caisson/terminal.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class AttachVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("--no-stdin", &no_stdin_, "do not connect stdin");
    session_.Declare(flags);
    flags->Number("--from", &from_, "OFFSET",
                  "begin at this offset of the output, not with what is new");
    flags->Number("--tail", &tail_, "LINES", "begin so many lines before");
    flags->Words(&words_, 1, 1);
  }

  int Run(Context* context) override {
    SessionOptions options;
    const std::string wrong = session_.Fill(&options);
    if (!wrong.empty()) {
      PrintError("attach: " + wrong);
      return 125;
    }
    PrepareSignals();
    // How to join depends on the container: has it a terminal, an input?
    v1::Container container;
    const grpc::Status status = Look(context, &container);
    const std::string tried = "attach to " + words_[0];
    if (!status.ok()) return context->Fail(tried, status, 125);
    const v1::AttachStart start = StartFor(container.id());
    options.input = !no_stdin_;
    options.terminal = container.spec().process().tty();
    return StatusOfSession(
        RunSession(
            [&] { return client::OpenAttach(context->connection(), start); },
            options),
        tried, context->address());
  }

 private:
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

  v1::AttachStart StartFor(const std::string& id) const {
    v1::AttachStart start;
    start.set_container(id);
    start.set_no_stdin(no_stdin_);
    if (from_.has_value()) start.mutable_output()->set_offset(*from_);
    if (tail_.has_value()) {
      start.mutable_output()->set_tail_lines(static_cast<int32_t>(*tail_));
    }
    return start;
  }

  bool no_stdin_ = false;
  SessionFlags session_;
  std::optional<int64_t> from_;
  std::optional<int64_t> tail_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeAttach() {
  return std::make_unique<AttachVerb>();
}

}  // namespace caisson::cli
