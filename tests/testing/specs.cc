#include "tests/testing/specs.h"

#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "tests/testing/rootfs.h"

namespace caisson::testing {

namespace {

template <typename Container>
void SetCommand(const std::vector<std::string>& argv, Container* spec) {
  for (const std::string& word : argv) spec->mutable_process()->add_args(word);
}

std::vector<std::string> WithProbe(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), kProbe);
  return arguments;
}

}  // namespace

v1::ContainerSpec Spec(const std::vector<std::string>& argv) {
  v1::ContainerSpec spec;
  spec.mutable_rootfs()->mutable_host_directory()->set_path(SharedRootfs());
  SetCommand(argv, &spec);
  return spec;
}

v1::ContainerSpec ShSpec(std::string_view script) {
  return Spec({"/bin/sh", "-c", std::string(script)});
}

v1::ContainerSpec ProbeSpec(std::vector<std::string> arguments) {
  return Spec(WithProbe(std::move(arguments)));
}

v1::ContainerSpec WaitingSpec() {
  return ShSpec("trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done");
}

v1::ExecSpec ExecOf(const std::vector<std::string>& argv) {
  v1::ExecSpec spec;
  SetCommand(argv, &spec);
  return spec;
}

v1::ExecSpec ShExec(std::string_view script) {
  return ExecOf({"/bin/sh", "-c", std::string(script)});
}

v1::ExecSpec ProbeExec(std::vector<std::string> arguments) {
  return ExecOf(WithProbe(std::move(arguments)));
}

std::string NewRequestId() {
  static std::random_device random;
  std::string hex;
  while (hex.size() < 32) absl::StrAppendFormat(&hex, "%08x", random());
  // Version 4, variant 1.
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-4" + hex.substr(13, 3) +
         "-8" + hex.substr(17, 3) + "-" + hex.substr(20, 12);
}

ProbeFacts::ProbeFacts(const std::string& output) {
  for (absl::string_view line : absl::StrSplit(output, '\n')) {
    // A terminal ends lines with CR LF.
    line = absl::StripSuffix(line, "\r");
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(line, absl::MaxSplits('=', 1));
    std::string value;
    if (line.find('=') != absl::string_view::npos &&
        absl::CUnescape(parts.second, &value)) {
      facts_.emplace(parts.first, value);
    }
  }
}

std::string ProbeFacts::Get(const std::string& name) const {
  const auto it = facts_.find(name);
  return it == facts_.end() ? "<none>" : it->second;
}

std::vector<std::string> ProbeFacts::All(const std::string& name) const {
  std::vector<std::string> values;
  const auto [begin, end] = facts_.equal_range(name);
  for (auto it = begin; it != end; ++it) values.push_back(it->second);
  return values;
}

bool ProbeFacts::Has(const std::string& name) const {
  return facts_.count(name) > 0;
}

std::vector<std::string> ProbeFacts::Names(const std::string& prefix) const {
  std::vector<std::string> names;
  for (const auto& [name, value] : facts_) {
    if (name.rfind(prefix, 0) == 0) names.push_back(name);
  }
  return names;
}

}  // namespace caisson::testing
