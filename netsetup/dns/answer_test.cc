#include "netsetup/dns/answer.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/dns/query_test.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::dns {
namespace {

using base::StrCat;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Action = Answer::Action;

constexpr int kNoError = LDNS_RCODE_NOERROR;
constexpr int kMissing = LDNS_RCODE_NXDOMAIN;
constexpr int kRefused = LDNS_RCODE_REFUSED;

std::vector<ZoneEntry> Entries() {
  return {{.name = "web",
           .aliases = {"www"},
           .short_id = "0123456789ab",
           .addresses = Addresses({"10.0.0.2", "fd00::2"})},
          {.name = "only4", .addresses = Addresses({"10.0.0.3"})},
          {.name = "only6", .addresses = Addresses({"fd00::4"})}};
}

ZoneOptions Options(bool internal) {
  return {
      .domain = "net.internal",
      .subnets = {*ParseIpPrefix("10.0.0.0/24"), *ParseIpPrefix("fd00::/64")},
      .internal = internal};
}

class DnsAnswerTest : public ::testing::Test {
 protected:
  Answer Ask(ByteView query, Transport transport = Transport::kUdp,
             uint32_t rotation = 0) {
    std::vector<const Zone*> zones;
    for (const auto& zone : zones_) zones.push_back(zone.get());
    return BuildAnswer(zones, query, transport, rotation);
  }
  TestReply AskFor(const TestQuery& query,
                   Transport transport = Transport::kUdp,
                   uint32_t rotation = 0) {
    const Answer answer = Ask(MakeQuery(query), transport, rotation);
    EXPECT_EQ(answer.action, Action::kRespond) << query.name;
    size_ = answer.response.size();
    return ReadReply(answer.response);
  }

