// The operations of a running daemon that the benchmarks time, over one
// channel that stays open, as a client of the API would keep it.
//
// Process: the benchmark driver. Thread: one.
#ifndef CAISSON_TESTS_BENCH_DAEMON_CLIENT_H_
#define CAISSON_TESTS_BENCH_DAEMON_CLIENT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "caisson/v1/container_service.grpc.pb.h"
#include "caisson/v1/exec_service.grpc.pb.h"
#include "caisson/v1/system_service.grpc.pb.h"

namespace caisson::bench {

class DaemonClient {
 public:
  // `address` as gRPC names it: "unix:///run/caisson/caisson.sock".
  explicit DaemonClient(const std::string& address);

  // One Run of argv with delete_after_exit 0, from the first message to the
  // status of the stream, on the network of that name (empty: none). The phases
  // that the daemon reports are added up in phases_ns().
  absl::StatusOr<int64_t> TimeRun(const std::vector<std::string>& argv,
                                  const std::string& network = "");

  // Create, Start, Wait and Delete as four unary calls.
  absl::StatusOr<int64_t> TimeFourCalls(const std::vector<std::string>& argv);

  // One Exec stream in a running container, to its status.
  absl::StatusOr<int64_t> TimeExec(const std::string& container,
                                   const std::vector<std::string>& argv);

  // Creates and starts a container that stays; returns its id and the time.
  struct Started {
    std::string id;
    int64_t elapsed_ns = 0;
  };
  absl::StatusOr<Started> StartSleeper();
  absl::Status ForceDelete(const std::string& id);

  // One ListContainers call of the default page size.
  absl::StatusOr<int64_t> TimeList();

  // Runs argv and receives its whole output: payload bytes and the time from
  // Started to Exited.
  struct Streamed {
    int64_t bytes = 0;
    int64_t elapsed_ns = 0;
  };
  absl::StatusOr<Streamed> StreamOutput(const std::vector<std::string>& argv);

  // The plan of the container that TimeRun makes.
  absl::StatusOr<v1::Plan> Explain(const std::vector<std::string>& argv);

  // The host directory that the containers of this client share.
  void set_rootfs(std::string path) { rootfs_ = std::move(path); }

  // By "Run phase START", "Run with a network, phase START".
  const std::map<std::string, std::vector<int64_t>>& phases_ns() const {
    return phases_ns_;
  }

 private:
  v1::ContainerSpec Spec(const std::vector<std::string>& argv) const;
  void AddPhases(const std::string& prefix, const v1::Timings& timings);

  std::unique_ptr<v1::ContainerService::Stub> containers_;
  std::unique_ptr<v1::ExecService::Stub> execs_;
  std::string rootfs_;
  std::map<std::string, std::vector<int64_t>> phases_ns_;
};

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_DAEMON_CLIENT_H_
