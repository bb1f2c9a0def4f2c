#include "server/core/network/network_explain.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

#include "netsetup/netns.h"
#include "netsetup/network/op.h"
#include "netsetup/nft/schema.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "server/core/network/host_values.h"
#include "server/core/network/network_errors.h"

namespace caisson::core {
namespace {

namespace nft = netsetup::nft;

constexpr char kFree[] = "not reserved: what it would be now";
constexpr char kIdOfEndpoint[] =
    "named after the id of the endpoint, which a start chooses";
constexpr char kIdOfNetwork[] =
    "named after the id of the network, which its creation chooses";

std::string WhyNothing(const netsetup::Op&) {
  return "";
}

std::string WhyOfNewNetwork(const netsetup::Op& op) {
  return std::holds_alternative<netsetup::CreateLink>(op.action) ? kIdOfNetwork
                                                                 : "";
}

std::string WhyOfNewEndpoint(const netsetup::Op& op) {
  const auto* const made = std::get_if<netsetup::CreateLink>(&op.action);
  if (made != nullptr &&
      (made->inside.empty() ||
       std::holds_alternative<netsetup::VethOptions>(made->link.kind))) {
    return kIdOfEndpoint;
  }
  const bool is_address =
      std::holds_alternative<netsetup::AddAddress>(op.action) &&
      !op.netns.empty();
  return is_address ? kFree : "";
}

// "create veth": CREATE_VETH.
std::string NameOf(const netsetup::Op& op) {
  return absl::StrReplaceAll(absl::AsciiStrToUpper(netsetup::VerbOf(op)),
                             {{" ", "_"}});
}

// The lines of a file, in one.
std::string InOneLine(const std::string& text) {
  std::string line = absl::StrReplaceAll(text, {{"\t", " "}, {"\n", "; "}});
  while (!line.empty() && (line.back() == ' ' || line.back() == ';')) {
    line.pop_back();
  }
  return line;
}

// An address without its length.
std::string Bare(const std::string& prefix) {
  return prefix.substr(0, prefix.find('/'));
}

std::string TextOf(const store::PublishedPort& port) {
  const std::string last =
      port.count > 1 ? absl::StrCat("-", port.host_port + port.count - 1) : "";
  const bool is_v6 = port.host_ip.find(':') != std::string::npos;
  return absl::StrCat(is_v6 ? "[" : "", port.host_ip, is_v6 ? "]" : "", ":",
                      port.host_port, last, "/", port.protocol, " to ",
                      port.container_port);
}

}  // namespace

PlanStep& NetworkExplainer::Add(std::string op, std::string target,
                                std::string text) {
  PlanStep& step = steps_.emplace_back();
  step.stage = "NETWORK";
  step.op = std::move(op);
  step.target = std::move(target);
  step.text = std::move(text);
  return step;
}

void NetworkExplainer::AddPlan(const std::string& network,
                               const netsetup::Plan& plan, Why why) {
  for (const netsetup::Op& op : plan) {
    PlanStep& step =
        Add(NameOf(op), netsetup::ObjectOf(op), netsetup::Describe(op));
    step.detail["where"] = op.netns.empty() ? "host" : "container";
    if (!network.empty()) step.detail["network"] = network;
    step.why = why(op);
  }
  view_.observed = netsetup::After(plan, std::move(view_.observed));
}

void NetworkExplainer::AddElements(const std::string& network,
                                   const std::vector<nft::Element>& elements,
                                   const std::string& why) {
  if (elements.empty()) return;
  if (!view_.has_table) {
    Add("CREATE_TABLE", view_.table,
        absl::StrCat("host: firewall: create table ", view_.table))
        .detail["where"] = "host";
    view_.has_table = true;
  }
  for (const nft::Element& element : elements) {
    const std::string set(nft::SetOf(element.set).name);
    const std::string text = nft::ElementText(element);
    PlanStep& step =
        Add("ADD_ELEMENT", set,
            absl::StrCat("host: firewall: add ", text, " to set ", set));
    step.detail = {{"where", "host"}, {"network", network}, {"element", text}};
    step.why = why;
  }
}

void NetworkExplainer::WriteFiles(const NameFiles& files) {
  const std::pair<const char*, const std::string&> all[] = {
      {"/etc/hosts", files.hosts},
      {"/etc/resolv.conf", files.resolv_conf},
      {"/etc/hostname", files.hostname}};
  for (const auto& [path, text] : all) {
    PlanStep& step = Add("WRITE_FILE", path,
                         absl::StrCat("host: write what is ", path,
                                      " in the container: ", InOneLine(text)));
    step.stage = "DAEMON";
    step.detail = {{"where", "host"}, {"content", text}};
  }
}

void NetworkExplainer::Prepare(const std::vector<netsetup::Sysctl>& sysctls) {
  netsetup::Plan plan;
  for (const netsetup::Sysctl& sysctl : sysctls) {
    plan.push_back({"container", netsetup::SetSysctl{sysctl}});
  }
  AddPlan("", plan, &WhyNothing);
}

absl::Status NetworkExplainer::Make(const store::NetworkRecord& network,
                                    Reserved reserved,
                                    const std::vector<std::string>& servers) {
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network wanted,
                           HostNetwork(network));
  CAISSON_RETURN_IF_ERROR(SetupFailed(netsetup::ValidateNetwork(wanted)));
  CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                           NetworkElements(network));
  const absl::StatusOr<netsetup::Plan> plan =
      netsetup::PlanCreateNetwork(view_.instance, wanted, view_.observed);
  if (!plan.ok()) return SetupFailed(plan.status());
  AddPlan(network.name, *plan,
          reserved == Reserved::kYes ? &WhyNothing : &WhyOfNewNetwork);
  AddElements(network.name, elements, "");
  if (servers.empty()) return absl::OkStatus();
  const std::string where = absl::StrJoin(servers, ", ");
  Add("SERVE_NAMES", where, absl::StrCat("host: answer for names at ", where))
      .detail = {{"where", "host"}, {"network", network.name}};
  return absl::OkStatus();
}

