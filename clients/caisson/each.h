// The verbs that do one thing to each of several containers.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_EACH_H_
#define CAISSON_CLIENTS_CAISSON_EACH_H_

#include <functional>
#include <string>
#include <vector>

#include "clients/caisson/output.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

// Calls for every container, prints the reference of each that worked and an
// error for each that did not: 0 or 1.
inline int ForEach(
    Context* context, const std::string& tried,
    const std::vector<std::string>& references,
    const std::function<grpc::Status(const std::string& container)>& call) {
  int exit_status = 0;
  for (const std::string& reference : references) {
    const grpc::Status status =
        WithContainer(context->connection(), reference, call);
    if (status.ok()) {
      PrintLine(reference);
    } else {
      exit_status = context->Fail(tried + " " + reference, status);
    }
  }
  return exit_status;
}

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_EACH_H_
