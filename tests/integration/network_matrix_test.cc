// Every flow through every kind of network, over both families, with bridged
// packets shown to iptables or not: who reaches whom, as whom it is seen, and
// who does not. And all of it once more after somebody flushed the firewall,
// and after the daemon died.
#include <array>
#include <optional>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_asker.h"
#include "tests/integration/network_fixture.h"

namespace caisson::testing {
namespace {

using base::StrCat;

// --- What is expected --------------------------------------------------------

// Of each kind there are two networks: a and b are in the first, c is in the
// second.
enum Kind { kOpen, kNetwork, kStrict, kInternal, kApart, kRouted, kLinks };
constexpr size_t kKinds = 7;
constexpr std::array<const char*, kKinds> kKindNames = {
    "open", "network", "strict", "internal", "apart", "routed", "links"};

// As whom the asker is seen; no answer at all.
enum Seen { kNobody, kSelf, kGateway, kHost, kOutside, kPong };

struct Flow {
  const char* name;
  // By kind of network.
  std::array<Seen, kKinds> seen;
};

enum FlowId {
  kToGateway,
  kToSibling,
  kToOther,
  kToOutside,
  kOwnPort,
  kSiblingPort,
  kOtherPort,
  kHostPort,
  kHostLoopbackPort,
  kHostOnlyLoopback,
  kOutsidePort,
  kOutsideNoPort,
  kOutsideDirect,
  kOutsideOnlyLoopback,
};
constexpr size_t kFlowCount = 14;

// In the order of the kinds: open, network, strict, internal, apart, routed,
// links.
constexpr std::array<Flow, kFlowCount> kFlows = {{
    {"a container to its gateway",
     {kPong, kPong, kPong, kPong, kPong, kPong, kPong}},
    {"a container to a sibling",
     {kSelf, kSelf, kSelf, kSelf, kNobody, kSelf, kSelf}},
    {"a container to another network",
     {kSelf, kNobody, kNobody, kNobody, kNobody, kNobody, kNobody}},
    {"a container to the outside",
     {kHost, kHost, kHost, kNobody, kHost, kSelf, kHost}},
    {"a container to a port of its own",
     {kGateway, kGateway, kGateway, kNobody, kGateway, kGateway, kGateway}},
    {"a container to a sibling's port",
     {kGateway, kGateway, kGateway, kNobody, kGateway, kGateway, kSelf}},
    {"a container to a port of another network",
     {kSelf, kSelf, kNobody, kNobody, kSelf, kSelf, kSelf}},
    {"the host to a port",
     {kGateway, kGateway, kGateway, kGateway, kGateway, kGateway, kGateway}},
    {"the host to a port, through loopback",
     {kGateway, kGateway, kGateway, kGateway, kGateway, kGateway, kGateway}},
    {"the host to a port of loopback",
     {kGateway, kGateway, kGateway, kGateway, kGateway, kGateway, kGateway}},
    {"the outside to a port",
     {kOutside, kOutside, kOutside, kNobody, kOutside, kOutside, kOutside}},
    {"the outside to what is not published",
     {kNobody, kNobody, kNobody, kNobody, kNobody, kNobody, kNobody}},
    {"the outside to a container's address",
     {kNobody, kNobody, kNobody, kNobody, kNobody, kOutside, kNobody}},
    {"the outside to a port of loopback",
     {kNobody, kNobody, kNobody, kNobody, kNobody, kNobody, kNobody}},
}};

// Whether bridged packets are shown to iptables and to ip6tables.
struct Calls {
  bool ip4 = false;
  bool ip6 = false;
};

void PrintTo(const Calls& calls, std::ostream* out) {
  *out << (calls.ip4 ? "call4" : "no4") << (calls.ip6 ? "_call6" : "_no6");
}

Seen Expected(Kind kind, FlowId flow, int family, const Calls& calls) {
  // There is no route_localnet for IPv6.
  if (family == 6 && (flow == kHostLoopbackPort || flow == kHostOnlyLoopback)) {
    return kNobody;
  }
  // Translated while it is bridged, it would go from an isolated port to one,
  // be it the same: the bridge drops it.
  const bool call = family == 6 ? calls.ip6 : calls.ip4;
  const bool returns = flow == kOwnPort || flow == kSiblingPort;
  if (kind == kApart && returns && call) return kNobody;
  return kFlows[flow].seen[kind];
}

// Both must be open for one to reach the other's address.
bool ReachesAddress(Kind from, Kind to) {
  return from == kOpen && to == kOpen;
}

// A strict network is left alone by others and leaves them alone; an internal
// one has no way to an address of the host.
bool ReachesPort(Kind from, Kind to) {
  for (const Kind kind : {from, to}) {
    if (kind == kStrict || kind == kInternal) return false;
  }
  return true;
}

// --- The world ---------------------------------------------------------------

// Each kind has the one of its number.
constexpr int kPortsOfA = 8100;
constexpr int kPortsOfB = 8120;
constexpr int kPortsOfC = 8140;
constexpr int kLoopbackPortsOfA = 8160;

std::string NameOf(Kind kind, int number) {
  return StrCat(kKindNames[kind], number);
}

v1::NetworkSpec SpecOf(Kind kind, int number) {
  const int third = (number == 1 ? 10 : 40) + kind;
  v1::NetworkSpec spec;
  spec.set_name(NameOf(kind, number));
  spec.add_subnets()->set_cidr(StrCat("10.77.", third, ".0/24"));
  spec.add_subnets()->set_cidr(StrCat("fd00:77:", third, "::/64"));
  if (kind == kOpen) spec.set_isolation(v1::NETWORK_ISOLATION_NONE);
  if (kind == kStrict) spec.set_isolation(v1::NETWORK_ISOLATION_STRICT);
  if (kind == kInternal) spec.set_internal(true);
  if (kind == kApart) spec.set_isolate_endpoints(true);
  if (kind == kLinks) spec.set_driver("ptp");
  if (kind == kRouted) {
    spec.mutable_nat4()->set_routed(true);
    spec.mutable_nat6()->set_routed(true);
    spec.set_ingress(true);
  }
  return spec;
}

class NetworkMatrixTest : public NetworkDaemonTest,
                          public ::testing::WithParamInterface<Calls> {
 protected:
  struct Members {
    v1::Container a, b, c;
  };

  void SetUp() override {
    const bool calls = GetParam().ip4 || GetParam().ip6;
    // Two dozen containers for each.
    if (calls && TimeoutScale() > 10) {
      GTEST_SKIP() << "an emulated machine is too slow for every kind";
    }
    NetworkDaemonTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    if (Succeeds(Host(), {"test", "-e", kCallDirectory})) {
      before_ = GetCalls();
      SetCalls(GetParam());
    } else if (calls) {
      GTEST_SKIP() << "this kernel has no br_netfilter";
    }
    for (size_t i = 0; i < kKinds; ++i) MakeMembers(static_cast<Kind>(i));
    std::vector<std::string> argv = ServeArguments("outside");
    argv.insert(argv.begin(), ProgramPath("caisson-probe"));
    outside_.emplace(OptionsIn(Outside(), argv), Interactive::Stdio::kPipes);
    ASSERT_TRUE(outside_->WaitFor("serving=")) << outside_->output();
  }
  void TearDown() override {
    outside_.reset();
    if (before_.has_value()) SetCalls(*before_);
    NetworkDaemonTest::TearDown();
  }

  static constexpr char kCallDirectory[] = "/proc/sys/net/bridge";
  static Calls GetCalls() {
    const std::string text =
        Shell(Host(), StrCat("cd ", kCallDirectory,
                             "; cat bridge-nf-call-iptables "
                             "bridge-nf-call-ip6tables"));
    return {.ip4 = text.substr(0, 1) == "1", .ip6 = text.substr(2, 1) == "1"};
  }
  static void SetCalls(const Calls& calls) {
    Shell(Host(), StrCat("cd ", kCallDirectory, "; echo ", calls.ip4 ? 1 : 0,
                         " > bridge-nf-call-iptables; echo ", calls.ip6 ? 1 : 0,
                         " > bridge-nf-call-ip6tables"));
  }

  static v1::Container StartPublished(const std::string& name,
                                      const std::string& network, int port,
                                      int loopback_port) {
    v1::ContainerSpec spec = ServerSpec(name, network);
    for (const char* host : {"0.0.0.0", "::"}) {
      for (const char* protocol : {"tcp", "udp"}) {
        Publish(&spec, host, port, kServed, protocol);
      }
    }
    if (loopback_port > 0) Publish(&spec, "", loopback_port, kServed);
    return StartServing(spec);
  }
  void MakeMembers(Kind kind) {
    for (const int number : {1, 2}) MakeNetwork(SpecOf(kind, number));
    const std::string first = NameOf(kind, 1);
    members_[kind] = {
        .a = StartPublished("a", first, kPortsOfA + kind,
                            kLoopbackPortsOfA + kind),
        .b = StartPublished("b", first, kPortsOfB + kind, 0),
        .c = StartPublished("c", NameOf(kind, 2), kPortsOfC + kind, 0)};
  }

  static std::string GatewayOf(const v1::Container& container, int family) {
    // The first address of the subnet: internal networks tell no gateway.
    const std::string address = AddressOf(container, family);
    return StrCat(address.substr(0, address.find_last_of(".:") + 1), 1);
  }
  static std::string HostOf(int family) {
    return family == 6 ? kHostAddress6 : kHostAddress;
  }
  static std::string OutsideOf(int family) {
    return family == 6 ? kOutsideAddress6 : kOutsideAddress;
  }
  static std::string LoopbackOf(int family) {
    return family == 6 ? "::1" : "127.0.0.1";
  }

  // Who is asked, where.
  struct Target {
    std::string name;
    std::string address;
    int port = 0;
  };
  Target TargetOf(Kind kind, FlowId flow, int family) const {
    const Members& of = members_[kind];
    const std::string host = HostOf(family);
    switch (flow) {
      case kToGateway:
        return {"", GatewayOf(of.a, family)};
      case kToSibling:
        return {"b", AddressOf(of.b, family), kServed};
      case kToOther:
        return {"c", AddressOf(of.c, family), kServed};
      case kToOutside:
        return {"outside", OutsideOf(family), kServed};
      case kOwnPort:
      case kHostPort:
      case kOutsidePort:
        return {"a", host, kPortsOfA + kind};
      case kSiblingPort:
        return {"b", host, kPortsOfB + kind};
      case kOtherPort:
        return {"c", host, kPortsOfC + kind};
      case kHostLoopbackPort:
        return {"a", LoopbackOf(family), kPortsOfA + kind};
      case kHostOnlyLoopback:
        return {"a", LoopbackOf(family), kLoopbackPortsOfA + kind};
      case kOutsideNoPort:
        return {"a", host, kServed};
      case kOutsideDirect:
        return {"a", AddressOf(of.a, family), kServed};
      case kOutsideOnlyLoopback:
        return {"a", host, kLoopbackPortsOfA + kind};
    }
    return {};
  }

  // With both protocols; the gateway answers to echo requests alone, and of
  // loopback only TCP is published.
  void AddQuestions(Kind kind, FlowId flow,
                    std::vector<Question>* questions) const {
    std::vector<std::string> protocols = {"tcp", "udp"};
    if (flow == kToGateway) protocols = {"ping"};
    if (flow == kHostOnlyLoopback) protocols = {"tcp"};
    for (const int family : {4, 6}) {
      const Target target = TargetOf(kind, flow, family);
      const Seen seen = Expected(kind, flow, family, GetParam());
      std::string expected = StrCat(target.name, " ");
      if (seen == kNobody) expected = "";
      if (seen == kSelf) expected += AddressOf(members_[kind].a, family);
      if (seen == kGateway) expected += GatewayOf(members_[kind].a, family);
      if (seen == kHost) expected += HostOf(family);
      if (seen == kOutside) expected += OutsideOf(family);
      if (seen == kPong) expected = "pong";
      for (const std::string& protocol : protocols) {
        questions->push_back({StrCat(kKindNames[kind], ", ", kFlows[flow].name),
                              protocol, target.address, target.port, expected});
      }
    }
  }
  // From a container of one kind of network to those of all others.
  void AddQuestionsBetween(Kind from, std::vector<Question>* questions) const {
    for (size_t i = 0; i < kKinds; ++i) {
      const auto to = static_cast<Kind>(i);
      if (to == from) continue;
      for (const int family : {4, 6}) {
        const std::string seen = AddressOf(members_[from].a, family);
        const std::string address = AddressOf(members_[to].c, family);
        const std::string answer = StrCat("c ", seen);
        const std::string what =
            StrCat(kKindNames[from], " to ", kKindNames[to]);
        questions->push_back({what, "tcp", address, kServed,
                              ReachesAddress(from, to) ? answer : ""});
        questions->push_back({StrCat(what, ", port"), "tcp", HostOf(family),
                              kPortsOfC + to,
                              ReachesPort(from, to) ? answer : ""});
      }
    }
  }

  // From everywhere, each place for itself.
  void ExpectMatrix(const std::string& when) const {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kKinds; ++i) {
      threads.emplace_back([this, &when, i] {
        const auto kind = static_cast<Kind>(i);
        std::vector<Question> questions;
        for (const FlowId flow : {kToGateway, kToSibling, kToOther, kToOutside,
                                  kOwnPort, kSiblingPort, kOtherPort}) {
          AddQuestions(kind, flow, &questions);
        }
        AddQuestionsBetween(kind, &questions);
        EXPECT_EQ(WrongAnswers(questions, AskFrom(members_[kind].a, questions)),
                  "")
            << when;
      });
    }
    threads.emplace_back([this, &when] {
      ExpectFrom(Host(), {kHostPort, kHostLoopbackPort, kHostOnlyLoopback},
                 when);
    });
    threads.emplace_back([this, &when] {
      ExpectFrom(
          Outside(),
          {kOutsidePort, kOutsideNoPort, kOutsideDirect, kOutsideOnlyLoopback},
          when);
    });
    for (std::thread& thread : threads) thread.join();
  }

 private:
  void ExpectFrom(const Place& place, const std::vector<FlowId>& flows,
                  const std::string& when) const {
    std::vector<Question> questions;
    for (size_t i = 0; i < kKinds; ++i) {
      for (const FlowId flow : flows) {
        AddQuestions(static_cast<Kind>(i), flow, &questions);
      }
    }
    EXPECT_EQ(WrongAnswers(questions, AskFrom(place, questions)), "") << when;
  }

  std::optional<Calls> before_;
  std::optional<Interactive> outside_;
  std::array<Members, kKinds> members_;
};

TEST_P(NetworkMatrixTest, WhoReachesWhomIsTheSameAfterAFlushAndACrash) {
  ExpectMatrix("at first");
  if (HasFailure()) return;
  FlushFirewall();
  ExpectMatrix("a second after the firewall was flushed");
  daemon().Kill9();
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  ExpectMatrix("after the daemon died");
}

INSTANTIATE_TEST_SUITE_P(Calls, NetworkMatrixTest,
                         ::testing::Values(Calls{false, false},
                                           Calls{true, true},
                                           Calls{false, true}),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace caisson::testing
