#include "netsetup/dns/responder.h"

#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/dns/loopback_test.h"
#include "netsetup/dns/query_test.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::dns {
namespace {

using base::ErrnoIs;
using base::StatusIs;
using base::StrCat;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

ZonePtr ZoneWith(const std::string& name, const std::string& address) {
  return MakeZone({.domain = "net", .internal = true},
                  {{.name = name, .addresses = Addresses({address})}});
}

class ResponderTest : public ::testing::Test {
 protected:
  void SetUp() override { Open({}); }

  void Open(const ResponderLimits& limits) {
    CAISSON_ASSERT_OK_AND_ASSIGN(responder_, Responder::Open(limits));
  }

  // Serves a network on loopback; where.
  SocketAddress Add(const std::string& network, ZonePtr zone,
                    const std::string& address = "127.0.0.1") {
    responder_->SetZone(network, std::move(zone));
    absl::StatusOr<std::vector<SocketAddress>> where = responder_->Add(
        network, {.addresses = Addresses({address}), .port = 0});
    CAISSON_EXPECT_OK(where);
    return where.ok() && where->size() == 1 ? where->front() : SocketAddress();
  }

  // Polls, since connections end when the loop gets to it.
  void WaitForStreams(size_t count) {
    const absl::Time deadline = absl::Now() + absl::Milliseconds(kPatienceMs);
    while (responder_->Stats().streams != count) {
      ASSERT_LT(absl::Now(), deadline) << responder_->Stats().streams;
    }
  }

  std::unique_ptr<Responder> responder_;
};

TEST_F(ResponderTest, BothTransportsAndFamiliesAreServed) {
  responder_->SetZone("n", ZoneWith("web", "10.0.0.2"));
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const std::vector<SocketAddress> where,
      responder_->Add(
          "n", {.addresses = Addresses({"127.0.0.1", "::1"}), .port = 0}));
  ASSERT_THAT(where, SizeIs(2));
  EXPECT_EQ(where[1].address, Address("::1"));
  for (const SocketAddress& address : where) {
    const TestReply datagram =
        TestDatagrams::ConnectTo(address).Ask({.name = "web", .id = 7});
    EXPECT_EQ(datagram.id, 7);
    EXPECT_THAT(datagram.answers, ElementsAre("A 10.0.0.2"));
    EXPECT_THAT(TestStream::ConnectTo(address).Ask({.name = "web"}).answers,
                ElementsAre("A 10.0.0.2"));
  }
  EXPECT_EQ(responder_->Stats().queries, 4u);
}

TEST_F(ResponderTest, ATakenPortIsNamed) {
  const SocketAddress taken = Add("n", ZoneWith("web", "10.0.0.2"));
  EXPECT_THAT(responder_->Add("n", {}),
              StatusIs(absl::StatusCode::kAlreadyExists));
  const auto again = responder_->Add(
      "m",
      {.addresses = {Address("127.0.0.2"), taken.address}, .port = taken.port});
  EXPECT_THAT(again, ErrnoIs(EADDRINUSE));
  EXPECT_THAT(again,
              StatusIs(absl::StatusCode::kInternal,
                       HasSubstr(StrCat("udp '127.0.0.1' port ", taken.port,
                                        ": bind: Address already in use"))));
  // All or nothing: the first address is free again.
  CAISSON_EXPECT_OK(responder_->Add(
      "m", {.addresses = {Address("127.0.0.2")}, .port = taken.port}));
}

TEST_F(ResponderTest, AnAddressOrDeviceThatTheHostDoesNotHaveIsAnError) {
  EXPECT_THAT(
      responder_->Add("n", {.addresses = Addresses({"192.0.2.1"}), .port = 0}),
      ErrnoIs(EADDRNOTAVAIL));
  EXPECT_THAT(responder_->Add("n", {.addresses = Addresses({"127.0.0.1"}),
                                    .device = "nodevice0",
                                    .port = 0}),
              ErrnoIs(ENODEV));
}

TEST_F(ResponderTest, RemovedNetworksGiveTheirPortBack) {
  const SocketAddress where = Add("n", ZoneWith("web", "10.0.0.2"));
  TestStream open = TestStream::ConnectTo(where);
  EXPECT_EQ(open.Ask({.name = "web"}).code, LDNS_RCODE_NOERROR);
  for (int i = 0; i < 20; ++i) {
    responder_->Remove("n");
    responder_->Remove("n");
    responder_->SetZone("n", ZoneWith("web", StrCat("10.0.0.", i)));
    CAISSON_ASSERT_OK(responder_->Add(
        "n", {.addresses = {where.address}, .port = where.port}));
    EXPECT_THAT(TestDatagrams::ConnectTo(where).Ask({.name = "web"}).answers,
                ElementsAre(StrCat("A 10.0.0.", i)));
  }
  EXPECT_TRUE(open.IsClosedByPeer());
}

