// Questions for others, through a responder: the test is client and server.
#include "netsetup/dns/forwarder.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/dns/loopback_test.h"
#include "netsetup/dns/query_test.h"
#include "netsetup/dns/responder.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::dns {
namespace {

using base::StrCat;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Of tests in which nothing may be late, and of those in which all is.
constexpr absl::Duration kLong = absl::Minutes(1);
constexpr absl::Duration kShort = absl::Milliseconds(60);

class ForwarderTest : public ::testing::Test {
 protected:
  void Open(const ForwardLimits& limits, size_t upstreams = 1,
            size_t pending_of_network = 1024) {
    CAISSON_ASSERT_OK_AND_ASSIGN(
        responder_,
        Responder::Open(
            {.forward = limits, .pending_of_network = pending_of_network}));
    responder_->SetZone(
        "n", MakeZone({.domain = "net"},
                      {{.name = "web", .addresses = Addresses({"10.0.0.2"})}}));
    CAISSON_ASSERT_OK_AND_ASSIGN(
        std::vector<SocketAddress> where,
        responder_->Add("n",
                        {.addresses = Addresses({"127.0.0.1"}), .port = 0}));
    where_ = where[0];
    std::vector<SocketAddress> addresses;
    for (size_t i = 0; i < upstreams; ++i) {
      upstreams_.push_back(std::make_unique<TestUpstream>());
      addresses.push_back(upstreams_.back()->address());
    }
    responder_->SetUpstreams(std::move(addresses));
  }

  TestDatagrams Client() { return TestDatagrams::ConnectTo(where_); }
  TestUpstream& upstream(size_t number = 0) { return *upstreams_[number]; }

