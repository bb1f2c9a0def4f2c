// What attaching a container to a bridge costs: through netsetup's Host, and
// as the bare three netlink sends that it cannot do without (the floor), in
// turn, with namespaces that are ready. Then how the cost grows with the ports
// of a bridge, and what removal costs. In a network namespace of its own.
//
//   netsetup_bench [pairs [ports]]
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"

#include "netsetup/addr.h"
#include "netsetup/link.h"
#include "netsetup/netns.h"
#include "netsetup/network/host.h"
#include "netsetup/route.h"
#include "runtime/base/str_cat.h"
#include "tests/bench/stats.h"

namespace caisson::bench {
namespace {

using base::StrCat;
using netsetup::Endpoint;
using netsetup::Host;
using netsetup::Message;
using netsetup::Netns;
using netsetup::Network;
using netsetup::ParseIpAddress;
using netsetup::ParseIpPrefix;
using netsetup::Socket;

int64_t NowNs() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

int64_t CpuNs() {
  timespec now = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "netsetup_bench: %s\n",
               std::string(status.message()).c_str());
  ::exit(1);
}
template <typename T>
T Must(absl::StatusOr<T> value) {
  Must(value.status());
  return *std::move(value);
}

void Print(const char* name, const Samples& samples) {
  const Summary summary = Summarize(samples);
  std::printf("%-34s p50 %7.3f ms   p99 %7.3f ms   min %7.3f ms   n %lld\n",
              name, summary.p50_ms, summary.p99_ms, summary.min_ms,
              static_cast<long long>(summary.count));
}

Network BenchNetwork() {
  return {.id = absl::StrFormat("%032x", 1),
          .subnets = {{.prefix = *ParseIpPrefix("10.0.0.0/16"),
                       .gateway = *ParseIpAddress("10.0.0.1")},
                      {.prefix = *ParseIpPrefix("fd00::/64"),
                       .gateway = *ParseIpAddress("fd00::1")}}};
}

// The n-th address of each family.
std::vector<netsetup::IpPrefix> AddressesOf(int n) {
  return {*ParseIpPrefix(StrCat("10.0.", n / 256, ".", n % 256, "/16")),
          *ParseIpPrefix(absl::StrFormat("fd00::%x/64", n))};
}

Endpoint EndpointOf(int n) {
  return {.id = absl::StrFormat("%011x%021x", n, 0),
          .network_id = BenchNetwork().id,
          .addresses = AddressesOf(n)};
}

std::vector<Netns> MakeNamespaces(int count) {
  std::vector<Netns> pool;
  for (int i = 0; i < count; ++i) {
    pool.push_back(Must(netsetup::CreateNetns(netsetup::DefaultSysctls())));
  }
  return pool;
}

void MustAll(const std::vector<netsetup::Result>& results) {
  for (const netsetup::Result& result : results) {
    Must(netsetup::ToStatus({.op = "bare request", .ack = result.ack}));
  }
}

// Three sends on two sockets that are open: what the kernel itself costs.
class Floor {
 public:
  explicit Floor(int bridge) : host_(Must(Socket::Open())), bridge_(bridge) {}

  int64_t Attach(int n, const Netns& netns) {
    Socket inside = Must(netsetup::OpenSocketIn(netns.fd.get()));
    const std::string name = StrCat("floor", n);
    std::vector<Message> create;
    create.push_back(netsetup::BuildCreateLink(
        {.name = name,
         .index = 1'000'000 + n,
         .kind = netsetup::VethOptions{.peer_name = "eth0",
                                       .peer_index = 2,
                                       .peer_netns_fd = netns.fd.get()},
         .master = bridge_}));
    std::vector<Message> change;
    change.push_back(netsetup::BuildChangeLink(
        {.index = 1'000'000 + n},
        {.up = true,
         .alias = "a tag of the usual length for a link of the service",
         .port = netsetup::PortOptions{},
         .address_generation = netsetup::AddressGeneration::kNone}));
    std::vector<Message> configure;
    configure.push_back(netsetup::BuildChangeLink({.index = 2}, {.up = true}));
    for (const netsetup::IpPrefix& address : AddressesOf(n)) {
      configure.push_back(
          netsetup::BuildAddAddress({.link = 2, .prefix = address}));
    }
    for (const char* gateway : {"10.0.0.1", "fd00::1"}) {
      const netsetup::IpAddress address = *ParseIpAddress(gateway);
      const netsetup::IpPrefix all =
          *ParseIpPrefix(address.is_v6() ? "::/0" : "0.0.0.0/0");
      configure.push_back(netsetup::BuildAddRoute(
          {.destination = all, .gateway = address, .link = 2}));
    }
    const int64_t begin = NowNs();
    MustAll(host_.Transact(create));
    MustAll(host_.Transact(change));
    MustAll(inside.Transact(configure));
    return NowNs() - begin;
  }

