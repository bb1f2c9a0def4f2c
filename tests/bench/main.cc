// The benchmark driver: alternates the bare floor, Caisson and its peers in
// one run, so that a noisy machine is noisy for all of them, and prints
// medians, p99, paired ratios and the promised targets.
//
// Process: stand-alone; tests/bench/run starts the daemons it talks to.
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include <CLI/CLI.hpp>

#include "tests/bench/command.h"
#include "tests/bench/daemon_client.h"
#include "tests/bench/memory.h"
#include "tests/bench/mount_list.h"
#include "tests/bench/program.h"
#include "tests/bench/report.h"

namespace caisson::bench {
namespace {

constexpr char kProgram[] = "caisson-bench";

constexpr char kBackToBack[] = "back-to-back";
constexpr char kIdle[] = "idle 100 ms";
constexpr char kNetworkRun[] = "Run, default network";

struct Options {
  std::string address;
  std::string rootfs;
  std::string floor = "caisson-floor";
  std::string scratch;
  std::string runc_bundle;
  std::string runc_root;
  std::string ctr_address;
  std::string ctr_container;
  std::string json;
  int samples = 200;
  int idle_samples = 50;
  int density = 200;
  int crowd = 1000;
  int64_t stream_mib = 256;
  pid_t daemon_pid = 0;
};

// An operation that is sampled: returns the nanoseconds of one sample.
struct Operation {
  std::string name;
  std::function<absl::StatusOr<int64_t>()> sample;
};

absl::StatusOr<int64_t> TimeFloor(const Options& options,
                                  const std::string& mount_list) {
  absl::StatusOr<std::string> out = RunCommand(
      {options.floor, "1", "0", options.scratch, "/bin/true"}, mount_list);
  if (!out.ok()) return out.status();
  int64_t ns = 0;
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(*out), &ns)) {
    return absl::InternalError(absl::StrCat("floor printed '", *out, "'"));
  }
  return ns;
}

absl::StatusOr<std::vector<Operation>> Operations(const Options& options,
                                                  DaemonClient& client,
                                                  const std::string& sleeper) {
  absl::StatusOr<v1::Plan> plan = client.Explain({"/bin/true"});
  if (!plan.ok()) return plan.status();
  absl::StatusOr<std::string> list = MountListOf(*plan);
  if (!list.ok()) return list.status();
  std::vector<Operation> operations;
  operations.push_back(
      {"floor", [&options, list = *list] { return TimeFloor(options, list); }});
  operations.push_back(
      {"Run", [&client] { return client.TimeRun({"/bin/true"}); }});
  operations.push_back({kNetworkRun, [&client] {
                          return client.TimeRun({"/bin/true"}, "default");
                        }});
  operations.push_back({"Create+Start+Wait+Delete", [&client] {
                          return client.TimeFourCalls({"/bin/true"});
                        }});
  operations.push_back({"Exec", [&client, sleeper] {
                          return client.TimeExec(sleeper, {"/bin/true"});
                        }});
  if (!options.runc_bundle.empty()) {
    operations.push_back({"runc run", [&options] {
                            return TimeCommand({"runc", "--root",
                                                options.runc_root, "run", "-b",
                                                options.runc_bundle, "bench"});
                          }});
  }
  if (!options.ctr_address.empty()) {
    operations.push_back({"ctr run", [&options] {
                            return TimeCommand(
                                {"ctr", "-a", options.ctr_address, "run",
                                 "--rm", "--rootfs", options.rootfs, "bench",
                                 "/bin/true"});
                          }});
    operations.push_back({"ctr task exec", [&options] {
                            return TimeCommand(
                                {"ctr", "-a", options.ctr_address, "task",
                                 "exec", "--exec-id", "e",
                                 options.ctr_container, "/bin/true"});
                          }});
  }
  return operations;
}

// Takes one sample of each operation in turn, `rounds` times.
absl::Status Alternate(const std::vector<Operation>& operations, int rounds,
                       const char* mode, absl::Duration gap, Report& report) {
  const size_t first = report.rows.size();
  for (const Operation& operation : operations) {
    report.rows.push_back(
        {.name = operation.name, .mode = mode, .samples = {}});
  }
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < operations.size(); ++i) {
      absl::SleepFor(gap);
      absl::StatusOr<int64_t> ns = operations[i].sample();
      if (!ns.ok()) {
        return absl::Status(
            ns.status().code(),
            absl::StrCat(operations[i].name, ": ", ns.status().message()));
      }
      report.rows[first + i].samples.push_back(*ns);
    }
  }
  return absl::OkStatus();
}

void AddPhases(const DaemonClient& client, Report& report) {
  for (const auto& [name, samples] : client.phases_ns()) {
    report.figures.push_back({.name = absl::StrCat(name, ", p50"),
                              .value = Summarize(samples).p50_ms,
                              .unit = "ms"});
  }
}

