// The DNS servers of networks on their bridges, asked by dig.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "netsetup/dns/responder.h"
#include "netsetup/network/host.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"
#include "tests/integration/network_world.h"
#include "tests/testing/environment.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using netsetup::BridgeName;
using netsetup::Endpoint;
using netsetup::Host;
using netsetup::IpAddress;
using netsetup::Netns;
using netsetup::Network;
using netsetup::ParseIpAddress;
using netsetup::ParseIpPrefix;
using netsetup::dns::Responder;
using netsetup::dns::SocketAddress;
using netsetup::dns::Zone;
using netsetup::dns::ZoneEntry;
using netsetup::dns::ZoneOptions;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::string IdOf(int number) {
  return absl::StrFormat("%08x%024x", number, 0);
}

IpAddress Address(const std::string& text) {
  return *ParseIpAddress(text);
}

// Network n has 10.n.0.0/16 and fd00:n::/64, and one container, "cn" at .0.2
// and ::2.
class RootDnsTest : public NetworkWorld {
 protected:
  void SetUp() override {
    NetworkWorld::SetUp();
    CAISSON_ASSERT_OK_AND_ASSIGN(host_, Host::Open("ab12cd34"));
    CAISSON_ASSERT_OK_AND_ASSIGN(responder_, Responder::Open());
  }

  static std::string Id(int n) { return IdOf(0x1000 + n); }

  void AddNetwork(int n) {
    const Network network = {
        .id = Id(n),
        .driver = netsetup::Driver::kBridge,
        .subnets = {{.prefix = *ParseIpPrefix(StrCat("10.", n, ".0.0/16")),
                     .gateway = Address(StrCat("10.", n, ".0.1"))},
                    {.prefix = *ParseIpPrefix(StrCat("fd00:", n, "::/64")),
                     .gateway = Address(StrCat("fd00:", n, "::1"))}}};
    CAISSON_ASSERT_OK(host_->CreateNetwork(network));
    const Endpoint endpoint = {
        .id = IdOf(0x100000 + n),
        .network_id = network.id,
        .addresses = {*ParseIpPrefix(StrCat("10.", n, ".0.2/16")),
                      *ParseIpPrefix(StrCat("fd00:", n, "::2/64"))}};
    const Netns& netns = AddContainer(StrCat("c", n));
    CAISSON_ASSERT_OK(
        host_->Attach(network, endpoint, netns.fd.get()).status());
    CAISSON_ASSERT_OK(responder_->Add(
        network.id, {.addresses = {Address(StrCat("10.", n, ".0.1")),
                                   Address(StrCat("fd00:", n, "::1"))},
                     .device = BridgeName(network)}));
  }
  void SetZone(int n, const ZoneOptions& options,
               const std::vector<ZoneEntry>& entries) {
    CAISSON_ASSERT_OK_AND_ASSIGN(netsetup::dns::ZonePtr zone,
                                 Zone::Build(options, entries));
    responder_->SetZone(Id(n), std::move(zone));
  }

  static std::vector<std::string> Command(
      const std::string& server, const std::vector<std::string>& question,
      int seconds) {
    std::vector<std::string> argv = {
        "dig", "+tries=1", StrCat("+time=", seconds), StrCat("@", server)};
    argv.insert(argv.end(), question.begin(), question.end());
    return argv;
  }
  // All that dig prints, in container cn.
  std::string Dig(int n, const std::string& server,
                  const std::vector<std::string>& question) {
    const int patience =
        static_cast<int>(absl::ToInt64Seconds(Scaled(absl::Seconds(20))));
    return Run(StrCat("c", n), Command(server, question, patience));
  }
  // The data of the answers alone.
  std::vector<std::string> Answers(int n, const std::string& server,
                                   std::vector<std::string> question) {
    question.push_back("+short");
    return absl::StrSplit(Dig(n, server, question), '\n', absl::SkipEmpty());
  }
  // To be asked where the answer is no: it does not wait for long.
  bool IsServed(int n, const std::string& server) {
    return Succeeds(StrCat("c", n), Command(server, {"web"}, 1));
  }

  absl::StatusOr<Host> host_ = absl::UnknownError("not opened");
  std::unique_ptr<Responder> responder_;
};

const std::vector<ZoneEntry>& Entries() {
  static const auto* entries = new std::vector<ZoneEntry>{
      {.name = "web",
       .aliases = {"pool"},
       .short_id = "0123456789ab",
       .addresses = {Address("10.1.0.2"), Address("fd00:1::2")}},
      {.name = "db", .aliases = {"pool"}, .addresses = {Address("10.1.0.3")}}};
  return *entries;
}

