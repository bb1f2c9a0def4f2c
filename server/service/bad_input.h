// Rows of bad input: what a client sends, and which error it must get.
//
// Process: unit tests. Thread: main.
#ifndef CAISSON_SERVER_SERVICE_BAD_INPUT_H_
#define CAISSON_SERVER_SERVICE_BAD_INPUT_H_

#include <string>
#include <string_view>
#include <vector>

#include "server/service/test_server.h"

namespace caisson::service {

// A spec that is fine, in protobuf's text format.
inline constexpr char kGoodSpec[] =
    "rootfs { host_directory { path: '/srv/root' } } "
    "process { command: 'true' }";

// Between two texts of which the second is merged into the first.
inline constexpr char kMerge[] = "\n---\n";

struct BadInput {
  std::string method;             // "ContainerService.GetContainer"
  std::vector<std::string> text;  // the requests, in text format
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string reason;
  std::string field;  // of the first violation, or of any; "": none
  Role role = Role::kAdmin;
};

// The request of a method, from text format to bytes.
std::string FromText(std::string_view method, const std::string& text);

// Sends each row and checks code, reason, field and domain, and that nothing
// came back.
void ExpectAllRefused(TestServer* server, const std::vector<BadInput>& rows);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_BAD_INPUT_H_