TEST_F(ResponderTest, NetworksDoNotSeeEachOther) {
  const SocketAddress a = Add("a", ZoneWith("web", "10.1.0.2"));
  const SocketAddress b = Add("b", ZoneWith("db", "10.2.0.2"), "127.0.0.2");
  EXPECT_THAT(TestDatagrams::ConnectTo(a).Ask({.name = "web"}).answers,
              ElementsAre("A 10.1.0.2"));
  EXPECT_EQ(TestDatagrams::ConnectTo(a).Ask({.name = "db"}).code,
            LDNS_RCODE_NXDOMAIN);
  EXPECT_EQ(TestDatagrams::ConnectTo(b).Ask({.name = "web"}).code,
            LDNS_RCODE_NXDOMAIN);
}

TEST_F(ResponderTest, AContainerSeesAllOfItsNetworks) {
  const SocketAddress a = Add(
      "a", MakeZone({.internal = true}, {{.name = "me",
                                          .addresses = Addresses({"127.0.0.1"}),
                                          .other_networks = {"b", "gone"}}}));
  // Not served, known all the same.
  responder_->SetZone("b", ZoneWith("db", "10.2.0.2"));
  TestDatagrams client = TestDatagrams::ConnectTo(a);
  EXPECT_THAT(client.Ask({.name = "db"}).answers, ElementsAre("A 10.2.0.2"));
  responder_->Remove("b");
  EXPECT_EQ(client.Ask({.name = "db"}).code, LDNS_RCODE_NXDOMAIN);
}

TEST_F(ResponderTest, WithoutAZoneTheAnswerIsServerFailure) {
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const std::vector<SocketAddress> where,
      responder_->Add("n", {.addresses = Addresses({"127.0.0.1"}), .port = 0}));
  EXPECT_EQ(TestDatagrams::ConnectTo(where[0]).Ask({.name = "web"}).code,
            LDNS_RCODE_SERVFAIL);
}

TEST_F(ResponderTest, ZonesChangeWhileTheyAreAsked) {
  const SocketAddress where = Add("n", ZoneWith("web", "10.0.0.1"));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 0; !stop.load(); ++i) {
      responder_->SetZone("n", ZoneWith("web", StrCat("10.0.0.", 1 + i % 2)));
    }
  });
  TestDatagrams client = TestDatagrams::ConnectTo(where);
  for (int i = 0; i < 300; ++i) {
    EXPECT_THAT(client.Ask({.name = "web"}).answers,
                ElementsAre(AnyOf("A 10.0.0.1", "A 10.0.0.2")));
  }
  stop = true;
  writer.join();
  for (int i = 3; i < 50; ++i) {
    responder_->SetZone("n", ZoneWith("web", StrCat("10.0.0.", i)));
    EXPECT_THAT(client.Ask({.name = "web"}).answers,
                ElementsAre(StrCat("A 10.0.0.", i)));
  }
}

TEST_F(ResponderTest, WhatIsNoQueryGetsNoReply) {
  const SocketAddress where = Add("n", ZoneWith("web", "10.0.0.2"));
  TestDatagrams client = TestDatagrams::ConnectTo(where);
  Bytes response = MakeQuery({.name = "web"});
  response[2] |= 0x80;
  client.Send(response);
  client.Send(Bytes{1, 2, 3});
  client.Send(MakeQuery({.name = "web", .id = 99}));
  EXPECT_EQ(ReadReply(client.Receive()).id, 99);
  EXPECT_EQ(responder_->Stats().dropped, 2u);
  Bytes large = MakeQuery({.name = "web"});
  large.resize(kMaxQueryBytes + 1);
  client.Send(large);
  EXPECT_EQ(ReadReply(client.Receive()).code, LDNS_RCODE_FORMERR);
}

TEST_F(ResponderTest, ManyClientsAreAnsweredAtOnce) {
  const SocketAddress where = Add("n", ZoneWith("web", "10.0.0.2"));
  std::vector<TestDatagrams> clients;
  for (int i = 0; i < 300; ++i) {
    clients.push_back(TestDatagrams::ConnectTo(where));
    clients.back().Send(
        MakeQuery({.name = "web", .id = static_cast<uint16_t>(i)}));
  }
  for (int i = 0; i < 300; ++i) {
    const TestReply reply =
        ReadReply(clients[static_cast<size_t>(i)].Receive());
    EXPECT_EQ(reply.id, i);
    EXPECT_THAT(reply.answers, ElementsAre("A 10.0.0.2"));
  }
}

