// caisson top.
#include "grpcpp/client_context.h"

#include "clients/caisson/describe.h"
#include "clients/caisson/format_flag.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class TopVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    format_.Declare(flags);
    flags->Words(&words_, 1, 1);
  }

  int Run(Context* context) override {
    if (!format_.Valid()) return 125;
    v1::ListProcessesResponse response;
    const grpc::Status status = WithContainer(
        context->connection(), words_[0], [&](const std::string& id) {
          v1::ListProcessesRequest request;
          request.set_container(id);
          grpc::ClientContext client_context;
          return context->connection().containers().ListProcesses(
              &client_context, request, &response);
        });
    if (!status.ok()) return context->Fail("top " + words_[0], status);
    format_.json() ? PrintLine(Json(response, true)) : PrintTable(response);
    return 0;
  }

 private:
  static void PrintTable(const v1::ListProcessesResponse& response) {
    Table table({"PID", "INSIDE", "PARENT", "USER", "STATE", "CPU", "MEMORY",
                 "EXEC", "COMMAND"});
    for (const v1::ProcessInfo& process : response.processes()) {
      std::string command;
      for (const std::string& word : process.args()) {
        command += (command.empty() ? "" : " ") + word;
      }
      table.Add({std::to_string(process.pid()),
                 std::to_string(process.container_pid()),
                 std::to_string(process.parent_pid()), process.user(),
                 process.state(), SpanText(process.cpu()),
                 BytesText(process.memory_bytes()),
                 IdText(process.exec(), false), command});
    }
    table.Print();
  }

  FormatFlag format_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeTop() {
  return std::make_unique<TopVerb>();
}

}  // namespace caisson::cli
