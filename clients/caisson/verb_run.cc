// caisson run: everything on one stream.
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "grpcpp/client_context.h"

#include "clients/caisson/container_flags.h"
#include "clients/caisson/output.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/session_flags.h"
#include "clients/caisson/session_runner.h"
#include "clients/caisson/terminal.h"
#include "clients/caisson/verb.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

constexpr int kServiceError = 125;
// A removal takes milliseconds; one that hangs is the service's to finish.
constexpr std::chrono::seconds kRemoval(10);

class RunVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-d,--detach", &detach_, "start it, print its id and leave");
    flags->Text("--cidfile", &cidfile_, "FILE", "write the id to a new file");
    flags->Text("--on-disconnect", &on_disconnect_, "keep|kill|stop",
                "what happens when this program goes away; default: keep");
    session_.Declare(flags);
    container_.Declare(flags);
    flags->Words(&words_, 0, -1, true);
  }

  int Run(Context* context) override {
    v1::RunStart start;
    const std::string wrong = Prepare(&start);
    if (!wrong.empty()) {
      PrintError("run: " + wrong);
      return kServiceError;
    }
    return detach_ ? RunDetached(context, start.spec())
                   : RunAttached(context, start);
  }

 private:
  std::string Prepare(v1::RunStart* start) {
    std::string wrong = container_.Fill(words_, start->mutable_spec());
    if (wrong.empty()) wrong = session_.Fill(&options_);
    if (!wrong.empty()) return wrong;
    if (words_.empty() && container_.entrypoint.empty()) {
      return "no command is given";
    }
    const ProcessFlags& flags = container_.process;
    v1::Process* process = start->mutable_spec()->mutable_process();
    if (flags.tty) {
      const WindowSize size = CurrentWindowSize();
      process->mutable_terminal_size()->set_rows(size.rows);
      process->mutable_terminal_size()->set_cols(size.cols);
    }
    if (flags.interactive) {
      // A pipe ends with its writer; a terminal can be left and joined again.
      process->set_stdin(flags.tty || detach_ ? v1::STDIN_MODE_OPEN
                                              : v1::STDIN_MODE_ONCE);
    }
    if (on_disconnect_ == "kill") {
      start->mutable_on_disconnect()->set_action(v1::DISCONNECT_ACTION_KILL);
    } else if (on_disconnect_ == "stop") {
      start->mutable_on_disconnect()->set_action(v1::DISCONNECT_ACTION_STOP);
    } else if (!on_disconnect_.empty() && on_disconnect_ != "keep") {
      return "--on-disconnect: \"" + on_disconnect_ +
             "\" is not keep, kill or stop";
    }
    return CreateCidfile();
  }

  // Before the container: a file that exists must stop the run.
  std::string CreateCidfile() const {
    if (cidfile_.empty()) return "";
    if (::access(cidfile_.c_str(), F_OK) == 0) {
      return "--cidfile: " + cidfile_ + " exists";
    }
    return std::ofstream(cidfile_) ? "" : "--cidfile: cannot make " + cidfile_;
  }

  void WriteCidfile(const std::string& id) const {
    if (cidfile_.empty()) return;
    std::ofstream file(cidfile_);
    file << id;
    file.flush();
    if (!file) PrintError("--cidfile: cannot write " + cidfile_);
  }

  void RemoveCidfile() const {
    if (!cidfile_.empty()) ::unlink(cidfile_.c_str());
  }

  int RunAttached(Context* context, const v1::RunStart& start) {
    PrepareSignals();
    options_.input = container_.process.interactive;
    options_.terminal = container_.process.tty;
    std::string id;
    options_.on_started = [&](const v1::Started& started) {
      id = started.container().id();
      WriteCidfile(id);
      return grpc::Status::OK;
    };
    const SessionResult result = RunSession(
        [&] { return client::OpenRun(context->connection(), start); },
        options_);
    if (!result.started) RemoveCidfile();
    if (container_.remove && result.kind == SessionResult::Kind::kExited) {
      AwaitRemoval(context, id);
    }
    return StatusOfSession(result, "run", context->address());
  }

  // Whoever runs the next one of the same name, or looks whether something is
  // left, relies on the removal.
  static void AwaitRemoval(Context* context, const std::string& id) {
    v1::WaitContainerRequest request;
    request.set_container(id);
    request.set_condition(v1::WAIT_CONDITION_DELETED);
    v1::WaitContainerResponse response;
    grpc::ClientContext wait_context;
    wait_context.set_deadline(std::chrono::system_clock::now() + kRemoval);
    const grpc::Status status =
        context->connection().containers().WaitContainer(&wait_context, request,
                                                         &response);
    if (!status.ok() && !IsContainerNotFound(status)) {
      context->Fail("run: remove " + id, status);
    }
  }

  int RunDetached(Context* context, const v1::ContainerSpec& spec) {
    v1::CreateContainerRequest create;
    *create.mutable_spec() = spec;
    v1::CreateContainerResponse created;
    grpc::ClientContext create_context;
    grpc::Status status = context->connection().containers().CreateContainer(
        &create_context, create, &created);
    if (!status.ok()) {
      RemoveCidfile();
      return context->Fail("run", status, kServiceError);
    }
    const std::string& id = created.container().id();
    v1::StartContainerRequest start;
    start.set_container(id);
    v1::StartContainerResponse started;
    grpc::ClientContext start_context;
    status = context->connection().containers().StartContainer(&start_context,
                                                               start, &started);
    if (!status.ok()) {
      RemoveCidfile();
      Discard(context, id);
      return context->Fail("run", status, client::ExitStatusOf(status));
    }
    WriteCidfile(id);
    PrintLine(id);
    return 0;
  }

  // What could not be started would only keep the name.
  static void Discard(Context* context, const std::string& id) {
    v1::DeleteContainerRequest request;
    request.set_container(id);
    request.set_force(true);
    request.set_allow_missing(true);
    v1::DeleteContainerResponse response;
    grpc::ClientContext delete_context;
    const grpc::Status status =
        context->connection().containers().DeleteContainer(&delete_context,
                                                           request, &response);
    if (!status.ok()) context->Fail("run: remove " + id, status);
  }

  ContainerFlags container_;
  std::vector<std::string> words_;
  bool detach_ = false;
  SessionFlags session_;
  SessionOptions options_;
  std::string cidfile_;
  std::string on_disconnect_;
};

}  // namespace

std::unique_ptr<Verb> MakeRun() {
  return std::make_unique<RunVerb>();
}

}  // namespace caisson::cli
