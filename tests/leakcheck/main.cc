// caisson-leakcheck: saves what there is, and compares with what was saved.
#include <sys/types.h>

#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

#include "tests/leakcheck/proc.h"
#include "tests/leakcheck/snapshot.h"

namespace caisson::leakcheck {
namespace {

struct Options {
  Scope scope;
  std::vector<std::string> watch;
  std::string save;
  std::string compare;
};

int Run(Options options) {
  for (const std::string& pid : options.watch) {
    options.scope.watched.push_back({pid, static_cast<pid_t>(std::stol(pid))});
  }
  const Snapshot now = Take(options.scope);
  if (!options.save.empty()) {
    std::ofstream(options.save) << ToText(now);
    return 0;
  }
  if (options.compare.empty()) {
    std::cout << ToText(now);
    return 0;
  }
  const std::vector<std::string> lines =
      Diff(FromText(ReadText(options.compare)), now);
  for (const std::string& line : lines) std::cout << line << "\n";
  return lines.empty() ? 0 : 1;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Finds what was left behind. Status 1 when something was.");
  app.add_option("--ancestor", options.scope.ancestor,
                 "count all descendants of this process");
  app.add_option("--watch", options.watch,
                 "count descriptors and mounts of these processes");
  app.add_option("--cgroup-base", options.scope.cgroup_base,
                 "count cgroups in and below directories of this name");
  app.add_option("--directory", options.scope.directories,
                 "count files below these directories");
  app.add_option("--save", options.save, "write what there is to a file");
  app.add_option("--compare", options.compare,
                 "print the differences from a saved file");
  CLI11_PARSE(app, argc, argv);
  return Run(options);
}

}  // namespace
}  // namespace caisson::leakcheck

int main(int argc, char** argv) {
  return caisson::leakcheck::Main(argc, argv);
}
