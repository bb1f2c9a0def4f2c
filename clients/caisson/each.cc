#include "clients/caisson/each.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "clients/caisson/output.h"
#include "clients/caisson/reference.h"

namespace caisson::cli {

namespace {

// One that takes its time, as a stop may, must not hold up all others.
constexpr size_t kAtATime = 32;

using Call = std::function<grpc::Status(const std::string& reference)>;

int CallEach(Context* context, const std::string& tried,
             const std::vector<std::string>& references, const Call& call) {
  std::vector<std::promise<grpc::Status>> results(references.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    size_t i;
    while ((i = next.fetch_add(1)) < references.size()) {
      results[i].set_value(call(references[i]));
    }
  };
  std::vector<std::thread> threads;
  // This thread prints, so that nobody waits for all to see the first.
  for (size_t i = 0; i < std::min(kAtATime, references.size()); ++i) {
    threads.emplace_back(work);
  }
  int exit_status = 0;
  for (size_t i = 0; i < references.size(); ++i) {
    const grpc::Status status = results[i].get_future().get();
    if (status.ok()) {
      PrintLine(references[i]);
    } else {
      exit_status = context->Fail(tried + " " + references[i], status);
    }
  }
  for (std::thread& thread : threads) thread.join();
  return exit_status;
}

}  // namespace

int ForEach(
    Context* context, const std::string& tried,
    const std::vector<std::string>& references,
    const std::function<grpc::Status(const std::string& container)>& call) {
  const client::Connection& connection = context->connection();
  return CallEach(context, tried, references, [&](const std::string& word) {
    return WithContainer(connection, word, call);
  });
}

int ForEachNetwork(
    Context* context, const std::string& tried,
    const std::vector<std::string>& references,
    const std::function<grpc::Status(const std::string& network)>& call) {
  const client::Connection& connection = context->connection();
  return CallEach(context, tried, references, [&](const std::string& word) {
    return WithNetwork(connection, word, call);
  });
}

int ForEachName(
    Context* context, const std::string& tried,
    const std::vector<std::string>& names,
    const std::function<grpc::Status(const std::string& name)>& call) {
  context->connection();
  return CallEach(context, tried, names, call);
}

}  // namespace caisson::cli
