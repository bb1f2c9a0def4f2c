// caisson-probe: runs inside containers and tells what it finds there.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/inside/modes.h"

namespace caisson::inside {

void PrintFact(std::string_view name, std::string_view value) {
  std::string line(name);
  line += '=';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\' || byte < 0x20 || byte >= 0x7f) {
      char escaped[5];
      // Octal: exactly three digits, whatever follows.
      std::snprintf(escaped, sizeof escaped, "\\%03o", byte);
      line += escaped;
    } else {
      line += c;
    }
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

std::string ErrnoText(int err) {
  if (err == 0) return "ok";
  const char* name = ::strerrorname_np(err);
  return name == nullptr ? std::to_string(err) : name;
}

int64_t NumberOr(const std::string& text, int64_t otherwise) {
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 0);
  return text.empty() || *end != '\0' ? otherwise : value;
}

namespace {

struct Mode {
  const char* name;
  int (*run)(const Arguments&);
};

constexpr Mode kModes[] = {
    {"facts", Facts},         {"calls", ProbeCalls},  {"try", TryOne},
    {"write", WriteRandom},   {"read", ReadAll},      {"echo", Echo},
    {"lines", Lines},         {"exit", Exit},         {"die", Die},
    {"trap", TrapSignals},    {"pause", Pause},       {"hold", HoldOutput},
    {"orphans", MakeOrphans}, {"fork", ForkMany},     {"eat", EatMemory},
    {"spin", Spin},           {"winsize", WatchSize}, {"spy", SpyOnOthers},
    {"serve", Serve},         {"ask", Ask},           {"converse", Converse},
};

int Main(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  Arguments arguments;
  for (int i = 2; i < argc; ++i) arguments.emplace_back(argv[i]);
  for (const Mode& mode : kModes) {
    if (name == mode.name) return mode.run(arguments);
  }
  std::fprintf(stderr, "caisson-probe: no mode '%s'\n", name.c_str());
  return 64;
}

}  // namespace
}  // namespace caisson::inside

int main(int argc, char** argv) {
  return caisson::inside::Main(argc, argv);
}
