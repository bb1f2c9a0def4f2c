#include <algorithm>
#include <utility>

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

// NOLINTNEXTLINE(readability-function-size): a table.
const std::vector<VerbInfo>& AllVerbs() {
  static const std::vector<VerbInfo>* const all = new std::vector<VerbInfo>{
      {"run", "[flags] --rootfs DIR COMMAND [ARGUMENT...]",
       "create a container, start it and stay with it", MakeRun,
       Takes::kNothing},
      {"create", "[flags] --rootfs DIR COMMAND [ARGUMENT...]",
       "create a container without starting it", MakeCreate, Takes::kNothing},
      {"start", "[flags] CONTAINER...", "start containers", MakeStart,
       Takes::kContainer},
      {"stop", "[flags] CONTAINER...",
       "ask containers to end, and kill them when they do not", MakeStop,
       Takes::kContainer},
      {"kill", "[flags] CONTAINER...", "send a signal to containers", MakeKill,
       Takes::kContainer},
      {"rm", "[flags] CONTAINER...", "remove containers", MakeRm,
       Takes::kContainer},
      {"ps", "[flags]", "list containers", MakePs, Takes::kNothing},
      {"exec", "[flags] CONTAINER COMMAND [ARGUMENT...]",
       "run a command in a running container", MakeExec, Takes::kContainer},
      {"attach", "[flags] CONTAINER",
       "join input and output of a running container", MakeAttach,
       Takes::kContainer},
      {"logs", "[flags] CONTAINER", "show the output of a container", MakeLogs,
       Takes::kContainer},
      {"events", "[flags]", "show changes as they happen", MakeEvents,
       Takes::kNothing},
      {"top", "[flags] CONTAINER", "list the processes of a container", MakeTop,
       Takes::kContainer},
      {"port", "CONTAINER [PORT[/PROTOCOL]]",
       "show where on the host the ports of a container are published",
       MakePort, Takes::kFirstContainer},
      {"publish", "[flags] CONTAINER [IP:][HOST:]PORT[/PROTOCOL]",
       "publish a port of a running container, and print where", MakePublish,
       Takes::kFirstContainer},
      {"unpublish", "CONTAINER [IP:]HOST[/PROTOCOL]",
       "take a published port of a running container back", MakeUnpublish,
       Takes::kFirstContainer},
      {"inspect", "[flags] CONTAINER...",
       "show everything about containers as JSON", MakeInspect,
       Takes::kContainer},
      {"explain", "[flags] CONTAINER | [flags] --rootfs DIR COMMAND...",
       "show what a start would do, step by step", MakeExplain,
       Takes::kContainer},
      {"wait", "CONTAINER...",
       "wait until containers have exited and print their status", MakeWait,
       Takes::kContainer},
      {"network create", "[flags] NAME", "make a network", MakeNetworkCreate,
       Takes::kNothing},
      {"network ls", "[flags]", "list networks", MakeNetworkLs,
       Takes::kNothing},
      {"network inspect", "NETWORK...",
       "show everything about networks as JSON", MakeNetworkInspect,
       Takes::kNetwork},
      {"network explain", "[flags] NETWORK | [flags of a new one] [NAME]",
       "show what there is of a network, and what is to be done for it",
       MakeNetworkExplain, Takes::kNetwork},
      {"network rm", "[flags] NETWORK...", "remove networks", MakeNetworkRm,
       Takes::kNetwork},
      {"network connect", "[flags] NETWORK CONTAINER",
       "give a running container an interface in a network", MakeNetworkConnect,
       Takes::kNetworkThenContainer},
      {"network disconnect", "NETWORK CONTAINER",
       "take a network away from a running container", MakeNetworkDisconnect,
       Takes::kNetworkThenContainer},
      {"network interfaces", "[flags] CONTAINER",
       "list the interfaces of a running container, and what passed through "
       "them",
       MakeNetworkInterfaces, Takes::kContainer},
      {"network namespace create", "NAME",
       "make a network namespace that has a name, as ip-netns(8) knows them",
       MakeNetworkNamespaceCreate, Takes::kNothing},
      {"network namespace ls", "[flags]", "list network namespaces",
       MakeNetworkNamespaceLs, Takes::kNothing},
      {"network namespace rm", "[flags] NAME...", "remove network namespaces",
       MakeNetworkNamespaceRm, Takes::kNetworkNamespace},
      {"system info", "[flags]", "show the service, its host and its limits",
       MakeSystemInfo, Takes::kNothing},
      {"system audit", "[flags]",
       "list what the service owns on the host, and what nobody does",
       MakeSystemAudit, Takes::kNothing},
      {"system repair", "[flags]", "remove what nobody owns any more",
       MakeSystemRepair, Takes::kNothing},
      {"version", "[flags]", "show the versions of client and service",
       MakeVersion, Takes::kNothing},
      {"completion", "bash|zsh|fish", "print a completion script",
       MakeCompletion, Takes::kNothing},
  };
  return *all;
}

std::vector<std::string> NextWords(const std::string& start) {
  const std::string prefix = start.empty() ? "" : start + " ";
  std::vector<std::string> words;
  for (const VerbInfo& verb : AllVerbs()) {
    const std::string name = verb.name;
    if (name.rfind(prefix, 0) != 0) continue;
    const size_t end = name.find(' ', prefix.size());
    std::string word = name.substr(
        prefix.size(), end == std::string::npos ? end : end - prefix.size());
    if (std::find(words.begin(), words.end(), word) == words.end()) {
      words.push_back(std::move(word));
    }
  }
  return words;
}

}  // namespace caisson::cli
