#include "server/core/network/network_explain.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_matchers.h"

namespace caisson::core {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kNetworkId[] = "0123456789abcdef0123456789abcdef";
constexpr char kEndpointId[] = "fedcba9876543210fedcba9876543210";

store::NetworkPtr NetworkOf(const std::string& driver) {
  auto record = std::make_shared<store::NetworkRecord>();
  record->id = kNetworkId;
  record->name = "lan";
  auto spec = std::make_shared<spec::NetworkSpec>();
  spec->name = "lan";
  spec->driver = driver;
  if (driver == "host-device") spec->interface = "up0";
  record->spec = std::move(spec);
  record->subnets = {{.cidr = "10.1.0.0/24", .gateway = "10.1.0.1"}};
  return record;
}

EndpointRef RefOf(store::NetworkPtr network) {
  EndpointRef ref;
  ref.endpoint.id = kEndpointId;
  ref.endpoint.network_id = network->id;
  ref.endpoint.network_name = network->name;
  ref.endpoint.interface = "eth0";
  ref.endpoint.addresses = {"10.1.0.2/24"};
  ref.endpoint.default_route = true;
  store::PublishedPort& port = ref.endpoint.ports.emplace_back();
  port.protocol = "tcp";
  port.host_ip = "127.0.0.1";
  port.host_port = 8080;
  port.container_port = 80;
  port.count = 1;
  ref.network = std::move(network);
  ref.container_id = std::string(32, '7');
  return ref;
}

HostView EmptyHost() {
  HostView host = {.instance = "ab12", .table = "caisson_ab12"};
  host.observed.links = {{.index = 1, .name = "lo"},
                         {.index = 2, .name = "eth0", .mtu = 1400}};
  host.observed.routes = {
      {.destination = *netsetup::ParseIpPrefix("0.0.0.0/0"), .link = 2}};
  host.observed.sysctls = {{"net/ipv4/ip_forward", "0"}};
  return host;
}

std::vector<std::string> TextsOf(const std::vector<PlanStep>& steps) {
  std::vector<std::string> texts;
  for (const PlanStep& step : steps) texts.push_back(step.text);
  return texts;
}

std::vector<std::string> OpsOf(const std::vector<PlanStep>& steps) {
  std::vector<std::string> ops;
  for (const PlanStep& step : steps) ops.push_back(step.op);
  return ops;
}

TEST(NetworkExplainTest, AStartOnANetworkThatIsNotUp) {
  NetworkExplainer explainer(EmptyHost());
  const EndpointRef ref = RefOf(NetworkOf("bridge"));
  explainer.WriteFiles({.hosts = "127.0.0.1\tlocalhost\n10.1.0.2\tweb\n",
                        .resolv_conf = "nameserver 10.1.0.1\n",
                        .hostname = "web\n"});
  CAISSON_ASSERT_OK(explainer.Make(*ref.network, Reserved::kYes, {"10.1.0.1"}));
  CAISSON_ASSERT_OK(explainer.Attach(ref, Reserved::kNo));
  netsetup::dns::ZoneEntry names;
  names.name = "web";
  names.aliases = {"www"};
  names.short_id = "777777777777";
  names.addresses = {*netsetup::ParseIpAddress("10.1.0.2")};
  explainer.AnswerNames("lan", names, {"10.1.0.1"});
  const std::vector<PlanStep> steps = explainer.Take();
  const std::string tag = std::string("'caisson:ab12:endpoint:") + kEndpointId;
  EXPECT_THAT(
      TextsOf(steps),
      ElementsAreArray({
          std::string("host: write what is /etc/hosts in the container: "
                      "127.0.0.1 localhost; 10.1.0.2 web"),
          std::string("host: write what is /etc/resolv.conf in the container: "
                      "nameserver 10.1.0.1"),
          std::string("host: write what is /etc/hostname in the container: "
                      "web"),
          std::string("host: create bridge cb0123456789"),
          std::string("host: set link cb0123456789: mtu 1400, tag "
                      "'caisson:ab12:network:") +
              kNetworkId + "', no link-local address of its own",
          std::string("host: write sysctl "
                      "net/ipv4/conf/cb0123456789/rp_filter = 2"),
          std::string("host: add address 10.1.0.1/24 to cb0123456789"),
          std::string("host: set link cb0123456789: up"),
          std::string("host: write sysctl net/ipv4/ip_forward = 1"),
          std::string("host: firewall: create table caisson_ab12"),
          std::string("host: firewall: add \"cb0123456789\" to set nets"),
          std::string("host: firewall: add \"cb0123456789\" . "
                      "\"cb0123456789\" to set own"),
          std::string("host: firewall: add \"cb0123456789\" . "
                      "\"cb0123456789\" to set siblings"),
          std::string("host: firewall: add \"cb0123456789\" to set guarded"),
          std::string("host: firewall: add \"cb0123456789\" to set egress"),
          std::string("host: firewall: add \"cb0123456789\" to set "
                      "masquerade4"),
          std::string("host: firewall: add \"cb0123456789\" to set "
                      "masquerade6"),
          std::string("host: answer for names at 10.1.0.1"),
          std::string("host: create veth cvfedcba98765 with peer eth0 in the "
                      "container, master cb0123456789, mtu 1400"),
          std::string("container: set link eth0: no link-local address of its "
                      "own"),
          std::string("host: set link cvfedcba98765: up, tag ") + tag +
              "', open to other ports, no link-local address of its own",
          std::string("container: set link eth0: up"),
          std::string("container: add address 10.1.0.2/24 to eth0"),
          std::string("container: add route default via 10.1.0.1 on eth0"),
          std::string("host: write sysctl "
                      "net/ipv4/conf/cb0123456789/route_localnet = 1"),
          std::string("host: firewall: add 127.0.0.1 . tcp . 8080 : 10.1.0.2 . "
                      "80 to set ports_at4"),
          std::string("host: answer at 10.1.0.1 for web, 777777777777, www "
                      "with 10.1.0.2"),
      }));
  for (size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].index, static_cast<int32_t>(i));
    EXPECT_EQ(steps[i].stage, i < 3 ? "DAEMON" : "NETWORK");
  }
  EXPECT_EQ(steps[0].detail.at("content"),
            "127.0.0.1\tlocalhost\n10.1.0.2\tweb\n");
}

