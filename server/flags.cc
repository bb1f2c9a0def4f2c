#include "server/flags.h"

#include <climits>
#include <filesystem>
#include <map>
#include <system_error>

#include "CLI/CLI.hpp"

namespace caisson::server {
namespace {

// The shim is installed beside the daemon; both may be run from a build.
std::string ShimBesideUs() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return "caisson-shim";
  return (self.parent_path() / "caisson-shim").string();
}

std::string Absolute(const std::string& path) {
  std::error_code error;
  auto absolute = std::filesystem::absolute(path, error).lexically_normal();
  std::string text = error ? path : absolute.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

}  // namespace

std::optional<Flags> ParseFlags(int argc, const char* const* argv,
                                int* exit_code) {
  Flags flags;
  std::optional<uint32_t> operator_gid;
  std::optional<uint32_t> reader_gid;
  CLI::App app("The daemon of Caisson, a container service over gRPC.",
               "caissond");
  app.set_version_flag("--version", CAISSON_VERSION);
  app.add_option("--root", flags.root, "Directory for what outlives a reboot")
      ->capture_default_str();
  app.add_option("--state", flags.state,
                 "Directory for sockets; the API is at <state>/caisson.sock")
      ->capture_default_str();
  app.add_option("--cgroup-base", flags.cgroup_base,
                 "Cgroup below which all containers are; default: by host");
  app.add_option("--shim", flags.shim,
                 "Program caisson-shim; default: beside this program");
  app.add_option("--operator-gid", operator_gid,
                 "Group whose members may run containers");
  app.add_option("--reader-gid", reader_gid,
                 "Group whose members may look at them");
  app.add_flag("--stop-keeper", flags.stop_keeper,
               "End the keeper of <state> and remove its empty cgroups instead "
               "of serving; refused while it keeps shims or a daemon runs");
  const std::map<std::string, base::LogLevel> levels = {
      {"debug", base::LogLevel::kDebug},
      {"info", base::LogLevel::kInfo},
      {"warning", base::LogLevel::kWarning},
      {"error", base::LogLevel::kError}};
  app.add_option("--log-level", flags.log_level,
                 "Least level that is logged: debug, info, warning or error")
      ->transform(CLI::CheckedTransformer(levels).description(""));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    *exit_code = app.exit(error);
    return std::nullopt;
  }
  flags.root = Absolute(flags.root);
  flags.state = Absolute(flags.state);
  if (flags.shim.empty()) flags.shim = ShimBesideUs();
  if (operator_gid) flags.operator_gid = *operator_gid;
  if (reader_gid) flags.reader_gid = *reader_gid;
  return flags;
}

}  // namespace caisson::server
