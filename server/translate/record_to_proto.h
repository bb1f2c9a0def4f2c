// Records of the store -> objects of the API. The results are valid protobuf
// whatever bytes the records have.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_RECORD_TO_PROTO_H_
#define CAISSON_SERVER_TRANSLATE_RECORD_TO_PROTO_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "caisson/v1/container.pb.h"
#include "caisson/v1/event_service.pb.h"
#include "caisson/v1/network.pb.h"
#include "server/store/filter.h"
#include "server/store/records.h"
#include "server/translate/spec_to_proto.h"

namespace caisson::translate {

void ExitToProto(const store::ExitInfo& exit, caisson::v1::Exited* out);
void ContainerToProto(const store::ContainerRecord& record, ViewKind view,
                      caisson::v1::Container* out);
void ExecToProto(const store::ExecRecord& record, ViewKind view,
                 caisson::v1::Exec* out);
// `endpoints` as NetworkStatus has it.
void NetworkToProto(const store::NetworkRecord& record,
                    std::optional<int32_t> endpoints,
                    caisson::v1::ManagedNetwork* out);
// Without the containers in it.
void NetworkNamespaceToProto(const store::NetworkNamespaceRecord& record,
                             caisson::v1::NetworkNamespace* out);
void EventToProto(const store::Event& event, ViewKind view,
                  caisson::v1::Event* out);

// Nothing for UNSPECIFIED and for numbers that the API does not know.
std::optional<store::ContainerState> StateFromProto(
    caisson::v1::ContainerState state);
std::optional<store::ExecState> StateFromProto(caisson::v1::ExecState state);

// The size on the wire of a record as one item of a page: ends pages in time.
size_t BasicSize(const store::ContainerRecord& record);
size_t FullSize(const store::ContainerRecord& record);
size_t BasicSize(const store::ExecRecord& record);
size_t FullSize(const store::ExecRecord& record);
size_t FullSize(const store::NetworkRecord& record);

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_RECORD_TO_PROTO_H_
