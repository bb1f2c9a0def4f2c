// The whole of this layer with a fake core behind it and real gRPC before it:
// one socket pair for each role, no file system but a store in a directory of
// its own. Requests are sent as bytes, so that broken ones can be.
//
// Process: unit tests. Thread: main; gRPC's and the store's beside it.
#ifndef CAISSON_SERVER_SERVICE_TEST_SERVER_H_
#define CAISSON_SERVER_SERVICE_TEST_SERVER_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/status.h"

#include "server/core/event_log.h"
#include "server/core/output_source.h"
#include "server/service/backend.h"
#include "server/service/connections.h"
#include "server/service/fake_core.h"
#include "server/service/method_table.h"
#include "server/service/server_set.h"
#include "server/store/store.h"

namespace caisson::service {

// How a call ended.
struct Outcome {
  grpc::Status status;
  std::vector<std::string> responses;

  google::rpc::ErrorInfo info() const;
  google::rpc::BadRequest bad_request() const;
};

class TestServer {
 public:
  TestServer();
  ~TestServer();

  FakeContainers& containers() { return containers_; }
  FakeExecs& execs() { return execs_; }
  FakeNetworks& networks() { return networks_; }
  core::OutputService* output() { return output_.get(); }
  store::Store* store() { return store_.get(); }
  ServerSet& servers() { return *servers_; }

  std::shared_ptr<grpc::Channel> channel(Role role);

  // Sends the requests, ends them, and waits for the end. `method` as
  // "ContainerService.Run".
  Outcome Call(Role role, std::string_view method,
               const std::vector<std::string>& requests);

 private:
  std::string directory_;
  FakeContainers containers_;
  FakeExecs execs_;
  FakeNetworks networks_;
  FakeSystem system_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<core::OutputService> output_;
  std::unique_ptr<core::EventLog> events_;
  StreamSlots attach_slots_{"attaches_per_container", 4};
  StreamSlots watch_slots_{"watches", 4};
  StreamSlots log_slots_{"log_streams", 4};
  Backend backend_;
  const MethodTable methods_ = MethodTable::Build();
  Connections connections_{ConnectionLimits()};
  std::unique_ptr<ServerSet> servers_;
  std::map<Role, std::shared_ptr<grpc::Channel>> channels_;
};

// "/caisson.v1.ContainerService/Run".
std::string FullMethod(std::string_view method);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_TEST_SERVER_H_
