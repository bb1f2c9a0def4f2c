#include "tests/integration/network_fixture.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"

#include "netsetup/ip_address.h"
#include "netsetup/netns.h"
#include "runtime/base/str_cat.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using nlohmann::json;

// The outside, held by this program alone.
netsetup::Netns& OutsideNetns() {
  static netsetup::Netns* const netns = new netsetup::Netns;
  return *netns;
}

// A path that other programs can open too.
std::string PathOf(int fd) {
  return StrCat("/proc/", ::getpid(), "/fd/", fd);
}

constexpr char kHostSide[] = R"(
echo 0 > /proc/sys/net/ipv4/ip_forward
ip link add out mtu 1400 type veth peer eth0 netns "$1"
# Addresses that are there at once, and no others.
ip link set out addrgenmode none up
ip addr add 192.0.2.1/24 dev out
ip addr add 2001:db8::1/64 dev out nodad
ip route add default via 192.0.2.2
)";
// It knows the way to every container: only the firewall is in between.
constexpr char kOutside[] = R"(
ip link set eth0 mtu 1400 up
ip addr add 192.0.2.2/24 dev eth0
ip addr add 2001:db8::2/64 dev eth0 nodad
ip route add 10.0.0.0/8 via 192.0.2.1
ip -6 route add fd00::/16 via 2001:db8::1
)";

// Each answers with one line, then sysctls; some can only be written.
constexpr char kLook[] = R"(
ip -j -d link; ip -j addr
for family in -4 -6; do
  ip -j $family route show table all; ip -j $family rule
done
nft -j -s list ruleset
grep -rs . /proc/sys/net | sort || true
)";
constexpr std::string_view kAnswers[] = {
    "link", "address", "route-4", "rule-4", "route-6", "rule-6", "nft"};

// Leaves out what counts, is a matter of time, or has an order by chance.
void Settle(json* value) {
  if (value->is_object()) {
    for (const char* key :
         {"handle", "hello_timer", "tcn_timer", "topology_change_timer",
          "gc_timer", "valid_life_time", "preferred_life_time", "operstate"}) {
      value->erase(key);
    }
    // A bridge without ports loses its carrier within a second.
    const auto flags = value->find("flags");
    if (flags != value->end() && flags->is_array()) {
      std::erase_if(flags->get_ref<json::array_t&>(), [](const json& flag) {
        return flag == "NO-CARRIER" || flag == "LOWER_UP" || flag == "linkdown";
      });
    }
  }
  if (value->is_structured()) {
    for (json& part : *value) Settle(&part);
  }
  if (value->is_object() && value->contains("elem")) {
    std::sort((*value)["elem"].begin(), (*value)["elem"].end());
  }
}

// Each element of the answer a line.
void AddJson(const std::string& what, json list, std::set<std::string>* state) {
  Settle(&list);
  for (const json& one : list) {
    if (!one.empty()) state->insert(StrCat(what, " ", one.dump()));
  }
}

// Of all, what is a number that the kernel changes as it works.
bool Counts(const std::string& sysctl) {
  return absl::StrContains(sysctl, "nf_conntrack_count");
}

// Switched on by the first network that is not internal, and left so: somebody
// else may have come to count on it. Router advertisements are still taken
// where they were before, and the kernel adds the address of all routers.
bool IsForwarding(const std::string& line) {
  for (const char* part : {"ip_forward", "/forwarding:", "/accept_redirects:",
                           "/accept_ra:", "\"type\":\"anycast\""}) {
    if (absl::StrContains(line, part)) return true;
  }
  return false;
}

}  // namespace

std::set<std::string> NetworkDaemonTest::real_;
std::set<std::string> NetworkDaemonTest::before_;
std::set<std::string> NetworkDaemonTest::idle_;

