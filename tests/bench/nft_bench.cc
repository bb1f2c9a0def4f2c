// What the table costs: adding and removing one published port beside many,
// making the whole table, and reading it back. In a network namespace of its
// own; needs root.
// Exits with 1 when publishing beside 50,000 ports takes more than twice as
// long as publishing the first one.
#include <sched.h>
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "netsetup/nft/ruleset.h"
#include "netsetup/nft/table.h"
#include "tests/bench/stats.h"

namespace caisson::bench {
namespace {

using netsetup::nft::BuildPortElements;
using netsetup::nft::Element;
using netsetup::nft::Elements;
using netsetup::nft::Table;

constexpr int kRounds = 500;
constexpr int kWholes = 7;
constexpr int kCounts[] = {0, 10, 100, 1000, 10000, 50000};

template <typename T>
T OrDie(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "%s\n", value.status().ToString().c_str());
  std::exit(1);
}
void OrDie(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

std::vector<Element> Ports(int first, int count) {
  if (count == 0) return {};
  return OrDie(BuildPortElements(
      {.host_port = static_cast<uint16_t>(first),
       .container_address = OrDie(netsetup::ParseIpAddress("10.0.0.2")),
       .container_port = static_cast<uint16_t>(first),
       .count = static_cast<uint16_t>(count)}));
}

template <typename Work>
int64_t Time(Work work) {
  const auto now = [] {
    timespec time = {};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
  };
  const int64_t begin = now();
  work();
  return now() - begin;
}

// One line; the median in microseconds.
double Print(const char* what, int count, const Samples& samples) {
  const Summary summary = Summarize(samples);
  std::printf("%-18s beside %6d ports   p50 %9.1f us   p99 %9.1f us\n", what,
              count, summary.p50_ms * 1000, summary.p99_ms * 1000);
  return summary.p50_ms * 1000;
}

// How long publishing takes beside `count` ports.
double Measure(Table* table, int count) {
  Samples whole, check, add, remove;
  for (int i = 0; i < kWholes; ++i) {
    Elements elements;
    OrDie(elements.Apply({.add = Ports(1, count)}).status());
    whole.push_back(Time([&] { OrDie(table->Create(std::move(elements))); }));
    check.push_back(Time([&] {
      if (!OrDie(table->Check()).empty()) std::exit(1);
    }));
  }
  for (int i = 0; i < kRounds; ++i) {
    const std::vector<Element> port = Ports(60000 + i, 1);
    add.push_back(Time([&] { OrDie(table->Apply({.add = port})); }));
    remove.push_back(Time([&] { OrDie(table->Apply({.remove = port})); }));
  }
  Print("make the table", count, whole);
  Print("compare the table", count, check);
  Print("unpublish a port", count, remove);
  return Print("publish a port", count, add);
}

int Main() {
  if (::unshare(CLONE_NEWNET) != 0) {
    std::perror("unshare");
    return 1;
  }
  Table table = OrDie(Table::Open("bench"));
  std::vector<double> medians;
  for (const int count : kCounts) medians.push_back(Measure(&table, count));
  const double ratio = medians.back() / medians.front();
  std::printf("publishing beside the most ports, to the first: %.2f\n", ratio);
  return ratio <= 2.0 ? 0 : 1;
}

}  // namespace
}  // namespace caisson::bench

int main() {
  return caisson::bench::Main();
}
