// A verb of the command line. Each has a file of its own; the table is in
// verbs.cc.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_VERB_H_
#define CAISSON_CLIENTS_CAISSON_VERB_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/support/status.h"

#include "clients/caisson/flags.h"
#include "clients/cpp/connection.h"

namespace caisson::cli {

// What a verb is run with. Connects when somebody first asks for it.
class Context {
 public:
  explicit Context(std::string address) : address_(std::move(address)) {}

  const client::Connection& connection();
  const std::string& address() const { return address_; }

  // Prints "<tried>: <why>" and returns `exit_status`, the usual one of verbs
  // that run no process.
  int Fail(const std::string& tried, const grpc::Status& status,
           int exit_status = 1);

 private:
  std::string address_;
  std::unique_ptr<client::Connection> connection_;
};

class Verb {
 public:
  virtual ~Verb() = default;
  // Declares flags and words; their targets are members of the verb.
  virtual void Declare(Flags* flags) = 0;
  // After Declare and a successful parse; the exit status.
  virtual int Run(Context* context) = 0;
};

// What the words of a verb name: for completion.
enum class Takes {
  kNothing,
  kContainer,
  kFirstContainer,  // the words behind it are none
  kNetwork,
  kNetworkThenContainer,  // one of each
  kNetworkNamespace,
};

struct VerbInfo {
  // One word, or several as in "system info".
  const char* name;
  // What follows the name in the usage line.
  const char* usage;
  const char* summary;
  std::unique_ptr<Verb> (*make)();
  Takes takes;
};

const std::vector<VerbInfo>& AllVerbs();
// The words that follow `start` in the names of verbs, each once; all first
// words for the empty text.
std::vector<std::string> NextWords(const std::string& start);

// One function for each verb's file.
std::unique_ptr<Verb> MakeAttach();
std::unique_ptr<Verb> MakeCompletion();
std::unique_ptr<Verb> MakeCreate();
std::unique_ptr<Verb> MakeEvents();
std::unique_ptr<Verb> MakeExec();
std::unique_ptr<Verb> MakeExplain();
std::unique_ptr<Verb> MakeInspect();
std::unique_ptr<Verb> MakeKill();
std::unique_ptr<Verb> MakeLogs();
std::unique_ptr<Verb> MakeNetworkConnect();
std::unique_ptr<Verb> MakeNetworkCreate();
std::unique_ptr<Verb> MakeNetworkDisconnect();
std::unique_ptr<Verb> MakeNetworkExplain();
std::unique_ptr<Verb> MakeNetworkInspect();
std::unique_ptr<Verb> MakeNetworkInterfaces();
std::unique_ptr<Verb> MakeNetworkLs();
std::unique_ptr<Verb> MakeNetworkNamespaceCreate();
std::unique_ptr<Verb> MakeNetworkNamespaceLs();
std::unique_ptr<Verb> MakeNetworkNamespaceRm();
std::unique_ptr<Verb> MakeNetworkRm();
std::unique_ptr<Verb> MakePort();
std::unique_ptr<Verb> MakePs();
std::unique_ptr<Verb> MakePublish();
std::unique_ptr<Verb> MakeRm();
std::unique_ptr<Verb> MakeRun();
std::unique_ptr<Verb> MakeStart();
std::unique_ptr<Verb> MakeStop();
std::unique_ptr<Verb> MakeSystemAudit();
std::unique_ptr<Verb> MakeSystemInfo();
std::unique_ptr<Verb> MakeSystemRepair();
std::unique_ptr<Verb> MakeTop();
std::unique_ptr<Verb> MakeUnpublish();
std::unique_ptr<Verb> MakeVersion();
std::unique_ptr<Verb> MakeWait();

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_VERB_H_
