#include "runtime/spec/json.h"

#include <utility>

#include "nlohmann/json.hpp"

#include "runtime/base/str_cat.h"
#include "runtime/spec/json_reader.h"
#include "runtime/spec/json_writer.h"

namespace caisson::spec {
namespace {

template <typename Spec>
absl::StatusOr<Spec> Read(std::string_view text) {
  const nlohmann::json json =
      nlohmann::json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  Spec spec;
  JsonReader reader;
  if (json.is_discarded()) {
    return absl::DataLossError("a stored spec is not JSON");
  }
  reader.Read("spec", json, spec);
  if (!reader.ok()) {
    return absl::DataLossError(
        base::StrCat("a stored spec: ", reader.problem()));
  }
  return spec;
}

template <typename Spec>
std::string Write(const Spec& spec) {
  // Strings that are not UTF-8 were encoded, so the handler never acts.
  return JsonWriter::Write(spec).dump(-1, ' ', false,
                                      nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string SpecToJson(const ContainerSpec& spec) {
  return Write(spec);
}
std::string SpecToJson(const ExecSpec& spec) {
  return Write(spec);
}
std::string SpecToJson(const NetworkSpec& spec) {
  return Write(spec);
}

absl::StatusOr<ContainerSpec> ContainerSpecFromJson(std::string_view text) {
  return Read<ContainerSpec>(text);
}

absl::StatusOr<ExecSpec> ExecSpecFromJson(std::string_view text) {
  return Read<ExecSpec>(text);
}

absl::StatusOr<NetworkSpec> NetworkSpecFromJson(std::string_view text) {
  return Read<NetworkSpec>(text);
}

}  // namespace caisson::spec
