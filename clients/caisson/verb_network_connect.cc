// caisson network connect, disconnect.
#include "grpcpp/client_context.h"

#include "clients/caisson/network_flags.h"
#include "clients/caisson/output.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

// With both words as people type them.
grpc::Status WithBoth(
    const client::Connection& connection, const std::string& network,
    const std::string& container,
    const std::function<grpc::Status(const std::string& network,
                                     const std::string& container)>& call) {
  return WithContainer(connection, container, [&](const std::string& whole) {
    return WithNetwork(connection, network, [&](const std::string& named) {
      return call(named, whole);
    });
  });
}

class NetworkConnectVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Text("--ip", &ip_, "ADDRESS", "IPv4 address to have there");
    flags->Text("--ip6", &ip6_, "ADDRESS", "IPv6 address to have there");
    flags->Text("--mac-address", &mac_, "MAC", "MAC address to have there");
    flags->Texts("--alias", &aliases_, "NAME", "further name there");
    flags->Text("--interface", &interface_, "NAME",
                "name of the interface inside; default: the next eth");
    flags->Words(&words_, 2, 2);
  }

  int Run(Context* context) override {
    const std::string tried = "network connect " + words_[0] + " " + words_[1];
    v1::ConnectContainerRequest request;
    v1::NetworkAttachment* attachment = request.mutable_attachment();
    for (const std::string& address : {ip_, ip6_}) {
      if (!address.empty()) attachment->add_addresses(WithoutBrackets(address));
    }
    for (const std::string& alias : aliases_) attachment->add_aliases(alias);
    attachment->set_mac(mac_);
    attachment->set_interface(interface_);
    const client::Connection& connection = context->connection();
    const grpc::Status status =
        WithBoth(connection, words_[0], words_[1],
                 [&](const std::string& network, const std::string& container) {
                   request.set_container(container);
                   attachment->set_network(network);
                   v1::ConnectContainerResponse response;
                   grpc::ClientContext client_context;
                   return connection.networks().ConnectContainer(
                       &client_context, request, &response);
                 });
    return status.ok() ? 0 : context->Fail(tried, status);
  }

 private:
  std::string ip_;
  std::string ip6_;
  std::string mac_;
  std::vector<std::string> aliases_;
  std::string interface_;
  std::vector<std::string> words_;
};

class NetworkDisconnectVerb : public Verb {
 public:
  void Declare(Flags* flags) override { flags->Words(&words_, 2, 2); }

  int Run(Context* context) override {
    const std::string tried =
        "network disconnect " + words_[0] + " " + words_[1];
    const client::Connection& connection = context->connection();
    const grpc::Status status =
        WithBoth(connection, words_[0], words_[1],
                 [&](const std::string& network, const std::string& container) {
                   v1::DisconnectContainerRequest request;
                   request.set_container(container);
                   request.set_network(network);
                   v1::DisconnectContainerResponse response;
                   grpc::ClientContext client_context;
                   return connection.networks().DisconnectContainer(
                       &client_context, request, &response);
                 });
    return status.ok() ? 0 : context->Fail(tried, status);
  }

 private:
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeNetworkConnect() {
  return std::make_unique<NetworkConnectVerb>();
}

std::unique_ptr<Verb> MakeNetworkDisconnect() {
  return std::make_unique<NetworkDisconnectVerb>();
}

}  // namespace caisson::cli
