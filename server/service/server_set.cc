#include "server/service/server_set.h"

#include <unistd.h>

#include <thread>
#include <utility>

#include "grpc/health/v1/health.pb.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_posix.h"

#include "runtime/base/check.h"
#include "runtime/base/error_detail.h"

namespace caisson::service {
namespace {

constexpr int kMaxReceiveBytes = 4 << 20;
constexpr int kMaxMetadataBytes = 8 << 10;
constexpr int kMaxStreamsPerConnection = 10'000;
// Clients that ping an idle connection more often are told to stop.
constexpr int kMinPingIntervalMs = 10'000;

void SetLimits(grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(kMaxReceiveBytes);
  // Responses are bounded where they are made.
  builder->SetMaxSendMessageSize(-1);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                              kMaxStreamsPerConnection);
  builder->AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kMinPingIntervalMs);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // A few compressed bytes could become a large message.
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  // Only reflection is synchronous.
  builder->SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
}

void SetHealth(grpc::Server* server, const MethodTable& methods, bool serving) {
  grpc::HealthCheckServiceInterface* health = server->GetHealthCheckService();
  if (health == nullptr) return;
  health->SetServingStatus(serving);
  for (const std::string& service : methods.services()) {
    health->SetServingStatus(service, serving);
  }
}

}  // namespace

ServerSet::ServerSet(const MethodTable* methods, const Connections* connections,
                     MakeServices make_services)
    : methods_(methods),
      connections_(connections),
      make_services_(std::move(make_services)) {
  // Reflection tells about what is linked in.
  grpc::health::v1::HealthCheckRequest::descriptor();
  // Both act on every builder from here on.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
}

ServerSet::~ServerSet() {
  Shutdown(absl::Now());
}

std::unique_ptr<grpc::Server> ServerSet::Build(const Services& services) const {
  grpc::ServerBuilder builder;
  SetLimits(&builder);
  for (const auto& service : services) builder.RegisterService(service.get());
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  // Without a port there is nothing in it that could fail.
  CAISSON_CHECK(server != nullptr);
  SetHealth(server.get(), *methods_, true);
  return server;
}

ServerSet::Entry& ServerSet::For(Role role) {
  Entry& entry = entries_[role];
  if (entry.server == nullptr) {
    entry.door =
        std::make_unique<Door>(role, methods_, connections_, &streams_);
    entry.services = make_services_(*entry.door);
    entry.server = Build(entry.services);
  }
  return entry;
}

void ServerSet::Adopt(Role role, int fd) {
  grpc::AddInsecureChannelFromFd(For(role).server.get(), fd);
}

void ServerSet::StopServing() {
  for (auto& [role, entry] : entries_) {
    SetHealth(entry.server.get(), *methods_, false);
  }
  streams_.EndAll(base::MakeError(absl::StatusCode::kUnavailable,
                                  "SHUTTING_DOWN", "the daemon is stopping"));
}

void ServerSet::Shutdown(absl::Time deadline) {
  std::vector<std::thread> threads;
  for (auto& [role, entry] : entries_) {
    threads.emplace_back([server = entry.server.get(), deadline] {
      server->Shutdown(absl::ToChronoTime(deadline));
    });
  }
  for (std::thread& thread : threads) thread.join();
  entries_.clear();
}

}  // namespace caisson::service
