// caisson publish, unpublish.
#include "grpcpp/client_context.h"

#include "clients/caisson/describe.h"
#include "clients/caisson/network_flags.h"
#include "clients/caisson/output.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class PublishVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Text("--network", &network_, "NETWORK",
                "through which the packets go; default: the first that can");
    flags->Words(&words_, 2, 2);
  }

  int Run(Context* context) override {
    v1::Network parsed;
    const std::string wrong = AddPort(words_[1], &parsed);
    if (!wrong.empty()) {
      PrintError("publish: " + wrong);
      return 125;
    }
    v1::PublishPortRequest request;
    *request.mutable_port() = parsed.ports(0);
    request.mutable_port()->set_network(network_);
    v1::PublishPortResponse response;
    const client::Connection& connection = context->connection();
    const grpc::Status status =
        WithContainer(connection, words_[0], [&](const std::string& container) {
          request.set_container(container);
          grpc::ClientContext client_context;
          return connection.networks().PublishPort(&client_context, request,
                                                   &response);
        });
    if (!status.ok()) {
      return context->Fail("publish " + words_[0] + " " + words_[1], status);
    }
    PrintChosen(request.port(), response.container().status());
    return 0;
  }

 private:
  // Where the port is: the last one like it, as new ones come last.
  static void PrintChosen(const v1::PortMapping& wanted,
                          const v1::ContainerStatus& status) {
    std::string where;
    for (const v1::PortMapping& port : status.ports()) {
      const bool like =
          port.container_port() == wanted.container_port() &&
          (wanted.host_port() == 0 || port.host_port() == wanted.host_port()) &&
          (wanted.protocol().empty() || port.protocol() == wanted.protocol());
      if (like) where = HostPortText(port.host_ip(), port.host_port());
    }
    PrintLine(where);
  }

  std::string network_;
  std::vector<std::string> words_;
};

class UnpublishVerb : public Verb {
 public:
  void Declare(Flags* flags) override { flags->Words(&words_, 2, 2); }

  int Run(Context* context) override {
    v1::UnpublishPortRequest request;
    const std::string wrong = ParseHostPort(words_[1], &request);
    if (!wrong.empty()) {
      PrintError("unpublish: " + wrong);
      return 125;
    }
    const client::Connection& connection = context->connection();
    const grpc::Status status =
        WithContainer(connection, words_[0], [&](const std::string& container) {
          request.set_container(container);
          v1::UnpublishPortResponse response;
          grpc::ClientContext client_context;
          return connection.networks().UnpublishPort(&client_context, request,
                                                     &response);
        });
    if (status.ok()) return 0;
    return context->Fail("unpublish " + words_[0] + " " + words_[1], status);
  }

 private:
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakePublish() {
  return std::make_unique<PublishVerb>();
}

std::unique_ptr<Verb> MakeUnpublish() {
  return std::make_unique<UnpublishVerb>();
}

}  // namespace caisson::cli
