// What explain tells of networks, against what ip and nft show when it was
// done.
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_fixture.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

using Containers = v1::ContainerService::Stub;
using Networks = v1::NetworkService::Stub;
using Steps = std::vector<v1::PlanStep>;

class NetworkExplainTest : public NetworkDaemonTest {
 protected:
  static v1::NetworkSpec LanSpec(const std::string& name) {
    return NetworkOf(name, {"10.79.1.0/24", "fd00:79:1::/64"});
  }
  static grpc::Status TryExplain(const v1::ContainerSpec& spec,
                                 v1::Plan* plan = nullptr) {
    v1::ExplainContainerRequest request;
    *request.mutable_spec() = spec;
    return Ask(request, plan);
  }
  static grpc::Status TryExplain(const std::string& container,
                                 v1::Plan* plan = nullptr) {
    v1::ExplainContainerRequest request;
    request.set_container(container);
    return Ask(request, plan);
  }
  static v1::Plan Explain(const v1::ContainerSpec& spec) {
    v1::Plan plan;
    EXPECT_THAT(TryExplain(spec, &plan), IsOk());
    return plan;
  }
  static v1::ExplainNetworkResponse ExplainNetwork(
      const v1::ExplainNetworkRequest& request) {
    v1::ExplainNetworkResponse response;
    EXPECT_THAT(
        Call(stubs().networks, &Networks::ExplainNetwork, request, &response),
        IsOk());
    return response;
  }
  static v1::ExplainNetworkResponse ExplainNetwork(const std::string& name) {
    v1::ExplainNetworkRequest request;
    request.set_network(name);
    return ExplainNetwork(request);
  }

  // Those of the networks, of one kind or all.
  static Steps StepsOf(const v1::Plan& plan, const std::string& op = "") {
    Steps steps;
    for (const v1::PlanStep& step : plan.steps()) {
      const bool is_ours =
          step.stage() == "NETWORK" || step.stage() == "DAEMON";
      if (is_ours && (op.empty() || step.op() == op)) steps.push_back(step);
    }
    return steps;
  }
  static std::vector<std::string> TextsOf(const Steps& steps) {
    std::vector<std::string> texts;
    for (const v1::PlanStep& step : steps) texts.push_back(step.text());
    return texts;
  }
  static std::string Where(const v1::PlanStep& step) {
    const auto found = step.detail().find("where");
    return found == step.detail().end() ? "" : found->second;
  }
  // "A to B": A. The whole text without such a word.
  static std::string Before(const std::string& text, const std::string& word) {
    return text.substr(0, text.find(word));
  }

  // Addresses of a place, as "10.79.1.2/24".
  static std::vector<std::string> AddressesOf(const Place& place) {
    std::vector<std::string> addresses;
    for (const auto& link : Json(place, {"ip", "-j", "addr"})) {
      for (const auto& address : link["addr_info"]) {
        addresses.push_back(StrCat(address["local"].get<std::string>(), "/",
                                   address["prefixlen"].get<int>()));
      }
    }
    return addresses;
  }
  static void ExpectDone(const v1::PlanStep& step,
                         const v1::Container& container) {
    SCOPED_TRACE(step.text());
    const Place place = Where(step) == "host" ? Host() : Inside(container);
    if (step.op() == "ADD_ADDRESS") {
      EXPECT_THAT(AddressesOf(place),
                  ::testing::Contains(Before(step.target(), " to ")));
    } else if (step.op() == "ADD_ROUTE") {
      EXPECT_THAT(Shell(place, "ip route; ip -6 route"),
                  HasSubstr(absl::StrReplaceAll(Before(step.target(), " on "),
                                                {{" (IPv6)", ""}})));
    } else if (step.op() == "WRITE_SYSCTL") {
      const size_t equals = step.target().find(" = ");
      ASSERT_NE(equals, std::string::npos);
      EXPECT_EQ(
          Run(place, {"cat", "/proc/sys/" + step.target().substr(0, equals)}),
          step.target().substr(equals + 3) + "\n");
    } else if (step.op() == "ADD_ELEMENT") {
      // A host without /etc/protocols has numbers alone.
      EXPECT_THAT(Run(place, {"nft", "-p", "list", "ruleset"}),
                  HasSubstr(absl::StrReplaceAll(
                      step.detail().at("element"),
                      {{"tcp . ", "6 . "}, {"udp . ", "17 . "}})));
    } else if (step.op() == "WRITE_FILE") {
      EXPECT_EQ(
          ExecSync(container.id(), ShExec("cat " + step.target())).stdout(),
          step.detail().at("content"));
    }
  }

