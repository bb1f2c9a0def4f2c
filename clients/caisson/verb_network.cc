// caisson network ls, inspect, rm.
#include <list>

#include "grpcpp/client_context.h"

#include "clients/caisson/describe.h"
#include "clients/caisson/each.h"
#include "clients/caisson/filter_flag.h"
#include "clients/caisson/format_flag.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

constexpr int kPageSize = 1000;

class NetworkLsVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-q,--quiet", &quiet_, "only ids");
    flags->Switch("--no-trunc", &whole_, "whole ids");
    filter_.Declare(flags,
                    "only with label=SELECTOR, name=PREFIX or id=PREFIX");
    format_.Declare(flags);
    flags->Words(nullptr, 0, 0);
  }

  int Run(Context* context) override {
    v1::ListNetworksRequest request;
    if (!format_.Valid() ||
        !filter_.Fill("network ls", request.mutable_filter())) {
      return 125;
    }
    request.set_page_size(kPageSize);
    do {
      v1::ListNetworksResponse response;
      grpc::ClientContext client_context;
      const grpc::Status status = context->connection().networks().ListNetworks(
          &client_context, request, &response);
      if (!status.ok()) return context->Fail("network ls", status);
      request.set_page_token(response.next_page_token());
      for (auto& network : *response.mutable_networks()) {
        networks_.push_back(std::move(network));
      }
    } while (!request.page_token().empty());
    Print();
    return 0;
  }

 private:
  void Print() const {
    if (quiet_) {
      for (const auto& network : networks_) {
        PrintLine(IdText(network.id(), whole_));
      }
      return;
    }
    if (format_.json()) {
      std::vector<const google::protobuf::Message*> all;
      for (const auto& network : networks_) all.push_back(&network);
      PrintLine(JsonArray(all));
      return;
    }
    Table table({"NETWORK ID", "NAME", "DRIVER", "SUBNETS", "CONTAINERS"});
    for (const auto& network : networks_) {
      table.Add({IdText(network.id(), whole_), network.spec().name(),
                 DriverText(network.spec()), SubnetsText(network.status()),
                 std::to_string(network.status().endpoints())});
    }
    table.Print();
  }

  bool quiet_ = false;
  bool whole_ = false;
  FilterFlag filter_;
  FormatFlag format_;
  std::list<v1::ManagedNetwork> networks_;
};

class NetworkInspectVerb : public Verb {
 public:
  void Declare(Flags* flags) override { flags->Words(&words_, 1, -1); }

  int Run(Context* context) override {
    int exit_status = 0;
    std::list<v1::ManagedNetwork> found;
    for (const std::string& reference : words_) {
      // GetNetwork takes the beginning of an id itself.
      v1::GetNetworkRequest request;
      request.set_network(reference);
      v1::GetNetworkResponse response;
      grpc::ClientContext client_context;
      const grpc::Status status = context->connection().networks().GetNetwork(
          &client_context, request, &response);
      if (status.ok()) {
        found.push_back(response.network());
      } else {
        exit_status = context->Fail("network inspect " + reference, status);
      }
    }
    std::vector<const google::protobuf::Message*> all;
    for (const v1::ManagedNetwork& network : found) all.push_back(&network);
    PrintLine(JsonArray(all));
    return exit_status;
  }

 private:
  std::vector<std::string> words_;
};

class NetworkRmVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-f,--force", &force_, "one that does not exist is no error");
    flags->Words(&words_, 1, -1);
  }

  int Run(Context* context) override {
    return ForEachNetwork(
        context, "remove network", words_, [&](const std::string& network) {
          v1::DeleteNetworkRequest request;
          request.set_network(network);
          // Not while the word may still turn out to be the beginning of an id.
          request.set_allow_missing(force_ && !MayBeIdPrefix(network));
          v1::DeleteNetworkResponse response;
          grpc::ClientContext client_context;
          return context->connection().networks().DeleteNetwork(
              &client_context, request, &response);
        });
  }

 private:
  bool force_ = false;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeNetworkLs() {
  return std::make_unique<NetworkLsVerb>();
}

std::unique_ptr<Verb> MakeNetworkInspect() {
  return std::make_unique<NetworkInspectVerb>();
}

std::unique_ptr<Verb> MakeNetworkRm() {
  return std::make_unique<NetworkRmVerb>();
}

}  // namespace caisson::cli