  std::vector<std::unique_ptr<TestUpstream>> upstreams_;
  std::unique_ptr<Responder> responder_;
  SocketAddress where_;
};

TEST_F(ForwarderTest, RepliesComeBackWithTheClientsId) {
  Open({.timeout = kLong, .next_after = kLong});
  TestDatagrams client = Client();
  client.Send(MakeQuery({.name = "a.Example", .id = 77, .udp_bytes = 1232}));
  const Bytes asked = upstream().Reply("192.0.2.7");
  const TestReply reply = ReadReply(client.Receive());
  EXPECT_EQ(reply.id, 77);
  EXPECT_EQ(reply.question, "a.Example.");
  EXPECT_THAT(reply.answers, ElementsAre("A 192.0.2.7"));
  EXPECT_FALSE(reply.authoritative);
  // All but the id is the client's.
  const Bytes query =
      MakeQuery({.name = "a.Example", .id = 77, .udp_bytes = 1232});
  EXPECT_TRUE(std::equal(asked.begin() + 2, asked.end(), query.begin() + 2,
                         query.end()));
  EXPECT_EQ(responder_->Stats().pending, 0u);
  EXPECT_EQ(responder_->Stats().forwarded, 1u);
}

TEST_F(ForwarderTest, IdsAndPortsAreRandom) {
  Open({.timeout = kLong, .next_after = kLong});
  TestDatagrams client = Client();
  absl::btree_set<int> ids;
  absl::btree_set<int> ports;
  constexpr int kQueries = 40;
  for (int i = 0; i < kQueries; ++i) {
    client.Send(MakeQuery({.name = "a.example", .id = 77}));
    SocketAddress from;
    const Bytes asked = upstream().datagrams().Receive(&from);
    ids.insert(ReadHeader(asked).id);
    ports.insert(from.port);
    upstream().datagrams().SendTo(MakeReply(asked, "192.0.2.7"), from);
    EXPECT_EQ(ReadReply(client.Receive()).id, 77);
  }
  // Two of 40 are the same in 1 of 84 runs, six in none.
  EXPECT_GT(ids.size(), kQueries - 6u);
  EXPECT_GT(ports.size(), kQueries - 6u);
}

TEST_F(ForwarderTest, ForgedRepliesArePassedOver) {
  Open({.timeout = kLong, .next_after = kLong});
  TestDatagrams client = Client();
  client.Send(MakeQuery({.name = "a.example"}));
  SocketAddress from;
  const Bytes asked = upstream().datagrams().Receive(&from);
  const uint16_t id = ReadHeader(asked).id;
  const auto forge = [&](const TestQuery& query) {
    return MakeReply(MakeQuery(query), "203.0.113.66");
  };
  // Another id, another question, no response, no message; from the server.
  const std::vector<Bytes> forged = {
      forge({.name = "a.example", .id = static_cast<uint16_t>(id + 1)}),
      forge({.name = "b.example", .id = id}),
      forge({.name = "a.example", .type = LDNS_RR_TYPE_AAAA, .id = id}), asked,
      Bytes{1, 2, 3}};
  for (const Bytes& bytes : forged) {
    upstream().datagrams().SendTo(bytes, from);
  }
  // The right one, but of somebody else.
  TestUpstream stranger;
  stranger.datagrams().SendTo(MakeReply(asked, "203.0.113.66"), from);
  upstream().datagrams().SendTo(MakeReply(asked, "192.0.2.7"), from);
  EXPECT_THAT(ReadReply(client.Receive()).answers, ElementsAre("A 192.0.2.7"));
  EXPECT_THAT(client.ReceiveNow(), IsEmpty());
}

TEST_F(ForwarderTest, WhatIsLateIsServerFailureAndNothingElse) {
  Open({.timeout = kShort, .next_after = kLong});
  TestDatagrams client = Client();
  client.Send(MakeQuery({.name = "late.example", .udp_bytes = 1232}));
  SocketAddress from;
  const Bytes asked = upstream().datagrams().Receive(&from);
  const TestReply failed = ReadReply(client.Receive());
  EXPECT_EQ(failed.code, LDNS_RCODE_SERVFAIL);
  EXPECT_EQ(failed.question, "late.example.");
  EXPECT_EQ(responder_->Stats().pending, 0u);
  upstream().datagrams().SendTo(MakeReply(asked, "192.0.2.7"), from);
  EXPECT_THAT(client.Ask({.name = "web"}).answers, ElementsAre("A 10.0.0.2"));
  EXPECT_THAT(client.ReceiveNow(), IsEmpty());
}

TEST_F(ForwarderTest, AServerThatIsSilentIsAskedAgain) {
  Open({.timeout = kLong, .next_after = absl::Milliseconds(10)});
  TestDatagrams client = Client();
  client.Send(MakeQuery({.name = "a.example"}));
  const Bytes asked = upstream().datagrams().Receive();
  EXPECT_EQ(upstream().Reply("192.0.2.7"), asked);
  EXPECT_THAT(ReadReply(client.Receive()).answers, ElementsAre("A 192.0.2.7"));
}

TEST_F(ForwarderTest, TheNextServerIsAskedAndTheFirstMayStillReply) {
  Open({.timeout = kLong, .next_after = absl::Milliseconds(10)}, 2);
  TestDatagrams client = Client();
  client.Send(MakeQuery({.name = "a.example"}));
  SocketAddress from;
  const Bytes asked = upstream(0).datagrams().Receive(&from);
  const Bytes second = upstream(1).datagrams().Receive();
  EXPECT_FALSE(second.empty());
  upstream(0).datagrams().SendTo(MakeReply(asked, "192.0.2.7"), from);
  EXPECT_THAT(ReadReply(client.Receive()).answers, ElementsAre("A 192.0.2.7"));
}

TEST_F(ForwarderTest, AServerThatFailsIsNotTheLast) {
  Open({.timeout = kLong, .next_after = kLong}, 3);
  TestDatagrams client = Client();
  client.Send(MakeQuery({.name = "a.example"}));
  upstream(0).Reply("", LDNS_RCODE_SERVFAIL);
  upstream(1).Reply("", LDNS_RCODE_REFUSED);
  upstream(2).Reply("192.0.2.7");
  EXPECT_THAT(ReadReply(client.Receive()).answers, ElementsAre("A 192.0.2.7"));
  // No such name is an answer.
  client.Send(MakeQuery({.name = "a.example"}));
  upstream(0).Reply("", LDNS_RCODE_NXDOMAIN);
  EXPECT_EQ(ReadReply(client.Receive()).code, LDNS_RCODE_NXDOMAIN);
  // When all fail, the last one's word is passed on.
  client.Send(MakeQuery({.name = "a.example", .id = 5}));
  upstream(0).Reply("", LDNS_RCODE_SERVFAIL);
  upstream(1).Reply("", LDNS_RCODE_SERVFAIL);
  upstream(2).Reply("", LDNS_RCODE_REFUSED);
  const TestReply refused = ReadReply(client.Receive());
  EXPECT_EQ(refused.code, LDNS_RCODE_REFUSED);
  EXPECT_EQ(refused.id, 5);
}

TEST_F(ForwarderTest, NobodyAtThePortIsNoticedAtOnce) {
  Open({.timeout = kLong, .next_after = kLong}, 2);
  upstreams_[0].reset();
  TestDatagrams client = Client();
  client.Send(MakeQuery({.name = "a.example"}));
  upstream(1).Reply("192.0.2.7");
  EXPECT_THAT(ReadReply(client.Receive()).answers, ElementsAre("A 192.0.2.7"));
  upstreams_[1].reset();
  for (const auto& reply :
       {client.Ask({.name = "a.example"}),
        TestStream::ConnectTo(where_).Ask({.name = "a.example"})}) {
    EXPECT_EQ(reply.code, LDNS_RCODE_SERVFAIL);
  }
}

TEST_F(ForwarderTest, WithoutServersTheAnswerIsServerFailure) {
  Open({.timeout = kLong, .next_after = kLong}, 0);
  EXPECT_EQ(Client().Ask({.name = "a.example"}).code, LDNS_RCODE_SERVFAIL);
}

TEST_F(ForwarderTest, PendingQuestionsAreLimited) {
  Open({.timeout = kLong,
        .next_after = kLong,
        .pending = 100,
        .pending_of_client = 3});
  TestDatagrams client = Client();
  for (uint16_t id = 1; id <= 4; ++id) {
    client.Send(MakeQuery({.name = "a.example", .id = id}));
  }
  const TestReply refused = ReadReply(client.Receive());
  EXPECT_EQ(refused.id, 4);
  EXPECT_EQ(refused.code, LDNS_RCODE_SERVFAIL);
  EXPECT_EQ(responder_->Stats().pending, 3u);
  for (int i = 0; i < 3; ++i) {
    upstream().Reply("192.0.2.7");
    EXPECT_EQ(ReadReply(client.Receive()).code, LDNS_RCODE_NOERROR);
  }
  client.Send(MakeQuery({.name = "a.example", .id = 5}));
  upstream().Reply("192.0.2.7");
  EXPECT_EQ(ReadReply(client.Receive()).code, LDNS_RCODE_NOERROR);
}

TEST_F(ForwarderTest, PendingQuestionsOfAllAreLimited) {
  Open({.timeout = kLong,
        .next_after = kLong,
        .pending = 2,
        .pending_of_client = 10});
  TestDatagrams client = Client();
  for (uint16_t id = 1; id <= 3; ++id) {
    client.Send(MakeQuery({.name = "a.example", .id = id}));
  }
  EXPECT_EQ(ReadReply(client.Receive()).id, 3);
}

TEST_F(ForwarderTest, OneNetworkLeavesRoomForOthers) {
  Open({.timeout = kLong, .next_after = kLong}, 1, 2);
  responder_->SetZone("m", MakeZone({}, {}));
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const std::vector<SocketAddress> other,
      responder_->Add("m", {.addresses = Addresses({"127.0.0.1"}), .port = 0}));
  TestDatagrams client = Client();
  for (uint16_t id = 1; id <= 3; ++id) {
    client.Send(MakeQuery({.name = "a.example", .id = id}));
  }
  EXPECT_EQ(ReadReply(client.Receive()).id, 3);
  for (int i = 0; i < 2; ++i) {
    upstream().Reply("192.0.2.7");
    EXPECT_EQ(ReadReply(client.Receive()).code, LDNS_RCODE_NOERROR);
    client.Send(MakeQuery({.name = "a.example"}));
  }
  TestDatagrams neighbour = TestDatagrams::ConnectTo(other[0]);
  upstream().datagrams().Receive();
  upstream().datagrams().Receive();
  neighbour.Send(MakeQuery({.name = "a.example"}));
  upstream().Reply("192.0.2.7");
  EXPECT_EQ(ReadReply(neighbour.Receive()).code, LDNS_RCODE_NOERROR);
}

