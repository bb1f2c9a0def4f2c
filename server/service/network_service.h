// NetworkService behind one door: decode -> core or catalog -> encode.
//
// Process: caissond. Thread: gRPC's; no method blocks.
// Ownership: borrows everything.
#ifndef CAISSON_SERVER_SERVICE_NETWORK_SERVICE_H_
#define CAISSON_SERVER_SERVICE_NETWORK_SERVICE_H_

#include "caisson/v1/network_service.grpc.pb.h"
#include "server/service/backend.h"
#include "server/service/door.h"

namespace caisson::service {

namespace internal {
// Raw, as RawContainerService.
template <typename Base>
using RawLiveNetworks =
    caisson::v1::NetworkService::WithRawCallbackMethod_ConnectContainer<
        caisson::v1::NetworkService::WithRawCallbackMethod_DisconnectContainer<
            caisson::v1::NetworkService::WithRawCallbackMethod_PublishPort<
                caisson::v1::NetworkService::
                    WithRawCallbackMethod_UnpublishPort<Base>>>>;
template <typename Base>
using RawNamespaces =
    caisson::v1::NetworkService::WithRawCallbackMethod_ListInterfaces<
        caisson::v1::NetworkService::
            WithRawCallbackMethod_CreateNetworkNamespace<
                caisson::v1::NetworkService::
                    WithRawCallbackMethod_GetNetworkNamespace<
                        caisson::v1::NetworkService::
                            WithRawCallbackMethod_ListNetworkNamespaces<
                                caisson::v1::NetworkService::
                                    WithRawCallbackMethod_DeleteNetworkNamespace<
                                        Base>>>>>;
template <typename Base>
using RawNetworkService =
    caisson::v1::NetworkService::WithRawCallbackMethod_CreateNetwork<
        caisson::v1::NetworkService::WithRawCallbackMethod_GetNetwork<
            caisson::v1::NetworkService::WithRawCallbackMethod_ListNetworks<
                caisson::v1::NetworkService::
                    WithRawCallbackMethod_ExplainNetwork<
                        caisson::v1::NetworkService::
                            WithRawCallbackMethod_DeleteNetwork<
                                RawLiveNetworks<RawNamespaces<Base>>>>>>>;
}  // namespace internal

class NetworkServiceImpl final
    : public internal::RawNetworkService<caisson::v1::NetworkService::Service> {
 public:
  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  using Buffer = grpc::ByteBuffer;

  NetworkServiceImpl(const Door& door, const Backend& backend)
      : door_(door), backend_(backend) {}

  Unary* CreateNetwork(Context* context, const Buffer* in,
                       Buffer* out) override;
  Unary* GetNetwork(Context* context, const Buffer* in, Buffer* out) override;
  Unary* ListNetworks(Context* context, const Buffer* in, Buffer* out) override;
  Unary* ExplainNetwork(Context* context, const Buffer* in,
                        Buffer* out) override;
  Unary* DeleteNetwork(Context* context, const Buffer* in,
                       Buffer* out) override;
  Unary* ConnectContainer(Context* context, const Buffer* in,
                          Buffer* out) override;
  Unary* DisconnectContainer(Context* context, const Buffer* in,
                             Buffer* out) override;
  Unary* PublishPort(Context* context, const Buffer* in, Buffer* out) override;
  Unary* UnpublishPort(Context* context, const Buffer* in,
                       Buffer* out) override;
  Unary* ListInterfaces(Context* context, const Buffer* in,
                        Buffer* out) override;
  Unary* CreateNetworkNamespace(Context* context, const Buffer* in,
                                Buffer* out) override;
  Unary* GetNetworkNamespace(Context* context, const Buffer* in,
                             Buffer* out) override;
  Unary* ListNetworkNamespaces(Context* context, const Buffer* in,
                               Buffer* out) override;
  Unary* DeleteNetworkNamespace(Context* context, const Buffer* in,
                                Buffer* out) override;

 private:
  const Door& door_;
  const Backend& backend_;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_NETWORK_SERVICE_H_
