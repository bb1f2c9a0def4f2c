#include "tests/bench/report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include <nlohmann/json.hpp>

namespace caisson::bench {

const Samples& SamplesOf(const Report& report, const std::string& name,
                         const std::string& mode) {
  static const Samples kNone;
  for (const Row& row : report.rows) {
    if (row.name == name && row.mode == mode) return row.samples;
  }
  return kNone;
}

std::string ToTable(const Report& report, const std::string& baseline) {
  std::string out =
      absl::StrCat("| operation | mode | n | p50 ms | p99 ms | min ms | x ",
                   baseline, " |\n|---|---|--:|--:|--:|--:|--:|\n");
  for (const Row& row : report.rows) {
    const Summary s = Summarize(row.samples);
    absl::StrAppendFormat(
        &out, "| %s | %s | %d | %.2f | %.2f | %.2f | %.2f |\n", row.name,
        row.mode, s.count, s.p50_ms, s.p99_ms, s.min_ms,
        PairedRatio(row.samples, SamplesOf(report, baseline, row.mode)));
  }
  absl::StrAppend(&out, "\n| figure | value |\n|---|--:|\n");
  for (const Figure& figure : report.figures) {
    absl::StrAppendFormat(&out, "| %s | %.4g %s |\n", figure.name, figure.value,
                          figure.unit);
  }
  absl::StrAppend(&out, "\n| target | bound | measured | met |\n",
                  "|---|--:|--:|---|\n");
  for (const Target& target : report.targets) {
    absl::StrAppendFormat(&out, "| %s | %s %.4g | %.4g | %s |\n", target.name,
                          target.at_least ? ">=" : "<=", target.target,
                          target.value, target.met() ? "yes" : "NO");
  }
  return out;
}

std::string ToJson(const Report& report, const std::string& baseline) {
  nlohmann::json json;
  for (const Row& row : report.rows) {
    const Summary s = Summarize(row.samples);
    json["rows"].push_back(
        {{"name", row.name},
         {"mode", row.mode},
         {"count", s.count},
         {"p50_ms", s.p50_ms},
         {"p99_ms", s.p99_ms},
         {"min_ms", s.min_ms},
         {"ratio",
          PairedRatio(row.samples, SamplesOf(report, baseline, row.mode))}});
  }
  for (const Figure& figure : report.figures) {
    json["figures"].push_back({{"name", figure.name},
                               {"value", figure.value},
                               {"unit", figure.unit}});
  }
  for (const Target& target : report.targets) {
    json["targets"].push_back({{"name", target.name},
                               {"value", target.value},
                               {"target", target.target},
                               {"at_least", target.at_least},
                               {"met", target.met()}});
  }
  return json.dump(2);
}

}  // namespace caisson::bench
