// One unary call: parse, authorise, work somewhere else, answer once.
//
//   grpc::ServerUnaryReactor* GetContainer(...) override {
//     return StartUnary<pb::GetContainerRequest, pb::GetContainerResponse>(
//         door_, "ContainerService.GetContainer", context, in, out,
//         [this](const auto& call) { ... call->Finish(status); });
//   }
//
// The work gets a shared pointer and keeps it until it calls Finish, from any
// thread. When the client is gone first, the call ends at once and the work's
// Finish, which may come much later, does nothing.
//
// Process: caissond. Thread: any. Nothing here blocks.
#ifndef CAISSON_SERVER_SERVICE_UNARY_H_
#define CAISSON_SERVER_SERVICE_UNARY_H_

#include <memory>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "google/protobuf/arena.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

#include "server/service/door.h"

namespace caisson::service {

template <typename Request, typename Response>
class UnaryCall final
    : public grpc::ServerUnaryReactor,
      public std::enable_shared_from_this<UnaryCall<Request, Response>> {
 public:
  using Ptr = std::shared_ptr<UnaryCall>;

  UnaryCall(const Door& door, std::string_view method,
            grpc::CallbackServerContext* context, grpc::ByteBuffer* out)
      : info_(door.Describe(method, *context)),
        context_(context),
        out_(out),
        request_(google::protobuf::Arena::CreateMessage<Request>(&arena_)),
        response_(google::protobuf::Arena::CreateMessage<Response>(&arena_)) {
    // gRPC aborts the process when an OK call has no response at all.
    *out_ = ToBuffer(*response_);
  }

  const Request& request() const { return *request_; }
  // To be filled in before Finish by whoever does the work.
  Response* response() { return response_; }
  const CallInfo& info() const { return info_; }

  // What to do when the client is gone before Finish: runs at most once, at
  // once if it is gone already. It must not block.
  void OnGone(absl::AnyInvocable<void()> hook) {
    {
      absl::MutexLock lock(&mutex_);
      if (!gone_) {
        if (!finished_) on_gone_ = std::move(hook);
        return;
      }
    }
    if (hook) hook();
  }

  // Answers; the first one counts.
  void Finish(absl::Status status) {
    if (!TakeFinish()) return;
    if (status.ok()) *out_ = ToBuffer(*response_);
    grpc::ServerUnaryReactor::Finish(FinishStatus(info_, std::move(status)));
  }

  // For StartUnary.
  Request* mutable_request() { return request_; }
  void KeepUntilDone() { self_ = this->shared_from_this(); }

 private:
  // No OnCancel comes after OnDone, and OnDone needs Finish: `self_` is there.
  void OnCancel() override {
    absl::AnyInvocable<void()> hook;
    {
      absl::MutexLock lock(&mutex_);
      gone_ = true;
      hook = std::move(on_gone_);
      on_gone_ = nullptr;
    }
    // First: the hook may make the work end with words of its own.
    Finish(CancelledStatus(*context_));
    if (hook) hook();
  }

  void OnDone() override { Ptr self = std::move(self_); }

  bool TakeFinish() {
    absl::AnyInvocable<void()> unused;
    absl::MutexLock lock(&mutex_);
    unused = std::move(on_gone_);
    on_gone_ = nullptr;
    return !std::exchange(finished_, true);
  }

  const CallInfo info_;
  grpc::CallbackServerContext* const context_;  // valid until OnDone
  grpc::ByteBuffer* const out_;                 // valid until OnDone
  google::protobuf::Arena arena_;
  Request* const request_;
  Response* const response_;
  Ptr self_;

  absl::Mutex mutex_;
  bool gone_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::AnyInvocable<void()> on_gone_ ABSL_GUARDED_BY(mutex_);
};

template <typename Request, typename Response, typename Work>
grpc::ServerUnaryReactor* StartUnary(const Door& door, std::string_view method,
                                     grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* in,
                                     grpc::ByteBuffer* out, Work work) {
  auto call = std::make_shared<UnaryCall<Request, Response>>(door, method,
                                                             context, out);
  call->KeepUntilDone();
  absl::Status status = door.Authorize(method);
  if (status.ok()) status = ParseBuffer(*in, call->mutable_request());
  if (status.ok()) {
    work(call);
  } else {
    call->Finish(std::move(status));
  }
  return call.get();
}

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_UNARY_H_
