// The result table of a benchmark run: for people and as JSON.
//
// Process: the benchmark driver. Thread: one.
#ifndef CAISSON_TESTS_BENCH_REPORT_H_
#define CAISSON_TESTS_BENCH_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "tests/bench/stats.h"

namespace caisson::bench {

// One timed operation. `floor` points at the samples taken side by side, so
// that ratios are paired.
struct Row {
  std::string name;
  std::string mode;  // "back-to-back" or "idle"
  Samples samples;
};

// A figure that is not a series: memory, bytes per second.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
};

// A promise: `value` must be at most (or at least) `target`.
struct Target {
  std::string name;
  double value = 0;
  double target = 0;
  bool at_least = false;

  bool met() const { return at_least ? value >= target : value <= target; }
};

struct Report {
  std::vector<Row> rows;
  std::vector<Figure> figures;
  std::vector<Target> targets;
};

// The samples of (name, mode); empty when there is no such row.
const Samples& SamplesOf(const Report& report, const std::string& name,
                         const std::string& mode);

// Markdown: one table of rows with ratios to `baseline` of the same mode, one
// of figures, one of targets.
std::string ToTable(const Report& report, const std::string& baseline);

std::string ToJson(const Report& report, const std::string& baseline);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_REPORT_H_
