// caisson stop.
#include "grpcpp/client_context.h"

#include "clients/caisson/each.h"
#include "clients/caisson/output.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class StopVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Text("-t,--time", &time_, "TIME",
                "how long to wait before it is killed");
    flags->Text("-s,--signal", &signal_, "SIGNAL", "what to send first");
    flags->Words(&words_, 1, -1);
  }

  int Run(Context* context) override {
    v1::StopContainerRequest base;
    base.set_signal(signal_);
    if (!time_.empty()) {
      const auto span = ParseSpan(time_);
      if (!span.has_value()) {
        PrintError("stop: --time: \"" + time_ + "\" is no time (as 90s)");
        return 125;
      }
      *base.mutable_timeout() = *span;
    }
    return ForEach(context, "stop", words_, [&](const std::string& id) {
      v1::StopContainerRequest request = base;
      request.set_container(id);
      v1::StopContainerResponse response;
      grpc::ClientContext client_context;
      return context->connection().containers().StopContainer(
          &client_context, request, &response);
    });
  }

 private:
  std::string time_;
  std::string signal_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeStop() {
  return std::make_unique<StopVerb>();
}

}  // namespace caisson::cli