  std::vector<ZonePtr> zones_ = {MakeZone(Options(false), Entries())};
  size_t size_ = 0;
};

struct Row {
  const char* name;
  ldns_rr_type type;
  int code;  // -1: forwarded
  std::vector<std::string> answers;
  int internal_code;
};

TEST_F(DnsAnswerTest, Table) {
  constexpr int kForward = -1;
  const std::string v6 =
      "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6."
      "arpa";
  const std::string absent6 = "9" + v6.substr(1);
  const std::vector<Row> rows = {
      {"web", LDNS_RR_TYPE_A, kNoError, {"A 10.0.0.2"}, kNoError},
      {"WEB", LDNS_RR_TYPE_AAAA, kNoError, {"AAAA fd00::2"}, kNoError},
      {"www.net.internal", LDNS_RR_TYPE_A, kNoError, {"A 10.0.0.2"}, kNoError},
      {"0123456789ab", LDNS_RR_TYPE_A, kNoError, {"A 10.0.0.2"}, kNoError},
      {"web",
       LDNS_RR_TYPE_ANY,
       kNoError,
       {"A 10.0.0.2", "AAAA fd00::2"},
       kNoError},
      // The other family, another type: it exists, without such a record.
      {"only4", LDNS_RR_TYPE_AAAA, kNoError, {}, kNoError},
      {"only6.net.internal", LDNS_RR_TYPE_A, kNoError, {}, kNoError},
      {"web", LDNS_RR_TYPE_MX, kNoError, {}, kNoError},
      {"web", LDNS_RR_TYPE_SOA, kNoError, {}, kNoError},
      {"net.internal", LDNS_RR_TYPE_NS, kNoError, {}, kNoError},
      // Reverse names.
      {"2.0.0.10.in-addr.arpa",
       LDNS_RR_TYPE_PTR,
       kNoError,
       {"PTR web.net.internal."},
       kNoError},
      {v6.c_str(),
       LDNS_RR_TYPE_PTR,
       kNoError,
       {"PTR web.net.internal."},
       kNoError},
      {"2.0.0.10.in-addr.arpa", LDNS_RR_TYPE_A, kNoError, {}, kNoError},
      {"9.0.0.10.in-addr.arpa", LDNS_RR_TYPE_PTR, kMissing, {}, kMissing},
      {absent6.c_str(), LDNS_RR_TYPE_PTR, kMissing, {}, kMissing},
      {"9.9.9.9.in-addr.arpa", LDNS_RR_TYPE_PTR, kForward, {}, kMissing},
      // Not there.
      {"other.net.internal", LDNS_RR_TYPE_A, kMissing, {}, kMissing},
      {"x.web.net.internal", LDNS_RR_TYPE_A, kMissing, {}, kMissing},
      {"other", LDNS_RR_TYPE_A, kForward, {}, kMissing},
      {"example.com", LDNS_RR_TYPE_A, kForward, {}, kMissing},
      {"example.com", LDNS_RR_TYPE_ANY, kForward, {}, kMissing},
      {".", LDNS_RR_TYPE_NS, kForward, {}, kMissing},
      // Zone transfers and other questions that ask for no data.
      {"net.internal", LDNS_RR_TYPE_AXFR, kRefused, {}, kRefused},
      {"example.com", LDNS_RR_TYPE_IXFR, kRefused, {}, kRefused},
      {"example.com", LDNS_RR_TYPE_MAILB, kRefused, {}, kRefused},
      {"example.com", LDNS_RR_TYPE_TSIG, kRefused, {}, kRefused},
  };
  for (const bool internal : {false, true}) {
    zones_ = {MakeZone(Options(internal), Entries())};
    for (const Row& row : rows) {
      SCOPED_TRACE(StrCat(row.name, " ", int{row.type}, " ", internal));
      const int code = internal ? row.internal_code : row.code;
      if (code == kForward) {
        const Bytes query = MakeQuery({.name = row.name, .type = row.type});
        const Answer answer = Ask(query);
        EXPECT_EQ(answer.action, Action::kForward);
        EXPECT_EQ(answer.question_end, query.size());
        EXPECT_EQ(answer.max_reply_bytes, 512u);
        continue;
      }
      const TestReply reply = AskFor({.name = row.name, .type = row.type});
      EXPECT_EQ(reply.code, code);
      EXPECT_EQ(reply.answers, row.answers);
      EXPECT_EQ(reply.authoritative, code != kRefused);
      EXPECT_EQ(reply.id, 4711);
      EXPECT_EQ(reply.questions, 1u);
      EXPECT_TRUE(reply.recursion_desired);
      EXPECT_EQ(reply.recursion_available, !internal && code != kRefused);
      EXPECT_FALSE(reply.truncated);
      EXPECT_EQ(reply.authorities, 0u) << "nobody may keep it";
      EXPECT_THAT(reply.ttls, Each(kTtlSeconds));
    }
  }
}

TEST_F(DnsAnswerTest, TheQuestionComesBackAsItWasWritten) {
  const TestReply reply = AskFor({.name = "wEb.Net.internal"});
  EXPECT_EQ(reply.question, "wEb.Net.internal.");
  EXPECT_THAT(reply.answers, ElementsAre("A 10.0.0.2"));
}

TEST_F(DnsAnswerTest, OtherClassesAreRefused) {
  for (const ldns_rr_class rr_class : {LDNS_RR_CLASS_CH, LDNS_RR_CLASS_HS,
                                       LDNS_RR_CLASS_ANY, LDNS_RR_CLASS_NONE}) {
    EXPECT_EQ(AskFor({.name = "web", .rr_class = rr_class}).code, kRefused);
    EXPECT_EQ(AskFor({.name = "a.example", .rr_class = rr_class}).code,
              kRefused);
  }
}

TEST_F(DnsAnswerTest, WhatIsNoQueryIsDropped) {
  Bytes query = MakeQuery({.name = "web"});
  for (size_t size = 0; size < kHeaderBytes; ++size) {
    EXPECT_EQ(Ask(ByteView(query).first(size)).action, Action::kDrop);
  }
  query[2] |= 0x80;
  EXPECT_EQ(Ask(query).action, Action::kDrop);
}

TEST_F(DnsAnswerTest, OtherOperationsAreNotImplemented) {
  for (const uint8_t opcode : {1, 2, 4, 5, 15}) {
    Bytes query = MakeQuery({.name = "web"});
    query[2] = static_cast<uint8_t>(opcode << 3);
    query[5] = 9;  // not even looked at
    const Answer answer = Ask(query);
    ASSERT_EQ(answer.action, Action::kRespond);
    EXPECT_EQ(answer.response.size(), kHeaderBytes);
    const Header header = ReadHeader(answer.response);
    EXPECT_EQ(header.code, ResponseCode::kNotImplemented);
    EXPECT_EQ(header.opcode, opcode);
    EXPECT_EQ(header.id, 4711);
  }
}

// A query of one question, changed by `change`, is malformed.
void ExpectFormatError(const Answer& answer, const std::string& why) {
  ASSERT_EQ(answer.action, Action::kRespond) << why;
  EXPECT_EQ(answer.response.size(), kHeaderBytes) << why;
  EXPECT_EQ(ReadHeader(answer.response).code, ResponseCode::kFormatError)
      << why;
}

TEST_F(DnsAnswerTest, MalformedQueriesAreFormatErrors) {
  const Bytes good = MakeQuery({.name = "web"});
  for (size_t size = kHeaderBytes; size < good.size(); ++size) {
    ExpectFormatError(Ask(ByteView(good).first(size)), StrCat("cut ", size));
  }
  for (const size_t count_at : {4u, 6u, 8u, 10u}) {
    Bytes query = good;
    query[count_at] = 1;
    ExpectFormatError(Ask(query), StrCat("count ", count_at));
  }
  Bytes none = good;
  none[5] = 0;
  ExpectFormatError(Ask(none), "no question");
  // A pointer to itself, and one into the header.
  for (const uint8_t target : {12, 4}) {
    Bytes query(good.begin(), good.begin() + kHeaderBytes);
    query.insert(query.end(), {0xc0, target, 0, 1, 0, 1});
    ExpectFormatError(Ask(query), StrCat("pointer ", int{target}));
  }
  Bytes large = good;
  large.resize(kMaxQueryBytes + 1);
  ExpectFormatError(Ask(large), "large");
}

// With the OPT record of a query twice.
Bytes WithTwoOpts(const TestQuery& query) {
  const Bytes plain = MakeQuery({.name = query.name});
  Bytes bytes = MakeQuery(query);
  const Bytes opt(bytes.begin() + static_cast<ptrdiff_t>(plain.size()),
                  bytes.end());
  bytes.insert(bytes.end(), opt.begin(), opt.end());
  bytes[11] = 2;
  return bytes;
}

TEST_F(DnsAnswerTest, EdnsIsAnswered) {
  const TestReply plain = AskFor({.name = "web"});
  EXPECT_EQ(plain.udp_bytes, std::nullopt);
  const TestReply edns =
      AskFor({.name = "web", .udp_bytes = 4096, .dnssec_ok = true});
  EXPECT_EQ(edns.udp_bytes, kEdnsUdpBytes);
  EXPECT_TRUE(edns.dnssec_ok);
  EXPECT_THAT(edns.answers, ElementsAre("A 10.0.0.2"));
  const TestReply version =
      AskFor({.name = "web", .udp_bytes = 1232, .edns_version = 1});
  EXPECT_EQ(version.extended_code << 4 | version.code, 16);
  EXPECT_THAT(version.answers, IsEmpty());
  ExpectFormatError(Ask(WithTwoOpts({.name = "web", .udp_bytes = 1232})),
                    "two OPT records");
}

TEST_F(DnsAnswerTest, ForwardedRepliesMayBeAsLargeAsTheClientSays) {
  const auto limit = [&](const TestQuery& query, Transport transport) {
    return Ask(MakeQuery(query), transport).max_reply_bytes;
  };
  EXPECT_EQ(limit({.name = "a.example", .udp_bytes = 4096}, Transport::kUdp),
            4096u);
  EXPECT_EQ(limit({.name = "a.example", .udp_bytes = 100}, Transport::kUdp),
            512u);
  EXPECT_EQ(limit({.name = "a.example"}, Transport::kTcp), 65535u);
}

// `count` containers with one alias, each with both families.
ZonePtr Crowd(int count) {
  std::vector<ZoneEntry> entries;
  for (int i = 1; i <= count; ++i) {
    entries.push_back(
        {.name = StrCat("c", i),
         .aliases = {"crowd"},
         .addresses = Addresses(
             {StrCat("10.0.", i / 256, ".", i % 256), StrCat("fd00::", i)})});
  }
  return MakeZone({}, entries);
}

TEST_F(DnsAnswerTest, SharedAliasesRotate) {
  zones_ = {Crowd(3)};
  EXPECT_THAT(AskFor({.name = "crowd"}, Transport::kUdp, 0).answers,
              ElementsAre("A 10.0.0.1", "A 10.0.0.2", "A 10.0.0.3"));
  EXPECT_THAT(AskFor({.name = "crowd"}, Transport::kUdp, 1).answers,
              ElementsAre("A 10.0.0.2", "A 10.0.0.3", "A 10.0.0.1"));
  EXPECT_THAT(
      AskFor({.name = "crowd", .type = LDNS_RR_TYPE_AAAA}, Transport::kUdp, 5)
          .answers,
      ElementsAre("AAAA fd00::3", "AAAA fd00::1", "AAAA fd00::2"));
}

TEST_F(DnsAnswerTest, WhatDoesNotFitIsHadOverTcp) {
  zones_ = {Crowd(1023)};
  for (const ldns_rr_type type : {LDNS_RR_TYPE_A, LDNS_RR_TYPE_AAAA}) {
    const size_t record = type == LDNS_RR_TYPE_A ? 16 : 28;
    for (const size_t udp_bytes : {0u, 512u, 700u, 1232u, 65535u}) {
      TestQuery query = {.name = "crowd", .type = type};
      if (udp_bytes > 0) query.udp_bytes = static_cast<uint16_t>(udp_bytes);
      const size_t limit = std::clamp(udp_bytes, size_t{512}, size_t{1232});
      const TestReply reply = AskFor(query);
      EXPECT_TRUE(reply.truncated);
      EXPECT_LE(size_, limit);
      EXPECT_GT(size_ + record, limit) << "as many as fit";
      EXPECT_EQ(reply.answers.size(),
                (limit - 23 - (udp_bytes > 0 ? 11 : 0)) / record);
    }
    const TestReply all =
        AskFor({.name = "crowd", .type = type}, Transport::kTcp);
    EXPECT_FALSE(all.truncated);
    EXPECT_EQ(all.answers.size(), 1023u);
    EXPECT_EQ(
        absl::btree_set<std::string>(all.answers.begin(), all.answers.end())
            .size(),
        1023u);
  }
}

TEST_F(DnsAnswerTest, NamesOfTheLongestKindAreAnswered) {
  const std::string label(63, 'a');
  const std::string name =
      label + "." + label + "." + label + "." + std::string(61, 'b');
  zones_ = {
      MakeZone({}, {{.name = name, .addresses = Addresses({"10.0.0.2"})}})};
  EXPECT_THAT(AskFor({.name = name}).answers, ElementsAre("A 10.0.0.2"));
  EXPECT_THAT(
      AskFor({.name = "2.0.0.10.in-addr.arpa", .type = LDNS_RR_TYPE_PTR})
          .answers,
      ElementsAre("PTR " + name + "."));
}

TEST_F(DnsAnswerTest, FurtherNetworksOfAClientAreSearched) {
  zones_ = {MakeZone({.domain = "inner", .internal = true},
                     {{.name = "db", .addresses = Addresses({"10.1.0.2"})}}),
            MakeZone({.domain = "outer"},
                     {{.name = "db", .addresses = Addresses({"10.2.0.2"})},
                      {.name = "web", .addresses = Addresses({"10.2.0.3"})}})};
  EXPECT_THAT(AskFor({.name = "db"}).answers, ElementsAre("A 10.1.0.2"));
  EXPECT_THAT(AskFor({.name = "db.outer"}).answers, ElementsAre("A 10.2.0.2"));
  EXPECT_THAT(AskFor({.name = "web"}).answers, ElementsAre("A 10.2.0.3"));
  EXPECT_EQ(AskFor({.name = "web.inner"}).code, kMissing);
  EXPECT_EQ(AskFor({.name = "x.outer"}).code, kMissing);
  // One of them leads outside.
  EXPECT_EQ(Ask(MakeQuery({.name = "a.example"})).action, Action::kForward);
}

TEST_F(DnsAnswerTest, WithoutAZoneNothingIsKnown) {
  zones_.clear();
  EXPECT_EQ(AskFor({.name = "web"}).code, LDNS_RCODE_SERVFAIL);
}

TEST_F(DnsAnswerTest, ErrorsRepeatWhatTheyCan) {
  const Bytes query = MakeQuery({.name = "a.example", .udp_bytes = 1232});
  const TestReply reply =
      ReadReply(BuildError(query, ResponseCode::kServerFailure));
  EXPECT_EQ(reply.code, LDNS_RCODE_SERVFAIL);
  EXPECT_EQ(reply.question, "a.example.");
  EXPECT_EQ(reply.udp_bytes, kEdnsUdpBytes);
  const Bytes broken =
      BuildError(ByteView(query).first(14), ResponseCode::kServerFailure);
  EXPECT_EQ(broken.size(), kHeaderBytes);
}

}  // namespace
}  // namespace caisson::netsetup::dns
