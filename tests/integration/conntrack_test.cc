// Flows that the conntrack program made and lists, and that we forget.
#include "netsetup/conntrack.h"

#include <netinet/in.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"
#include "server/core/network/stale_flows.h"
#include "tests/testing/environment.h"
#include "tests/testing/process.h"

namespace caisson::testing {
namespace {

using base::IsOk;
using base::IsOkAndHolds;
using base::StatusIs;
using base::StrCat;
using netsetup::FlowFilter;
using netsetup::FlushFlows;
using netsetup::NetfilterSocket;
using netsetup::ParseIpAddress;

// A flow from a client to a host's port, answered by a container.
struct Made {
  std::string protocol = "udp";
  std::string client = "198.51.100.1";
  std::string host = "192.0.2.1";
  int client_port = 1000;
  int host_port = 8080;
  std::string container = "10.0.0.2";
};

constexpr absl::Duration kSoon = absl::Seconds(10);

class RootConntrackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0u) << "run it as root";
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    CAISSON_ASSERT_OK_AND_ASSIGN(NetfilterSocket socket,
                                 NetfilterSocket::Open());
    socket_.emplace(std::move(socket));
  }

  std::string Conntrack(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "/usr/sbin/conntrack");
    const ProcessResult result = RunProgram({.argv = arguments});
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }

  void Make(const Made& made) {
    std::vector<std::string> arguments = {"-I",
                                          "-p",
                                          made.protocol,
                                          "-s",
                                          made.client,
                                          "-d",
                                          made.host,
                                          "--sport",
                                          StrCat(made.client_port),
                                          "--dport",
                                          StrCat(made.host_port),
                                          "-r",
                                          made.container,
                                          "-q",
                                          made.client,
                                          "--reply-port-src",
                                          "53",
                                          "--reply-port-dst",
                                          StrCat(made.client_port),
                                          "-t",
                                          "600"};
    if (made.protocol == "tcp") {
      arguments.insert(arguments.end(), {"--state", "ESTABLISHED"});
    }
    Conntrack(std::move(arguments));
  }

  // Flows that are left, by the port of their client.
  std::vector<int> Left() {
    std::vector<int> ports;
    for (const char* family : {"ipv4", "ipv6"}) {
      const std::string list = Conntrack({"-L", "-f", family});
      constexpr std::string_view kKey = " sport=";
      size_t at = 0;
      while (at < list.size()) {
        const size_t end = std::min(list.find('\n', at), list.size());
        const size_t key = list.find(kKey, at);
        if (key < end) {
          const size_t number = key + kKey.size();
          const size_t length = list.find(' ', number) - number;
          int port = 0;
          EXPECT_TRUE(absl::SimpleAtoi(
              absl::string_view(list).substr(number, length), &port));
          ports.push_back(port);
        }
        at = end + 1;
      }
    }
    std::sort(ports.begin(), ports.end());
    return ports;
  }

  absl::StatusOr<size_t> Flush(const FlowFilter& filter) {
    return FlushFlows(&*socket_, filter);
  }

  std::optional<NetfilterSocket> socket_;
};

