// caisson network namespace create, ls, rm.
#include <list>

#include "grpcpp/client_context.h"

#include "clients/caisson/describe.h"
#include "clients/caisson/each.h"
#include "clients/caisson/format_flag.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

constexpr int kPageSize = 1000;

class CreateVerb : public Verb {
 public:
  void Declare(Flags* flags) override { flags->Words(&words_, 1, 1); }

  int Run(Context* context) override {
    v1::CreateNetworkNamespaceRequest request;
    request.set_name(words_[0]);
    v1::CreateNetworkNamespaceResponse response;
    grpc::ClientContext client_context;
    const grpc::Status status =
        context->connection().networks().CreateNetworkNamespace(
            &client_context, request, &response);
    if (!status.ok()) {
      return context->Fail("network namespace create " + words_[0], status);
    }
    PrintLine(response.network_namespace().name());
    return 0;
  }

 private:
  std::vector<std::string> words_;
};

class LsVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-q,--quiet", &quiet_, "only names");
    flags->Switch("--no-trunc", &whole_, "whole ids");
    flags->Text("--prefix", &prefix_, "NAME", "only those that begin so");
    format_.Declare(flags);
    flags->Words(nullptr, 0, 0);
  }

  int Run(Context* context) override {
    if (!format_.Valid()) return 125;
    v1::ListNetworkNamespacesRequest request;
    request.set_name_prefix(prefix_);
    request.set_page_size(kPageSize);
    do {
      v1::ListNetworkNamespacesResponse response;
      grpc::ClientContext client_context;
      const grpc::Status status =
          context->connection().networks().ListNetworkNamespaces(
              &client_context, request, &response);
      if (!status.ok()) return context->Fail("network namespace ls", status);
      request.set_page_token(response.next_page_token());
      for (auto& one : *response.mutable_network_namespaces()) {
        namespaces_.push_back(std::move(one));
      }
    } while (!request.page_token().empty());
    Print();
    return 0;
  }

 private:
  void Print() const {
    if (quiet_) {
      for (const auto& one : namespaces_) PrintLine(one.name());
      return;
    }
    if (format_.json()) {
      std::vector<const google::protobuf::Message*> all;
      for (const auto& one : namespaces_) all.push_back(&one);
      PrintLine(JsonArray(all));
      return;
    }
    Table table({"NAME", "PATH", "INODE", "CREATED", "CONTAINERS"});
    for (const auto& one : namespaces_) {
      std::string containers;
      for (const std::string& id : one.containers()) {
        containers += (containers.empty() ? "" : ", ") + IdText(id, whole_);
      }
      table.Add({one.name(), one.path(),
                 one.inode() == 0 ? "missing" : std::to_string(one.inode()),
                 AgoText(one.create_time()), containers});
    }
    table.Print();
  }

  bool quiet_ = false;
  bool whole_ = false;
  std::string prefix_;
  FormatFlag format_;
  std::list<v1::NetworkNamespace> namespaces_;
};

class RmVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-f,--force", &force_, "one that does not exist is no error");
    flags->Words(&words_, 1, -1);
  }

  int Run(Context* context) override {
    return ForEachName(
        context, "remove network namespace", words_,
        [&](const std::string& name) {
          v1::DeleteNetworkNamespaceRequest request;
          request.set_name(name);
          request.set_allow_missing(force_);
          v1::DeleteNetworkNamespaceResponse response;
          grpc::ClientContext client_context;
          return context->connection().networks().DeleteNetworkNamespace(
              &client_context, request, &response);
        });
  }

 private:
  bool force_ = false;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeNetworkNamespaceCreate() {
  return std::make_unique<CreateVerb>();
}

std::unique_ptr<Verb> MakeNetworkNamespaceLs() {
  return std::make_unique<LsVerb>();
}

std::unique_ptr<Verb> MakeNetworkNamespaceRm() {
  return std::make_unique<RmVerb>();
}

}  // namespace caisson::cli
