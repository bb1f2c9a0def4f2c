#include "netsetup/nft/foreign.h"

#include <linux/netfilter/nf_conntrack_common.h>

#include <cstring>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::netsetup::nft {
namespace {

using Kind = ForeignStep::Kind;
using What = ForeignStep::What;
using Steps = std::vector<ForeignStep>;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const ForeignStep kDrop = {.kind = Kind::kDrop};
const ForeignStep kAccept = {.kind = Kind::kAccept};
const ForeignStep kReturn = {.kind = Kind::kReturn};
const ForeignStep kUnknown = {};
const ForeignStep kCounter = {.kind = Kind::kNothing};

ForeignStep To(Kind kind, std::string chain) {
  return {.kind = kind, .chain = std::move(chain)};
}

// As nft compares: the whole name, or the beginning of one with a star.
Steps Name(What what, std::string name, bool is_not = false) {
  if (name.back() == '*') {
    name.pop_back();
  } else {
    name.resize(16, '\0');
  }
  return {{.kind = Kind::kLoad, .what = what, .bytes = 16},
          {.kind = Kind::kCompare, .is_not = is_not, .data = name}};
}
Steps Input(const std::string& name) {
  return Name(What::kInputName, name);
}
Steps Output(const std::string& name) {
  return Name(What::kOutputName, name);
}

// "ct state ...": one of them.
Steps State(uint32_t bits) {
  std::string mask(sizeof(bits), '\0');
  std::memcpy(mask.data(), &bits, sizeof(bits));
  const std::string zero(sizeof(bits), '\0');
  return {{.kind = Kind::kLoad, .what = What::kState, .bytes = 4},
          {.kind = Kind::kMask, .bytes = 4, .data = mask, .toggle = zero},
          {.kind = Kind::kCompare, .is_not = true, .data = zero}};
}

Steps Port(uint8_t protocol, uint8_t port) {
  return {{.kind = Kind::kLoad, .what = What::kProtocol, .bytes = 1},
          {.kind = Kind::kCompare,
           .data = std::string(1, static_cast<char>(protocol))},
          {.kind = Kind::kLoad, .what = What::kPort, .bytes = 2},
          {.kind = Kind::kCompare,
           .data = std::string({'\0', static_cast<char>(port)})}};
}

Steps With(Steps steps, const ForeignStep& last) {
  steps.push_back(last);
  return steps;
}

class ForeignTest : public ::testing::Test {
 protected:
  void Add(const std::string& chain, Steps steps) {
    chains_[chain].push_back(
        {.table = "t", .chain = chain, .steps = std::move(steps)});
  }
  Fate Of(const ForeignPacket& packet, bool drops_by_policy = false) const {
    return FateOf(chains_, "base", drops_by_policy, packet);
  }
  bool IsDropped(const ForeignPacket& packet) const {
    return Of(packet).is_dropped;
  }

