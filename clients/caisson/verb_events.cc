// caisson events.
#include <unistd.h>

#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"

#include "clients/caisson/describe.h"
#include "clients/caisson/format_flag.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

std::string LineOf(const v1::Event& event) {
  std::string line = TimeText(event.time()) + " " +
                     std::to_string(event.revision()) + " " + event.type();
  if (event.has_container()) {
    line += " " + IdText(event.container().id(), false) + " " +
            event.container().spec().name();
    if (event.container().status().state() == v1::CONTAINER_STATE_EXITED) {
      line += " " + ExitText(event.container().status().exit());
    }
  } else if (event.has_exec()) {
    line += " " + IdText(event.exec().id(), false) + " in " +
            IdText(event.exec().container(), false);
    if (event.exec().has_exit()) line += " " + ExitText(event.exec().exit());
  } else if (event.has_network()) {
    line += " " + IdText(event.network().id(), false) + " " +
            event.network().spec().name();
  } else if (event.has_network_namespace()) {
    line += " " + IdText(event.network_namespace().id(), false) + " " +
            event.network_namespace().name();
  }
  for (const auto& [name, value] : event.attributes()) {
    line += " " + name + "=" + value;
  }
  return line;
}

class EventsVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Number("--after", &after_, "REVISION",
                  "begin after this revision; 0: with the oldest kept");
    flags->Texts("--type", &types_, "TYPE",
                 "only these, as container.started or \"container.*\"");
    flags->Texts("--container", &containers_, "CONTAINER",
                 "only of these containers and their execs");
    flags->Switch("--until-now", &until_now_,
                  "end when everything up to now was shown");
    format_.Declare(flags);
    flags->Words(nullptr, 0, 0);
  }

  int Run(Context* context) override {
    if (!format_.Valid()) return 125;
    v1::WatchEventsRequest request;
    if (after_.has_value()) request.set_after_revision(*after_);
    for (const std::string& type : types_) request.add_types(type);
    for (const std::string& container : containers_) {
      request.mutable_filter()->add_containers(container);
    }
    int64_t end = -1;
    if (until_now_) {
      const grpc::Status status = CurrentRevision(context, &end);
      if (!status.ok()) return context->Fail("events", status);
    }
    return Watch(context, request, end);
  }

 private:
  static grpc::Status CurrentRevision(Context* context, int64_t* revision) {
    v1::ListContainersRequest request;
    request.set_page_size(1);
    v1::ListContainersResponse response;
    grpc::ClientContext client_context;
    grpc::Status status = context->connection().containers().ListContainers(
        &client_context, request, &response);
    *revision = response.revision();
    return status;
  }

  // `end` -1: for ever.
  int Watch(Context* context, const v1::WatchEventsRequest& request,
            int64_t end) const {
    grpc::ClientContext client_context;
    const auto reader =
        context->connection().events().WatchEvents(&client_context, request);
    v1::WatchEventsResponse response;
    bool done = false;
    while (!done && reader->Read(&response)) {
      done = !Print(response.batch());
      const int64_t reached = response.has_batch()
                                  ? response.batch().revision()
                                  : response.bookmark().revision();
      done = done || (end >= 0 && reached >= end);
    }
    if (done) client_context.TryCancel();
    const grpc::Status status = reader->Finish();
    return done || status.ok() ? 0 : context->Fail("events", status);
  }

  bool Print(const v1::EventBatch& batch) const {
    for (const v1::Event& event : batch.events()) {
      const std::string line =
          format_.json() ? Json(event, false) : client::OneLine(LineOf(event));
      if (!WriteFully(STDOUT_FILENO, line + "\n")) return false;
    }
    return true;
  }

  std::optional<int64_t> after_;
  std::vector<std::string> types_;
  std::vector<std::string> containers_;
  bool until_now_ = false;
  FormatFlag format_;
};

}  // namespace

std::unique_ptr<Verb> MakeEvents() {
  return std::make_unique<EventsVerb>();
}

}  // namespace caisson::cli
