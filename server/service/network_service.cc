#include "server/service/network_service.h"

#include <optional>
#include <utility>

#include "server/service/decode_calls.h"
#include "server/service/encode.h"
#include "server/service/network_reads.h"
#include "server/service/unary.h"
#include "server/translate/process_to_proto.h"
#include "server/translate/record_to_proto.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

// The answer to a change of a container.
template <typename Call>
core::Callback<core::ContainerPtr> AnswerWithContainer(Call call) {
  return [call](absl::StatusOr<core::ContainerPtr> container) {
    if (container.ok()) {
      translate::ContainerToProto(**container, translate::ViewKind::kBasic,
                                  call->response()->mutable_container());
    }
    call->Finish(container.status());
  };
}

}  // namespace

NetworkServiceImpl::Unary* NetworkServiceImpl::CreateNetwork(Context* context,
                                                             const Buffer* in,
                                                             Buffer* out) {
  return StartUnary<pb::CreateNetworkRequest, pb::CreateNetworkResponse>(
      door_, "NetworkService.CreateNetwork", context, in, out,
      [this](auto call) {
        auto args = DecodeCreateNetwork(door_, call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.networks->Create(
            *std::move(args),
            [call](absl::StatusOr<core::CreateNetworkResult> result) {
              if (result.ok()) {
                translate::NetworkToProto(*result->network, std::nullopt,
                                          call->response()->mutable_network());
                translate::ListToProto(result->plan,
                                       call->response()->mutable_plan());
              }
              call->Finish(result.status());
            });
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::GetNetwork(Context* context,
                                                          const Buffer* in,
                                                          Buffer* out) {
  return StartUnary<pb::GetNetworkRequest, pb::GetNetworkResponse>(
      door_, "NetworkService.GetNetwork", context, in, out, [this](auto call) {
        call->Finish(ReadNetwork(backend_, call->request(), call->response()));
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::ListNetworks(Context* context,
                                                            const Buffer* in,
                                                            Buffer* out) {
  return StartUnary<pb::ListNetworksRequest, pb::ListNetworksResponse>(
      door_, "NetworkService.ListNetworks", context, in, out,
      [this](auto call) {
        call->Finish(ReadNetworks(backend_, call->request(), call->response()));
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::ExplainNetwork(Context* context,
                                                              const Buffer* in,
                                                              Buffer* out) {
  return StartUnary<pb::ExplainNetworkRequest, pb::ExplainNetworkResponse>(
      door_, "NetworkService.ExplainNetwork", context, in, out,
      [this](auto call) {
        auto args = DecodeExplainNetwork(door_, call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.networks->Explain(
            *std::move(args),
            [call](absl::StatusOr<core::NetworkExplanation> result) {
              if (result.ok()) {
                pb::ExplainNetworkResponse* response = call->response();
                translate::NetworkToProto(*result->network, std::nullopt,
                                          response->mutable_network());
                for (const core::PlanStep& step : result->steps) {
                  PlanStepToProto(step, response->add_steps());
                }
                translate::ListToProto(result->present,
                                       response->mutable_present());
              }
              call->Finish(result.status());
            });
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::DeleteNetwork(Context* context,
                                                             const Buffer* in,
                                                             Buffer* out) {
  return StartUnary<pb::DeleteNetworkRequest, pb::DeleteNetworkResponse>(
      door_, "NetworkService.DeleteNetwork", context, in, out,
      [this](auto call) {
        auto args = DecodeDeleteNetwork(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.networks->Delete(
            *std::move(args), [call](absl::StatusOr<core::NetworkPtr> result) {
              // Null with allow_missing.
              if (result.ok() && *result != nullptr) {
                translate::NetworkToProto(**result, std::nullopt,
                                          call->response()->mutable_network());
              }
              call->Finish(result.status());
            });
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::ConnectContainer(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::ConnectContainerRequest, pb::ConnectContainerResponse>(
      door_, "NetworkService.ConnectContainer", context, in, out,
      [this](auto call) {
        auto args = DecodeConnect(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.networks->Connect(*std::move(args), AnswerWithContainer(call));
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::DisconnectContainer(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::DisconnectContainerRequest,
                    pb::DisconnectContainerResponse>(
      door_, "NetworkService.DisconnectContainer", context, in, out,
      [this](auto call) {
        auto args = DecodeDisconnect(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.networks->Disconnect(*std::move(args),
                                      AnswerWithContainer(call));
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::PublishPort(Context* context,
                                                           const Buffer* in,
                                                           Buffer* out) {
  return StartUnary<pb::PublishPortRequest, pb::PublishPortResponse>(
      door_, "NetworkService.PublishPort", context, in, out, [this](auto call) {
        auto args = DecodePublish(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.networks->Publish(*std::move(args), AnswerWithContainer(call));
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::UnpublishPort(Context* context,
                                                             const Buffer* in,
                                                             Buffer* out) {
  return StartUnary<pb::UnpublishPortRequest, pb::UnpublishPortResponse>(
      door_, "NetworkService.UnpublishPort", context, in, out,
      [this](auto call) {
        auto args = DecodeUnpublish(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.networks->Unpublish(*std::move(args),
                                     AnswerWithContainer(call));
      });
}

}  // namespace caisson::service
