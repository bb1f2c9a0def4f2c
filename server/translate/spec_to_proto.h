// Specs as everything below the API knows them -> specs as clients get them.
// The result is valid protobuf whatever bytes the spec has: text that is not
// UTF-8 goes where the API has bytes for it, or is sanitised.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_SPEC_TO_PROTO_H_
#define CAISSON_SERVER_TRANSLATE_SPEC_TO_PROTO_H_

#include "caisson/v1/container_spec.pb.h"
#include "caisson/v1/network.pb.h"
#include "runtime/spec/spec.h"

namespace caisson::translate {

// How much is told. kBasic leaves out what may be secret (environment) and
// what is long.
enum class ViewKind { kBasic, kFull };

void SpecToProto(const spec::ContainerSpec& spec, ViewKind view,
                 caisson::v1::ContainerSpec* out);
void SpecToProto(const spec::ExecSpec& spec, ViewKind view,
                 caisson::v1::ExecSpec* out);
void SpecToProto(const spec::NetworkSpec& spec, caisson::v1::NetworkSpec* out);

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_SPEC_TO_PROTO_H_
