#include "clients/caisson/plan_text.h"

#include "clients/caisson/output.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

constexpr size_t kWhyColumn = 72;

// Who does the steps of a stage.
std::string StageTitle(const std::string& stage) {
  if (stage == "DAEMON") return "DAEMON: the daemon, before there is a shim";
  if (stage == "PREPARE") return "PREPARE: the shim, before the process exists";
  if (stage == "PARENT") return "PARENT: the shim, beside the new process";
  if (stage == "NETWORK")
    return "NETWORK: the daemon, on the host and in the container's network";
  if (stage == "CHILD") return "CHILD: the new process, in its namespaces";
  if (stage == "EXEC") return "EXEC: the new process, last";
  return stage;
}

std::string StepText(const v1::PlanStep& step, bool why, bool colours) {
  std::string number = std::to_string(step.index());
  number.insert(0, number.size() < 4 ? 4 - number.size() : 0, ' ');
  std::string line = number + "  " + client::OneLine(step.text());
  if (!why || step.why().empty()) return line + "\n";
  if (line.size() + 2 < kWhyColumn) {
    line.resize(kWhyColumn, ' ');
  } else {
    line += "\n" + std::string(kWhyColumn, ' ');
  }
  const std::string reason = "# " + client::OneLine(step.why());
  return line + (colours ? "\x1b[2m" + reason + "\x1b[0m" : reason) + "\n";
}

}  // namespace

std::string StepsText(
    const google::protobuf::RepeatedPtrField<v1::PlanStep>& steps, bool why) {
  const bool colours = WantColours();
  std::string text;
  std::string stage;
  for (const v1::PlanStep& step : steps) {
    if (step.stage() != stage) {
      stage = step.stage();
      const std::string title = StageTitle(stage);
      text += "\n" + (colours ? "\x1b[1m" + title + "\x1b[0m" : title) + "\n";
    }
    text += StepText(step, why, colours);
  }
  return text;
}

}  // namespace caisson::cli
