#include "clients/caisson/output.h"
#include "clients/caisson/verb.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

const client::Connection& Context::connection() {
  if (connection_ == nullptr) {
    connection_ = std::make_unique<client::Connection>(address_);
  }
  return *connection_;
}

int Context::Fail(const std::string& tried, const grpc::Status& status,
                  int exit_status) {
  PrintError(client::RenderError(tried, status, address_));
  return exit_status;
}

const std::vector<VerbInfo>& AllVerbs() {
  static const std::vector<VerbInfo>* const all = new std::vector<VerbInfo>{
      {"run", "[flags] --rootfs DIR COMMAND [ARGUMENT...]",
       "create a container, start it and stay with it", MakeRun, false},
      {"create", "[flags] --rootfs DIR COMMAND [ARGUMENT...]",
       "create a container without starting it", MakeCreate, false},
      {"start", "[flags] CONTAINER...", "start containers", MakeStart, true},
      {"stop", "[flags] CONTAINER...",
       "ask containers to end, and kill them when they do not", MakeStop, true},
      {"kill", "[flags] CONTAINER...", "send a signal to containers", MakeKill,
       true},
      {"rm", "[flags] CONTAINER...", "remove containers", MakeRm, true},
      {"ps", "[flags]", "list containers", MakePs, false},
      {"exec", "[flags] CONTAINER COMMAND [ARGUMENT...]",
       "run a command in a running container", MakeExec, true},
      {"attach", "[flags] CONTAINER",
       "join input and output of a running container", MakeAttach, true},
      {"logs", "[flags] CONTAINER", "show the output of a container", MakeLogs,
       true},
      {"events", "[flags]", "show changes as they happen", MakeEvents, false},
      {"top", "[flags] CONTAINER", "list the processes of a container", MakeTop,
       true},
      {"inspect", "[flags] CONTAINER...",
       "show everything about containers as JSON", MakeInspect, true},
      {"explain", "[flags] CONTAINER | [flags] --rootfs DIR COMMAND...",
       "show what a start would do, step by step", MakeExplain, true},
      {"wait", "CONTAINER...",
       "wait until containers have exited and print their status", MakeWait,
       true},
      {"system info", "[flags]", "show the service, its host and its limits",
       MakeSystemInfo, false},
      {"system audit", "[flags]",
       "list what the service owns on the host, and what nobody does",
       MakeSystemAudit, false},
      {"system repair", "[flags]", "remove what nobody owns any more",
       MakeSystemRepair, false},
      {"version", "[flags]", "show the versions of client and service",
       MakeVersion, false},
      {"completion", "bash|zsh|fish", "print a completion script",
       MakeCompletion, false},
  };
  return *all;
}

}  // namespace caisson::cli