TEST_F(ForwarderTest, HundredsOfQuestionsAtOnce) {
  Open({.timeout = kLong, .next_after = kLong, .pending_of_client = 1024});
  constexpr size_t kQueries = 600;
  std::vector<TestDatagrams> clients;
  std::vector<std::pair<Bytes, SocketAddress>> asked;
  for (size_t i = 0; i < kQueries; ++i) {
    clients.push_back(Client());
    clients.back().Send(MakeQuery(
        {.name = StrCat("h", i, ".example"), .id = static_cast<uint16_t>(i)}));
    SocketAddress from;
    Bytes query = upstream().datagrams().Receive(&from);
    asked.emplace_back(std::move(query), from);
  }
  EXPECT_EQ(responder_->Stats().pending, kQueries);
  // The last one first.
  for (size_t i = kQueries; i-- > 0;) {
    upstream().datagrams().SendTo(
        MakeReply(asked[i].first, StrCat("192.0.", i / 256, ".", i % 256)),
        asked[i].second);
  }
  for (size_t i = 0; i < kQueries; ++i) {
    const TestReply reply = ReadReply(clients[i].Receive());
    EXPECT_EQ(reply.id, i);
    EXPECT_THAT(reply.answers,
                ElementsAre(StrCat("A 192.0.", i / 256, ".", i % 256)));
  }
  EXPECT_EQ(responder_->Stats().pending, 0u);
}

