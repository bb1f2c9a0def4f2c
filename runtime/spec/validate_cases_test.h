// What the table tests of validation share: a spec that is valid, and one row.
//
// Process: tests. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_VALIDATE_CASES_TEST_H_
#define CAISSON_RUNTIME_SPEC_VALIDATE_CASES_TEST_H_

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/spec/spec.h"
#include "runtime/spec/validate.h"

namespace caisson::spec {

inline ContainerSpec ValidSpec() {
  ContainerSpec spec;
  spec.rootfs.host_directory = HostDirectory{.path = "/srv/root"};
  spec.process.command = {"/bin/true"};
  return spec;
}

inline ExecSpec ValidExec() {
  ExecSpec spec;
  spec.process.command = {"/bin/true"};
  return spec;
}

// One change of a valid spec and the fields that are wrong then; none: it is
// valid still.
template <typename Spec>
struct Row {
  std::function<void(Spec&)> change;
  std::vector<std::string> fields;
};

template <typename Spec>
void CheckRows(const Spec& valid, const std::vector<Row<Spec>>& rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    Spec spec = valid;
    rows[i].change(spec);
    std::vector<std::string> fields;
    std::string all;
    for (const base::FieldViolation& violation : Validate(spec)) {
      EXPECT_FALSE(violation.description.empty());
      fields.push_back(violation.field);
      all += violation.field + ": " + violation.description + "\n";
    }
    EXPECT_THAT(fields, testing::UnorderedElementsAreArray(rows[i].fields))
        << "row " << i << "\n"
        << all;
  }
}

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_VALIDATE_CASES_TEST_H_
