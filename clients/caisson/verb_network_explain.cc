// caisson network explain: what there is of a network, and what is to be done.
#include <unistd.h>

#include "grpcpp/client_context.h"

#include "clients/caisson/format_flag.h"
#include "clients/caisson/network_spec_flags.h"
#include "clients/caisson/output.h"
#include "clients/caisson/plan_text.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/verb.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

class NetworkExplainVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("--no-why", &no_why_, "without the reasons");
    network_.Declare(flags);
    format_.Declare(flags);
    flags->Words(&words_, 0, 1);
  }

  int Run(Context* context) override {
    v1::ExplainNetworkRequest request;
    v1::NetworkSpec spec;
    const std::string wrong = network_.Fill(&spec);
    if (!wrong.empty()) {
      PrintError("network explain: " + wrong);
      return 125;
    }
    const bool is_new = spec.ByteSizeLong() > 0;
    if (!format_.Valid()) return 125;
    if (!is_new && words_.empty()) {
      PrintError("network explain: give a network, or flags of a new one");
      return 125;
    }
    v1::ExplainNetworkResponse response;
    grpc::Status status;
    if (is_new) {
      *request.mutable_spec() = std::move(spec);
      if (!words_.empty()) request.mutable_spec()->set_name(words_[0]);
      status = Call(context, request, &response);
    } else {
      status = WithNetwork(context->connection(), words_[0],
                           [&](const std::string& network) {
                             request.set_network(network);
                             return Call(context, request, &response);
                           });
    }
    if (!status.ok()) return context->Fail("network explain", status);
    if (format_.json()) {
      PrintLine(Json(response, true));
    } else {
      WriteFully(STDOUT_FILENO, TextOf(response));
    }
    return 0;
  }

 private:
  static grpc::Status Call(Context* context,
                           const v1::ExplainNetworkRequest& request,
                           v1::ExplainNetworkResponse* response) {
    grpc::ClientContext client_context;
    return context->connection().networks().ExplainNetwork(&client_context,
                                                           request, response);
  }

  std::string TextOf(const v1::ExplainNetworkResponse& response) const {
    std::string text;
    for (const std::string& line : response.present()) {
      text += client::OneLine(line) + "\n";
    }
    if (response.steps().empty()) return text + "nothing is to be done\n";
    return text + StepsText(response.steps(), !no_why_);
  }

  bool no_why_ = false;
  NetworkSpecFlags network_;
  FormatFlag format_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeNetworkExplain() {
  return std::make_unique<NetworkExplainVerb>();
}

}  // namespace caisson::cli
