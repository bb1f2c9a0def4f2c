#include "tests/bench/program.h"

#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>

namespace caisson::bench {

int RunProgram(const char* program, absl::FunctionRef<int()> body) {
  try {
    return body();
  } catch (const CLI::Error& error) {
    std::cerr << program << ": " << error.what() << "\n";
    return 1;
  }
}

int Finish(const char* program, const absl::Status& measured,
           const Report& report, const std::string& baseline,
           const std::string& json) {
  std::cout << ToTable(report, baseline);
  if (!json.empty()) std::ofstream(json) << ToJson(report, baseline);
  if (measured.ok()) return 0;
  std::cerr << program << ": " << measured << "\n";
  return 1;
}

}  // namespace caisson::bench
