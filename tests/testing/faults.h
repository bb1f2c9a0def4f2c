// Faults in a daemon under test, one at a time: of netlink, of the store, and
// sudden death. The daemon needs no change: a library that the loader puts
// before libc does it (fault_library.cc), and it is told here.
//
// Process: test. Thread: one.
#ifndef CAISSON_TESTS_TESTING_FAULTS_H_
#define CAISSON_TESTS_TESTING_FAULTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/testing/fault_plan.h"
#include "tests/testing/temp_dir.h"

namespace caisson::testing {

class Faults {
 public:
  Faults();
  ~Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  // For DaemonOptions::environment.
  std::vector<std::string> Environment() const;

  // The `nth` step from now on, counted from 1, of any of `kinds`.
  void Arm(uint32_t kinds, FaultAction action, int64_t nth);
  // Whether it came to the fault. Nothing is armed any more.
  bool Disarm();
  bool hit() const { return plan_->hit != 0; }

 private:
  TempDir directory_;
  FaultPlan* plan_ = nullptr;
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_FAULTS_H_
