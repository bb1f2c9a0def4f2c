// ExecService behind one door: decode -> core or catalog -> encode.
//
// Process: caissond. Thread: gRPC's; no method blocks.
// Ownership: borrows everything.
#ifndef CAISSON_SERVER_SERVICE_EXEC_SERVICE_H_
#define CAISSON_SERVER_SERVICE_EXEC_SERVICE_H_

#include "caisson/v1/exec_service.grpc.pb.h"
#include "server/service/backend.h"
#include "server/service/door.h"

namespace caisson::service {

namespace internal {
// Raw: see container_service.h.
template <typename Base>
using RawExecService = caisson::v1::ExecService::WithRawCallbackMethod_Exec<
    caisson::v1::ExecService::WithRawCallbackMethod_ExecSync<
        caisson::v1::ExecService::WithRawCallbackMethod_GetExec<
            caisson::v1::ExecService::WithRawCallbackMethod_ListExecs<
                caisson::v1::ExecService::WithRawCallbackMethod_KillExec<
                    caisson::v1::ExecService::WithRawCallbackMethod_WaitExec<
                        Base>>>>>>;
}  // namespace internal

class ExecServiceImpl final
    : public internal::RawExecService<caisson::v1::ExecService::Service> {
 public:
  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  using Buffer = grpc::ByteBuffer;

  ExecServiceImpl(const Door& door, const Backend& backend)
      : door_(door), backend_(backend) {}

  grpc::ServerBidiReactor<Buffer, Buffer>* Exec(Context* context) override;
  Unary* ExecSync(Context* context, const Buffer* in, Buffer* out) override;
  Unary* GetExec(Context* context, const Buffer* in, Buffer* out) override;
  Unary* ListExecs(Context* context, const Buffer* in, Buffer* out) override;
  Unary* KillExec(Context* context, const Buffer* in, Buffer* out) override;
  Unary* WaitExec(Context* context, const Buffer* in, Buffer* out) override;

 private:
  const Door& door_;
  const Backend& backend_;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_EXEC_SERVICE_H_