TEST_F(ForwarderTest, LargeRepliesSendTheClientToTcp) {
  Open({.timeout = kLong, .next_after = kLong});
  TestDatagrams client = Client();
  client.Send(MakeQuery({.name = "a.example"}));
  SocketAddress from;
  const Bytes asked = upstream().datagrams().Receive(&from);
  Bytes large = MakeReply(asked, "192.0.2.7");
  large.resize(kPlainUdpBytes + 1);
  upstream().datagrams().SendTo(large, from);
  const TestReply cut = ReadReply(client.Receive());
  EXPECT_TRUE(cut.truncated);
  EXPECT_THAT(cut.answers, IsEmpty());
}

TEST_F(ForwarderTest, StreamsAreForwardedOverStreams) {
  Open({.timeout = kLong, .next_after = kLong});
  TestStream client = TestStream::ConnectTo(where_);
  client.Send(MakeQuery({.name = "a.example", .id = 1}));
  client.Send(MakeQuery({.name = "b.example", .id = 2}));
  client.EndOutput();
  TestStream first = upstream().Accept();
  TestStream second = upstream().Accept();
  // The second one first, and in two pieces.
  Bytes reply = MakeReply(second.Receive(), "192.0.2.2");
  reply.resize(60000);
  const Bytes framed = TestStream::Framed(reply);
  second.SendRaw(ByteView(framed).first(1));
  second.SendRaw(ByteView(framed).subspan(1));
  const Bytes large = client.Receive();
  EXPECT_EQ(large.size(), 60000u);
  EXPECT_EQ(ReadReply(large).id, 2);
  first.Send(MakeReply(first.Receive(), "192.0.2.1"));
  EXPECT_THAT(ReadReply(client.Receive()).answers, ElementsAre("A 192.0.2.1"));
  EXPECT_TRUE(client.IsClosedByPeer());
}

TEST_F(ForwarderTest, AServerThatClosesIsNotTheLast) {
  Open({.timeout = kLong, .next_after = kLong}, 2);
  TestStream client = TestStream::ConnectTo(where_);
  client.Send(MakeQuery({.name = "a.example"}));
  EXPECT_FALSE(upstream(0).Accept().Receive().empty());
  TestStream server = upstream(1).Accept();
  server.Send(MakeReply(server.Receive(), "192.0.2.1"));
  EXPECT_THAT(ReadReply(client.Receive()).answers, ElementsAre("A 192.0.2.1"));
}

TEST_F(ForwarderTest, AClientOrNetworkThatIsGoneIsNoMatter) {
  Open({.timeout = kLong, .next_after = kLong});
  {
    TestStream client = TestStream::ConnectTo(where_);
    client.Send(MakeQuery({.name = "a.example"}));
    TestStream server = upstream().Accept();
    const Bytes asked = server.Receive();
    TestDatagrams other = Client();
    other.Send(MakeQuery({.name = "a.example"}));
    SocketAddress from;
    const Bytes datagram = upstream().datagrams().Receive(&from);
    responder_->Remove("n");
    EXPECT_TRUE(client.IsClosedByPeer());
    server.Send(MakeReply(asked, "192.0.2.1"));
    upstream().datagrams().SendTo(MakeReply(datagram, "192.0.2.1"), from);
  }
  const absl::Time deadline = absl::Now() + absl::Milliseconds(kPatienceMs);
  while (responder_->Stats().pending > 0) ASSERT_LT(absl::Now(), deadline);
}

TEST_F(ForwarderTest, PendingQuestionsEndWithTheResponder) {
  Open({.timeout = kLong, .next_after = kLong});
  TestDatagrams client = Client();
  client.Send(MakeQuery({.name = "a.example"}));
  EXPECT_FALSE(upstream().datagrams().Receive().empty());
  responder_.reset();
  EXPECT_THAT(client.ReceiveNow(), IsEmpty());
}

TEST_F(ForwarderTest, MoreThanThreeServersAreNotAsked) {
  Open({.timeout = kLong, .next_after = kLong}, 4);
  TestDatagrams client = Client();
  client.Send(MakeQuery({.name = "a.example"}));
  for (size_t i = 0; i < kMaxUpstreams; ++i) {
    upstream(i).Reply("", LDNS_RCODE_SERVFAIL);
  }
  EXPECT_EQ(ReadReply(client.Receive()).code, LDNS_RCODE_SERVFAIL);
  EXPECT_THAT(upstream(3).datagrams().ReceiveNow(), IsEmpty());
}

}  // namespace
}  // namespace caisson::netsetup::dns
