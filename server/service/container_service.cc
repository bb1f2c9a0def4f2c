#include "server/service/container_service.h"

#include <memory>
#include <utility>

#include "runtime/base/status_macros.h"
#include "server/service/attach_stream.h"
#include "server/service/catalog_reads.h"
#include "server/service/decode_calls.h"
#include "server/service/decode_start.h"
#include "server/service/encode.h"
#include "server/service/logs_stream.h"
#include "server/service/run_stream.h"
#include "server/service/unary.h"
#include "server/translate/record_to_proto.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;
using translate::ContainerToProto;
using translate::ExitToProto;
using translate::ViewKind;

// A completion of core that fills in the response and answers the call.
template <typename Result, typename Call, typename Encode>
auto AnswerWith(Call call, Encode encode) {
  return [call = std::move(call), encode](absl::StatusOr<Result> result) {
    if (result.ok()) encode(*result, call->response());
    call->Finish(result.status());
  };
}

}  // namespace

ContainerServiceImpl::Unary* ContainerServiceImpl::CreateContainer(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::CreateContainerRequest, pb::CreateContainerResponse>(
      door_, "ContainerService.CreateContainer", context, in, out,
      [this](auto call) {
        auto args = DecodeCreate(door_, call->request());
        if (!args.ok()) return call->Finish(args.status());
        core::CallPtr work = backend_.containers->Create(
            *std::move(args),
            AnswerWith<core::CreateResult>(
                call, [](const core::CreateResult& result,
                         pb::CreateContainerResponse* response) {
                  ContainerToProto(*result.container, ViewKind::kFull,
                                   response->mutable_container());
                  if (result.plan) {
                    PlanToProto(*result.plan, response->mutable_plan());
                  }
                  TimingsToProto(result.timings, response->mutable_timings());
                }));
        call->OnGone([work = std::move(work)] { work->Cancel(); });
      });
}

ContainerServiceImpl::Unary* ContainerServiceImpl::GetContainer(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::GetContainerRequest, pb::GetContainerResponse>(
      door_, "ContainerService.GetContainer", context, in, out,
      [this](auto call) {
        call->Finish(
            ReadContainer(door_, backend_, call->request(), call->response()));
      });
}

ContainerServiceImpl::Unary* ContainerServiceImpl::ListContainers(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::ListContainersRequest, pb::ListContainersResponse>(
      door_, "ContainerService.ListContainers", context, in, out,
      [this](auto call) {
        call->Finish(
            ReadContainers(door_, backend_, call->request(), call->response()));
      });
}

