#include "tests/bench/daemon_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include <grpcpp/grpcpp.h>

namespace caisson::bench {
namespace {

absl::Status ToAbsl(const grpc::Status& status, const char* call) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat(call, ": ", status.error_message()));
}

absl::Status ExpectSuccess(const v1::Exited& exited, const char* call) {
  if (exited.has_exit_code() && exited.exit_code() == 0) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat(call, " ended badly: ", exited.ShortDebugString()));
}

// Reads a Run or Exec stream to its end: counts payload bytes, keeps Exited
// and Started.
template <typename Stream, typename Response>
absl::Status Drain(Stream& stream, const char* call, Response& started,
                   int64_t& bytes) {
  Response response;
  v1::Exited exited;
  while (stream.Read(&response)) {
    if (response.has_started()) started = response;
    if (response.has_output()) bytes += response.output().size();
    if (response.has_exited()) exited = response.exited();
  }
  absl::Status status = ToAbsl(stream.Finish(), call);
  if (!status.ok()) return status;
  return ExpectSuccess(exited, call);
}

}  // namespace

DaemonClient::DaemonClient(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  auto channel = grpc::CreateCustomChannel(
      address, grpc::InsecureChannelCredentials(), arguments);
  containers_ = v1::ContainerService::NewStub(channel);
  execs_ = v1::ExecService::NewStub(channel);
}

v1::ContainerSpec DaemonClient::Spec(
    const std::vector<std::string>& argv) const {
  v1::ContainerSpec spec;
  spec.mutable_rootfs()->mutable_host_directory()->set_path(rootfs_);
  for (const std::string& word : argv) {
    spec.mutable_process()->add_command(word);
  }
  spec.mutable_delete_after_exit();  // 0 s: as soon as delivered
  return spec;
}