 private:
  static grpc::Status Ask(const v1::ExplainContainerRequest& request,
                          v1::Plan* plan) {
    v1::ExplainContainerResponse response;
    const grpc::Status status = Call(
        stubs().containers, &Containers::ExplainContainer, request, &response);
    if (plan != nullptr) *plan = response.plan();
    return status;
  }
};

TEST_F(NetworkExplainTest, AStartDoesWhatWasTold) {
  MakeNetwork(LanSpec("lan"));
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  spec.set_name("web");
  Attachment(&spec, 0)->add_aliases("www");
  // Its link-local address follows from it: one that is chosen is another one
  // each time.
  Attachment(&spec, 0)->set_mac("02:42:ac:11:00:07");
  Publish(&spec, "127.0.0.1", 8088, 80);
  Publish(&spec, "0.0.0.0", 0, 81, "udp");

  const std::set<std::string> before = StateOf(Host());
  const int64_t revision = Revision();
  const v1::Plan told = Explain(spec);
  EXPECT_TRUE(MessageDifferencer::Equals(told, Explain(spec)));
  v1::CreateContainerRequest only;
  *only.mutable_spec() = spec;
  only.set_validate_only(true);
  v1::CreateContainerResponse validated;
  EXPECT_THAT(
      Call(stubs().containers, &Containers::CreateContainer, only, &validated),
      IsOk());
  EXPECT_EQ(TextsOf(StepsOf(validated.plan())), TextsOf(StepsOf(told)));
  EXPECT_EQ(Differences(before, StateOf(Host())), "");
  EXPECT_EQ(Revision(), revision);
  EXPECT_THAT(AuditProblems(), IsEmpty());

  const v1::Container container = CreateAndStart(spec);
  v1::Plan running;
  EXPECT_THAT(TryExplain(container.id(), &running), IsOk());
  // What it was told it would get is what it got.
  for (const char* op : {"ADD_ADDRESS", "ADD_ROUTE", "ADD_ELEMENT"}) {
    EXPECT_THAT(TextsOf(StepsOf(told, op)), Not(IsEmpty())) << op;
    EXPECT_EQ(TextsOf(StepsOf(told, op)), TextsOf(StepsOf(running, op)));
  }
  for (const v1::PlanStep& step : StepsOf(running)) {
    EXPECT_EQ(step.why(), "") << "what it has is reserved";
    ExpectDone(step, container);
  }
  const Steps veth = StepsOf(running, "CREATE_VETH");
  ASSERT_EQ(veth.size(), 1u);
  const nlohmann::json link =
      Json(Host(), {"ip", "-j", "-d", "link", "show", "dev",
                    Before(veth[0].target(), " ")})[0];
  EXPECT_EQ(veth[0].target(),
            StrCat(link["ifname"].get<std::string>(),
                   " with peer eth0 in the container, master ",
                   link["master"].get<std::string>(), ", mtu ",
                   link["mtu"].get<int>()));
  const Steps names = StepsOf(told, "ANSWER_NAMES");
  ASSERT_EQ(names.size(), 1u);
  EXPECT_THAT(names[0].text(), HasSubstr("at 10.79.1.1, fd00:79:1::1 for web"));
  EXPECT_THAT(names[0].text(), HasSubstr("www with 10.79.1.2"));
}

TEST_F(NetworkExplainTest, StepsComeInTheOrderOfAStart) {
  const v1::Plan plan = Explain(AttachedSpec({"default"}));
  std::vector<std::string> stages;
  std::vector<std::string> ops;
  std::set<int> numbers;
  for (const v1::PlanStep& step : plan.steps()) {
    EXPECT_TRUE(numbers.insert(step.index()).second) << step.text();
    if (stages.empty() || stages.back() != step.stage()) {
      stages.push_back(step.stage());
    }
    if (step.stage() != "NETWORK") continue;
    if (ops.empty() || ops.back() != step.op()) ops.push_back(step.op());
  }
  EXPECT_EQ(stages.front(), "DAEMON");
  const auto at = [&stages](const char* stage) {
    return std::find(stages.begin(), stages.end(), stage) - stages.begin();
  };
  EXPECT_LT(at("PREPARE"), at("NETWORK"));
  EXPECT_LT(at("NETWORK"), at("CHILD"));
  EXPECT_EQ(std::count(stages.begin(), stages.end(), "NETWORK"), 1);
  // Nobody has used the network: it is made first.
  if (!GetNetwork("default").status().up()) {
    EXPECT_THAT(ops, IsSupersetOf({"CREATE_BRIDGE", "SERVE_NAMES"}));
    EXPECT_LT(std::find(ops.begin(), ops.end(), "CREATE_BRIDGE"),
              std::find(ops.begin(), ops.end(), "CREATE_VETH"));
    EXPECT_FALSE(GetNetwork("default").status().up());
  }
}

