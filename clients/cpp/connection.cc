#include "clients/cpp/connection.h"

#include <cstdlib>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace caisson::client {

std::string DefaultAddress() {
  // Nothing changes the environment while this runs.
  const char* address = std::getenv("CAISSON_ADDRESS");
  return address == nullptr || *address == '\0'
             ? "unix:///run/caisson/caisson.sock"
             : address;
}

std::string TargetOf(const std::string& address) {
  return !address.empty() && address[0] == '/' ? "unix://" + address : address;
}

Connection::Connection(const std::string& address) : address_(address) {
  grpc::ChannelArguments arguments;
  // A service configuration is looked up in DNS otherwise.
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Spec and output fit; a list's page is at most 1 MiB.
  arguments.SetMaxReceiveMessageSize(8 << 20);
  channel_ = grpc::CreateCustomChannel(
      TargetOf(address), grpc::InsecureChannelCredentials(), arguments);
  containers_ = v1::ContainerService::NewStub(channel_);
  execs_ = v1::ExecService::NewStub(channel_);
  networks_ = v1::NetworkService::NewStub(channel_);
  events_ = v1::EventService::NewStub(channel_);
  system_ = v1::SystemService::NewStub(channel_);
}

}  // namespace caisson::client