 private:
  Socket host_;
  const int bridge_;
};

int BridgeIndex() {
  Socket socket = Must(Socket::Open());
  return Must(GetLink(&socket, {.name = BridgeName(BenchNetwork())})).index;
}

// Closing the namespaces takes what is inside, and the veths, a moment later.
void WaitForVeths() {
  Socket socket = Must(Socket::Open());
  while (Must(netsetup::ListLinks(&socket)).size() > 2) {
    const timespec pause = {.tv_nsec = 10'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

void MeasureAttach(const Host& host, int pairs) {
  const std::vector<Netns> pool = MakeNamespaces(2 * pairs);
  Floor floor(BridgeIndex());
  Samples bare, attach, detach;
  int64_t cpu = 0;
  for (int i = 0; i < pairs; ++i) {
    const Netns& netns = pool[2 * static_cast<size_t>(i) + 1];
    const Endpoint endpoint = EndpointOf(2 * i + 3);
    const auto bare_attach = [&] {
      bare.push_back(floor.Attach(2 * i + 2, pool[2 * static_cast<size_t>(i)]));
    };
    const auto host_attach = [&] {
      const int64_t begin = NowNs();
      const int64_t cpu_begin = CpuNs();
      Must(host.Attach(BenchNetwork(), endpoint, netns.fd.get()).status());
      cpu += CpuNs() - cpu_begin;
      attach.push_back(NowNs() - begin);
    };
    // Whoever is first meets a bridge with one port less.
    if (i % 2 == 0) bare_attach();
    host_attach();
    if (i % 2 != 0) bare_attach();
  }
  for (int i = 0; i < pairs; ++i) {
    const int64_t begin = NowNs();
    Must(host.Detach(BenchNetwork(), EndpointOf(2 * i + 3), -1,
                     netsetup::DetachHow::kNamespaceEnds));
    detach.push_back(NowNs() - begin);
  }
  Print("attach, bare netlink", bare);
  Print("attach", attach);
  std::printf("%-34s %.2f, CPU time of one attach %.3f ms\n",
              "ratio of pairs, median", PairedRatio(attach, bare),
              static_cast<double>(cpu) / 1e6 / pairs);
  Print("detach, namespace ends", detach);
}

void MeasureGrowth(const Host& host, int ports) {
  std::vector<Netns> pool = MakeNamespaces(ports);
  Samples first, last, first_cpu, last_cpu;
  const int slice = std::max(ports / 10, 1);
  for (int i = 0; i < ports; ++i) {
    const int64_t begin = NowNs();
    const int64_t cpu_begin = CpuNs();
    Must(host.Attach(BenchNetwork(), EndpointOf(i + 2),
                     pool[static_cast<size_t>(i)].fd.get())
             .status());
    const int64_t took = NowNs() - begin;
    const int64_t cpu = CpuNs() - cpu_begin;
    if (i < slice) first.push_back(took), first_cpu.push_back(cpu);
    if (i >= ports - slice) last.push_back(took), last_cpu.push_back(cpu);
  }
  Print("attach, first tenth of the ports", first);
  Print("attach, last tenth of the ports", last);
  Print("CPU time, first tenth", first_cpu);
  Print("CPU time, last tenth", last_cpu);
  const auto recover = [&](const netsetup::Desired& desired) {
    const int64_t begin = NowNs();
    for (const netsetup::Recovered& one :
         Must(host.Recover(desired, [](const auto&) { return -1; }))) {
      Must(one.status);
    }
    return static_cast<double>(NowNs() - begin) / 1e6;
  };
  netsetup::Desired all = {.networks = {BenchNetwork()}};
  for (int i = 0; i < ports; ++i) all.endpoints.push_back(EndpointOf(i + 2));
  std::printf("%-34s %.1f ms\n", "recovery that adopts all", recover(all));
  std::printf("%-34s %.1f ms\n", "recovery that removes all",
              recover({.networks = {BenchNetwork()}}));
}

int Run(int argc, char** argv) {
  int pairs = 200;
  int ports = 1000;
  if ((argc > 1 && !absl::SimpleAtoi(argv[1], &pairs)) ||
      (argc > 2 && !absl::SimpleAtoi(argv[2], &ports)) || pairs < 1 ||
      pairs > 500 || ports < 1 || ports > 1000) {
    std::fprintf(stderr,
                 "usage: netsetup_bench [pairs <= 500 "
                 "[ports <= 1000]]\n");
    return 2;
  }
  rlimit files = {};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (::unshare(CLONE_NEWNET) != 0) {
    std::perror("netsetup_bench: unshare");
    return 1;
  }
  const Host host = Must(Host::Open("be9c4"));
  Must(host.CreateNetwork(BenchNetwork()));
  MeasureAttach(host, pairs);
  WaitForVeths();
  MeasureGrowth(host, ports);
  return 0;
}

}  // namespace
}  // namespace caisson::bench

int main(int argc, char** argv) {
  return caisson::bench::Run(argc, argv);
}
