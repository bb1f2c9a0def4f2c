#include "server/store/filter.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "server/store/test_store.h"

namespace caisson::store {
namespace {

using base::IsOk;
using base::ReasonIs;

const std::map<std::string, std::string>& Labels() {
  static const auto* const kLabels = new std::map<std::string, std::string>{
      {"app", "web"}, {"tier", "front"}, {"empty", ""}, {"a.b/c", "x"}};
  return *kLabels;
}

bool Selects(std::string_view text) {
  absl::StatusOr<LabelSelector> selector = LabelSelector::Parse(text);
  EXPECT_THAT(selector, IsOk()) << text;
  return selector.ok() && selector->Matches(Labels());
}

TEST(LabelSelectorTest, TheEmptyTextSelectsEverything) {
  EXPECT_TRUE(Selects(""));
  EXPECT_TRUE(Selects("  "));
}

TEST(LabelSelectorTest, Equality) {
  EXPECT_TRUE(Selects("app=web"));
  EXPECT_TRUE(Selects("app == web"));
  EXPECT_TRUE(Selects("empty="));
  EXPECT_FALSE(Selects("app=db"));
  EXPECT_FALSE(Selects("missing="));
  EXPECT_TRUE(Selects("a.b/c=x"));
}

TEST(LabelSelectorTest, InequalityAlsoSelectsWhatHasNoSuchLabel) {
  EXPECT_TRUE(Selects("app!=db"));
  EXPECT_FALSE(Selects("app != web"));
  EXPECT_TRUE(Selects("missing!=x"));
  EXPECT_TRUE(Selects("missing notin (x,y)"));
}

TEST(LabelSelectorTest, Sets) {
  EXPECT_TRUE(Selects("app in (db, web)"));
  EXPECT_FALSE(Selects("app in (db)"));
  EXPECT_FALSE(Selects("missing in (db,web)"));
  EXPECT_TRUE(Selects("empty in (x,)"));
  EXPECT_FALSE(Selects("app notin (web,db)"));
  EXPECT_TRUE(Selects("app notin(db)"));
}

TEST(LabelSelectorTest, Existence) {
  EXPECT_TRUE(Selects("app"));
  EXPECT_FALSE(Selects("!app"));
  EXPECT_TRUE(Selects("! missing"));
  EXPECT_FALSE(Selects("missing"));
}

TEST(LabelSelectorTest, AllRequirementsMustHold) {
  EXPECT_TRUE(Selects("app=web,tier in (front,back),!missing,empty"));
  EXPECT_FALSE(Selects("app=web,tier=back"));
}

TEST(LabelSelectorTest, KeywordsMayBeKeysAndValues) {
  const std::map<std::string, std::string> labels = {{"in", "notin"}};
  absl::StatusOr<LabelSelector> selector =
      LabelSelector::Parse("in in (notin)");
  ASSERT_THAT(selector, IsOk());
  EXPECT_TRUE(selector->Matches(labels));
}

class BadSelectorTest : public testing::TestWithParam<const char*> {};

TEST_P(BadSelectorTest, IsRefusedWithTheField) {
  const absl::Status status = LabelSelector::Parse(GetParam()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status, ReasonIs("INVALID_FIELD"));
  const base::ErrorDetail detail = base::DetailOf(status);
  ASSERT_EQ(detail.violations.size(), 1u);
  EXPECT_EQ(detail.violations[0].field, "filter.label_selector");
}

INSTANTIATE_TEST_SUITE_P(All, BadSelectorTest,
                         testing::Values(",", "a,", "=b", "!", "!=b", "a b",
                                         "a in", "a in (", "a in ()", "a in (b",
                                         "a in b)", "a=b c", "a!", "a! b",
                                         "(a)", "a=(b)", "a=b=c", "a in (b c)",
                                         "!a=b", "a,,b"));

TEST(ContainerFilterTest, EachPartMustHold) {
  ContainerRecord record = MakeContainer("abc", "web-1");
  record.spec = MakeSpec("web-1", Labels());
  ContainerFilter filter;
  EXPECT_TRUE(filter.Matches(record));
  filter.name_prefix = "web";
  filter.id_prefix = "ab";
  filter.containers = {"other", "web-1"};
  filter.labels = *LabelSelector::Parse("app=web");
  filter.states = {ContainerState::kCreated};
  EXPECT_TRUE(filter.Matches(record));

  const auto without = [&](auto change) {
    ContainerFilter changed = filter;
    change(&changed);
    return changed.Matches(record);
  };
  EXPECT_FALSE(without([](auto* f) { f->name_prefix = "db"; }));
  EXPECT_FALSE(without([](auto* f) { f->id_prefix = "b"; }));
  EXPECT_FALSE(without([](auto* f) { f->containers = {"other"}; }));
  EXPECT_FALSE(
      without([](auto* f) { f->labels = *LabelSelector::Parse("!app"); }));
  EXPECT_FALSE(
      without([](auto* f) { f->states = {ContainerState::kRunning}; }));
  EXPECT_TRUE(without([](auto* f) { f->containers = {PaddedId("abc")}; }));
}

TEST(ContainerFilterTest, DeletedMustBeAskedFor) {
  ContainerRecord record = MakeContainer("abc", "web");
  record.status.state = ContainerState::kDeleted;
  ContainerFilter filter;
  EXPECT_FALSE(filter.Matches(record));
  EXPECT_TRUE(filter.MatchesIdentity(record));
  filter.states = {ContainerState::kDeleted};
  EXPECT_TRUE(filter.Matches(record));
}

}  // namespace
}  // namespace caisson::store
