#include "server/service/exec_service.h"

#include <memory>
#include <utility>

#include "server/service/catalog_reads.h"
#include "server/service/decode_calls.h"
#include "server/service/exec_stream.h"
#include "server/service/exec_sync.h"
#include "server/service/unary.h"
#include "server/translate/record_to_proto.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
ExecServiceImpl::Exec(Context* context) {
  return SessionStream::Start(
      std::make_shared<ExecStream>(door_, context, &backend_));
}

ExecServiceImpl::Unary* ExecServiceImpl::ExecSync(Context* context,
                                                  const Buffer* in,
                                                  Buffer* out) {
  return StartUnary<pb::ExecSyncRequest, pb::ExecSyncResponse>(
      door_, "ExecService.ExecSync", context, in, out, [this](auto call) {
        auto args = DecodeExecSync(door_, call->request());
        if (!args.ok()) return call->Finish(args.status());
        auto sync = service::ExecSync::Start(
            backend_, *std::move(args), call->response(),
            [call](absl::Status status) { call->Finish(std::move(status)); });
        call->OnGone([sync] { sync->Cancel(); });
      });
}

ExecServiceImpl::Unary* ExecServiceImpl::GetExec(Context* context,
                                                 const Buffer* in,
                                                 Buffer* out) {
  return StartUnary<pb::GetExecRequest, pb::GetExecResponse>(
      door_, "ExecService.GetExec", context, in, out, [this](auto call) {
        call->Finish(
            ReadExec(door_, backend_, call->request(), call->response()));
      });
}

ExecServiceImpl::Unary* ExecServiceImpl::ListExecs(Context* context,
                                                   const Buffer* in,
                                                   Buffer* out) {
  return StartUnary<pb::ListExecsRequest, pb::ListExecsResponse>(
      door_, "ExecService.ListExecs", context, in, out, [this](auto call) {
        call->Finish(
            ReadExecs(door_, backend_, call->request(), call->response()));
      });
}

ExecServiceImpl::Unary* ExecServiceImpl::KillExec(Context* context,
                                                  const Buffer* in,
                                                  Buffer* out) {
  return StartUnary<pb::KillExecRequest, pb::KillExecResponse>(
      door_, "ExecService.KillExec", context, in, out, [this](auto call) {
        auto args = DecodeKillExec(call->request());
        if (!args.ok()) return call->Finish(args.status());
        backend_.execs->Kill(*std::move(args), [call](absl::Status status) {
          call->Finish(std::move(status));
        });
      });
}

ExecServiceImpl::Unary* ExecServiceImpl::WaitExec(Context* context,
                                                  const Buffer* in,
                                                  Buffer* out) {
  return StartUnary<pb::WaitExecRequest, pb::WaitExecResponse>(
      door_, "ExecService.WaitExec", context, in, out, [this](auto call) {
        auto exec = DecodeWaitExec(call->request());
        if (!exec.ok()) return call->Finish(exec.status());
        core::CallPtr work = backend_.execs->Wait(
            *std::move(exec),
            [call](absl::StatusOr<core::WaitExecResult> result) {
              if (result.ok()) {
                translate::ExecToProto(*result->exec,
                                       translate::ViewKind::kBasic,
                                       call->response()->mutable_exec());
                translate::ExitToProto(*result->exit,
                                       call->response()->mutable_exit());
              }
              call->Finish(result.status());
            });
        call->OnGone([work = std::move(work)] { work->Cancel(); });
      });
}

}  // namespace caisson::service