TEST_F(RootDnsTest, DigGetsWhatANetworkKnows) {
  AddNetwork(1);
  SetZone(1,
          {.domain = "one.internal",
           .subnets = {*ParseIpPrefix("10.1.0.0/16")},
           .internal = true},
          Entries());
  for (const char* server : {"10.1.0.1", "fd00:1::1"}) {
    for (const char* transport : {"+notcp", "+tcp"}) {
      SCOPED_TRACE(StrCat(server, " ", transport));
      const auto answers = [&](std::vector<std::string> question) {
        question.push_back(transport);
        return Answers(1, server, std::move(question));
      };
      EXPECT_THAT(answers({"web"}), ElementsAre("10.1.0.2"));
      EXPECT_THAT(answers({"WEB.one.Internal", "AAAA"}),
                  ElementsAre("fd00:1::2"));
      EXPECT_THAT(answers({"0123456789ab"}), ElementsAre("10.1.0.2"));
      EXPECT_THAT(answers({"pool"}),
                  UnorderedElementsAre("10.1.0.2", "10.1.0.3"));
      EXPECT_THAT(answers({"-x", "10.1.0.2"}),
                  ElementsAre("web.one.internal."));
      EXPECT_THAT(answers({"-x", "fd00:1::2"}),
                  ElementsAre("web.one.internal."));
    }
  }
}

TEST_F(RootDnsTest, DigGetsTheRightErrors) {
  AddNetwork(1);
  SetZone(1, {.domain = "one.internal", .internal = true}, Entries());
  const auto dig = [&](const std::vector<std::string>& question) {
    return Dig(1, "10.1.0.1", question);
  };
  EXPECT_THAT(dig({"db", "AAAA"}),
              AllOf(HasSubstr("status: NOERROR"), HasSubstr("ANSWER: 0"),
                    HasSubstr("flags: qr aa rd;")));
  EXPECT_THAT(dig({"none.one.internal"}), HasSubstr("status: NXDOMAIN"));
  EXPECT_THAT(dig({"example.com"}), HasSubstr("status: NXDOMAIN"));
  EXPECT_THAT(dig({"CH", "TXT", "version.bind"}), HasSubstr("status: REFUSED"));
  EXPECT_THAT(dig({"+edns=1", "+noednsneg", "web"}),
              HasSubstr("status: BADVERS"));
  EXPECT_THAT(dig({"+opcode=NOTIFY", "web"}), HasSubstr("status: NOTIMP"));
  EXPECT_THAT(dig({"+noedns", "web"}),
              AllOf(HasSubstr("status: NOERROR"), Not(HasSubstr("EDNS"))));
}

TEST_F(RootDnsTest, DigGoesOnOverTcp) {
  AddNetwork(1);
  std::vector<ZoneEntry> crowd;
  for (int i = 2; i < 250; ++i) {
    crowd.push_back({.name = StrCat("c", i),
                     .aliases = {"crowd"},
                     .addresses = {Address(StrCat("10.1.0.", i))}});
  }
  SetZone(1, {}, crowd);
  EXPECT_THAT(Dig(1, "10.1.0.1", {"crowd"}),
              AllOf(HasSubstr("Truncated, retrying in TCP mode"),
                    HasSubstr("ANSWER: 248")));
  EXPECT_THAT(Dig(1, "10.1.0.1", {"+ignore", "crowd"}), HasSubstr(" tc "));
}

TEST_F(RootDnsTest, WhatIsNotOursIsAskedElsewhere) {
  AddNetwork(1);
  SetZone(1, {.domain = "one.internal"}, Entries());
  EXPECT_THAT(Dig(1, "10.1.0.1", {"www.example.com"}),
              HasSubstr("status: SERVFAIL"));
  CAISSON_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Responder> elsewhere,
                               Responder::Open());
  CAISSON_ASSERT_OK_AND_ASSIGN(
      netsetup::dns::ZonePtr zone,
      Zone::Build({.domain = "example.com", .internal = true},
                  std::vector<ZoneEntry>{
                      {.name = "www", .addresses = {Address("192.0.2.7")}}}));
  elsewhere->SetZone("out", std::move(zone));
  CAISSON_ASSERT_OK_AND_ASSIGN(
      const std::vector<SocketAddress> where,
      elsewhere->Add("out", {.addresses = {Address("127.0.0.1")}, .port = 0}));
  responder_->SetUpstreams(where);
  for (const char* transport : {"+notcp", "+tcp"}) {
    EXPECT_THAT(Answers(1, "fd00:1::1", {"www.example.com", transport}),
                ElementsAre("192.0.2.7"));
    EXPECT_THAT(Dig(1, "10.1.0.1", {"no.example.com", transport}),
                HasSubstr("status: NXDOMAIN"));
  }
  const uint64_t before = elsewhere->Stats().queries;
  EXPECT_THAT(Answers(1, "10.1.0.1", {"none.one.internal"}), IsEmpty());
  EXPECT_EQ(elsewhere->Stats().queries, before) << "a name of ours got out";
}

TEST_F(RootDnsTest, ABridgeHearsItsOwnContainersAlone) {
  AddNetwork(1);
  AddNetwork(2);
  SetZone(1, {.internal = true}, Entries());
  SetZone(2, {.internal = true}, {});
  EXPECT_THAT(Answers(1, "10.1.0.1", {"web"}), ElementsAre("10.1.0.2"));
  EXPECT_THAT(Dig(2, "fd00:2::1", {"web"}), HasSubstr("status: NXDOMAIN"));
  for (const char* server : {"10.1.0.1", "fd00:1::1"}) {
    // The host has the address, and there is a way to it.
    EXPECT_TRUE(Ping("c2", server));
    EXPECT_FALSE(IsServed(2, server)) << server;
  }
  responder_->Remove(Id(1));
  EXPECT_FALSE(IsServed(1, "10.1.0.1"));
}

}  // namespace
}  // namespace caisson::testing
