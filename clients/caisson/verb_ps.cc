// caisson ps.
#include <list>

#include "grpcpp/client_context.h"

#include "clients/caisson/describe.h"
#include "clients/caisson/filter_flag.h"
#include "clients/caisson/format_flag.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

constexpr int kPageSize = 1000;

class PsVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-a,--all", &all_, "also those that do not run");
    flags->Switch("-q,--quiet", &quiet_, "only ids");
    flags->Switch("--no-trunc", &whole_, "whole ids and commands");
    filter_.Declare(flags,
                    "only with label=SELECTOR, name=PREFIX, id=PREFIX or "
                    "status=STATE");
    format_.Declare(flags);
    flags->Words(nullptr, 0, 0);
  }

  int Run(Context* context) override {
    v1::ListContainersRequest request;
    if (!format_.Valid() || !FillFilter(request.mutable_filter())) return 125;
    request.set_page_size(kPageSize);
    do {
      v1::ListContainersResponse response;
      grpc::ClientContext client_context;
      const grpc::Status status =
          context->connection().containers().ListContainers(&client_context,
                                                            request, &response);
      if (!status.ok()) return context->Fail("ps", status);
      request.set_page_token(response.next_page_token());
      for (auto& container : *response.mutable_containers()) {
        containers_.push_back(std::move(container));
      }
    } while (!request.page_token().empty());
    Print();
    return 0;
  }

 private:
  bool FillFilter(v1::ContainerFilter* filter) const {
    const auto is_state = [filter](const std::string& key,
                                   const std::string& value) {
      return key == "status" && AddState(value, filter);
    };
    if (!filter_.Fill("ps", filter, is_state)) return false;
    if (!all_ && filter->states().empty()) {
      filter->add_states(v1::CONTAINER_STATE_RUNNING);
      filter->add_states(v1::CONTAINER_STATE_PAUSED);
      filter->add_states(v1::CONTAINER_STATE_RESTARTING);
    }
    return true;
  }

  static bool AddState(const std::string& name, v1::ContainerFilter* filter) {
    for (int i = v1::ContainerState_MIN + 1; i <= v1::ContainerState_MAX; ++i) {
      const auto state = static_cast<v1::ContainerState>(i);
      if (v1::ContainerState_IsValid(i) && StateText(state) == name) {
        filter->add_states(state);
        return true;
      }
    }
    return false;
  }

  void Print() const {
    if (quiet_) {
      for (const auto& container : containers_) {
        PrintLine(IdText(container.id(), whole_));
      }
      return;
    }
    if (format_.json()) {
      std::vector<const google::protobuf::Message*> all;
      for (const auto& container : containers_) all.push_back(&container);
      PrintLine(JsonArray(all));
      return;
    }
    Table table({"CONTAINER ID", "COMMAND", "CREATED", "STATUS", "PORTS",
                 "NETWORKS", "NAME"});
    for (const auto& container : containers_) {
      table.Add({IdText(container.id(), whole_),
                 CommandText(container.spec().process(), whole_),
                 AgoText(container.create_time()),
                 StatusText(container.status()), PortsText(container.status()),
                 NetworksText(container.status()), container.spec().name()});
    }
    table.Print();
  }

  bool all_ = false;
  bool quiet_ = false;
  bool whole_ = false;
  FilterFlag filter_;
  FormatFlag format_;
  std::list<v1::Container> containers_;
};

}  // namespace

std::unique_ptr<Verb> MakePs() {
  return std::make_unique<PsVerb>();
}

}  // namespace caisson::cli
