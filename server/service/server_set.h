// One grpc::Server for each role, made when the first connection of that role
// comes: what a connection may do hangs on the server object that has it, not
// on anything that a client sends.
//
// Process: caissond. Thread: Adopt on the accept loop's thread; Shutdown on
// main after that loop has ended.
// Ownership: owns servers and services; borrows the tables.
#ifndef CAISSON_SERVER_SERVICE_SERVER_SET_H_
#define CAISSON_SERVER_SERVICE_SERVER_SET_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "grpcpp/impl/codegen/service_type.h"
#include "grpcpp/server.h"

#include "server/service/connections.h"
#include "server/service/door.h"
#include "server/service/live_streams.h"
#include "server/service/method_table.h"
#include "server/service/role.h"

namespace caisson::service {

using Services = std::vector<std::unique_ptr<grpc::Service>>;

class ServerSet {
 public:
  // Makes the services behind a door; called once for each role in use.
  using MakeServices = std::function<Services(const Door& door)>;

  ServerSet(const MethodTable* methods, const Connections* connections,
            MakeServices make_services);
  ~ServerSet();
  ServerSet(const ServerSet&) = delete;
  ServerSet& operator=(const ServerSet&) = delete;

  // Takes the descriptor over.
  void Adopt(Role role, int fd);

  // Health answers NOT_SERVING from now on, and every open stream ends with
  // UNAVAILABLE SHUTTING_DOWN after what it is writing.
  void StopServing();

  // Refuses new calls, gives those that run until `deadline`, cancels the
  // rest and waits for them.
  void Shutdown(absl::Time deadline);

 private:
  struct Entry {
    std::unique_ptr<Door> door;
    Services services;
    std::unique_ptr<grpc::Server> server;
  };

  Entry& For(Role role);
  std::unique_ptr<grpc::Server> Build(const Services& services) const;

  const MethodTable* const methods_;
  const Connections* const connections_;
  const MakeServices make_services_;
  LiveStreams streams_;
  std::map<Role, Entry> entries_;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_SERVER_SET_H_