absl::Status NetworkExplainer::Attach(const EndpointRef& ref,
                                      Reserved reserved) {
  const std::string& name = ref.network->name;
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network network,
                           HostNetwork(*ref.network));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Endpoint endpoint,
                           HostEndpoint(ref.endpoint, ref.container_id));
  CAISSON_RETURN_IF_ERROR(
      SetupFailed(netsetup::ValidateEndpoint(network, endpoint)));
  CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> elements,
                           EndpointElements(*ref.network, ref.endpoint));
  // It has the device already; a start would meet it here.
  if (reserved == Reserved::kYes &&
      network.driver == netsetup::Driver::kHostDevice &&
      view_.observed.FindLink(network.interface) == nullptr) {
    view_.observed.links.push_back({.name = network.interface});
  }
  const absl::StatusOr<netsetup::Plan> plan =
      netsetup::PlanAttach(view_.instance, network, endpoint, view_.observed);
  if (!plan.ok()) return SetupFailed(plan.status());
  const bool is_free = reserved == Reserved::kNo;
  AddPlan(name, *plan, is_free ? &WhyOfNewEndpoint : &WhyNothing);
  CAISSON_ASSIGN_OR_RETURN(const std::optional<netsetup::Sysctl> loopback,
                           LoopbackSysctl(*ref.network, ref.endpoint));
  if (loopback.has_value()) {
    AddPlan(name, {{"", netsetup::SetSysctl{*loopback}}}, &WhyNothing);
  }
  AddElements(name, elements, is_free ? kFree : "");
  return absl::OkStatus();
}

