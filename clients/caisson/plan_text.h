// The steps of a plan as a page.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_PLAN_TEXT_H_
#define CAISSON_CLIENTS_CAISSON_PLAN_TEXT_H_

#include <string>

#include "google/protobuf/repeated_ptr_field.h"

#include "caisson/v1/plan.pb.h"

namespace caisson::cli {

// A title above each stage, a line for each step; with `why` the reasons
// beside them.
std::string StepsText(
    const google::protobuf::RepeatedPtrField<v1::PlanStep>& steps, bool why);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_PLAN_TEXT_H_