ContainerServiceImpl::Unary* ContainerServiceImpl::DeleteContainer(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::DeleteContainerRequest, pb::DeleteContainerResponse>(
      door_, "ContainerService.DeleteContainer", context, in, out,
      [this](auto call) {
        auto args = DecodeDelete(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.containers->Delete(
            *std::move(args),
            AnswerWith<core::ContainerPtr>(
                call, [](const core::ContainerPtr& container,
                         pb::DeleteContainerResponse* response) {
                  if (container == nullptr) return;  // allow_missing
                  ContainerToProto(*container, ViewKind::kBasic,
                                   response->mutable_container());
                }));
      });
}

ContainerServiceImpl::Unary* ContainerServiceImpl::StartContainer(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::StartContainerRequest, pb::StartContainerResponse>(
      door_, "ContainerService.StartContainer", context, in, out,
      [this](auto call) {
        auto args = DecodeStart(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.containers->Start(
            *std::move(args),
            AnswerWith<core::StartResult>(
                call, [](const core::StartResult& result,
                         pb::StartContainerResponse* response) {
                  ContainerToProto(*result.container, ViewKind::kFull,
                                   response->mutable_container());
                  TimingsToProto(result.timings, response->mutable_timings());
                }));
      });
}

ContainerServiceImpl::Unary* ContainerServiceImpl::StopContainer(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::StopContainerRequest, pb::StopContainerResponse>(
      door_, "ContainerService.StopContainer", context, in, out,
      [this](auto call) {
        auto args = DecodeStop(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.containers->Stop(
            *std::move(args),
            AnswerWith<core::ContainerPtr>(
                call, [](const core::ContainerPtr& container,
                         pb::StopContainerResponse* response) {
                  ContainerToProto(*container, ViewKind::kBasic,
                                   response->mutable_container());
                }));
      });
}

ContainerServiceImpl::Unary* ContainerServiceImpl::KillContainer(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::KillContainerRequest, pb::KillContainerResponse>(
      door_, "ContainerService.KillContainer", context, in, out,
      [this](auto call) {
        auto args = DecodeKill(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.containers->Kill(
            *std::move(args),
            [call](absl::Status status) { call->Finish(std::move(status)); });
      });
}

ContainerServiceImpl::Unary* ContainerServiceImpl::WaitContainer(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::WaitContainerRequest, pb::WaitContainerResponse>(
      door_, "ContainerService.WaitContainer", context, in, out,
      [this](auto call) {
        auto args = DecodeWait(call->request());
        if (!args.ok()) return call->Finish(args.status());
        core::CallPtr work = backend_.containers->Wait(
            *std::move(args),
            AnswerWith<core::WaitResult>(
                call, [](const core::WaitResult& result,
                         pb::WaitContainerResponse* response) {
                  ContainerToProto(*result.container, ViewKind::kBasic,
                                   response->mutable_container());
                  if (result.exit != nullptr) {
                    ExitToProto(*result.exit, response->mutable_exit());
                  }
                }));
        call->OnGone([work = std::move(work)] { work->Cancel(); });
      });
}

ContainerServiceImpl::Unary* ContainerServiceImpl::ListProcesses(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::ListProcessesRequest, pb::ListProcessesResponse>(
      door_, "ContainerService.ListProcesses", context, in, out,
      [this](auto call) {
        translate::Checks checks;
        std::string container =
            checks.Container(call->request().container(), "container");
        absl::Status status = checks.Finish();
        if (!status.ok()) return call->Finish(std::move(status));
        backend_.containers->ListProcesses(
            std::move(container),
            AnswerWith<std::vector<core::ProcessEntry>>(
                call, [](const std::vector<core::ProcessEntry>& processes,
                         pb::ListProcessesResponse* response) {
                  for (const core::ProcessEntry& process : processes) {
                    ProcessToProto(process, response->add_processes());
                  }
                }));
      });
}

ContainerServiceImpl::Unary* ContainerServiceImpl::ExplainContainer(
    Context* context, const Buffer* in, Buffer* out) {
  return StartUnary<pb::ExplainContainerRequest, pb::ExplainContainerResponse>(
      door_, "ContainerService.ExplainContainer", context, in, out,
      [this](auto call) {
        auto subject = DecodeExplain(door_, call->request());
        if (!subject.ok()) return call->Finish(subject.status());
        auto answer = AnswerWith<core::Explanation>(
            call, [](const core::Explanation& plan,
                     pb::ExplainContainerResponse* response) {
              PlanToProto(plan, response->mutable_plan());
            });
        if (subject->spec) {
          backend_.containers->Explain(*std::move(subject->spec),
                                       std::move(answer));
        } else {
          backend_.containers->ExplainExisting(std::move(subject->container),
                                               std::move(answer));
        }
      });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
ContainerServiceImpl::Run(Context* context) {
  return SessionStream::Start(
      std::make_shared<RunStream>(door_, context, &backend_));
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
ContainerServiceImpl::AttachContainer(Context* context) {
  return SessionStream::Start(
      std::make_shared<AttachStream>(door_, context, &backend_));
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* ContainerServiceImpl::StreamLogs(
    Context* context, const Buffer* in) {
  return LogsStream::Start(door_, &backend_, context, *in);
}

}  // namespace caisson::service
