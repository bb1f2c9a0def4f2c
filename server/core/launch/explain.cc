#include "server/core/launch/explain.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"

#include "runtime/plan/describe.h"
#include "runtime/plan/header.h"

namespace caisson::core {
namespace {

std::string Sha256Hex(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (::EVP_Digest(bytes.data(), bytes.size(), digest, &size, ::EVP_sha256(),
                   nullptr) != 1) {
    return "";
  }
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), size));
}

PlanStep StepOf(const plan::PlanView& view, uint32_t index,
                const plan::Plan& plan) {
  plan::StepText text = plan::DescribeOp(view, index);
  PlanStep step;
  step.index = static_cast<int32_t>(index);
  step.stage = std::move(text.stage);
  step.op = std::move(text.op);
  step.target = std::move(text.target);
  for (auto& [key, value] : text.detail) {
    step.detail[key] = std::move(value);
  }
  step.text = std::move(text.text);
  if (index < plan.notes.size()) step.why = plan.notes[index].why;
  return step;
}

}  // namespace

Explanation Explain(const plan::Plan& plan,
                    const spec::ContainerSpec& effective) {
  Explanation explanation;
  explanation.summary = plan.summary;
  explanation.effective = effective;
  explanation.hash = Sha256Hex(plan.bytes);
  plan::PlanView view;
  if (!plan::OpenPlan(plan.bytes.data(), plan.bytes.size(), &view)) {
    return explanation;
  }
  for (uint32_t i = 0; i < view.header->op_count; ++i) {
    explanation.steps.push_back(StepOf(view, i, plan));
  }
  return explanation;
}

void AddNetworks(std::vector<std::string> summary, std::vector<PlanStep> steps,
                 Explanation* explanation) {
  std::move(summary.begin(), summary.end(),
            std::back_inserter(explanation->summary));
  std::vector<PlanStep>& all = explanation->steps;
  auto index = static_cast<int32_t>(all.size());
  std::string hashed = explanation->hash;
  for (PlanStep& step : steps) {
    step.index = index++;
    hashed += step.text + "\n";
  }
  explanation->hash = Sha256Hex(hashed);
  const auto later = std::stable_partition(
      steps.begin(), steps.end(),
      [](const PlanStep& step) { return step.stage == "DAEMON"; });
  const auto child =
      std::find_if(all.begin(), all.end(), [](const PlanStep& step) {
        return step.stage == "CHILD" || step.stage == "EXEC";
      });
  all.insert(child, std::make_move_iterator(later),
             std::make_move_iterator(steps.end()));
  all.insert(all.begin(), std::make_move_iterator(steps.begin()),
             std::make_move_iterator(later));
}

}  // namespace caisson::core