void NetworkDaemonTest::SetUpTestSuite() {
  if (WhyNot().empty()) real_ = StateOf(RealHost());
  DaemonTest::SetUpTestSuite();
  if (!WhyNot().empty() || !daemon().running()) return;
  MakeWorld();
  before_ = StateOf(Host());
  // What is made once and kept: the default network, forwarding of both
  // families, sockets, threads.
  MakeNetwork(NetworkOf("warm", {"fd00:99::/64"}));
  v1::ContainerSpec spec = AttachedSpec({"default", "warm"});
  Publish(&spec, "0.0.0.0", 0, 1);
  const v1::Container warm = CreateAndStart(spec);
  EXPECT_THAT(Delete(warm.id()), IsOk());
  EXPECT_THAT(DeleteNetwork("warm"), IsOk());
  ASSERT_TRUE(PollUntil(absl::Seconds(20), [] { return Links("cv").empty(); }));
  TakeBaseline();
  idle_ = StateOf(Host());
}

void NetworkDaemonTest::TearDownTestSuite() {
  if (WhyNot().empty() && daemon().running()) {
    EXPECT_THAT(DeleteNetwork("default"), IsOk());
    std::set<std::string> after;
    PollUntil(absl::Seconds(10), [&] {
      after = StateOf(Host());
      std::erase_if(after, &IsForwarding);
      std::erase_if(before_, &IsForwarding);
      return after == before_;
    });
    EXPECT_EQ(Differences(before_, after), "");
  }
  DaemonTest::TearDownTestSuite();
  OutsideNetns() = {};
  if (WhyNot().empty()) {
    EXPECT_EQ(Differences(real_, StateOf(RealHost())), "");
  }
}

void NetworkDaemonTest::TearDown() {
  servers_.clear();
  if (!IsSkipped() && daemon().running()) {
    DeleteAll();
    for (const v1::ManagedNetwork& network : ListNetworks()) {
      if (network.spec().name() == "default") continue;
      EXPECT_THAT(DeleteNetwork(network.id()), IsOk());
    }
    EXPECT_EQ(DifferencesFromIdle(), "") << "the host is not as before";
    EXPECT_EQ(absl::StrJoin(AuditProblems(), "\n"), "");
  }
  DaemonTest::TearDown();
}

void NetworkDaemonTest::MakeWorld() {
  auto outside = netsetup::CreateNetns(netsetup::DefaultSysctls());
  ASSERT_TRUE(outside.ok()) << outside.status();
  OutsideNetns() = *std::move(outside);
  Run(Host(), {"sh", "-euc", kHostSide, "sh", Outside().path});
  Shell(Outside(), kOutside);
}

Place NetworkDaemonTest::Host() {
  return {PathOf(daemon().network_ns_fd())};
}

Place NetworkDaemonTest::RealHost() {
  return {StrCat("/proc/", ::getpid(), "/ns/net")};
}

Place NetworkDaemonTest::Outside() {
  return {PathOf(OutsideNetns().fd.get())};
}

Place NetworkDaemonTest::Inside(const v1::Container& container) {
  return {StrCat("/proc/", container.status().pid(), "/ns/net")};
}

ProcessOptions NetworkDaemonTest::OptionsIn(
    const Place& place, const std::vector<std::string>& argv) {
  ProcessOptions options;
  // Looks for the programs.
  options.argv = {"/usr/bin/env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
                  "nsenter", StrCat("--net=", place.path)};
  options.argv.insert(options.argv.end(), argv.begin(), argv.end());
  return options;
}

ProcessResult NetworkDaemonTest::RunIn(const Place& place,
                                       const std::vector<std::string>& argv) {
  return RunProgram(OptionsIn(place, argv));
}

std::string NetworkDaemonTest::Run(const Place& place,
                                   const std::vector<std::string>& argv) {
  const ProcessResult result = RunIn(place, argv);
  EXPECT_EQ(result.status, 0) << absl::StrJoin(argv, " ") << ": " << result.err;
  return result.out;
}

std::string NetworkDaemonTest::Shell(const Place& place,
                                     const std::string& script) {
  return Run(place, {"sh", "-euc", script});
}

bool NetworkDaemonTest::Succeeds(const Place& place,
                                 const std::vector<std::string>& argv) {
  return RunIn(place, argv).status == 0;
}

