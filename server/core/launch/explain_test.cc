#include "server/core/launch/explain.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::core {
namespace {

using ::testing::ElementsAre;

PlanStep Step(const std::string& stage, const std::string& text,
              int32_t index = 0) {
  PlanStep step;
  step.index = index;
  step.stage = stage;
  step.text = text;
  return step;
}

Explanation OfAStart() {
  Explanation explanation;
  explanation.summary = {"first"};
  explanation.hash = "plan";
  int32_t index = 0;
  for (const char* stage : {"PREPARE", "PARENT", "CHILD", "EXEC"}) {
    explanation.steps.push_back(Step(stage, "", index++));
  }
  return explanation;
}

std::vector<std::string> Order(const Explanation& explanation) {
  std::vector<std::string> order;
  for (const PlanStep& step : explanation.steps) {
    order.push_back(absl::StrCat(step.index, " ", step.stage, step.text));
  }
  return order;
}

TEST(ExplainTest, NetworksComeBesideTheShimsStepsAndKeepTheirNumbers) {
  Explanation explanation = OfAStart();
  AddNetworks({"second"},
              {Step("DAEMON", " a"), Step("DAEMON", " b"),
               Step("NETWORK", " c"), Step("NETWORK", " d")},
              &explanation);
  EXPECT_THAT(Order(explanation),
              ElementsAre("4 DAEMON a", "5 DAEMON b", "0 PREPARE", "1 PARENT",
                          "6 NETWORK c", "7 NETWORK d", "2 CHILD", "3 EXEC"));
  EXPECT_THAT(explanation.summary, ElementsAre("first", "second"));
}

TEST(ExplainTest, TheHashIsThatOfAllSteps) {
  Explanation one = OfAStart();
  Explanation same = OfAStart();
  Explanation other = OfAStart();
  AddNetworks({}, {Step("NETWORK", "a")}, &one);
  AddNetworks({}, {Step("NETWORK", "a")}, &same);
  AddNetworks({}, {Step("NETWORK", "b")}, &other);
  EXPECT_EQ(one.hash, same.hash);
  EXPECT_NE(one.hash, other.hash);
  EXPECT_NE(one.hash, OfAStart().hash);
}

}  // namespace
}  // namespace caisson::core