TEST_F(NetworkExplainTest, WhatAStartWouldBeRefusedForIsTold) {
  MakeNetwork(LanSpec("lan"));
  v1::ContainerSpec spec = AttachedSpec({"lan"});
  Attachment(&spec, 0)->add_addresses("10.79.1.9");
  Publish(&spec, "0.0.0.0", 8088, 80);
  CreateAndStart(spec);
  const auto refused = [](const v1::ContainerSpec& wanted,
                          const std::string& reason, grpc::StatusCode code) {
    EXPECT_THAT(TryExplain(wanted), FailsWith(code, reason));
    const std::string id = Create(wanted).id();
    EXPECT_THAT(TryExplain(id), FailsWith(code, reason));
    EXPECT_THAT(TryStart(id), FailsWith(code, reason));
  };
  refused(spec, "ADDRESS_IN_USE", grpc::StatusCode::ALREADY_EXISTS);
  Attachment(&spec, 0)->clear_addresses();
  refused(spec, "PORT_IN_USE", grpc::StatusCode::ALREADY_EXISTS);
  spec.mutable_network()->clear_ports();
  refused(AttachedSpec({"nowhere"}), "NETWORK_NOT_FOUND",
          grpc::StatusCode::NOT_FOUND);
  // None of these took anything.
  EXPECT_THAT(TextsOf(StepsOf(Explain(spec), "ADD_ADDRESS")),
              ElementsAre(HasSubstr("container: add address fe80::"),
                          "container: add address fd00:79:1::3/64 to eth0",
                          "container: add address 10.79.1.2/24 to eth0"));
}

TEST_F(NetworkExplainTest, ANetworkIsMadeAsToldAndRepairedAsTold) {
  v1::ExplainNetworkRequest request;
  *request.mutable_spec() = LanSpec("lan");
  const std::set<std::string> before = StateOf(Host());
  const v1::ExplainNetworkResponse told = ExplainNetwork(request);
  EXPECT_TRUE(MessageDifferencer::Equals(told, ExplainNetwork(request)));
  EXPECT_EQ(Differences(before, StateOf(Host())), "");
  EXPECT_EQ(told.network().id(), "");
  EXPECT_EQ(told.network().status().subnets_size(), 2);
  EXPECT_THAT(told.present(), IsEmpty());

  MakeNetwork(LanSpec("lan"));
  for (const v1::PlanStep& step : told.steps()) {
    EXPECT_EQ(step.stage(), "NETWORK");
    // Else in the name of a bridge that there is not yet.
    if (step.op() == "ADD_ADDRESS") ExpectDone(step, {});
  }
  const v1::ExplainNetworkResponse fine = ExplainNetwork("lan");
  EXPECT_THAT(fine.steps(), IsEmpty());
  ASSERT_EQ(fine.present_size(), 1);
  const std::string bridge = Before(fine.present(0), ":");
  EXPECT_THAT(fine.present(0), HasSubstr(": bridge, up, mtu "));
  EXPECT_THAT(fine.present(0), HasSubstr("10.79.1.1/24"));

  Shell(Host(), StrCat("ip link set ", bridge,
                       " down && ip addr del "
                       "10.79.1.1/24 dev ",
                       bridge));
  const v1::ExplainNetworkResponse broken = ExplainNetwork("lan");
  std::vector<std::string> steps;
  for (const v1::PlanStep& step : broken.steps()) steps.push_back(step.text());
  EXPECT_THAT(
      steps,
      IsSupersetOf({StrCat("host: set link ", bridge, ": up"),
                    StrCat("host: add address 10.79.1.1/24 to ", bridge)}));
  EXPECT_THAT(broken.present(0), HasSubstr(": bridge, down, mtu "));
  ASSERT_TRUE(daemon().Restart()) << daemon().log();
  const v1::ExplainNetworkResponse repaired = ExplainNetwork("lan");
  EXPECT_THAT(repaired.steps(), IsEmpty());
  EXPECT_EQ(repaired.present(0), fine.present(0));
}

}  // namespace
}  // namespace caisson::testing
