// Short ways to say what a container or an exec should be.
#ifndef CAISSON_TESTS_TESTING_SPECS_H_
#define CAISSON_TESTS_TESTING_SPECS_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "caisson/v1/container_spec.pb.h"

namespace caisson::testing {

// A container from the shared root filesystem that runs `argv`.
v1::ContainerSpec Spec(const std::vector<std::string>& argv);
// `sh -c script`.
v1::ContainerSpec ShSpec(std::string_view script);
// caisson-probe with arguments.
v1::ContainerSpec ProbeSpec(std::vector<std::string> arguments);
// One that waits until it is stopped or killed; SIGTERM ends it with status 0.
v1::ContainerSpec WaitingSpec();

v1::ExecSpec ExecOf(const std::vector<std::string>& argv);
v1::ExecSpec ShExec(std::string_view script);
v1::ExecSpec ProbeExec(std::vector<std::string> arguments);

// A new UUID.
std::string NewRequestId();

// The "name=value" lines of caisson-probe, unescaped. A name may occur often.
class ProbeFacts {
 public:
  explicit ProbeFacts(const std::string& output);
  // The first value; "<none>" when there is none.
  std::string Get(const std::string& name) const;
  std::vector<std::string> All(const std::string& name) const;
  bool Has(const std::string& name) const;
  // The names that begin so.
  std::vector<std::string> Names(const std::string& prefix) const;

 private:
  std::multimap<std::string, std::string> facts_;
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_SPECS_H_