TEST_F(RootConntrackTest, OnlyWhatFitsIsForgotten) {
  Make({.client_port = 1});
  Make({.client_port = 2, .host_port = 8081});
  Make({.client_port = 3, .container = "10.0.0.3"});
  Make({.protocol = "tcp", .client_port = 4});
  Make({.client = "2001:db8::5",
        .host = "2001:db8::1",
        .client_port = 5,
        .container = "fd00::2"});
  Make({.host = "192.0.2.9", .client_port = 6});
  ASSERT_THAT(Left(), ::testing::ElementsAre(1, 2, 3, 4, 5, 6));

  const FlowFilter port{.protocol = IPPROTO_UDP,
                        .original_port = 8080,
                        .reply_source = *ParseIpAddress("10.0.0.2")};
  FlowFilter port_at = port;
  port_at.original_destination = *ParseIpAddress("192.0.2.9");
  EXPECT_THAT(Flush(port_at), IsOkAndHolds(1u));
  EXPECT_THAT(Left(), ::testing::ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(Flush(port), IsOkAndHolds(1u));
  EXPECT_THAT(Left(), ::testing::ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(Flush(port), IsOkAndHolds(0u)) << "twice is no error";
  // All that an address answers, whatever the protocol.
  EXPECT_THAT(Flush({.reply_source = *ParseIpAddress("10.0.0.2")}),
              IsOkAndHolds(2u));
  EXPECT_THAT(Left(), ::testing::ElementsAre(3, 5));
  EXPECT_THAT(Flush({.original_source = *ParseIpAddress("2001:db8::5")}),
              IsOkAndHolds(1u));
  EXPECT_THAT(Left(), ::testing::ElementsAre(3));
  // A filter without an address is of both families.
  EXPECT_THAT(Flush({.protocol = IPPROTO_UDP, .original_port = 8080}),
              IsOkAndHolds(1u));
  EXPECT_THAT(Left(), ::testing::IsEmpty());
}

TEST_F(RootConntrackTest, ManyFlowsAreForgottenAtOnce) {
  for (int i = 1; i <= 150; ++i) Make({.client_port = i});
  Make({.client_port = 200, .container = "10.0.0.3"});
  EXPECT_THAT(Flush({.reply_source = *ParseIpAddress("10.0.0.2")}),
              IsOkAndHolds(150u));
  EXPECT_THAT(Left(), ::testing::ElementsAre(200));
}

TEST_F(RootConntrackTest, FlowsOfManyAddressesAreForgottenTogether) {
  Make({.client_port = 1});
  Make({.protocol = "tcp", .client_port = 2, .container = "10.0.0.3"});
  Make({.client = "10.0.0.4", .client_port = 3, .container = "10.0.0.9"});
  Make({.client = "2001:db8::5",
        .host = "2001:db8::1",
        .client_port = 4,
        .container = "fd00::2"});
  Make({.client_port = 5, .container = "10.0.0.5"});
  Make({.host = "10.0.0.2", .client_port = 6, .container = "10.0.0.6"});
  EXPECT_THAT(
      FlushFlowsOf(&*socket_,
                   {*ParseIpAddress("10.0.0.2"), *ParseIpAddress("10.0.0.3"),
                    *ParseIpAddress("10.0.0.4"), *ParseIpAddress("fd00::2")}),
      IsOkAndHolds(4u));
  EXPECT_THAT(Left(), ::testing::ElementsAre(5, 6));
  EXPECT_THAT(FlushFlowsOf(&*socket_, {}), IsOkAndHolds(0u));
  EXPECT_THAT(Left(), ::testing::ElementsAre(5, 6));
}

std::vector<netsetup::IpPrefix> Prefixes(std::string_view text) {
  return {*netsetup::ParseIpPrefix(text)};
}

TEST_F(RootConntrackTest, FlowsOfWhoIsGoneAreForgottenSoon) {
  CAISSON_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<core::StaleFlows> stale,
                               core::StaleFlows::Open());
  Make({.client_port = 1});
  Make({.client_port = 2, .container = "10.0.0.3"});
  Make({.client_port = 3, .container = "10.0.0.4"});
  stale->Add(Prefixes("10.0.0.2/16"));
  stale->Add(Prefixes("10.0.0.4/16"));
  EXPECT_THAT(Left(), ::testing::SizeIs(3)) << "not on the caller's time";
  EXPECT_TRUE(
      PollUntil(kSoon, [this] { return Left() == std::vector<int>{2}; }));
  // And again, as the first time.
  stale->Add(Prefixes("10.0.0.3/16"));
  EXPECT_TRUE(PollUntil(kSoon, [this] { return Left().empty(); }));
}

TEST_F(RootConntrackTest, ANewOwnerFindsNoFlowsOfTheLast) {
  CAISSON_ASSERT_OK_AND_ASSIGN(std::unique_ptr<core::StaleFlows> stale,
                               core::StaleFlows::Open());
  Make({.client_port = 1});
  Make({.client_port = 2, .container = "10.0.0.3"});
  stale->Add(Prefixes("10.0.0.2/16"));
  stale->Settle(Prefixes("10.0.0.9/16"));
  EXPECT_THAT(Left(), ::testing::ElementsAre(1, 2)) << "nobody's concern";
  stale->Settle(Prefixes("10.0.0.2/16"));
  EXPECT_THAT(Left(), ::testing::ElementsAre(2));
  // His own stay, although the time of the earlier ones is over meanwhile.
  Make({.client_port = 3});
  stale->Add(Prefixes("10.0.0.3/16"));
  EXPECT_TRUE(
      PollUntil(kSoon, [this] { return Left() == std::vector<int>{3}; }));
}

TEST_F(RootConntrackTest, WhatIsLeftAtTheEndIsForgottenThen) {
  CAISSON_ASSERT_OK_AND_ASSIGN(std::unique_ptr<core::StaleFlows> stale,
                               core::StaleFlows::Open());
  Make({.client_port = 1});
  stale->Add(Prefixes("10.0.0.2/16"));
  stale.reset();
  EXPECT_THAT(Left(), ::testing::IsEmpty());
}

TEST_F(RootConntrackTest, AFilterForEverythingIsRefused) {
  Make({.client_port = 1});
  EXPECT_THAT(Flush({}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Left(), ::testing::ElementsAre(1));
}

}  // namespace
}  // namespace caisson::testing
