#include "tests/testing/streams.h"

#include <algorithm>
#include <thread>

namespace caisson::testing {

namespace {

constexpr size_t kChunk = 60000;

// Sends all input from a thread of its own: responses must be read meanwhile.
template <typename Talk>
Delivered Finish(Talk* talk, std::string_view input) {
  std::thread sender([talk, input] {
    for (size_t done = 0; done < input.size(); done += kChunk) {
      if (!talk->SendInput(input.substr(done, kChunk))) return;
    }
    talk->HalfClose();
  });
  const Delivered delivered = talk->Rest();
  sender.join();
  return delivered;
}

}  // namespace

std::unique_ptr<RunConversation> StartRun(const Stubs& stubs,
                                          const v1::RunStart& start) {
  auto talk =
      std::make_unique<RunConversation>([&](grpc::ClientContext* context) {
        return stubs.containers->Run(context);
      });
  v1::RunRequest request;
  *request.mutable_start() = start;
  talk->Send(request);
  return talk;
}

std::unique_ptr<RunConversation> StartRun(const Stubs& stubs,
                                          const v1::ContainerSpec& spec) {
  v1::RunStart start;
  *start.mutable_spec() = spec;
  return StartRun(stubs, start);
}

std::unique_ptr<ExecConversation> StartExec(const Stubs& stubs,
                                            const v1::ExecStart& start) {
  auto talk = std::make_unique<ExecConversation>(
      [&](grpc::ClientContext* context) { return stubs.execs->Exec(context); });
  v1::ExecRequest request;
  *request.mutable_start() = start;
  talk->Send(request);
  return talk;
}

std::unique_ptr<ExecConversation> StartExec(const Stubs& stubs,
                                            const std::string& container,
                                            const v1::ExecSpec& spec) {
  v1::ExecStart start;
  start.set_container(container);
  *start.mutable_spec() = spec;
  return StartExec(stubs, start);
}

std::unique_ptr<AttachConversation> StartAttach(const Stubs& stubs,
                                                const v1::AttachStart& start) {
  auto talk =
      std::make_unique<AttachConversation>([&](grpc::ClientContext* context) {
        return stubs.containers->AttachContainer(context);
      });
  v1::AttachContainerRequest request;
  *request.mutable_start() = start;
  talk->Send(request);
  return talk;
}

std::unique_ptr<AttachConversation> StartAttach(const Stubs& stubs,
                                                const std::string& container) {
  v1::AttachStart start;
  start.set_container(container);
  return StartAttach(stubs, start);
}

Delivered RunToEnd(const Stubs& stubs, v1::ContainerSpec spec,
                   std::string_view input) {
  if (!spec.has_delete_after_exit()) spec.mutable_delete_after_exit();
  return Finish(StartRun(stubs, spec).get(), input);
}

Delivered ExecToEnd(const Stubs& stubs, const std::string& container,
                    const v1::ExecSpec& spec, std::string_view input) {
  return Finish(StartExec(stubs, container, spec).get(), input);
}

}  // namespace caisson::testing
