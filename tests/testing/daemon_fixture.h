// The fixture of tests through a real daemon: one daemon for each suite, and
// at the suite's end the proof that nothing was left behind.
#ifndef CAISSON_TESTS_TESTING_DAEMON_FIXTURE_H_
#define CAISSON_TESTS_TESTING_DAEMON_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"

#include "tests/leakcheck/snapshot.h"
#include "tests/testing/daemon.h"
#include "tests/testing/environment.h"
#include "tests/testing/errors.h"
#include "tests/testing/rootfs.h"
#include "tests/testing/specs.h"
#include "tests/testing/streams.h"

namespace caisson::testing {

class DaemonTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  // Deletes what the tests left and fails when the host is not as before.
  static void TearDownTestSuite();

  void SetUp() override;
  // Shows the daemon's log when the test failed, and deletes its containers.
  void TearDown() override;

  static Daemon& daemon() { return *daemon_; }
  static const Stubs& stubs() { return daemon_->stubs(); }

  // A unary call: Call(stubs().containers, &Stub::GetContainer, request, &r).
  template <typename Stub, typename Base, typename Request, typename Response>
  static grpc::Status Call(const std::unique_ptr<Stub>& stub,
                           grpc::Status (Base::*method)(grpc::ClientContext*,
                                                        const Request&,
                                                        Response*),
                           const Request& request, Response* response,
                           absl::Duration timeout = absl::Seconds(60)) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + Scaled(timeout)));
    return (stub.get()->*method)(&context, request, response);
  }

  // Each is one call; on failure the test gets a failure and the result is
  // empty.
  static v1::Container Create(const v1::ContainerSpec& spec);
  static v1::Container Start(const std::string& container);
  static v1::Container CreateAndStart(const v1::ContainerSpec& spec);
  static v1::Container Get(const std::string& container);
  static v1::Exited Wait(const std::string& container);
  static grpc::Status Delete(const std::string& container, bool force = true);
  static std::vector<v1::Container> List(
      const v1::ContainerFilter& filter = {});
  // Their ids, short enough to be printed.
  static std::vector<std::string> Ids(const v1::ContainerFilter& filter = {});
  // All kept output of a container, both streams.
  static std::string Logs(const std::string& container);
  static v1::ExecSyncResponse ExecSync(const std::string& container,
                                       const v1::ExecSpec& spec);
  // The objects that Audit does not like.
  static std::vector<std::string> AuditProblems();
  static void DeleteAll();
  // For suites that make more once and keep it: from now on this is the
  // beginning.
  static void TakeBaseline() { baseline_ = daemon_->TakeSnapshot(); }
  // Waits until there is nothing that was not there at the beginning; what
  // is too much otherwise.
  static std::vector<std::string> Leaks();

  // Whether the tests of this suite can run at all.
  static std::string WhyNot();
  // For suites with flags of their own, before SetUpTestSuite of this class.
  static void SetDaemonOptions(DaemonOptions options);

 private:
  static std::unique_ptr<Daemon> daemon_;
  static leakcheck::Snapshot baseline_;
  static DaemonOptions options_;
  // Where in the daemon's log this test begins.
  size_t log_begin_ = 0;
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_DAEMON_FIXTURE_H_
