// The network part of specs, the other way. Internal to the translation.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_NETWORK_TO_PROTO_H_
#define CAISSON_SERVER_TRANSLATE_NETWORK_TO_PROTO_H_

#include "caisson/v1/container_spec.pb.h"
#include "caisson/v1/network.pb.h"
#include "runtime/spec/network.h"

namespace caisson::translate {

// Of a container.
void NetworkToProto(const spec::Network& network, caisson::v1::Network* out);

void SubnetToProto(const spec::Subnet& subnet, caisson::v1::Subnet* out);

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_NETWORK_TO_PROTO_H_
