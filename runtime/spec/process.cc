#include "runtime/spec/process.h"

namespace caisson::spec {

std::vector<std::string> Argv(const Process& process) {
  if (!process.args_raw.empty()) return process.args_raw;
  std::vector<std::string> argv = process.command;
  argv.insert(argv.end(), process.args.begin(), process.args.end());
  return argv;
}

std::map<std::string, std::string> Environment(const Process& process) {
  std::map<std::string, std::string> env = process.env;
  env.insert(process.env_raw.begin(), process.env_raw.end());
  return env;
}

}  // namespace caisson::spec
