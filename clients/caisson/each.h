// The verbs that do one thing to each of several containers or networks.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_EACH_H_
#define CAISSON_CLIENTS_CAISSON_EACH_H_

#include <functional>
#include <string>
#include <vector>

#include "grpcpp/support/status.h"

#include "clients/caisson/verb.h"

namespace caisson::cli {

// Calls for every container, several at a time and in threads of its own;
// prints, in the order of the references, each that worked, and an error for
// each that did not: 0 or 1.
int ForEach(
    Context* context, const std::string& tried,
    const std::vector<std::string>& references,
    const std::function<grpc::Status(const std::string& container)>& call);

// The same for networks.
int ForEachNetwork(
    Context* context, const std::string& tried,
    const std::vector<std::string>& references,
    const std::function<grpc::Status(const std::string& network)>& call);

// The same for what is called by its name alone.
int ForEachName(
    Context* context, const std::string& tried,
    const std::vector<std::string>& names,
    const std::function<grpc::Status(const std::string& name)>& call);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_EACH_H_