json NetworkDaemonTest::Json(const Place& place,
                             const std::vector<std::string>& argv) {
  // Not a failure of the parser, which would throw, but of the test.
  json parsed = json::parse(Run(place, argv), nullptr, false);
  EXPECT_FALSE(parsed.is_discarded()) << absl::StrJoin(argv, " ");
  return parsed.is_discarded() ? json::array() : parsed;
}

bool NetworkDaemonTest::Ping(const Place& place, const std::string& address) {
  return Succeeds(place, {"ping", "-n", "-q", "-c", "1", "-W", "1", address});
}

void NetworkDaemonTest::ExpectPing(const Place& place,
                                   const std::string& address) {
  EXPECT_TRUE(PollUntil(absl::Seconds(10), [&] {
    return Ping(place, address);
  })) << address;
}

void NetworkDaemonTest::Serve(const Place& place, const std::string& name,
                              int port) {
  for (const char* protocol : {"TCP", "UDP"}) {
    servers_.push_back(std::make_unique<Interactive>(
        OptionsIn(place, {"setpriv", "--pdeathsig", "KILL", "socat",
                          StrCat(protocol, "6-LISTEN:", port,
                                 ",fork,reuseaddr,ipv6only=0"),
                          StrCat("SYSTEM:echo ", name, " $SOCAT_PEERADDR")}),
        Interactive::Stdio::kPipes));
  }
  ASSERT_TRUE(PollUntil(absl::Seconds(20), [&] {
    const std::string sockets =
        Run(place, {"ss", "-Hlntu", StrCat("sport = ", port)});
    return std::count(sockets.begin(), sockets.end(), '\n') == 2;
  })) << name;
}

std::string NetworkDaemonTest::Ask(const Place& place,
                                   std::string_view protocol,
                                   const std::string& address, int port,
                                   int from_port) {
  const bool ip6 = absl::StrContains(address, ":");
  std::string target =
      StrCat(protocol, ip6 ? "6:[" : "4:", address, ip6 ? "]:" : ":", port);
  if (from_port != 0) target += StrCat(",sourceport=", from_port);
  // Over TCP it says nothing: what nobody reads would become a reset, which
  // can be faster than the answer.
  const std::vector<std::string> argv =
      protocol == "TCP"
          ? std::vector<std::string>{"socat", "-T1", "-u",
                                     target + ",connect-timeout=0.7", "-"}
          : std::vector<std::string>{"socat", "-T1", "-t1", "-", target};
  ProcessOptions options = OptionsIn(place, argv);
  options.input = "\n";
  std::string answer = RunProgram(options).out;
  absl::StripTrailingAsciiWhitespace(&answer);
  const std::pair<std::string, std::string> words =
      absl::StrSplit(answer, absl::MaxSplits(' ', 1));
  std::string asker = words.second;
  if (!asker.empty() && asker[0] == '[')
    asker = asker.substr(1, asker.size() - 2);
  // As people write it: socat has all digits, and IPv4 inside of IPv6.
  const auto parsed = netsetup::ParseIpAddress(asker);
  if (!parsed.ok()) return answer;
  asker = parsed->ToString();
  return StrCat(words.first, " ", absl::StripPrefix(asker, "::ffff:"));
}

void NetworkDaemonTest::ExpectAnswer(const Place& place,
                                     std::string_view protocol,
                                     const std::string& address, int port,
                                     const std::string& expected) {
  std::string answer;
  PollUntil(absl::Seconds(10), [&] {
    answer = Ask(place, protocol, address, port);
    return !answer.empty();
  });
  EXPECT_EQ(answer, expected) << protocol << " " << address << " " << port;
}

void NetworkDaemonTest::ExpectSilence(const Place& place,
                                      std::string_view protocol,
                                      const std::string& address, int port) {
  EXPECT_EQ(Ask(place, protocol, address, port), "")
      << protocol << " " << address << " " << port;
}

std::string NetworkDaemonTest::AskFrom(const Place& place,
                                       const std::vector<Question>& questions) {
  std::vector<std::string> argv = AskArguments(questions);
  argv.insert(argv.begin(), ProgramPath("caisson-probe"));
  return Run(place, argv);
}

