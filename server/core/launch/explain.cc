#include "server/core/launch/explain.h"

#include <openssl/evp.h>

#include <cstdint>
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

}  // namespace caisson::core
