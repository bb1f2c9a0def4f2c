#include "tests/testing/raw_call.h"

#include "absl/time/clock.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"

#include "tests/testing/environment.h"

namespace caisson::testing {

namespace {

// One operation at a time: whether the next one to end went well.
bool Await(grpc::CompletionQueue* queue) {
  void* tag = nullptr;
  bool ok = false;
  return queue->Next(&tag, &ok) && ok;
}

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace

RawResult RawCall(const std::shared_ptr<grpc::Channel>& channel,
                  const std::string& method,
                  const std::vector<std::string>& requests,
                  absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + Scaled(timeout)));
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  const auto call = stub.PrepareCall(&context, method, &queue);
  RawResult result;
  call->StartCall(nullptr);
  bool open = Await(&queue);
  for (const std::string& request : requests) {
    if (!open) break;
    const grpc::Slice slice(request);
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    open = Await(&queue);
  }
  if (open) {
    call->WritesDone(nullptr);
    Await(&queue);
  }
  grpc::ByteBuffer response;
  while (true) {
    call->Read(&response, nullptr);
    if (!Await(&queue)) break;
    result.responses.push_back(BytesOf(response));
  }
  call->Finish(&result.status, nullptr);
  Await(&queue);
  queue.Shutdown();
  return result;
}

std::unique_ptr<google::protobuf::Message> NewRequestOf(
    const std::string& method) {
  const size_t slash = method.find('/');
  const auto* service =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
          "caisson.v1." + method.substr(0, slash));
  const auto* found = service == nullptr
                          ? nullptr
                          : service->FindMethodByName(method.substr(slash + 1));
  if (found == nullptr) return nullptr;
  const auto* prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(
          found->input_type());
  return std::unique_ptr<google::protobuf::Message>(prototype->New());
}

}  // namespace caisson::testing