std::string NetworkDaemonTest::AskFrom(const v1::Container& container,
                                       const std::vector<Question>& questions) {
  return ExecSync(container.id(), ProbeExec(AskArguments(questions))).stdout();
}

grpc::Status NetworkDaemonTest::CreateNetwork(
    const v1::CreateNetworkRequest& request,
    v1::CreateNetworkResponse* response) {
  return Call(stubs().networks, &v1::NetworkService::Stub::CreateNetwork,
              request, response);
}

v1::ManagedNetwork NetworkDaemonTest::MakeNetwork(const v1::NetworkSpec& spec) {
  v1::CreateNetworkRequest request;
  *request.mutable_spec() = spec;
  v1::CreateNetworkResponse response;
  EXPECT_THAT(CreateNetwork(request, &response), IsOk());
  return response.network();
}

v1::NetworkSpec NetworkDaemonTest::NetworkOf(
    const std::string& name, const std::vector<std::string>& subnets) {
  v1::NetworkSpec spec;
  spec.set_name(name);
  for (const std::string& cidr : subnets) spec.add_subnets()->set_cidr(cidr);
  return spec;
}

grpc::Status NetworkDaemonTest::DeleteNetwork(const std::string& network) {
  v1::DeleteNetworkRequest request;
  request.set_network(network);
  v1::DeleteNetworkResponse response;
  return Call(stubs().networks, &v1::NetworkService::Stub::DeleteNetwork,
              request, &response);
}

v1::ManagedNetwork NetworkDaemonTest::GetNetwork(const std::string& network) {
  v1::GetNetworkRequest request;
  request.set_network(network);
  v1::GetNetworkResponse response;
  EXPECT_THAT(Call(stubs().networks, &v1::NetworkService::Stub::GetNetwork,
                   request, &response),
              IsOk());
  return response.network();
}

std::vector<v1::ManagedNetwork> NetworkDaemonTest::ListNetworks(
    const v1::NetworkFilter& filter) {
  v1::ListNetworksRequest request;
  *request.mutable_filter() = filter;
  request.set_page_size(1000);
  v1::ListNetworksResponse response;
  EXPECT_THAT(Call(stubs().networks, &v1::NetworkService::Stub::ListNetworks,
                   request, &response),
              IsOk());
  return {response.networks().begin(), response.networks().end()};
}

std::vector<std::string> NetworkDaemonTest::ServeArguments(
    const std::string& name) {
  return {"serve", name, StrCat(kServed), StrCat(kEchoed)};
}

v1::ContainerSpec NetworkDaemonTest::ServerSpec(const std::string& name,
                                                const std::string& network) {
  v1::ContainerSpec spec = ProbeSpec(ServeArguments(name));
  spec.mutable_network()->mutable_attach()->add_networks()->set_network(
      network);
  return spec;
}

v1::Container NetworkDaemonTest::StartServing(const v1::ContainerSpec& spec) {
  v1::Container container = CreateAndStart(spec);
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [&container] {
    return absl::StrContains(Logs(container.id()), "serving=");
  }));
  return container;
}

v1::ContainerSpec NetworkDaemonTest::AttachedSpec(
    const std::vector<std::string>& networks) {
  v1::ContainerSpec spec = WaitingSpec();
  for (const std::string& network : networks) {
    spec.mutable_network()->mutable_attach()->add_networks()->set_network(
        network);
  }
  return spec;
}

v1::NetworkAttachment* NetworkDaemonTest::Attachment(v1::ContainerSpec* spec,
                                                     int index) {
  return spec->mutable_network()->mutable_attach()->mutable_networks(index);
}

void NetworkDaemonTest::Publish(v1::ContainerSpec* spec,
                                const std::string& host_ip, int host_port,
                                int container_port,
                                const std::string& protocol) {
  v1::PortMapping* port = spec->mutable_network()->add_ports();
  port->set_host_ip(host_ip);
  port->set_host_port(host_port);
  port->set_container_port(container_port);
  port->set_protocol(protocol);
}

