// caisson system info, audit, repair.
#include <list>
#include <map>

#include "grpcpp/client_context.h"

#include "clients/caisson/describe.h"
#include "clients/caisson/format_flag.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

constexpr int kPageSize = 10000;

std::string AuditStateText(v1::AuditState state) {
  const std::string name = v1::AuditState_Name(state);
  return name.substr(std::string("AUDIT_STATE_").size());
}

void PrintObjects(const std::list<v1::AuditObject>& objects) {
  Table table({"STATE", "KIND", "OBJECT", "OWNER", "DETAIL"});
  for (const v1::AuditObject& object : objects) {
    table.Add({AuditStateText(object.state()), object.kind(), object.key(),
               IdText(object.owner(), false), object.detail()});
  }
  table.Print();
}

class InfoVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    format_.Declare(flags);
    flags->Words(nullptr, 0, 0);
  }

  int Run(Context* context) override {
    if (!format_.Valid()) return 125;
    v1::GetInfoResponse info;
    grpc::ClientContext client_context;
    const grpc::Status status =
        context->connection().system().GetInfo(&client_context, {}, &info);
    if (!status.ok()) return context->Fail("system info", status);
    format_.json() ? PrintLine(Json(info, true)) : PrintText(info);
    return 0;
  }

 private:
  static void PrintText(const v1::GetInfoResponse& info) {
    Table table({"WHAT", "VALUE"});
    table.Add({"version", info.version()});
    table.Add({"api level", std::to_string(info.api_level())});
    table.Add({"store", info.store_id()});
    table.Add({"boot", info.boot_id()});
    table.Add({"kernel", info.kernel()});
    std::string controllers;
    for (const std::string& name : info.cgroup().controllers()) {
      controllers += " " + name;
    }
    table.Add({"cgroups", info.cgroup().driver() + ":" + controllers});
    for (const auto& [name, count] : std::map<std::string, int64_t>(
             info.counts().begin(), info.counts().end())) {
      table.Add({name, std::to_string(count)});
    }
    for (const v1::Feature& feature : info.features()) {
      table.Add({"feature " + feature.name(),
                 feature.available() ? "yes" : "no: " + feature.reason()});
    }
    for (const auto& [name, value] : std::map<std::string, int64_t>(
             info.limits().begin(), info.limits().end())) {
      table.Add({"limit " + name, std::to_string(value)});
    }
    for (const v1::Warning& warning : info.warnings()) {
      table.Add({"warning " + warning.code(), warning.text()});
    }
    table.Print();
  }

  FormatFlag format_;
};

class AuditVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-a,--all", &all_, "also what is as it should be");
    format_.Declare(flags);
    flags->Words(nullptr, 0, 0);
  }

  // Prints nothing and exits with 0 when all is well, with 1 otherwise.
  int Run(Context* context) override {
    if (!format_.Valid()) return 125;
    v1::AuditRequest request;
    request.set_only_problems(!all_);
    request.set_page_size(kPageSize);
    do {
      v1::AuditResponse response;
      grpc::ClientContext client_context;
      const grpc::Status status = context->connection().system().Audit(
          &client_context, request, &response);
      if (!status.ok()) return context->Fail("system audit", status);
      request.set_page_token(response.next_page_token());
      for (v1::AuditObject& object : *response.mutable_objects()) {
        if (object.state() != v1::AUDIT_STATE_OK) well_ = false;
        objects_.push_back(std::move(object));
      }
    } while (!request.page_token().empty());
    if (format_.json()) {
      std::vector<const google::protobuf::Message*> all;
      for (const v1::AuditObject& object : objects_) all.push_back(&object);
      PrintLine(JsonArray(all));
    } else if (!objects_.empty()) {
      PrintObjects(objects_);
    }
    return well_ ? 0 : 1;
  }

 private:
  bool all_ = false;
  bool well_ = true;
  FormatFlag format_;
  std::list<v1::AuditObject> objects_;
};

class RepairVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("--dry-run", &dry_run_, "only tell what would be removed");
    format_.Declare(flags);
    flags->Words(nullptr, 0, 0);
  }

  int Run(Context* context) override {
    if (!format_.Valid()) return 125;
    v1::RepairHostRequest request;
    request.set_dry_run(dry_run_);
    v1::RepairHostResponse response;
    grpc::ClientContext client_context;
    const grpc::Status status = context->connection().system().RepairHost(
        &client_context, request, &response);
    if (!status.ok()) return context->Fail("system repair", status);
    if (format_.json()) {
      PrintLine(Json(response, true));
    } else {
      std::list<v1::AuditObject> objects(response.removed().begin(),
                                         response.removed().end());
      objects.insert(objects.end(), response.failed().begin(),
                     response.failed().end());
      if (!objects.empty()) PrintObjects(objects);
    }
    return response.failed().empty() ? 0 : 1;
  }

 private:
  bool dry_run_ = false;
  FormatFlag format_;
};

}  // namespace

std::unique_ptr<Verb> MakeSystemInfo() {
  return std::make_unique<InfoVerb>();
}

std::unique_ptr<Verb> MakeSystemAudit() {
  return std::make_unique<AuditVerb>();
}

std::unique_ptr<Verb> MakeSystemRepair() {
  return std::make_unique<RepairVerb>();
}

}  // namespace caisson::cli
