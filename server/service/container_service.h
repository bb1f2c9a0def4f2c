// ContainerService behind one door: decode -> core or catalog -> encode.
//
// Process: caissond. Thread: gRPC's; no method blocks.
// Ownership: borrows everything.
#ifndef CAISSON_SERVER_SERVICE_CONTAINER_SERVICE_H_
#define CAISSON_SERVER_SERVICE_CONTAINER_SERVICE_H_

#include "caisson/v1/container_service.grpc.pb.h"
#include "server/service/backend.h"
#include "server/service/door.h"

namespace caisson::service {

namespace internal {
// Raw: requests come as bytes and are parsed by us. With messages parsed by the
// library, one that is broken would look like a half-close on a stream.
template <typename Base>
using RawContainerService =
    caisson::v1::ContainerService::WithRawCallbackMethod_CreateContainer<
        caisson::v1::ContainerService::WithRawCallbackMethod_GetContainer<
            caisson::v1::ContainerService::WithRawCallbackMethod_ListContainers<
                caisson::v1::ContainerService::
                    WithRawCallbackMethod_DeleteContainer<Base>>>>;
template <typename Base>
using RawContainerActions =
    caisson::v1::ContainerService::WithRawCallbackMethod_StartContainer<
        caisson::v1::ContainerService::WithRawCallbackMethod_StopContainer<
            caisson::v1::ContainerService::WithRawCallbackMethod_KillContainer<
                caisson::v1::ContainerService::
                    WithRawCallbackMethod_WaitContainer<Base>>>>;
template <typename Base>
using RawContainerStreams =
    caisson::v1::ContainerService::WithRawCallbackMethod_Run<
        caisson::v1::ContainerService::WithRawCallbackMethod_AttachContainer<
            caisson::v1::ContainerService::WithRawCallbackMethod_StreamLogs<
                caisson::v1::ContainerService::
                    WithRawCallbackMethod_ListProcesses<
                        caisson::v1::ContainerService::
                            WithRawCallbackMethod_ExplainContainer<Base>>>>>;
}  // namespace internal

class ContainerServiceImpl final
    : public internal::RawContainerService<
          internal::RawContainerActions<internal::RawContainerStreams<
              caisson::v1::ContainerService::Service>>> {
 public:
  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  using Buffer = grpc::ByteBuffer;

  ContainerServiceImpl(const Door& door, const Backend& backend)
      : door_(door), backend_(backend) {}

  Unary* CreateContainer(Context* context, const Buffer* in,
                         Buffer* out) override;
  Unary* GetContainer(Context* context, const Buffer* in, Buffer* out) override;
  Unary* ListContainers(Context* context, const Buffer* in,
                        Buffer* out) override;
  Unary* DeleteContainer(Context* context, const Buffer* in,
                         Buffer* out) override;
  Unary* StartContainer(Context* context, const Buffer* in,
                        Buffer* out) override;
  Unary* StopContainer(Context* context, const Buffer* in,
                       Buffer* out) override;
  Unary* KillContainer(Context* context, const Buffer* in,
                       Buffer* out) override;
  Unary* WaitContainer(Context* context, const Buffer* in,
                       Buffer* out) override;
  Unary* ListProcesses(Context* context, const Buffer* in,
                       Buffer* out) override;
  Unary* ExplainContainer(Context* context, const Buffer* in,
                          Buffer* out) override;
  grpc::ServerBidiReactor<Buffer, Buffer>* Run(Context* context) override;
  grpc::ServerBidiReactor<Buffer, Buffer>* AttachContainer(
      Context* context) override;
  grpc::ServerWriteReactor<Buffer>* StreamLogs(Context* context,
                                               const Buffer* in) override;

 private:
  const Door& door_;
  const Backend& backend_;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_CONTAINER_SERVICE_H_