std::string NetworkDaemonTest::AddressOf(const v1::Container& container,
                                         int family, int endpoint) {
  if (container.status().networks_size() <= endpoint) return "none";
  for (const std::string& address :
       container.status().networks(endpoint).addresses()) {
    const bool ip6 = absl::StrContains(address, ":");
    if (ip6 == (family == 6)) return address.substr(0, address.find('/'));
  }
  return "none";
}

grpc::Status NetworkDaemonTest::TryStart(const std::string& container) {
  v1::StartContainerRequest request;
  request.set_container(container);
  v1::StartContainerResponse response;
  return Call(stubs().containers, &v1::ContainerService::Stub::StartContainer,
              request, &response);
}

std::vector<v1::Event> NetworkDaemonTest::EventsUntil(int64_t after_revision,
                                                      const std::string& type) {
  v1::WatchEventsRequest request;
  request.set_after_revision(after_revision);
  grpc::ClientContext context;
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + Scaled(absl::Seconds(20))));
  const auto reader = stubs().events->WatchEvents(&context, request);
  std::vector<v1::Event> events;
  v1::WatchEventsResponse response;
  while (reader->Read(&response)) {
    for (const v1::Event& event : response.batch().events()) {
      events.push_back(event);
      if (event.type() != type) continue;
      context.TryCancel();
      return events;
    }
  }
  ADD_FAILURE() << "no event " << type << ": " << Describe(reader->Finish());
  return events;
}

int64_t NetworkDaemonTest::Revision() {
  v1::ListNetworksResponse response;
  EXPECT_THAT(Call(stubs().networks, &v1::NetworkService::Stub::ListNetworks,
                   v1::ListNetworksRequest(), &response),
              IsOk());
  return response.revision();
}

std::set<std::string> NetworkDaemonTest::StateOf(const Place& place) {
  // In one shell: tests look hundreds of times.
  const std::string all = Shell(place, kLook);
  std::set<std::string> state;
  size_t answer = 0;
  for (const absl::string_view line : absl::StrSplit(all, '\n')) {
    std::string text(line);
    if (answer < std::size(kAnswers)) {
      json list = json::parse(text, nullptr, false);
      EXPECT_FALSE(list.is_discarded()) << kAnswers[answer] << " " << text;
      if (kAnswers[answer] == "nft") {
        json objects = list["nftables"];
        // "metainfo": the version of nft.
        if (!objects.empty()) objects.erase(0);
        list = std::move(objects);
      }
      AddJson(std::string(kAnswers[answer++]), std::move(list), &state);
    } else if (!Counts(text)) {
      state.insert(std::move(text));
    }
  }
  return state;
}

std::string NetworkDaemonTest::Differences(const std::set<std::string>& before,
                                           const std::set<std::string>& after) {
  std::string text;
  for (const std::string& line : before) {
    if (!after.contains(line)) text += StrCat("- ", line, "\n");
  }
  for (const std::string& line : after) {
    if (!before.contains(line)) text += StrCat("+ ", line, "\n");
  }
  return text;
}

std::string NetworkDaemonTest::DifferencesFromIdle() {
  std::set<std::string> state;
  PollUntil(absl::Seconds(10), [&] {
    state = StateOf(Host());
    return state == idle_;
  });
  return Differences(idle_, state);
}

void NetworkDaemonTest::FlushFirewall() {
  const std::vector<std::string> list = {"nft", "-s", "list", "ruleset"};
  const std::string before = Run(Host(), list);
  Run(Host(), {"nft", "flush", "ruleset"});
  EXPECT_TRUE(PollUntil(absl::Seconds(1), [&] {
    return Run(Host(), list) == before;
  })) << "the firewall stays flushed";
}

std::vector<std::string> NetworkDaemonTest::Links(const std::string& prefix) {
  std::vector<std::string> names;
  for (const json& link : Json(Host(), {"ip", "-j", "link"})) {
    const std::string name = link.value("ifname", "");
    if (absl::StartsWith(name, prefix)) names.push_back(name);
  }
  return names;
}

}  // namespace caisson::testing
