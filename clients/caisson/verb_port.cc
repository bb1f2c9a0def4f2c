// caisson port.
#include "grpcpp/client_context.h"

#include "clients/caisson/describe.h"
#include "clients/caisson/output.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class PortVerb : public Verb {
 public:
  void Declare(Flags* flags) override { flags->Words(&words_, 1, 2); }

  int Run(Context* context) override {
    if (!TakeWanted()) {
      PrintError("port: \"" + words_[1] + "\" is not PORT[/PROTOCOL]");
      return 125;
    }
    v1::GetContainerRequest request;
    request.set_container(words_[0]);
    request.set_view(v1::VIEW_BASIC);
    v1::GetContainerResponse response;
    grpc::ClientContext client_context;
    const grpc::Status status = context->connection().containers().GetContainer(
        &client_context, request, &response);
    if (!status.ok()) return context->Fail("port " + words_[0], status);
    const size_t printed = Print(response.container().status());
    if (printed > 0 || words_.size() == 1) return 0;
    PrintError("port " + words_[0] + ": \"" + words_[1] +
               "\" is not published");
    return 1;
  }

 private:
  bool TakeWanted() {
    if (words_.size() < 2) return true;
    const size_t slash = words_[1].find('/');
    const auto port = ParseInteger(words_[1].substr(0, slash));
    if (slash != std::string::npos) protocol_ = words_[1].substr(slash + 1);
    wanted_ = port.value_or(0);
    return port.has_value() && !protocol_.empty();
  }

  // One line for each port, as programs expect; how many.
  size_t Print(const v1::ContainerStatus& status) const {
    size_t printed = 0;
    for (const v1::PortMapping& port : status.ports()) {
      for (int32_t i = 0; i < port.count(); ++i) {
        const int32_t inside = port.container_port() + i;
        const std::string host =
            HostPortText(port.host_ip(), port.host_port() + i);
        if (words_.size() == 1) {
          PrintLine(std::to_string(inside) + "/" + port.protocol() + " -> " +
                    host);
        } else if (inside == wanted_ && port.protocol() == protocol_) {
          PrintLine(host);
        } else {
          continue;
        }
        ++printed;
      }
    }
    return printed;
  }

  std::vector<std::string> words_;
  int64_t wanted_ = 0;
  std::string protocol_ = "tcp";
};

}  // namespace

std::unique_ptr<Verb> MakePort() {
  return std::make_unique<PortVerb>();
}

}  // namespace caisson::cli