  const ForeignPacket any_ = {};
  const ForeignPacket from_ = {.input = "cb01", .output = {}};
  const ForeignPacket to_ = {.input = {}, .output = "cb01"};
  const ForeignPacket asks_ = {
      .input = "cb01", .output = {}, .asks_names = true};
  ForeignChains chains_;
};

TEST_F(ForeignTest, ThePolicyIsWhatIsLeft) {
  EXPECT_EQ(Of(any_, false), (Fate{false, false}));
  EXPECT_EQ(Of(any_, true), (Fate{true, false}));
  Add("base", {kUnknown, kAccept});
  EXPECT_EQ(Of(any_, true), (Fate{true, true}));
  Add("base", {kCounter, kAccept});
  EXPECT_FALSE(Of(any_, true).is_dropped);
}

TEST_F(ForeignTest, ARuleThatDropsAllDropsOurs) {
  Add("base", With(State(NF_CT_STATE_BIT(IP_CT_ESTABLISHED)), kAccept));
  Add("base", {kUnknown, kDrop});
  EXPECT_FALSE(IsDropped(any_));
  Add("base", {kCounter, kDrop});
  EXPECT_EQ(Of(any_), (Fate{true, false})) << "what is new is not established";
}

TEST_F(ForeignTest, StatesAreKnown) {
  Add("base", With(State(NF_CT_STATE_INVALID_BIT), kDrop));
  EXPECT_FALSE(IsDropped(any_));
  Add("base",
      With(State(NF_CT_STATE_INVALID_BIT | NF_CT_STATE_BIT(IP_CT_NEW)), kDrop));
  EXPECT_TRUE(IsDropped(any_));
}

TEST_F(ForeignTest, InterfacesAreToldByName) {
  Add("base", With(Input("eth0"), kDrop));
  Add("base", With(Input("cb02"), kDrop));
  Add("base", With(Input("cb0"), kDrop));
  EXPECT_FALSE(IsDropped(from_));
  EXPECT_FALSE(IsDropped(to_)) << "from some other interface it is not";
  Add("base", With(Output("cb*"), kDrop));
  EXPECT_FALSE(IsDropped(from_));
  EXPECT_TRUE(IsDropped(to_));
  EXPECT_FALSE(IsDropped(any_));
  Add("base", With(Input("cb01"), kDrop));
  EXPECT_TRUE(IsDropped(from_));
}

TEST_F(ForeignTest, WhatIsNotOfAnInterfaceIsOfOurs) {
  Add("base", With(Name(What::kInputName, "eth0", true), kDrop));
  EXPECT_TRUE(IsDropped(from_));
  EXPECT_FALSE(IsDropped(to_));
}

TEST_F(ForeignTest, WhoLetsOursPassDropsNone) {
  Add("base", With(Input("cb*"), kAccept));
  Add("base", With(Output("cb*"), kAccept));
  Add("base", {kDrop});
  EXPECT_FALSE(IsDropped(from_));
  EXPECT_FALSE(IsDropped(to_));
  EXPECT_TRUE(IsDropped(any_));
}

TEST_F(ForeignTest, ChainsAreFollowed) {
  Add("base", {To(Kind::kJump, "empty")});
  Add("base", With(Input("cb*"), To(Kind::kJump, "users")));
  Add("users", With(Input("cb02"), kDrop));
  Add("users", {kUnknown, To(Kind::kJump, "drops")});
  Add("users", {kReturn});
  Add("users", {kDrop});
  Add("drops", {kDrop});
  EXPECT_EQ(Of(from_), (Fate{false, true}));
  Add("base", {To(Kind::kGoto, "last")});
  Add("base", {kDrop});
  EXPECT_FALSE(IsDropped(from_)) << "nothing comes back from there";
  EXPECT_TRUE(Of(from_, true).is_dropped);
  Add("last", {kDrop});
  EXPECT_TRUE(IsDropped(from_));
}

TEST_F(ForeignTest, ACircleEnds) {
  Add("base", {To(Kind::kJump, "base")});
  Add("base", {kDrop});
  EXPECT_TRUE(IsDropped(any_));
}

TEST_F(ForeignTest, QuestionsForNamesAreKnown) {
  Add("base", With(Port(6, 53), kAccept));
  Add("base", With(Port(17, 67), kAccept));
  Add("base", {kDrop});
  EXPECT_EQ(Of(asks_), (Fate{true, false}));
  EXPECT_TRUE(Of(from_).has_exceptions);
  chains_["base"].insert(
      chains_["base"].begin(),
      {.table = "t", .chain = "base", .steps = With(Port(17, 53), kAccept)});
  EXPECT_FALSE(IsDropped(asks_));
}

TEST_F(ForeignTest, MapsOfVerdictsMayLetPass) {
  Add("base", {{.kind = Kind::kSomeVerdict}});
  Add("base", {kDrop});
  EXPECT_EQ(Of(any_), (Fate{true, true}));
}

TEST_F(ForeignTest, RegistersEndWhereTheyEnd) {
  for (const size_t at : {size_t{60}, size_t{64}, size_t{1000}}) {
    Add("base",
        {{.kind = Kind::kLoad,
          .what = What::kInputName,
          .to = at,
          .bytes = 1000},
         {.kind = Kind::kMask,
          .from = at,
          .to = at,
          .bytes = 1000,
          .data = std::string(1000, '\xff')},
         {.kind = Kind::kCompare, .from = at, .data = std::string(1000, 'x')},
         kDrop});
  }
  EXPECT_FALSE(IsDropped(from_));
}

TEST_F(ForeignTest, NamesAreToldApartAsTheRulesDo) {
  EXPECT_THAT(ToldApart(chains_, {}), IsEmpty());
  EXPECT_THAT(ToldApart(chains_, {"cb01", "cb02"}), ElementsAre("cb01"));
  Add("base", With(Input("cb02"), kDrop));
  Add("base", With(Output("cv*"), kDrop));
  EXPECT_THAT(ToldApart(chains_, {"cb01", "cb02", "cb03", "cv1", "cv2"}),
              ElementsAre("cb01", "cb02", "cv1"));
}

}  // namespace
}  // namespace caisson::netsetup::nft
