#include "server/service/test_server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <utility>

#include "google/rpc/status.pb.h"
#include "grpcpp/create_channel_posix.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/async_stream.h"
#include "gtest/gtest.h"

#include "runtime/base/remove_tree.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/status_matchers.h"
#include "server/service/system_service.h"

namespace caisson::service {
namespace {

template <typename Detail>
Detail Find(const grpc::Status& status) {
  google::rpc::Status rpc;
  EXPECT_TRUE(rpc.ParseFromString(status.error_details()));
  Detail found;
  int count = 0;
  for (const auto& any : rpc.details()) count += any.UnpackTo(&found) ? 1 : 0;
  EXPECT_LE(count, 1);
  return found;
}

grpc::ByteBuffer Wrap(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string Unwrap(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// One step of a call at a time; false when it failed, as at the end.
bool Await(grpc::CompletionQueue* queue) {
  void* tag = nullptr;
  bool ok = false;
  return queue->Next(&tag, &ok) && ok;
}

}  // namespace

google::rpc::ErrorInfo Outcome::info() const {
  return Find<google::rpc::ErrorInfo>(status);
}

google::rpc::BadRequest Outcome::bad_request() const {
  return Find<google::rpc::BadRequest>(status);
}

std::string FullMethod(std::string_view method) {
  std::string full = "/caisson.v1.";
  full.append(method);
  full.replace(full.rfind('.'), 1, "/");
  return full;
}

TestServer::TestServer() {
  const char* base = ::getenv("TMPDIR");
  directory_ =
      std::string(base == nullptr ? "/tmp" : base) + "/caisson-service.XXXXXX";
  EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
  store::StoreOptions options;
  options.path = directory_ + "/caisson.db";
  options.boot_id = "test";
  options.background_thread = false;
  auto store = store::Store::Open(std::move(options));
  CAISSON_EXPECT_OK(store);
  store_ = *std::move(store);
  auto output = core::OutputService::Create();
  CAISSON_EXPECT_OK(output);
  output_ = *std::move(output);
  events_ = std::make_unique<core::EventLog>(store_.get());

  backend_.containers = &containers_;
  backend_.execs = &execs_;
  backend_.networks = &networks_;
  backend_.system = &system_;
  backend_.output = output_.get();
  backend_.events = events_.get();
  backend_.store = store_.get();
  backend_.version = "test";
  backend_.attach_slots = &attach_slots_;
  backend_.watch_slots = &watch_slots_;
  backend_.log_slots = &log_slots_;
  servers_ = std::make_unique<ServerSet>(
      &methods_, &connections_,
      [this](const Door& door) { return MakeServices(door, backend_); });
}

TestServer::~TestServer() {
  channels_.clear();
  servers_.reset();
  events_.reset();
  output_.reset();
  store_.reset();
  base::IgnoreError(base::RemoveTree(directory_), "only a test's directory");
}

std::shared_ptr<grpc::Channel> TestServer::channel(Role role) {
  std::shared_ptr<grpc::Channel>& channel = channels_[role];
  if (channel == nullptr) {
    int pair[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                           0, pair),
              0);
    servers_->Adopt(role, pair[0]);
    channel = grpc::CreateInsecureChannelFromFd("test", pair[1]);
  }
  return channel;
}

Outcome TestServer::Call(Role role, std::string_view method,
                         const std::vector<std::string>& requests) {
  grpc::GenericStub stub(channel(role));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(60));
  grpc::CompletionQueue queue;
  auto call = stub.PrepareCall(&context, FullMethod(method), &queue);
  call->StartCall(nullptr);
  Outcome outcome;
  bool open = Await(&queue);
  for (const std::string& request : requests) {
    if (!open) break;
    call->Write(Wrap(request), nullptr);
    open = Await(&queue);
  }
  if (open) {
    call->WritesDone(nullptr);
    Await(&queue);
  }
  while (true) {
    grpc::ByteBuffer response;
    call->Read(&response, nullptr);
    if (!Await(&queue)) break;
    outcome.responses.push_back(Unwrap(response));
  }
  call->Finish(&outcome.status, nullptr);
  Await(&queue);
  return outcome;
}

}  // namespace caisson::service
