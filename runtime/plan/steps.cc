#include "runtime/plan/steps.h"

#include <stddef.h>

#include <string>
#include <utility>
#include <vector>

#include "runtime/plan/ops.h"

namespace caisson::plan {

void Steps::Add(const Op& op, std::string why) {
  steps_[static_cast<size_t>(op.executor)].push_back(Step{op, std::move(why)});
}

std::vector<Op> Steps::TakeOps(std::vector<std::string>* whys) {
  std::vector<Op> ops;
  for (std::vector<Step>& steps : steps_) {
    for (Step& step : steps) {
      ops.push_back(step.op);
      whys->push_back(std::move(step.why));
    }
    steps.clear();
  }
  return ops;
}

std::vector<std::string> Flatten(const MountOptions& options) {
  std::vector<std::string> flat;
  for (const auto& [key, value] : options) {
    flat.push_back(key);
    flat.push_back(value);
  }
  return flat;
}

}  // namespace caisson::plan
