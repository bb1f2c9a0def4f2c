#include "netsetup/nft/messages.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "libmnl/libmnl.h"

#include "netsetup/nft/parse.h"
#include "netsetup/nft/ruleset.h"
#include "netsetup/nft/watch.h"
#include "runtime/base/status_matchers.h"

namespace caisson::netsetup::nft {
namespace {

using base::IsOk;

std::vector<const nlmsghdr*> MessagesOf(const Batch& batch) {
  std::vector<const nlmsghdr*> messages;
  int left = static_cast<int>(batch.size());
  const auto* header = reinterpret_cast<const nlmsghdr*>(batch.data());
  while (::mnl_nlmsg_ok(header, left)) {
    messages.push_back(header);
    header = ::mnl_nlmsg_next(header, &left);
  }
  EXPECT_EQ(left, 0) << "the batch ends with a whole message";
  return messages;
}

std::vector<Element> Ports(uint16_t first, uint16_t count) {
  const auto elements =
      BuildPortElements({.host_port = first,
                         .container_address = *ParseIpAddress("fd00::2"),
                         .container_port = 1,
                         .count = count});
  EXPECT_THAT(elements, IsOk());
  return *elements;
}

TEST(MessagesTest, ABatchIsFramedAndOnlyItsEndAcknowledged) {
  const Batch batch = BuildTable("caisson_a", {});
  const std::vector<const nlmsghdr*> messages = MessagesOf(batch);
  // Frame, table made, deleted and made, sets, chains, rules.
  ASSERT_EQ(messages.size(), 2 + 3 + kSetCount + kChainCount + Rules().size());
  EXPECT_EQ(messages.front()->nlmsg_type, NFNL_MSG_BATCH_BEGIN);
  EXPECT_EQ(messages.back()->nlmsg_type, NFNL_MSG_BATCH_END);
  for (size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(messages[i]->nlmsg_seq, i);
    EXPECT_EQ((messages[i]->nlmsg_flags & NLM_F_ACK) != 0,
              i + 2 == messages.size());
  }
}

TEST(MessagesTest, TheSameInputGivesTheSameBytes) {
  Elements elements;
  ASSERT_THAT(elements.Apply({.add = Ports(1, 100)}), IsOk());
  EXPECT_EQ(BuildTable("caisson_a", elements.map()),
            BuildTable("caisson_a", elements.map()));
}

TEST(MessagesTest, ElementsComeBackAsTheyWere) {
  const std::vector<Element> ports = Ports(1, 3000);
  const Batch batch = BuildChange("caisson_a", {.add = ports});
  const std::vector<const nlmsghdr*> messages = MessagesOf(batch);
  EXPECT_GT(messages.size(), 3u) << "one message cannot hold them";
  std::vector<Element> parsed;
  for (const nlmsghdr* message : messages) {
    EXPECT_LT(message->nlmsg_len, 65536u);
    const ElementList list = ParseElements(message);
    if (list.set.empty()) continue;
    EXPECT_EQ(list.table, "caisson_a");
    EXPECT_EQ(list.set, "ports6");
    parsed.insert(parsed.end(), list.elements.begin(), list.elements.end());
  }
  EXPECT_EQ(parsed, ports);
}

TEST(MessagesTest, RemovalsComeFirst) {
  const Batch batch =
      BuildChange("caisson_a", {.add = Ports(1, 1), .remove = Ports(2, 1)});
  const std::vector<const nlmsghdr*> messages = MessagesOf(batch);
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[1]->nlmsg_type & 0xff, NFT_MSG_DELSETELEM);
  EXPECT_EQ(messages[2]->nlmsg_type & 0xff, NFT_MSG_NEWSETELEM);
}

TEST(MessagesTest, ObjectsOfErrorsAreNamed) {
  const Batch change = BuildChange("caisson_a", {.add = Ports(80, 3)});
  const ElementList list = ParseElements(MessagesOf(change)[1]);
  EXPECT_EQ(ObjectText(change, 1, list.offsets[1]),
            "ports6 { tcp . 81 : fd00::2 . 2 }");
  EXPECT_EQ(ObjectText(change, 1, 0), "elements of ports6");
  EXPECT_EQ(ObjectText(change, 0, 0), "batch");
  EXPECT_EQ(ObjectText(change, 77, 0), "unknown message");
  const Batch one = BuildChange("caisson_a", {.add = Ports(80, 1)});
  EXPECT_EQ(ObjectText(one, 1, 0), "ports6 { tcp . 80 : fd00::2 . 1 }");

  const Batch table = BuildTable("caisson_a", {});
  EXPECT_EQ(ObjectText(table, 3, 0), "table caisson_a");
  EXPECT_EQ(ObjectText(table, 4, 0), "set nets");
  EXPECT_EQ(ObjectText(table, 4 + kSetCount, 0), "chain published");
  EXPECT_EQ(ObjectText(table, 4 + kSetCount + kChainCount, 0),
            "rule in published");
}

TEST(ParseTest, WhatWeSendIsUnderstood) {
  const Batch batch = BuildTable("caisson_a", {});
  const std::vector<const nlmsghdr*> messages = MessagesOf(batch);
  EXPECT_EQ(ParseTable(messages[3]).name, "caisson_a");
  EXPECT_THAT(ParseTable(messages[3]).comment,
              ::testing::StartsWith("caisson schema "));
  const ChainInfo chain = ParseChain(
      messages[4 + kSetCount + static_cast<size_t>(ChainId::kForwarding)]);
  EXPECT_EQ(chain.name, "forwarding");
  EXPECT_EQ(chain.type, "filter");
  EXPECT_TRUE(chain.is_base);
  EXPECT_EQ(chain.hook, 2u);
  EXPECT_FALSE(chain.drops);
  EXPECT_FALSE(ParseChain(messages[4 + kSetCount]).is_base);
  const RuleInfo rule = ParseRule(messages[4 + kSetCount + kChainCount + 4]);
  EXPECT_EQ(rule.chain, "managed");
  ASSERT_EQ(rule.expressions.size(), 4u);
  EXPECT_EQ(rule.expressions[0].name, "ct");
  EXPECT_EQ(rule.expressions[3].name, "immediate");
}

TEST(ParseTest, ARuleMayHaveMoreButNotLessThanWeGaveIt) {
  const Batch batch = BuildTable("caisson_a", {});
  const std::vector<const nlmsghdr*> messages = MessagesOf(batch);
  const size_t first = 4 + kSetCount + kChainCount;
  for (size_t i = first; i + 1 < messages.size(); ++i) {
    const RuleInfo ours = ParseRule(messages[i]);
    RuleInfo kernel = ours;
    EXPECT_TRUE(Implements(kernel, ours));
    kernel.expressions[0].attributes[200] = "a default";
    EXPECT_TRUE(Implements(kernel, ours));
    EXPECT_FALSE(Implements(ours, kernel));
    kernel = ours;
    kernel.expressions.pop_back();
    EXPECT_FALSE(Implements(kernel, ours));
    for (size_t j = first; j < i; ++j) {
      EXPECT_FALSE(Implements(ParseRule(messages[j]), ours) &&
                   ParseRule(messages[j]).chain == ours.chain);
    }
  }
}

TEST(ParseTest, OnlyOurTableIsOurNews) {
  const Batch ours = BuildTable("caisson_a", {});
  WatchNews news;
  AddNews("caisson_a", MessagesOf(ours)[1], &news);
  EXPECT_TRUE(news.table_changed);
  EXPECT_FALSE(news.foreign_chains_changed);
  news = {};
  for (const nlmsghdr* message : MessagesOf(ours)) {
    AddNews("caisson_b", message, &news);
  }
  EXPECT_FALSE(news.table_changed);
  EXPECT_TRUE(news.foreign_chains_changed);
}

}  // namespace
}  // namespace caisson::netsetup::nft