TEST_F(ResponderTest, StreamsMayBePipelined) {
  const SocketAddress where = Add("n", ZoneWith("web", "10.0.0.2"));
  TestStream client = TestStream::ConnectTo(where);
  constexpr int kQueries = 2000;
  Bytes all;
  for (int i = 0; i < kQueries; ++i) {
    const Bytes framed = TestStream::Framed(
        MakeQuery({.name = "web", .id = static_cast<uint16_t>(i)}));
    all.insert(all.end(), framed.begin(), framed.end());
  }
  client.SendRaw(all);
  client.EndOutput();
  absl::btree_set<int> ids;
  for (int i = 0; i < kQueries; ++i) ids.insert(ReadReply(client.Receive()).id);
  EXPECT_THAT(ids, SizeIs(kQueries));
  EXPECT_TRUE(client.IsClosedByPeer()) << "all replies, then the end";
  WaitForStreams(0);
}

// Replies of 5 MB, more than the sockets hold.
constexpr int kManyQueries = 320;

ZonePtr Crowd() {
  std::vector<ZoneEntry> entries;
  for (int i = 0; i < 1000; ++i) {
    entries.push_back(
        {.name = StrCat("c", i),
         .aliases = {"crowd"},
         .addresses = Addresses({StrCat("10.1.", i / 250, ".", i % 250)})});
  }
  return MakeZone({}, entries);
}

// Does not read.
TestStream AskMuch(const SocketAddress& where) {
  TestStream client = TestStream::ConnectTo(where);
  for (int i = 0; i < kManyQueries; ++i) {
    client.Send(MakeQuery({.name = "crowd"}));
  }
  return client;
}

TEST_F(ResponderTest, WhoReadsLateGetsAllReplies) {
  TestStream client = AskMuch(Add("n", Crowd()));
  for (int i = 0; i < kManyQueries; ++i) {
    EXPECT_EQ(client.Receive().size(), 12u + 11 + 1000 * 16);
  }
  EXPECT_EQ(responder_->Stats().streams, 1u);
}

TEST_F(ResponderTest, WhoNeverReadsIsClosed) {
  Open({.idle = absl::Milliseconds(50)});
  const TestStream client = AskMuch(Add("n", Crowd()));
  WaitForStreams(0);
  EXPECT_LT(responder_->Stats().queries, uint64_t{kManyQueries})
      << "nothing was held back";
}

TEST_F(ResponderTest, StreamsMayComeByteByByte) {
  const SocketAddress where = Add("n", ZoneWith("web", "10.0.0.2"));
  TestStream client = TestStream::ConnectTo(where);
  const Bytes query = TestStream::Framed(MakeQuery({.name = "web"}));
  for (const uint8_t byte : query) client.SendRaw(Bytes{byte});
  EXPECT_THAT(ReadReply(client.Receive()).answers, ElementsAre("A 10.0.0.2"));
}

TEST_F(ResponderTest, StreamsThatBreakTheRulesAreClosed) {
  const SocketAddress where = Add("n", ZoneWith("web", "10.0.0.2"));
  for (const size_t length :
       {size_t{0}, kHeaderBytes - 1, kMaxQueryBytes + 1, size_t{65535}}) {
    TestStream client = TestStream::ConnectTo(where);
    client.SendRaw(
        Bytes{static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)});
    EXPECT_TRUE(client.IsClosedByPeer()) << length;
  }
  TestStream client = TestStream::ConnectTo(where);
  Bytes response = MakeQuery({.name = "web"});
  response[2] |= 0x80;
  client.Send(response);
  EXPECT_TRUE(client.IsClosedByPeer());
  WaitForStreams(0);
}

TEST_F(ResponderTest, StreamsAreLimited) {
  Open({.streams_of_network = 3, .streams_of_client = 2});
  const SocketAddress where = Add("n", ZoneWith("web", "10.0.0.2"));
  std::vector<TestStream> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(TestStream::ConnectTo(where));
    EXPECT_EQ(clients.back().Ask({.name = "web"}).code, LDNS_RCODE_NOERROR);
  }
  EXPECT_TRUE(TestStream::ConnectTo(where).IsClosedByPeer());
  clients.pop_back();
  WaitForStreams(1);
  EXPECT_EQ(TestStream::ConnectTo(where).Ask({.name = "web"}).code,
            LDNS_RCODE_NOERROR);
}

TEST_F(ResponderTest, IdleStreamsAreClosed) {
  Open({.idle = absl::Milliseconds(50)});
  const SocketAddress where = Add("n", ZoneWith("web", "10.0.0.2"));
  TestStream silent = TestStream::ConnectTo(where);
  TestStream slow = TestStream::ConnectTo(where);
  slow.SendRaw(Bytes{0});
  EXPECT_TRUE(silent.IsClosedByPeer());
  EXPECT_TRUE(slow.IsClosedByPeer()) << "half a query is none";
}

}  // namespace
}  // namespace caisson::netsetup::dns
