// Specs of the store as JSON: any bytes, no crash; what can be read is written
// and read again without change, and validation takes it.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <string_view>

#include "runtime/spec/defaults.h"
#include "runtime/spec/json.h"
#include "runtime/spec/validate.h"

namespace {

namespace spec = caisson::spec;

void CheckContainer(std::string_view text) {
  const absl::StatusOr<spec::ContainerSpec> first =
      spec::ContainerSpecFromJson(text);
  if (!first.ok()) return;
  const absl::StatusOr<spec::ContainerSpec> again =
      spec::ContainerSpecFromJson(spec::SpecToJson(*first));
  if (!again.ok() || !(*again == *first)) abort();
  if (!spec::Validate(*first).empty()) return;
  // A valid spec stays valid when its defaults are filled in.
  if (!spec::Validate(spec::WithDefaults(*first)).empty()) abort();
}

void CheckExec(std::string_view text) {
  const absl::StatusOr<spec::ExecSpec> first = spec::ExecSpecFromJson(text);
  if (!first.ok()) return;
  const absl::StatusOr<spec::ExecSpec> again =
      spec::ExecSpecFromJson(spec::SpecToJson(*first));
  if (!again.ok() || !(*again == *first)) abort();
  spec::Validate(*first);
}

void CheckNetwork(std::string_view text) {
  const absl::StatusOr<spec::NetworkSpec> first =
      spec::NetworkSpecFromJson(text);
  if (!first.ok()) return;
  const absl::StatusOr<spec::NetworkSpec> again =
      spec::NetworkSpecFromJson(spec::SpecToJson(*first));
  if (!again.ok() || !(*again == *first)) abort();
  if (!spec::Validate(*first).empty()) return;
  if (!spec::Validate(spec::WithDefaults(*first)).empty()) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckContainer(text);
  CheckExec(text);
  CheckNetwork(text);
  return 0;
}
