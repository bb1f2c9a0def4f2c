// TCP between namespaces, within one process.
//
// Process: the network benchmark. Thread: one, beside that of each server.
#ifndef CAISSON_TESTS_BENCH_TCP_H_
#define CAISSON_TESTS_BENCH_TCP_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "runtime/base/unique_fd.h"
#include "tests/bench/stats.h"

namespace caisson::bench {

// Takes one connection after the other and swallows what it sends.
class TcpSink {
 public:
  static absl::StatusOr<std::unique_ptr<TcpSink>> Open(int netns_fd,
                                                       uint16_t port);
  ~TcpSink();
  TcpSink(const TcpSink&) = delete;
  TcpSink& operator=(const TcpSink&) = delete;

 private:
  explicit TcpSink(base::UniqueFd listener);
  void Serve() const;

  base::UniqueFd listener_;
  std::thread thread_;
};

// A peer as seen from a namespace.
struct TcpRoute {
  int netns_fd = -1;
  std::string address;  // IPv4
  uint16_t port = 0;
};

// Appends the time of `count` connections, each with a port of its own and
// reset at once.
absl::Status TimeConnections(const TcpRoute& route, int count,
                             Samples* samples);

// Bytes that the kernel took in one second of that time.
absl::StatusOr<double> MeasureStream(const TcpRoute& route,
                                     absl::Duration duration);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_TCP_H_