void DaemonClient::AddPhases(const std::string& prefix,
                             const v1::Timings& timings) {
  for (const auto& phase : timings.phases()) {
    phases_ns_[absl::StrCat(prefix, "phase ", phase.name())].push_back(
        phase.duration().seconds() * int64_t{1'000'000'000} +
        phase.duration().nanos());
  }
}

absl::StatusOr<int64_t> DaemonClient::TimeRun(
    const std::vector<std::string>& argv, const std::string& network) {
  v1::RunRequest request;
  v1::ContainerSpec& spec = *request.mutable_start()->mutable_spec();
  spec = Spec(argv);
  if (!network.empty()) {
    spec.mutable_network()->mutable_attach()->add_networks()->set_network(
        network);
  }
  const int64_t start = absl::GetCurrentTimeNanos();
  grpc::ClientContext context;
  auto stream = containers_->Run(&context);
  stream->Write(request);
  v1::RunResponse started;
  int64_t bytes = 0;
  absl::Status status = Drain(*stream, "Run", started, bytes);
  const int64_t elapsed = absl::GetCurrentTimeNanos() - start;
  if (!status.ok()) return status;
  AddPhases(network.empty() ? "Run " : "Run with a network, ",
            started.started().timings());
  return elapsed;
}

absl::StatusOr<int64_t> DaemonClient::TimeFourCalls(
    const std::vector<std::string>& argv) {
  v1::CreateContainerRequest create;
  *create.mutable_spec() = Spec(argv);
  create.mutable_spec()->clear_delete_after_exit();
  const int64_t start = absl::GetCurrentTimeNanos();
  v1::CreateContainerResponse created;
  {
    grpc::ClientContext context;
    absl::Status status =
        ToAbsl(containers_->CreateContainer(&context, create, &created),
               "CreateContainer");
    if (!status.ok()) return status;
  }
  const std::string& id = created.container().id();
  {
    grpc::ClientContext context;
    v1::StartContainerRequest request;
    v1::StartContainerResponse response;
    request.set_container(id);
    absl::Status status =
        ToAbsl(containers_->StartContainer(&context, request, &response),
               "StartContainer");
    if (!status.ok()) return status;
  }
  v1::WaitContainerResponse waited;
  {
    grpc::ClientContext context;
    v1::WaitContainerRequest request;
    request.set_container(id);
    absl::Status status =
        ToAbsl(containers_->WaitContainer(&context, request, &waited),
               "WaitContainer");
    if (!status.ok()) return status;
  }
  grpc::ClientContext context;
  v1::DeleteContainerRequest request;
  v1::DeleteContainerResponse response;
  request.set_container(id);
  absl::Status status =
      ToAbsl(containers_->DeleteContainer(&context, request, &response),
             "DeleteContainer");
  const int64_t elapsed = absl::GetCurrentTimeNanos() - start;
  if (!status.ok()) return status;
  status = ExpectSuccess(waited.exit(), "WaitContainer");
  if (!status.ok()) return status;
  return elapsed;
}

absl::StatusOr<int64_t> DaemonClient::TimeExec(
    const std::string& container, const std::vector<std::string>& argv) {
  v1::ExecRequest request;
  request.mutable_start()->set_container(container);
  for (const std::string& word : argv) {
    request.mutable_start()->mutable_spec()->mutable_process()->add_command(
        word);
  }
  const int64_t start = absl::GetCurrentTimeNanos();
  grpc::ClientContext context;
  auto stream = execs_->Exec(&context);
  stream->Write(request);
  v1::ExecResponse started;
  int64_t bytes = 0;
  absl::Status status = Drain(*stream, "Exec", started, bytes);
  const int64_t elapsed = absl::GetCurrentTimeNanos() - start;
  if (!status.ok()) return status;
  return elapsed;
}

absl::StatusOr<DaemonClient::Started> DaemonClient::StartSleeper() {
  v1::CreateContainerRequest create;
  *create.mutable_spec() = Spec({"/bin/busybox", "sleep", "3600"});
  create.mutable_spec()->clear_delete_after_exit();
  const int64_t start = absl::GetCurrentTimeNanos();
  grpc::ClientContext context;
  v1::CreateContainerResponse created;
  absl::Status status =
      ToAbsl(containers_->CreateContainer(&context, create, &created),
             "CreateContainer");
  if (!status.ok()) return status;
  grpc::ClientContext start_context;
  v1::StartContainerRequest request;
  v1::StartContainerResponse response;
  request.set_container(created.container().id());
  status =
      ToAbsl(containers_->StartContainer(&start_context, request, &response),
             "StartContainer");
  if (!status.ok()) return status;
  return Started{.id = created.container().id(),
                 .elapsed_ns = absl::GetCurrentTimeNanos() - start};
}

absl::Status DaemonClient::ForceDelete(const std::string& id) {
  grpc::ClientContext context;
  v1::DeleteContainerRequest request;
  v1::DeleteContainerResponse response;
  request.set_container(id);
  request.set_force(true);
  return ToAbsl(containers_->DeleteContainer(&context, request, &response),
                "DeleteContainer");
}

absl::StatusOr<int64_t> DaemonClient::TimeList() {
  const int64_t start = absl::GetCurrentTimeNanos();
  grpc::ClientContext context;
  v1::ListContainersResponse response;
  absl::Status status =
      ToAbsl(containers_->ListContainers(&context, v1::ListContainersRequest(),
                                         &response),
             "ListContainers");
  if (!status.ok()) return status;
  return absl::GetCurrentTimeNanos() - start;
}

absl::StatusOr<DaemonClient::Streamed> DaemonClient::StreamOutput(
    const std::vector<std::string>& argv) {
  v1::RunRequest request;
  *request.mutable_start()->mutable_spec() = Spec(argv);
  grpc::ClientContext context;
  auto stream = containers_->Run(&context);
  stream->Write(request);
  const int64_t start = absl::GetCurrentTimeNanos();
  v1::RunResponse started;
  Streamed result;
  absl::Status status = Drain(*stream, "Run", started, result.bytes);
  result.elapsed_ns = absl::GetCurrentTimeNanos() - start;
  if (!status.ok()) return status;
  return result;
}

absl::StatusOr<v1::Plan> DaemonClient::Explain(
    const std::vector<std::string>& argv) {
  grpc::ClientContext context;
  v1::ExplainContainerRequest request;
  v1::ExplainContainerResponse response;
  *request.mutable_spec() = Spec(argv);
  absl::Status status =
      ToAbsl(containers_->ExplainContainer(&context, request, &response),
             "ExplainContainer");
  if (!status.ok()) return status;
  return std::move(*response.mutable_plan());
}

}  // namespace caisson::bench
