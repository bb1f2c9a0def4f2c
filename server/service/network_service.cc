#include "server/service/network_service.h"

#include <optional>
#include <string>
#include <utility>

#include "server/service/decode_calls.h"
#include "server/service/encode.h"
#include "server/service/network_reads.h"
#include "server/service/unary.h"
#include "server/translate/checks.h"
#include "server/translate/process_to_proto.h"
#include "server/translate/record_to_proto.h"
#include "server/translate/time.h"
#include "server/translate/utf8.h"

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

void InterfaceToProto(const core::InterfaceEntry& entry,
                      pb::NetworkInterface* out) {
  out->set_name(translate::SanitizeUtf8(entry.name));
  out->set_index(entry.index);
  out->set_kind(translate::SanitizeUtf8(entry.kind));
  out->set_mac(entry.mac);
  out->set_mtu(entry.mtu);
  out->set_up(entry.up);
  out->set_state(entry.state);
  translate::ListToProto(entry.addresses, out->mutable_addresses());
  out->set_network(entry.network_id);
  pb::InterfaceCounters* counters = out->mutable_counters();
  counters->set_rx_bytes(entry.rx_bytes);
  counters->set_rx_packets(entry.rx_packets);
  counters->set_rx_errors(entry.rx_errors);
  counters->set_rx_dropped(entry.rx_dropped);
  counters->set_tx_bytes(entry.tx_bytes);
  counters->set_tx_packets(entry.tx_packets);
  counters->set_tx_errors(entry.tx_errors);
  counters->set_tx_dropped(entry.tx_dropped);
}

// The answer with a network namespace; null with allow_missing.
template <typename Call>
core::Callback<core::NetworkNamespacePtr> AnswerWithNamespace(Call call) {
  return [call](absl::StatusOr<core::NetworkNamespacePtr> result) {
    if (result.ok() && *result != nullptr) {
      translate::NetworkNamespaceToProto(
          **result, call->response()->mutable_network_namespace());
    }
    call->Finish(result.status());
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

NetworkServiceImpl::Unary* NetworkServiceImpl::ListInterfaces(Context* context,
                                                              const Buffer* in,
                                                              Buffer* out) {
  return StartUnary<pb::ListInterfacesRequest, pb::ListInterfacesResponse>(
      door_, "NetworkService.ListInterfaces", context, in, out,
      [this](auto call) {
        translate::Checks checks;
        std::string container =
            checks.Container(call->request().container(), "container");
        absl::Status status = checks.Finish();
        if (!status.ok()) return call->Finish(std::move(status));
        backend_.networks->ListInterfaces(
            std::move(container),
            [call](const absl::StatusOr<core::InterfaceList>& list) {
              if (list.ok()) {
                pb::ListInterfacesResponse* response = call->response();
                for (const core::InterfaceEntry& entry : list->interfaces) {
                  InterfaceToProto(entry, response->add_interfaces());
                }
                response->set_truncated(list->truncated);
                translate::TimeToProto(list->read_time,
                                       response->mutable_read_time());
              }
              call->Finish(list.status());
            });
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::CreateNetworkNamespace(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::CreateNetworkNamespaceRequest,
                    pb::CreateNetworkNamespaceResponse>(
      door_, "NetworkService.CreateNetworkNamespace", context, in, out,
      [this](auto call) {
        auto args = DecodeCreateNamespace(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.networks->CreateNamespace(*std::move(args),
                                           AnswerWithNamespace(call));
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::GetNetworkNamespace(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::GetNetworkNamespaceRequest,
                    pb::GetNetworkNamespaceResponse>(
      door_, "NetworkService.GetNetworkNamespace", context, in, out,
      [this](auto call) {
        call->Finish(
            ReadNamespace(backend_, call->request(), call->response()));
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::ListNetworkNamespaces(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::ListNetworkNamespacesRequest,
                    pb::ListNetworkNamespacesResponse>(
      door_, "NetworkService.ListNetworkNamespaces", context, in, out,
      [this](auto call) {
        call->Finish(
            ReadNamespaces(backend_, call->request(), call->response()));
      });
}

NetworkServiceImpl::Unary* NetworkServiceImpl::DeleteNetworkNamespace(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::DeleteNetworkNamespaceRequest,
                    pb::DeleteNetworkNamespaceResponse>(
      door_, "NetworkService.DeleteNetworkNamespace", context, in, out,
      [this](auto call) {
        auto args = DecodeDeleteNamespace(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.networks->DeleteNamespace(*std::move(args),
                                           AnswerWithNamespace(call));
      });
}

}  // namespace caisson::service