void NetworkExplainer::AnswerNames(const std::string& network,
                                   const netsetup::dns::ZoneEntry& names,
                                   const std::vector<std::string>& servers) {
  if (servers.empty()) return;
  std::vector<std::string> all = names.aliases;
  if (!names.short_id.empty()) all.insert(all.begin(), names.short_id);
  if (!names.name.empty()) all.insert(all.begin(), names.name);
  std::vector<std::string> addresses;
  for (const netsetup::IpAddress& address : names.addresses) {
    addresses.push_back(address.ToString());
  }
  const std::string name = absl::StrJoin(all, ", ");
  Add("ANSWER_NAMES", name,
      absl::StrCat("host: answer at ", absl::StrJoin(servers, ", "), " for ",
                   name, " with ", absl::StrJoin(addresses, ", ")))
      .detail = {{"where", "host"}, {"network", network}};
}

void NetworkExplainer::Repair(const std::string& network,
                              const netsetup::Part& part) {
  if (!part.problem.ok()) {
    const std::string text(base::StdView(part.problem.message()));
    Add("PROBLEM", "", absl::StrCat("cannot be repaired: ", text)).detail = {
        {"network", network}};
  }
  AddPlan(network, part.plan, &WhyNothing);
}

void NetworkExplainer::RebuildTable(
    const std::vector<std::string>& differences) {
  if (differences.empty()) return;
  PlanStep& step =
      Add("REBUILD_TABLE", view_.table,
          absl::StrCat("host: firewall: make table ", view_.table, " anew"));
  step.detail["where"] = "host";
  step.why = absl::StrJoin(differences, "; ");
}

std::vector<PlanStep> NetworkExplainer::Take() {
  int32_t index = 0;
  for (PlanStep& step : steps_) step.index = index++;
  return std::move(steps_);
}

std::vector<std::string> DescribePresent(
    const store::NetworkRecord& network,
    const std::vector<store::Endpoint>& endpoints,
    const netsetup::Observed& observed) {
  std::vector<std::string> lines;
  const auto describe = [&](const netsetup::Link& link) {
    std::string line = absl::StrCat(link.name, ":");
    if (!link.kind.empty()) absl::StrAppend(&line, " ", link.kind, ",");
    absl::StrAppend(&line, link.up ? " up" : " down", ", mtu ", link.mtu);
    for (const netsetup::LinkAddress& address : observed.addresses) {
      if (address.link != link.index) continue;
      absl::StrAppend(&line, ", ", address.prefix.ToString());
    }
    return line;
  };
  const auto wanted = HostNetwork(network);
  const bool has_link = wanted.ok() && wanted->driver != netsetup::Driver::kPtp;
  const netsetup::Link* const link =
      has_link ? observed.FindLink(netsetup::BridgeName(*wanted)) : nullptr;
  if (link != nullptr) lines.push_back(describe(*link));
  for (const store::Endpoint& endpoint : endpoints) {
    const netsetup::Link* const host_link =
        observed.FindLink(endpoint.host_link);
    if (host_link == nullptr) continue;
    lines.push_back(absl::StrCat(describe(*host_link), ", to ",
                                 endpoint.interface, " with ",
                                 absl::StrJoin(endpoint.addresses, ", ")));
  }
  return lines;
}

std::vector<std::string> SummaryOf(
    const std::vector<store::Endpoint>& endpoints, Reserved reserved) {
  std::vector<std::string> lines;
  for (const store::Endpoint& endpoint : endpoints) {
    std::vector<std::string> has = {endpoint.interface};
    for (const std::string& address : endpoint.addresses) {
      has.push_back(Bare(address));
    }
    for (const store::PublishedPort& port : endpoint.ports) {
      has.push_back(TextOf(port));
    }
    lines.push_back(absl::StrCat(
        "network '", endpoint.network_name, "': ", absl::StrJoin(has, ", "),
        reserved == Reserved::kYes ? "" : " (not reserved)"));
  }
  return lines;
}

}  // namespace caisson::core
