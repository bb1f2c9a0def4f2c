// Bytes of a client -> request -> spec -> checks, defaults and the way back, as
// CreateContainer, Exec and CreateNetwork do it. Whatever passes the checks
// must survive.
//
// Process: fuzzing. Thread: main.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"

#include "caisson/v1/container_service.pb.h"
#include "caisson/v1/exec_service.pb.h"
#include "caisson/v1/network_service.pb.h"
#include "runtime/base/check.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/validate.h"
#include "server/translate/message.h"
#include "server/translate/spec_from_proto.h"
#include "server/translate/spec_to_proto.h"
#include "server/translate/status.h"

namespace {

namespace pb = ::caisson::v1;
namespace translate = ::caisson::translate;
namespace spec = ::caisson::spec;

bool Parse(const uint8_t* data, size_t size, google::protobuf::Message* out) {
  google::protobuf::io::ArrayInputStream input(data, static_cast<int>(size));
  const absl::Status status = translate::ParseMessage(&input, out);
  // An error must fit into the trailers, whatever caused it.
  CAISSON_CHECK(translate::ToGrpcStatus(status).error_details().size() <=
                translate::kMaxStatusDetailBytes);
  return status.ok();
}

void TryContainer(const uint8_t* data, size_t size) {
  pb::CreateContainerRequest request;
  if (!Parse(data, size, &request)) return;
  translate::Fingerprint(request);
  const auto parsed = translate::ContainerSpecFromProto(request.spec(), "spec");
  if (!parsed.ok()) {
    CAISSON_CHECK(
        translate::ToGrpcStatus(parsed.status()).error_details().size() <=
        translate::kMaxStatusDetailBytes);
    return;
  }
  const spec::ContainerSpec effective = spec::WithDefaults(*parsed, "");
  CAISSON_CHECK(spec::Validate(effective).empty());
  pb::ContainerSpec back;
  translate::SpecToProto(effective, translate::ViewKind::kFull, &back);
  std::string bytes;
  CAISSON_CHECK(back.SerializeToString(&bytes));
  CAISSON_CHECK(back.ParseFromString(bytes));
}

void TryExec(const uint8_t* data, size_t size) {
  pb::ExecStart start;
  if (!Parse(data, size, &start)) return;
  const auto parsed = translate::ExecSpecFromProto(start.spec(), "start.spec");
  if (!parsed.ok()) return;
  pb::ExecSpec back;
  translate::SpecToProto(*parsed, translate::ViewKind::kFull, &back);
}

void TryNetwork(const uint8_t* data, size_t size) {
  pb::CreateNetworkRequest request;
  if (!Parse(data, size, &request)) return;
  const auto parsed = translate::NetworkSpecFromProto(request.spec(), "spec");
  if (!parsed.ok()) return;
  const spec::NetworkSpec effective = spec::WithDefaults(*parsed, "");
  CAISSON_CHECK(spec::Validate(effective).empty());
  pb::NetworkSpec back;
  translate::SpecToProto(effective, &back);
  std::string bytes;
  CAISSON_CHECK(back.SerializeToString(&bytes));
  CAISSON_CHECK(back.ParseFromString(bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  TryContainer(data, size);
  TryExec(data, size);
  TryNetwork(data, size);
  return 0;
}
