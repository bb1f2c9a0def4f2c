// The texts of flags that choose namespaces, ids and filters.
#include <algorithm>
#include <fstream>
#include <iterator>

#include "clients/caisson/container_flags.h"
#include "clients/caisson/units.h"

namespace caisson::cli {

namespace {

constexpr char kContainer[] = "container:";
constexpr size_t kContainerSize = sizeof kContainer - 1;

}  // namespace

std::string ParseNamespace(const std::string& text, v1::Namespace* result) {
  if (text == "private") {
    result->set_private_(true);
  } else if (text == "host") {
    result->set_host(true);
  } else if (text.rfind(kContainer, 0) == 0) {
    result->set_container(text.substr(kContainerSize));
  } else if (!text.empty() && text[0] == '/') {
    result->set_path(text);
  } else {
    return "namespace \"" + text +
           "\" is not private, host, container:ID or a path";
  }
  return "";
}

std::string ParseIdMap(const std::string& text, v1::IdMap* result) {
  const size_t first = text.find(':');
  const size_t second =
      first == std::string::npos ? first : text.find(':', first + 1);
  const std::string wrong = "id map \"" + text + "\" is not INSIDE:HOST:SIZE";
  if (second == std::string::npos) return wrong;
  const auto inside = ParseInteger(text.substr(0, first));
  const auto host = ParseInteger(text.substr(first + 1, second - first - 1));
  const auto size = ParseInteger(text.substr(second + 1));
  if (!inside.has_value() || !host.has_value() || !size.has_value()) {
    return wrong;
  }
  result->set_container_id(*inside);
  result->set_host_id(*host);
  result->set_size(*size);
  return "";
}

std::string ParseSecurity(const std::string& text, v1::ContainerSpec* spec) {
  const size_t equals = std::min(text.find_first_of("=:"), text.size());
  const std::string key = text.substr(0, equals);
  const std::string value = equals < text.size() ? text.substr(equals + 1) : "";
  v1::SecurityOptions* options = spec->mutable_security();
  if (key == "seccomp" && value == "unconfined") {
    options->mutable_seccomp()->set_unconfined(true);
  } else if (key == "seccomp" && value == "default") {
    options->mutable_seccomp()->set_profile("default");
  } else if (key == "seccomp") {
    std::ifstream file(value, std::ios::binary);
    if (!file) return "--security-opt: cannot read " + value;
    options->mutable_seccomp()->set_oci_json(
        std::string(std::istreambuf_iterator<char>(file),
                    std::istreambuf_iterator<char>()));
  } else if (key == "no-new-privileges" && (value.empty() || value == "true")) {
    spec->mutable_process()->set_allow_new_privileges(false);
  } else if (key == "no-new-privileges" && value == "false") {
    spec->mutable_process()->set_allow_new_privileges(true);
  } else if (key == "masked-paths" && value == "none") {
    options->mutable_masked_paths();
  } else if (key == "readonly-paths" && value == "none") {
    options->mutable_readonly_paths();
  } else {
    return "--security-opt: \"" + text + "\" is not known";
  }
  return "";
}

}  // namespace caisson::cli
