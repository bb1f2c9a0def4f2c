// A plan as a page that people and programs can read.
//
// Process: caissond. Thread: any; pure.
#ifndef CAISSON_SERVER_CORE_LAUNCH_EXPLAIN_H_
#define CAISSON_SERVER_CORE_LAUNCH_EXPLAIN_H_

#include <string>
#include <vector>

#include "runtime/plan/builder.h"
#include "runtime/spec/spec.h"
#include "server/core/types.h"

namespace caisson::core {

// `effective` is the spec that the plan was built from.
Explanation Explain(const plan::Plan& plan,
                    const spec::ContainerSpec& effective);

// Puts in what the daemon itself does for networks: steps of stage DAEMON come
// first, those of NETWORK before the child goes on. They are numbered after
// those of the plan, whose numbers errors name.
void AddNetworks(std::vector<std::string> summary, std::vector<PlanStep> steps,
                 Explanation* explanation);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_LAUNCH_EXPLAIN_H_
