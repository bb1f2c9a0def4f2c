#include "tests/bench/stats.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace caisson::bench {
namespace {

constexpr double kNsPerMs = 1e6;

// Nearest rank, sorted input, 0 < q <= 1.
template <typename T>
T Percentile(const std::vector<T>& sorted, double q) {
  const double rank = std::ceil(q * static_cast<double>(sorted.size()));
  return sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

}  // namespace

Summary Summarize(Samples samples) {
  Summary summary;
  if (samples.empty()) return summary;
  std::sort(samples.begin(), samples.end());
  summary.count = static_cast<int64_t>(samples.size());
  summary.min_ms = static_cast<double>(samples.front()) / kNsPerMs;
  summary.p50_ms = static_cast<double>(Percentile(samples, 0.5)) / kNsPerMs;
  summary.p99_ms = static_cast<double>(Percentile(samples, 0.99)) / kNsPerMs;
  return summary;
}

double PairedRatio(const Samples& numerator, const Samples& denominator) {
  const size_t pairs = std::min(numerator.size(), denominator.size());
  if (pairs == 0) return 0;
  std::vector<double> ratios;
  ratios.reserve(pairs);
  for (size_t i = 0; i < pairs; ++i) {
    ratios.push_back(static_cast<double>(numerator[i]) /
                     static_cast<double>(denominator[i]));
  }
  std::sort(ratios.begin(), ratios.end());
  return Percentile(ratios, 0.5);
}

double PairedDifferenceMs(const Samples& longer, const Samples& shorter) {
  Samples differences;
  for (size_t i = 0; i < std::min(longer.size(), shorter.size()); ++i) {
    differences.push_back(longer[i] - shorter[i]);
  }
  return Summarize(std::move(differences)).p50_ms;
}

}  // namespace caisson::bench
