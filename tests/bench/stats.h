// Order statistics of a benchmark's samples.
//
// Process: the benchmark driver. Thread: any; values only.
#ifndef CAISSON_TESTS_BENCH_STATS_H_
#define CAISSON_TESTS_BENCH_STATS_H_

#include <cstdint>
#include <vector>

namespace caisson::bench {

// Nanoseconds of each sample, in the order in which they were taken.
using Samples = std::vector<int64_t>;

struct Summary {
  int64_t count = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double min_ms = 0;
};

// Nearest-rank percentiles. An empty set gives zeros and count 0.
Summary Summarize(Samples samples);

// Median of the ratios numerator[i] / denominator[i] of samples that were
// taken side by side; 0 when there are none.
double PairedRatio(const Samples& numerator, const Samples& denominator);

// Median of what each sample took longer than the one at its side.
double PairedDifferenceMs(const Samples& longer, const Samples& shorter);

}  // namespace caisson::bench

#endif  // CAISSON_TESTS_BENCH_STATS_H_
