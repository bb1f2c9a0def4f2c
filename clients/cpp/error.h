// The cause of a failed call, for programs and in one line for people.
//
// Thread: any.
#ifndef CAISSON_CLIENTS_CPP_ERROR_H_
#define CAISSON_CLIENTS_CPP_ERROR_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/support/status.h"

namespace caisson::client {

struct Cause {
  // Of the service's ErrorInfo, as "WRONG_STATE"; empty when the error is not
  // the service's own.
  std::string reason;
  std::map<std::string, std::string> metadata;
  // Field path and what is wrong with it.
  std::vector<std::pair<std::string, std::string>> fields;
};

Cause CauseOf(const grpc::Status& status);

// "<tried>: <why>", one line. `address` is named when nobody answers there.
std::string RenderError(const std::string& tried, const grpc::Status& status,
                        const std::string& address);

// What run and exec exit with: 126 not executable, 127 not found, else 125.
int ExitStatusOf(const grpc::Status& status);

// Replaces control characters, so that a message stays one line and sends
// nothing to the terminal.
std::string OneLine(const std::string& text);

}  // namespace caisson::client

#endif  // CAISSON_CLIENTS_CPP_ERROR_H_
