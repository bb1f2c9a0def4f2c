// Calls any method with any bytes, as a client would that knows no .proto.
#ifndef CAISSON_TESTS_TESTING_RAW_CALL_H_
#define CAISSON_TESTS_TESTING_RAW_CALL_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/status.h"

namespace caisson::testing {

struct RawResult {
  grpc::Status status;
  // The bytes of every response.
  std::vector<std::string> responses;
};

// Sends the requests and half-closes, reads to the end. `method` as
// "/caisson.v1.ContainerService/Run".
RawResult RawCall(const std::shared_ptr<grpc::Channel>& channel,
                  const std::string& method,
                  const std::vector<std::string>& requests,
                  absl::Duration timeout = absl::Seconds(30));

// An empty request of a method of caisson.v1, as "ContainerService/Run"; null
// when there is none.
std::unique_ptr<google::protobuf::Message> NewRequestOf(
    const std::string& method);

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_RAW_CALL_H_
