// caisson network interfaces.
#include "grpcpp/client_context.h"

#include "clients/caisson/describe.h"
#include "clients/caisson/format_flag.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class NetworkInterfacesVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    format_.Declare(flags);
    flags->Words(&words_, 1, 1);
  }

  int Run(Context* context) override {
    if (!format_.Valid()) return 125;
    v1::ListInterfacesResponse response;
    const grpc::Status status = WithContainer(
        context->connection(), words_[0], [&](const std::string& id) {
          v1::ListInterfacesRequest request;
          request.set_container(id);
          grpc::ClientContext client_context;
          return context->connection().networks().ListInterfaces(
              &client_context, request, &response);
        });
    if (!status.ok()) {
      return context->Fail("network interfaces " + words_[0], status);
    }
    format_.json() ? PrintLine(Json(response, true)) : PrintTable(response);
    if (response.truncated()) PrintError("there are more than these");
    return 0;
  }

 private:
  static void PrintTable(const v1::ListInterfacesResponse& response) {
    Table table({"NAME", "STATE", "MTU", "MAC", "NETWORK", "ADDRESSES",
                 "RECEIVED", "PACKETS", "DROPPED", "ERRORS", "SENT", "PACKETS",
                 "DROPPED", "ERRORS"});
    for (const v1::NetworkInterface& one : response.interfaces()) {
      std::string addresses;
      for (const std::string& address : one.addresses()) {
        addresses += (addresses.empty() ? "" : ", ") + address;
      }
      const v1::InterfaceCounters& counters = one.counters();
      table.Add({one.name(), one.state(), std::to_string(one.mtu()), one.mac(),
                 IdText(one.network(), false), addresses,
                 BytesText(counters.rx_bytes()),
                 std::to_string(counters.rx_packets()),
                 std::to_string(counters.rx_dropped()),
                 std::to_string(counters.rx_errors()),
                 BytesText(counters.tx_bytes()),
                 std::to_string(counters.tx_packets()),
                 std::to_string(counters.tx_dropped()),
                 std::to_string(counters.tx_errors())});
    }
    table.Print();
  }

  FormatFlag format_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeNetworkInterfaces() {
  return std::make_unique<NetworkInterfacesVerb>();
}

}  // namespace caisson::cli
