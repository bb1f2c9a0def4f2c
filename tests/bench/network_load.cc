#include "tests/bench/network_load.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "netsetup/netns.h"
#include "netsetup/nft/ruleset.h"
#include "netsetup/nft/table.h"
#include "runtime/base/status_macros.h"
#include "tests/bench/own_network.h"
#include "tests/bench/tcp.h"
#include "tests/bench/wiring.h"

namespace caisson::bench {
namespace {

namespace nft = netsetup::nft;
using netsetup::Netns;

constexpr uint16_t kSinkPort = 80;
constexpr uint16_t kPublishedPort = 8080;
constexpr char kOutside[] = "198.51.100.2/24";
constexpr char kHost[] = "198.51.100.1/24";
constexpr char kHostAddress[] = "198.51.100.1";

absl::StatusOr<Netns> NewNamespace() {
  return netsetup::CreateNetns(netsetup::DefaultSysctls());
}

// "10.1.0.2" of "10.1.0.2/16".
std::string HostPart(const std::string& address) {
  return address.substr(0, address.find('/'));
}

std::string BareAddress(const store::Endpoint& endpoint) {
  return HostPart(endpoint.addresses.front());
}

void AddFigure(std::string name, double value, std::string unit,
               Report& report) {
  report.figures.push_back(
      {.name = std::move(name), .value = value, .unit = std::move(unit)});
}

absl::StatusOr<std::vector<nft::Element>> BuildPorts(int first, int count) {
  if (count == 0) return std::vector<nft::Element>();
  CAISSON_ASSIGN_OR_RETURN(const netsetup::IpAddress address,
                           netsetup::ParseIpAddress("10.0.0.2"));
  return nft::BuildPortElements({.host_port = static_cast<uint16_t>(first),
                                 .container_address = address,
                                 .container_port = static_cast<uint16_t>(first),
                                 .count = static_cast<uint16_t>(count)});
}

// The median, of one port beside `count`.
absl::StatusOr<double> PublishMs(nft::Table& table, int count) {
  constexpr int kRounds = 500;
  CAISSON_ASSIGN_OR_RETURN(std::vector<nft::Element> beside,
                           BuildPorts(1, count));
  nft::Elements elements;
  CAISSON_RETURN_IF_ERROR(
      elements.Apply({.add = std::move(beside), .remove = {}}).status());
  CAISSON_RETURN_IF_ERROR(table.Create(std::move(elements)));
  Samples samples;
  for (int i = 0; i < kRounds; ++i) {
    CAISSON_ASSIGN_OR_RETURN(const std::vector<nft::Element> port,
                             BuildPorts(60000 + i, 1));
    const int64_t begin = absl::GetCurrentTimeNanos();
    CAISSON_RETURN_IF_ERROR(table.Apply({.add = port, .remove = {}}));
    samples.push_back(absl::GetCurrentTimeNanos() - begin);
    CAISSON_RETURN_IF_ERROR(table.Apply({.add = {}, .remove = port}));
  }
  return Summarize(samples).p50_ms;
}

// Two containers of one network, the second with a sink.
struct Pair {
  Netns from;
  Netns to;
  std::unique_ptr<TcpSink> sink;
  TcpRoute route;  // from the first to the second
};

absl::StatusOr<Pair> NewPair() {
  Pair pair;
  CAISSON_ASSIGN_OR_RETURN(pair.from, NewNamespace());
  CAISSON_ASSIGN_OR_RETURN(pair.to, NewNamespace());
  CAISSON_ASSIGN_OR_RETURN(pair.sink,
                           TcpSink::Open(pair.to.fd.get(), kSinkPort));
  pair.route = {.netns_fd = pair.from.fd.get(), .port = kSinkPort};
  return pair;
}

absl::StatusOr<Pair> PairOnOwn(OwnNetwork& network) {
  CAISSON_ASSIGN_OR_RETURN(Pair pair, NewPair());
  CAISSON_RETURN_IF_ERROR(network.Attach(pair.from.fd.get(), {}).status());
  CAISSON_ASSIGN_OR_RETURN(const store::Endpoint to,
                           network.Attach(pair.to.fd.get(), {}));
  pair.route.address = BareAddress(to);
  return pair;
}

absl::StatusOr<Pair> PairByHand() {
  CAISSON_ASSIGN_OR_RETURN(Pair pair, NewPair());
  CAISSON_ASSIGN_OR_RETURN(const int bridge, CreateBridge("hand0"));
  CAISSON_RETURN_IF_ERROR(
      CreateVeth("hand1", bridge, pair.from.fd.get(), "10.97.0.2/24").status());
  CAISSON_RETURN_IF_ERROR(
      CreateVeth("hand2", bridge, pair.to.fd.get(), "10.97.0.3/24").status());
  pair.route.address = "10.97.0.3";
  return pair;
}

}  // namespace

absl::Status MeasureNetworkCrowd(int crowd, Report& report) {
  CAISSON_ASSIGN_OR_RETURN(const std::unique_ptr<OwnNetwork> network,
                           OwnNetwork::Create("be9c4", "10.94.0.0/16"));
  std::vector<Netns> namespaces;
  for (int i = 0; i < crowd; ++i) {
    CAISSON_ASSIGN_OR_RETURN(namespaces.emplace_back(), NewNamespace());
  }
  Samples samples;
  for (int i = 0; i < crowd; ++i) {
    const int netns_fd = namespaces[static_cast<size_t>(i)].fd.get();
    const int64_t begin = absl::GetCurrentTimeNanos();
    CAISSON_RETURN_IF_ERROR(
        network
            ->Attach(netns_fd,
                     {{.container_port = kSinkPort, .host_port = 30000 + i}})
            .status());
    samples.push_back(absl::GetCurrentTimeNanos() - begin);
  }
  const auto tenth = static_cast<ptrdiff_t>(samples.size() / 10);
  const double first =
      Summarize({samples.begin(), samples.begin() + tenth}).p50_ms;
  const double last = Summarize({samples.end() - tenth, samples.end()}).p50_ms;
  AddFigure("attach, first tenth of one bridge's endpoints, p50", first, "ms",
            report);
  AddFigure("attach, last tenth of one bridge's endpoints, p50", last, "ms",
            report);
  report.targets.push_back(
      {.name = absl::StrCat("attach, last / first tenth of ", crowd),
       .value = last / first,
       .target = 2.5});
  return absl::OkStatus();
}

absl::Status MeasurePublishing(Report& report) {
  constexpr int kMany = 50'000;
  CAISSON_ASSIGN_OR_RETURN(nft::Table table, nft::Table::Open("bench"));
  CAISSON_ASSIGN_OR_RETURN(const double alone, PublishMs(table, 0));
  CAISSON_ASSIGN_OR_RETURN(const double beside, PublishMs(table, kMany));
  AddFigure("publish the first port, p50", alone, "ms", report);
  AddFigure(absl::StrCat("publish a port beside ", kMany, ", p50"), beside,
            "ms", report);
  report.targets.push_back(
      {.name = absl::StrCat("publish, beside ", kMany, " / first"),
       .value = beside / alone,
       .target = 2});
  return table.Destroy();
}

absl::Status MeasureConnections(int rounds, Report& report) {
  constexpr int kOthers = 4'999;
  constexpr int kConnections = 500;
  CAISSON_ASSIGN_OR_RETURN(const std::unique_ptr<OwnNetwork> network,
                           OwnNetwork::Create("be9c2", "10.95.0.0/16"));
  CAISSON_ASSIGN_OR_RETURN(const Netns outside, NewNamespace());
  CAISSON_ASSIGN_OR_RETURN(
      const int link, CreateVeth("outside", 0, outside.fd.get(), kOutside));
  CAISSON_RETURN_IF_ERROR(AddAddress(link, kHost));
  CAISSON_ASSIGN_OR_RETURN(const Netns inside, NewNamespace());
  CAISSON_RETURN_IF_ERROR(
      network
          ->Attach(inside.fd.get(),
                   {{.container_port = kSinkPort, .host_port = kPublishedPort}})
          .status());
  CAISSON_ASSIGN_OR_RETURN(const std::unique_ptr<TcpSink> sink,
                           TcpSink::Open(inside.fd.get(), kSinkPort));
  const TcpRoute route = {.netns_fd = outside.fd.get(),
                          .address = kHostAddress,
                          .port = kPublishedPort};
  Samples alone, beside;
  for (int round = 0; round < rounds; ++round) {
    CAISSON_RETURN_IF_ERROR(TimeConnections(route, kConnections, &alone));
    CAISSON_ASSIGN_OR_RETURN(const Netns other, NewNamespace());
    CAISSON_ASSIGN_OR_RETURN(
        const store::Endpoint others,
        network->Attach(
            other.fd.get(),
            {{.container_port = 1, .host_port = 40000, .count = kOthers}}));
    CAISSON_RETURN_IF_ERROR(TimeConnections(route, kConnections, &beside));
    CAISSON_RETURN_IF_ERROR(
        network->Detach(others, netsetup::DetachHow::kNow, other.fd.get()));
  }
  const Summary one = Summarize(alone);
  const Summary many = Summarize(beside);
  AddFigure("connections of one client, 1 published port", 1000 / one.p50_ms,
            "/s", report);
  AddFigure("connections of one client, 5,000 published ports",
            1000 / many.p50_ms, "/s", report);
  report.targets.push_back({.name = "connection, 5,000 ports / 1 port",
                            .value = many.p50_ms / one.p50_ms,
                            .target = 1.1});
  return absl::OkStatus();
}

absl::Status MeasureThroughput(int rounds, Report& report) {
  constexpr absl::Duration kTime = absl::Milliseconds(500);
  CAISSON_ASSIGN_OR_RETURN(const std::unique_ptr<OwnNetwork> network,
                           OwnNetwork::Create("be9c3", "10.96.0.0/16"));
  CAISSON_ASSIGN_OR_RETURN(const Pair own, PairOnOwn(*network));
  CAISSON_ASSIGN_OR_RETURN(const Pair hand, PairByHand());
  // Bytes a second, in the place of nanoseconds.
  Samples own_rates, hand_rates;
  for (int round = 0; round < rounds; ++round) {
    CAISSON_ASSIGN_OR_RETURN(const double first,
                             MeasureStream(own.route, kTime));
    CAISSON_ASSIGN_OR_RETURN(const double second,
                             MeasureStream(hand.route, kTime));
    own_rates.push_back(static_cast<int64_t>(first));
    hand_rates.push_back(static_cast<int64_t>(second));
  }
  AddFigure("container to container, one stream", Summarize(own_rates).p50_ms,
            "MB/s", report);
  AddFigure("the same by hand-made veths and bridge",
            Summarize(hand_rates).p50_ms, "MB/s", report);
  report.targets.push_back({.name = "container to container / hand-made",
                            .value = PairedRatio(own_rates, hand_rates),
                            .target = 0.95,
                            .at_least = true});
  return absl::OkStatus();
}

}  // namespace caisson::bench
