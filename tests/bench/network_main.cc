// The benchmark of networks: attaches ready namespaces through Caisson's
// library and through its peers in turn, so that a noisy machine is noisy for
// all of them; then what many endpoints and many published ports cost, and what
// packets pay.
//
// Process: stand-alone, in network and mount namespaces of its own, which
// tests/bench/networks makes.
#include <sys/resource.h>

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include <CLI/CLI.hpp>

#include "netsetup/netns.h"
#include "netsetup/sysctl.h"
#include "runtime/base/status_macros.h"
#include "tests/bench/attachers.h"
#include "tests/bench/network_load.h"
#include "tests/bench/program.h"
#include "tests/bench/report.h"

namespace caisson::bench {
namespace {

constexpr char kProgram[] = "caisson-network-bench";

constexpr char kOwn[] = "Caisson";
constexpr char kOwnNow[] = "Caisson, container lives on";
constexpr char kAttach[] = "attach";
constexpr char kDetach[] = "detach";
// After that time the kernel is done with what the sample before left it to do
// (veths that are gone hold its lock of links for a while).
constexpr absl::Duration kRest = absl::Milliseconds(100);
constexpr absl::Duration kSettle = absl::Seconds(2);
constexpr char kRested[] = "attach, after 100 ms";
constexpr char kDetachRested[] = "detach, after 100 ms";

struct Options {
  std::string scratch;
  std::string cni = "/usr/lib/cni";
  std::string netavark = "/usr/lib/podman/netavark";
  std::string json;
  int samples = 100;
  int rested_samples = 30;
  int crowd = 1000;
  int rounds = 8;
};

// User and system time of this process, its threads and ended children.
int64_t CpuNs() {
  int64_t ns = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage = {};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
      ns += time.tv_sec * int64_t{1'000'000'000} + time.tv_usec * 1000;
    }
  }
  return ns;
}

absl::StatusOr<std::vector<Attacher>> OpenAttachers(const Options& options) {
  std::vector<Attacher> attachers;
  CAISSON_ASSIGN_OR_RETURN(attachers.emplace_back(),
                           OpenOwn({.name = kOwn,
                                    .instance = "be9c0",
                                    .cidr = "10.90.0.0/16",
                                    .first_port = 23000}));
  CAISSON_ASSIGN_OR_RETURN(attachers.emplace_back(),
                           OpenOwn({.name = kOwnNow,
                                    .instance = "be9c1",
                                    .cidr = "10.91.0.0/16",
                                    .how = netsetup::DetachHow::kNow,
                                    .first_port = 24000}));
  for (absl::StatusOr<Attacher> peer : {OpenCni(options.cni, options.scratch),
                                        OpenNetavark(options.netavark)}) {
    if (peer.ok()) {
      attachers.push_back(*std::move(peer));
    } else if (absl::IsNotFound(peer.status())) {
      std::cerr << "skipped: " << peer.status().message() << "\n";
    } else {
      return peer.status();
    }
  }
  return attachers;
}

// One attach and one detach of a namespace that stays: its end would hold up
// whoever is next. What would go with it goes, and is not counted: nobody shall
// find a bridge that has ever more ports.
absl::Status Sample(const Attacher& attacher, int number, int netns_fd,
                    Row& attach, Row& detach, Samples& cpu) {
  const int64_t cpu_begin = CpuNs();
  const int64_t begin = absl::GetCurrentTimeNanos();
  CAISSON_RETURN_IF_ERROR(attacher.attach(number, netns_fd));
  attach.samples.push_back(absl::GetCurrentTimeNanos() - begin);
  cpu.push_back(CpuNs() - cpu_begin);
  const int64_t detach_begin = absl::GetCurrentTimeNanos();
  CAISSON_RETURN_IF_ERROR(attacher.detach(number, netns_fd));
  detach.samples.push_back(absl::GetCurrentTimeNanos() - detach_begin);
  return attacher.end ? attacher.end(number, netns_fd) : absl::OkStatus();
}

// Each is used once. The kernel is busy for a while with one that was just
// made, which is nobody's attaching.
absl::StatusOr<std::vector<netsetup::Netns>> ReadyNamespaces(size_t count) {
  std::vector<netsetup::Netns> namespaces;
  while (namespaces.size() < count) {
    CAISSON_ASSIGN_OR_RETURN(namespaces.emplace_back(),
                             netsetup::CreateNetns(netsetup::DefaultSysctls()));
  }
  absl::SleepFor(kSettle);
  return namespaces;
}

absl::Status Alternate(const std::vector<Attacher>& attachers,
                       const Options& options, Report& report) {
  std::vector<Row> attach, detach, rested_attach, rested_detach;
  for (const Attacher& attacher : attachers) {
    const std::string& name = attacher.name;
    attach.push_back({.name = name, .mode = kAttach, .samples = {}});
    detach.push_back({.name = name, .mode = kDetach, .samples = {}});
    rested_attach.push_back({.name = name, .mode = kRested, .samples = {}});
    rested_detach.push_back(
        {.name = name, .mode = kDetachRested, .samples = {}});
  }
  std::vector<Samples> cpu(attachers.size());
  const int rounds = options.samples + options.rested_samples;
  const size_t turns = attachers.size();
  CAISSON_ASSIGN_OR_RETURN(
      const std::vector<netsetup::Netns> namespaces,
      ReadyNamespaces(turns * static_cast<size_t>(rounds + 1)));
  // Number 0 stays attached: a peer removes its bridge with the last one.
  for (int number = 0; number <= rounds; ++number) {
    const auto round = static_cast<size_t>(number);
    const bool rests = number > options.samples;
    for (size_t turn = 0; turn < turns; ++turn) {
      // Nobody is always behind the same one.
      const size_t i = (turn + round) % turns;
      const int netns_fd = namespaces[round * turns + turn].fd.get();
      absl::Status status;
      if (number == 0) {
        status = attachers[i].attach(number, netns_fd);
      } else if (rests) {
        absl::SleepFor(kRest);
        status = Sample(attachers[i], number, netns_fd, rested_attach[i],
                        rested_detach[i], cpu[i]);
      } else {
        status = Sample(attachers[i], number, netns_fd, attach[i], detach[i],
                        cpu[i]);
      }
      if (!status.ok()) {
        return absl::Status(status.code(), absl::StrCat(attachers[i].name, ": ",
                                                        status.message()));
      }
    }
  }
  for (size_t i = 0; i < attachers.size(); ++i) {
    report.figures.push_back(
        {.name =
             absl::StrCat(attachers[i].name, ", CPU time of one attach, p50"),
         .value = Summarize(cpu[i]).p50_ms,
         .unit = "ms"});
  }
  for (const std::vector<Row>& rows :
       {attach, rested_attach, detach, rested_detach}) {
    report.rows.insert(report.rows.end(), rows.begin(), rows.end());
  }
  return absl::OkStatus();
}

void AddAttachTargets(Report& report) {
  for (const char* mode : {kAttach, kRested}) {
    const Samples own = SamplesOf(report, kOwn, mode);
    report.targets.push_back(
        {.name = absl::StrCat("Caisson's ", mode, ", p50 ms"),
         .value = Summarize(own).p50_ms,
         .target = 2});
    for (const char* peer : {"CNI", "netavark"}) {
      const Samples& samples = SamplesOf(report, peer, mode);
      if (samples.empty()) continue;
      report.targets.push_back(
          {.name = absl::StrCat(peer, " / Caisson, ", mode),
           .value = PairedRatio(samples, own),
           .target = 10,
           .at_least = true});
    }
  }
}

absl::Status Measure(const Options& options, Report& report) {
  rlimit files = {};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  // As a host that has containers.
  CAISSON_RETURN_IF_ERROR(
      netsetup::WriteSysctl({.key = "net/ipv4/ip_forward", .value = "1"}));
  CAISSON_ASSIGN_OR_RETURN(const std::vector<Attacher> attachers,
                           OpenAttachers(options));
  CAISSON_RETURN_IF_ERROR(Alternate(attachers, options, report));
  AddAttachTargets(report);
  CAISSON_RETURN_IF_ERROR(MeasurePublishing(report));
  CAISSON_RETURN_IF_ERROR(MeasureConnections(options.rounds, report));
  CAISSON_RETURN_IF_ERROR(MeasureThroughput(options.rounds, report));
  return MeasureNetworkCrowd(options.crowd, report);
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Benchmarks of Caisson's networks against CNI and netavark");
  app.add_option("--scratch", options.scratch, "directory")->required();
  app.add_option("--cni", options.cni, "directory of the plugins");
  app.add_option("--netavark", options.netavark, "the program");
  app.add_option("--samples", options.samples, "attachments of each")
      ->check(CLI::Range(1, 700));
  app.add_option("--rested-samples", options.rested_samples,
                 "the same, each after a rest")
      ->check(CLI::Range(1, 200));
  app.add_option("--crowd", options.crowd, "endpoints on one bridge")
      ->check(CLI::Range(10, 1000));
  app.add_option("--rounds", options.rounds, "of connections and streams")
      ->check(CLI::Range(1, 100));
  app.add_option("--json", options.json, "write the report there as JSON");
  CLI11_PARSE(app, argc, argv);
  Report report;
  const absl::Status status = Measure(options, report);
  return Finish(kProgram, status, report, kOwn, options.json);
}

}  // namespace
}  // namespace caisson::bench

int main(int argc, char** argv) {
  return caisson::bench::RunProgram(caisson::bench::kProgram, [&] {
    return caisson::bench::Main(argc, argv);
  });
}