TEST(NetworkExplainTest, OnlyWhatIsNotReservedSaysSo) {
  for (const Reserved reserved : {Reserved::kNo, Reserved::kYes}) {
    NetworkExplainer explainer(EmptyHost());
    const EndpointRef ref = RefOf(NetworkOf("ptp"));
    CAISSON_ASSERT_OK(explainer.Attach(ref, reserved));
    std::vector<std::string> why;
    for (const PlanStep& step : explainer.Take()) {
      if (!step.why.empty()) why.push_back(step.op + ": " + step.why);
    }
    if (reserved == Reserved::kYes) {
      EXPECT_THAT(why, IsEmpty());
      continue;
    }
    EXPECT_THAT(why, Contains("CREATE_VETH: named after the id of the "
                              "endpoint, which a start chooses"));
    EXPECT_THAT(why,
                Contains("ADD_ADDRESS: not reserved: what it would be now"));
    EXPECT_THAT(why,
                Contains("ADD_ELEMENT: not reserved: what it would be now"));
  }
  const store::Endpoint endpoint = RefOf(NetworkOf("ptp")).endpoint;
  EXPECT_THAT(SummaryOf({endpoint}, Reserved::kNo),
              ElementsAre("network 'lan': eth0, 10.1.0.2, 127.0.0.1:8080/tcp "
                          "to 80 (not reserved)"));
  EXPECT_THAT(SummaryOf({endpoint}, Reserved::kYes),
              ElementsAre(Not(HasSubstr("reserved"))));
}

TEST(NetworkExplainTest, ADeviceThatTheContainerHasIsNotMissed) {
  const EndpointRef ref = RefOf(NetworkOf("host-device"));
  NetworkExplainer refused(EmptyHost());
  EXPECT_EQ(base::DetailOf(refused.Attach(ref, Reserved::kNo)).reason,
            "NETWORK_SETUP_FAILED");
  NetworkExplainer explainer(EmptyHost());
  CAISSON_ASSERT_OK(explainer.Attach(ref, Reserved::kYes));
  EXPECT_EQ(explainer.Take().front().text,
            "host: move link up0 into the container as eth0");
}

TEST(NetworkExplainTest, RepairsAndWhatCannotBeRepaired) {
  NetworkExplainer explainer(EmptyHost());
  netsetup::Part part;
  part.plan = {{"", netsetup::AddAddress{
                        .link = {.name = "cb0"},
                        .prefix = *netsetup::ParseIpPrefix("10.1.0.1/24")}}};
  explainer.Repair("lan", part);
  part.plan.clear();
  part.problem = absl::NotFoundError("link 'up0'");
  explainer.Repair("lan", part);
  explainer.RebuildTable({});
  explainer.RebuildTable({"no set nets", "chain forward"});
  const std::vector<PlanStep> steps = explainer.Take();
  EXPECT_THAT(OpsOf(steps),
              ElementsAre("ADD_ADDRESS", "PROBLEM", "REBUILD_TABLE"));
  EXPECT_THAT(TextsOf(steps),
              ElementsAre("host: add address 10.1.0.1/24 to cb0",
                          "cannot be repaired: link 'up0'",
                          "host: firewall: make table caisson_ab12 anew"));
  EXPECT_EQ(steps[2].why, "no set nets; chain forward");
}

TEST(NetworkExplainTest, WhatIsPresent) {
  const store::NetworkPtr network = NetworkOf("bridge");
  store::Endpoint endpoint = RefOf(network).endpoint;
  endpoint.host_link = "cvfedcba98765";
  HostView host = EmptyHost();
  EXPECT_THAT(DescribePresent(*network, {endpoint}, host.observed), IsEmpty());
  host.observed.links.push_back({.index = 7,
                                 .name = "cb0123456789",
                                 .kind = "bridge",
                                 .mtu = 1400,
                                 .up = true});
  host.observed.links.push_back(
      {.index = 8, .name = "cvfedcba98765", .kind = "veth", .mtu = 1400});
  host.observed.addresses = {
      {.link = 7, .prefix = *netsetup::ParseIpPrefix("10.1.0.1/24")}};
  EXPECT_THAT(DescribePresent(*network, {endpoint}, host.observed),
              ElementsAre("cb0123456789: bridge, up, mtu 1400, 10.1.0.1/24",
                          "cvfedcba98765: veth, down, mtu 1400, to eth0 with "
                          "10.1.0.2/24"));
}

}  // namespace
}  // namespace caisson::core
