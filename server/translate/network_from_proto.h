// The network part of specs. Internal to the translation of specs.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_NETWORK_FROM_PROTO_H_
#define CAISSON_SERVER_TRANSLATE_NETWORK_FROM_PROTO_H_

#include <vector>

#include "caisson/v1/container_spec.pb.h"
#include "runtime/base/error_detail.h"
#include "runtime/spec/network.h"

namespace caisson::translate {

// Of a container.
spec::Network NetworkFromProto(const caisson::v1::Network& proto,
                               std::vector<base::FieldViolation>* violations);

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_NETWORK_FROM_PROTO_H_
