// What a call needs to know before its work begins: whether this connection
// may make it, who makes it, and how its failure is told and logged. One Door
// for each role; it is shared by all calls of that role.
//
// Process: caissond. Thread: any.
// Ownership: borrows the tables, which outlive every call.
#ifndef CAISSON_SERVER_SERVICE_DOOR_H_
#define CAISSON_SERVER_SERVICE_DOOR_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"

#include "server/service/connections.h"
#include "server/service/live_streams.h"
#include "server/service/method_table.h"
#include "server/service/role.h"

namespace caisson::service {

// One call, for its log line.
struct CallInfo {
  std::string_view method;  // "ContainerService.GetContainer"
  Role role = Role::kNone;
  Peer peer;
  absl::Time start;
};

class Door {
 public:
  Door(Role role, const MethodTable* methods, const Connections* connections,
       LiveStreams* streams)
      : role_(role),
        methods_(methods),
        connections_(connections),
        streams_(streams) {}

  Role role() const { return role_; }
  LiveStreams* streams() const { return streams_; }

  // `method` must live as long as the call: a literal.
  CallInfo Describe(std::string_view method,
                    const grpc::CallbackServerContext& context) const;

  // PERMISSION_DENIED ROLE_TOO_LOW unless the role may call the method.
  absl::Status Authorize(std::string_view method) const {
    return methods_->Authorize(method, role_);
  }

 private:
  const Role role_;
  const MethodTable* const methods_;
  const Connections* const connections_;
  LiveStreams* const streams_;
};

// INVALID_ARGUMENT MALFORMED_MESSAGE for bytes that are no such message.
absl::Status ParseBuffer(const grpc::ByteBuffer& buffer,
                         google::protobuf::Message* message);

grpc::ByteBuffer ToBuffer(const google::protobuf::Message& message);

// The status for the client. Writes the one log line of a failed call. An
// error without a cause is a bug: the client gets INTERNAL BUG with a
// reference, under which the log has the details.
grpc::Status FinishStatus(const CallInfo& call, absl::Status status);

// CANCELLED CALL_CANCELLED, or DEADLINE_EXCEEDED DEADLINE_PASSED.
absl::Status CancelledStatus(const grpc::CallbackServerContext& context);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_DOOR_H_