// Memory of the daemon without containers and of a shim with `density` of
// them; then the cost of a start and of a list with `crowd` containers.
absl::Status MeasureCrowd(const Options& options, DaemonClient& client,
                          Report& report) {
  report.figures.push_back({.name = "daemon RSS, no container",
                            .value = RssKib(options.daemon_pid),
                            .unit = "KiB"});
  std::vector<std::string> ids;
  Samples starts;
  for (int i = 0; i < std::max(options.crowd, options.density); ++i) {
    absl::StatusOr<DaemonClient::Started> started = client.StartSleeper();
    if (!started.ok()) return started.status();
    ids.push_back(started->id);
    starts.push_back(started->elapsed_ns);
    if (i + 1 == options.density) {
      const absl::StatusOr<double> pss = MeanShimPssKib(options.daemon_pid);
      if (!pss.ok()) return pss.status();
      report.figures.push_back(
          {.name = absl::StrCat("daemon RSS, ", options.density, " containers"),
           .value = RssKib(options.daemon_pid),
           .unit = "KiB"});
      report.figures.push_back(
          {.name = absl::StrCat("shim PSS, ", options.density, " containers"),
           .value = *pss,
           .unit = "KiB"});
      report.targets.push_back(
          {.name = "shim PSS KiB", .value = *pss, .target = 200});
    }
  }
  Samples lists;
  for (int i = 0; i < 200; ++i) {
    absl::StatusOr<int64_t> ns = client.TimeList();
    if (!ns.ok()) return ns.status();
    lists.push_back(*ns);
  }
  const auto tenth = static_cast<ptrdiff_t>(starts.size() / 10);
  const Summary early = Summarize({starts.begin(), starts.begin() + tenth});
  const Summary late = Summarize({starts.end() - tenth, starts.end()});
  report.figures.push_back({.name = "start, first tenth of the crowd, p50",
                            .value = early.p50_ms,
                            .unit = "ms"});
  report.figures.push_back({.name = "start, last tenth of the crowd, p50",
                            .value = late.p50_ms,
                            .unit = "ms"});
  report.targets.push_back(
      {.name = absl::StrCat("start cost, last / first tenth of ", ids.size()),
       .value = late.p50_ms / early.p50_ms,
       .target = 1.3});
  report.targets.push_back({.name = "ListContainers p99 ms",
                            .value = Summarize(lists).p99_ms,
                            .target = 10});
  for (const std::string& id : ids) {
    absl::Status status = client.ForceDelete(id);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// A program whose output is streamed to a client.
struct StreamCase {
  const char* name;
  std::string script;
  int64_t bytes;
  double target;  // MB/s of payload, 0: reported only
};

// The last message to a client comes a moment before a shim ends and its
// processor time is known. No container is running.
void AwaitNoShim(const Options& options) {
  for (int i = 0; i < 500 && CountShims(options.daemon_pid) > 0; ++i) {
    absl::SleepFor(absl::Milliseconds(10));
  }
}

// The payload of each second, and what the processor did for it.
absl::Status MeasureStream(const Options& options, const StreamCase& stream,
                           DaemonClient& client, Report& report) {
  AwaitNoShim(options);
  const double daemon_before = CpuSeconds(options.daemon_pid);
  const absl::StatusOr<double> shims_before =
      EndedShimsCpuSeconds(options.daemon_pid);
  if (!shims_before.ok()) return shims_before.status();
  const absl::StatusOr<DaemonClient::Streamed> streamed =
      client.StreamOutput({"/bin/busybox", "sh", "-c", stream.script});
  if (!streamed.ok()) return streamed.status();
  if (streamed->bytes != stream.bytes) {
    return absl::DataLossError(absl::StrCat(stream.name, ": ", streamed->bytes,
                                            " of ", stream.bytes, " bytes"));
  }
  AwaitNoShim(options);
  const absl::StatusOr<double> shims = EndedShimsCpuSeconds(options.daemon_pid);
  if (!shims.ok()) return shims.status();
  const auto megabytes = static_cast<double>(stream.bytes) / 1e6;
  const double mb_s =
      megabytes * 1e9 / static_cast<double>(streamed->elapsed_ns);
  const double per_mb_ms = 1000 / megabytes;
  report.figures.push_back(
      {.name = stream.name, .value = mb_s, .unit = "MB/s"});
  report.figures.push_back(
      {.name = absl::StrCat(stream.name, ", daemon's CPU for each MB"),
       .value = (CpuSeconds(options.daemon_pid) - daemon_before) * per_mb_ms,
       .unit = "ms"});
  report.figures.push_back(
      {.name =
           absl::StrCat(stream.name, ", shim's and program's CPU for each MB"),
       .value = (*shims - *shims_before) * per_mb_ms,
       .unit = "ms"});
  if (stream.target > 0) {
    report.targets.push_back({.name = absl::StrCat(stream.name, " MB/s"),
                              .value = mb_s,
                              .target = stream.target,
                              .at_least = true});
  }
  return absl::OkStatus();
}

absl::Status MeasureStreams(const Options& options, DaemonClient& client,
                            Report& report) {
  // tests/bench/run makes the file: lines of 4 KiB, in all this many bytes.
  constexpr int64_t kLinesFileBytes = int64_t{64} << 20;
  const int64_t rounds =
      std::max(int64_t{1}, (options.stream_mib << 20) / kLinesFileBytes);
  const int64_t short_bytes = options.stream_mib << 16;
  const StreamCase cases[] = {
      {"stream of 4 KiB lines",
       absl::StrCat("for i in $(seq ", rounds,
                    "); do dd if=/lines bs=64k 2> /dev/null; done"),
       rounds * kLinesFileBytes, 300},
      {"stream of 2-byte lines", absl::StrCat("yes x | head -c ", short_bytes),
       short_bytes, 0},
  };
  for (const StreamCase& stream : cases) {
    const absl::Status status = MeasureStream(options, stream, client, report);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void AddRatioTargets(const Options& options, Report& report) {
  for (const char* mode : {kBackToBack, kIdle}) {
    const Samples& run = SamplesOf(report, "Run", mode);
    if (run.empty()) continue;
    report.targets.push_back(
        {.name = absl::StrCat("Run / floor, ", mode),
         .value = PairedRatio(run, SamplesOf(report, "floor", mode)),
         .target = 2.5});
    report.targets.push_back(
        {.name = absl::StrCat(kNetworkRun, " - Run, ms, ", mode),
         .value = PairedDifferenceMs(SamplesOf(report, kNetworkRun, mode), run),
         .target = 1.5});
    if (!options.runc_bundle.empty()) {
      report.targets.push_back(
          {.name = absl::StrCat("runc run / Run, ", mode),
           .value = PairedRatio(SamplesOf(report, "runc run", mode), run),
           .target = 8,
           .at_least = true});
    }
    const Samples& exec = SamplesOf(report, "Exec", mode);
    report.targets.push_back({.name = absl::StrCat("Exec p50 ms, ", mode),
                              .value = Summarize(exec).p50_ms,
                              .target = 3});
    if (!options.ctr_address.empty()) {
      report.targets.push_back(
          {.name = absl::StrCat("ctr task exec / Exec, ", mode),
           .value = PairedRatio(SamplesOf(report, "ctr task exec", mode), exec),
           .target = 20,
           .at_least = true});
    }
  }
}

absl::Status Measure(const Options& options, Report& report) {
  DaemonClient client(options.address);
  client.set_rootfs(options.rootfs);
  absl::StatusOr<DaemonClient::Started> sleeper = client.StartSleeper();
  if (!sleeper.ok()) return sleeper.status();
  absl::StatusOr<std::vector<Operation>> operations =
      Operations(options, client, sleeper->id);
  if (!operations.ok()) return operations.status();
  Report warm_up;
  absl::Status status =
      Alternate(*operations, 3, kBackToBack, absl::ZeroDuration(), warm_up);
  if (!status.ok()) return status;
  status = Alternate(*operations, options.samples, kBackToBack,
                     absl::ZeroDuration(), report);
  if (!status.ok()) return status;
  status = Alternate(*operations, options.idle_samples, kIdle,
                     absl::Milliseconds(100), report);
  if (!status.ok()) return status;
  status = client.ForceDelete(sleeper->id);
  if (!status.ok()) return status;
  AddPhases(client, report);
  AddRatioTargets(options, report);
  status = MeasureStreams(options, client, report);
  if (!status.ok()) return status;
  return MeasureCrowd(options, client, report);
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Benchmarks of Caisson against the bare floor and its peers");
  app.add_option("--address", options.address, "daemon socket")->required();
  app.add_option("--daemon-pid", options.daemon_pid)->required();
  app.add_option("--rootfs", options.rootfs, "shared root")->required();
  app.add_option("--scratch", options.scratch, "empty directory")->required();
  app.add_option("--floor", options.floor, "path of caisson-floor");
  app.add_option("--runc-bundle", options.runc_bundle);
  app.add_option("--runc-root", options.runc_root);
  app.add_option("--ctr-address", options.ctr_address);
  app.add_option("--ctr-container", options.ctr_container);
  app.add_option("--samples", options.samples, "back-to-back samples");
  app.add_option("--idle-samples", options.idle_samples);
  app.add_option("--density", options.density, "containers for shim PSS");
  app.add_option("--crowd", options.crowd, "containers for start and list");
  app.add_option("--stream-mib", options.stream_mib);
  app.add_option("--json", options.json, "write the report there as JSON");
  CLI11_PARSE(app, argc, argv);
  Report report;
  const absl::Status status = Measure(options, report);
  return Finish(kProgram, status, report, "floor", options.json);
}

}  // namespace
}  // namespace caisson::bench

int main(int argc, char** argv) {
  return caisson::bench::RunProgram(caisson::bench::kProgram, [&] {
    return caisson::bench::Main(argc, argv);
  });
}
