// caisson inspect.
#include <list>

#include "grpcpp/client_context.h"

#include "clients/caisson/output.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class InspectVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Text("--format", &format_, "json", "how to print; there is one way");
    flags->Words(&words_, 1, -1);
  }

  int Run(Context* context) override {
    if (format_ != "json") {
      PrintError("inspect: --format: \"" + format_ + "\" is not json");
      return 125;
    }
    int exit_status = 0;
    std::list<v1::Container> found;
    for (const std::string& reference : words_) {
      // GetContainer takes the beginning of an id itself.
      v1::GetContainerRequest request;
      request.set_container(reference);
      v1::GetContainerResponse response;
      grpc::ClientContext client_context;
      const grpc::Status status =
          context->connection().containers().GetContainer(&client_context,
                                                          request, &response);
      if (status.ok()) {
        found.push_back(response.container());
      } else {
        exit_status = context->Fail("inspect " + reference, status);
      }
    }
    std::vector<const google::protobuf::Message*> all;
    for (const v1::Container& container : found) all.push_back(&container);
    PrintLine(JsonArray(all));
    return exit_status;
  }

 private:
  std::string format_ = "json";
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeInspect() {
  return std::make_unique<InspectVerb>();
}

}  // namespace caisson::cli
