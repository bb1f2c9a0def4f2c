// caisson network create.
#include "grpcpp/client_context.h"

#include "clients/caisson/network_spec_flags.h"
#include "clients/caisson/output.h"
#include "clients/caisson/verb.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

class NetworkCreateVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    network_.Declare(flags);
    flags->Switch("--dry-run", &dry_run_,
                  "check everything and print what would be done");
    flags->Words(&words_, 1, 1);
  }

  int Run(Context* context) override {
    v1::CreateNetworkRequest request;
    const std::string wrong = network_.Fill(request.mutable_spec());
    if (!wrong.empty()) {
      PrintError("network create: " + wrong);
      return 125;
    }
    request.mutable_spec()->set_name(words_[0]);
    request.set_validate_only(dry_run_);
    v1::CreateNetworkResponse response;
    grpc::ClientContext client_context;
    const grpc::Status status = context->connection().networks().CreateNetwork(
        &client_context, request, &response);
    if (!status.ok()) {
      return context->Fail("network create " + words_[0], status);
    }
    if (!dry_run_) PrintLine(response.network().id());
    for (const std::string& line : response.plan()) {
      PrintLine(client::OneLine(line));
    }
    return 0;
  }

 private:
  NetworkSpecFlags network_;
  bool dry_run_ = false;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeNetworkCreate() {
  return std::make_unique<NetworkCreateVerb>();
}

}  // namespace caisson::cli
