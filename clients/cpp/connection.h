// A connection to caissond and the stubs of its services.
//
// Thread: everything here may be used by any number of threads at once.
#ifndef CAISSON_CLIENTS_CPP_CONNECTION_H_
#define CAISSON_CLIENTS_CPP_CONNECTION_H_

#include <memory>
#include <string>

#include "grpcpp/channel.h"

#include "caisson/v1/container_service.grpc.pb.h"
#include "caisson/v1/event_service.grpc.pb.h"
#include "caisson/v1/exec_service.grpc.pb.h"
#include "caisson/v1/network_service.grpc.pb.h"
#include "caisson/v1/system_service.grpc.pb.h"

namespace caisson::client {

// CAISSON_ADDRESS, or unix:///run/caisson/caisson.sock.
std::string DefaultAddress();

// What gRPC calls a target: a plain path becomes "unix://<path>".
std::string TargetOf(const std::string& address);

class Connection {
 public:
  // Does not wait: the first call connects, and fails at once when nobody
  // listens.
  explicit Connection(const std::string& address);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  const std::string& address() const { return address_; }
  v1::ContainerService::Stub& containers() const { return *containers_; }
  v1::ExecService::Stub& execs() const { return *execs_; }
  v1::NetworkService::Stub& networks() const { return *networks_; }
  v1::EventService::Stub& events() const { return *events_; }
  v1::SystemService::Stub& system() const { return *system_; }

 private:
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ContainerService::Stub> containers_;
  std::unique_ptr<v1::ExecService::Stub> execs_;
  std::unique_ptr<v1::NetworkService::Stub> networks_;
  std::unique_ptr<v1::EventService::Stub> events_;
  std::unique_ptr<v1::SystemService::Stub> system_;
};

}  // namespace caisson::client

#endif  // CAISSON_CLIENTS_CPP_CONNECTION_H_
