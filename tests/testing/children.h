// Which child processes a test has started, and which it was given.
//
// Tests are subreapers: what a killed keeper or shim leaves behind becomes
// their child and has to be reaped, without taking the status of a child that
// somebody waits for.
#ifndef CAISSON_TESTS_TESTING_CHILDREN_H_
#define CAISSON_TESTS_TESTING_CHILDREN_H_

#include <sys/types.h>

namespace caisson::testing {

// After fork: whoever calls this will wait for the child.
void AddOwnChild(pid_t pid);
// After the wait.
void ForgetOwnChild(pid_t pid);
// Reaps every ended child that nobody waits for.
void ReapAdopted();

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_CHILDREN_H_
