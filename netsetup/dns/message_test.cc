#include "netsetup/dns/message.h"

#include "gtest/gtest.h"

#include "netsetup/dns/query_test.h"

namespace caisson::netsetup::dns {
namespace {

// Of a query without EDNS: all of it.
size_t QuestionEnd(const Bytes& query) {
  return query.size();
}

TEST(DnsMessageTest, HeadersAreRead) {
  const Header header =
      ReadHeader(Bytes{0x12, 0x34, 0xab, 0x95, 0, 1, 0, 2, 0, 3, 1, 0});
  EXPECT_EQ(header.id, 0x1234);
  EXPECT_TRUE(header.is_response);
  EXPECT_EQ(header.opcode, 5);
  EXPECT_TRUE(header.truncated);
  EXPECT_TRUE(header.recursion_desired);
  EXPECT_TRUE(header.checking_disabled);
  EXPECT_EQ(header.code, ResponseCode::kRefused);
  EXPECT_EQ(header.questions, 1);
  EXPECT_EQ(header.answers, 2);
  EXPECT_EQ(header.authorities, 3);
  EXPECT_EQ(header.additionals, 256);
}

TEST(DnsMessageTest, RepliesAreToldByIdAndQuestion) {
  const Bytes query = MakeQuery({.name = "a.example"});
  const size_t end = QuestionEnd(query);
  const Bytes reply = MakeReply(query, "192.0.2.1");
  EXPECT_TRUE(IsReplyTo(reply, query, end));
  EXPECT_TRUE(IsReplyTo(
      MakeReply(MakeQuery({.name = "A.eXample"}), "192.0.2.1"), query, end));
  EXPECT_FALSE(IsReplyTo(query, query, end)) << "no response";
  for (const TestQuery& other : std::vector<TestQuery>{
           {.name = "a.example", .id = 4712},
           {.name = "b.example"},
           {.name = "a.example", .type = LDNS_RR_TYPE_AAAA},
           {.name = "a.example", .rr_class = LDNS_RR_CLASS_CH}}) {
    EXPECT_FALSE(IsReplyTo(MakeReply(MakeQuery(other), ""), query, end));
  }
  for (size_t size = 0; size < end; ++size) {
    EXPECT_FALSE(IsReplyTo(ByteView(reply).first(size), query, end)) << size;
  }
}

TEST(DnsMessageTest, ErrorsMayComeWithoutTheQuestion) {
  const Bytes query = MakeQuery({.name = "a.example"});
  Bytes reply(query.begin(), query.begin() + kHeaderBytes);
  reply[2] |= 0x80;
  reply[5] = 0;
  EXPECT_FALSE(IsReplyTo(reply, query, QuestionEnd(query)));
  reply[3] = 1;  // FORMERR
  EXPECT_TRUE(IsReplyTo(reply, query, QuestionEnd(query)));
  reply[3] = 3;  // NXDOMAIN
  EXPECT_FALSE(IsReplyTo(reply, query, QuestionEnd(query)));
}

TEST(DnsMessageTest, CutRepliesSendTheClientToTcp) {
  const Bytes query = MakeQuery({.name = "a.example"});
  const Bytes cut =
      TruncateReply(MakeReply(query, "192.0.2.1"), QuestionEnd(query));
  const TestReply reply = ReadReply(cut);
  EXPECT_TRUE(reply.parsed);
  EXPECT_TRUE(reply.truncated);
  EXPECT_EQ(reply.question, "a.example.");
  EXPECT_TRUE(reply.answers.empty());
}

TEST(DnsMessageTest, IdsAreReplaced) {
  Bytes query = MakeQuery({.name = "a.example"});
  SetId(query, 0xfedc);
  EXPECT_EQ(ReadHeader(query).id, 0xfedc);
}

}  // namespace
}  // namespace caisson::netsetup::dns
