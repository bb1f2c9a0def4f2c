// Talks to Run, Exec and AttachContainer, and checks what every stream
// promises: `started` first, offsets without a hole, `exited` last.
#ifndef CAISSON_TESTS_TESTING_STREAMS_H_
#define CAISSON_TESTS_TESTING_STREAMS_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"

#include "caisson/v1/container_service.grpc.pb.h"
#include "caisson/v1/exec_service.grpc.pb.h"
#include "tests/testing/daemon.h"
#include "tests/testing/environment.h"

namespace caisson::testing {

// What a stream has delivered so far.
struct Delivered {
  bool started = false;
  v1::Started start;
  std::string out;
  std::string err;
  // Both in the order of arrival.
  std::string merged;
  std::vector<v1::Gap> gaps;
  int64_t next_offset = 0;
  v1::StdinProgress progress;
  int heartbeats = 0;
  bool exited = false;
  v1::Exited exit;
  // Broken promises, one a line.
  std::string violations;
  // Once it has ended.
  grpc::Status status;

  // 0..255 as a shell shows it, -1: none.
  int shell_status() const {
    return exited && exit.has_status() ? exit.status() : -1;
  }
};

// Adds one response's content; for responses of any of the three calls.
template <typename Response>
void Deliver(const Response& response, Delivered* to) {
  const auto violate = [&](std::string_view what) {
    to->violations += std::string(what) + "\n";
  };
  if (to->exited) violate("a message after exited");
  if (!to->started && !response.has_started()) violate("started is not first");
  if (response.has_started()) {
    if (to->started) violate("started twice");
    to->started = true;
    to->start = response.started();
    to->next_offset = response.started().output_offset();
  } else if (response.has_output()) {
    const v1::Output& output = response.output();
    const std::string& data = output.has_text() ? output.text() : output.data();
    if (output.offset() < to->next_offset) violate("output repeated");
    if (output.size() < 1) violate("empty output");
    if (output.has_data() &&
        output.data().size() != static_cast<size_t>(output.size())) {
      violate("size is not that of the data");
    }
    to->next_offset = output.offset() + output.size();
    (output.stream() == v1::STD_STREAM_STDERR ? to->err : to->out) += data;
    to->merged += data;
  } else if (response.has_gap()) {
    to->gaps.push_back(response.gap());
    to->next_offset = response.gap().to_offset();
  } else if (response.has_stdin()) {
    to->progress = response.stdin();
  } else if (response.has_heartbeat()) {
    ++to->heartbeats;
  } else if (response.has_exited()) {
    to->exited = true;
    to->exit = response.exited();
  }
}

// One open stream. The requests may be sent by one thread and the responses
// read by another.
template <typename Request, typename Response>
class Conversation {
 public:
  using Stream = grpc::ClientReaderWriterInterface<Request, Response>;
  using Opener =
      std::function<std::unique_ptr<Stream>(grpc::ClientContext* context)>;

  // The deadline is only a safety net.
  explicit Conversation(const Opener& open,
                        absl::Duration timeout = absl::Seconds(120)) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + Scaled(timeout)));
    stream_ = open(&context_);
  }
  ~Conversation() {
    if (finished_) return;
    context_.TryCancel();
    Finish();
  }
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  bool Send(const Request& request) { return stream_->Write(request); }
  bool SendInput(std::string_view data) {
    Request request;
    request.mutable_stdin()->set_data(std::string(data));
    return Send(request);
  }
  bool SendCloseStdin() {
    Request request;
    request.mutable_close_stdin();
    return Send(request);
  }
  bool SendResize(int rows, int cols) {
    Request request;
    request.mutable_resize()->set_rows(rows);
    request.mutable_resize()->set_cols(cols);
    return Send(request);
  }
  bool SendKill(const std::string& signal) {
    Request request;
    request.mutable_kill()->set_signal(signal);
    return Send(request);
  }
  bool HalfClose() { return stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }

  // The next response; false at the end, when the status is known.
  bool Next() {
    Response response;
    if (finished_ || !stream_->Read(&response)) {
      Finish();
      return false;
    }
    Deliver(response, &delivered_);
    return true;
  }
  // Reads until it is true; false when the stream ended before.
  bool ReadUntil(const std::function<bool(const Delivered&)>& condition) {
    while (!condition(delivered_)) {
      if (!Next()) return condition(delivered_);
    }
    return true;
  }
  bool ReadUntilStarted() {
    return ReadUntil([](const Delivered& d) { return d.started; });
  }
  bool ReadUntilOutput(std::string_view text) {
    return ReadUntil([&](const Delivered& d) {
      return d.merged.find(text) != std::string::npos;
    });
  }
  // Reads to the end.
  const Delivered& Rest() {
    while (Next()) {
    }
    if (delivered_.status.ok() && !delivered_.exited) {
      delivered_.violations += "OK without exited\n";
    }
    return delivered_;
  }
  const Delivered& delivered() const { return delivered_; }

 private:
  void Finish() {
    if (finished_) return;
    finished_ = true;
    delivered_.status = stream_->Finish();
  }

  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
  Delivered delivered_;
  bool finished_ = false;
};

using RunConversation = Conversation<v1::RunRequest, v1::RunResponse>;
using ExecConversation = Conversation<v1::ExecRequest, v1::ExecResponse>;
using AttachConversation =
    Conversation<v1::AttachContainerRequest, v1::AttachContainerResponse>;

// Opens the stream and sends its first message.
std::unique_ptr<RunConversation> StartRun(const Stubs& stubs,
                                          const v1::RunStart& start);
std::unique_ptr<RunConversation> StartRun(const Stubs& stubs,
                                          const v1::ContainerSpec& spec);
std::unique_ptr<ExecConversation> StartExec(const Stubs& stubs,
                                            const v1::ExecStart& start);
std::unique_ptr<ExecConversation> StartExec(const Stubs& stubs,
                                            const std::string& container,
                                            const v1::ExecSpec& spec);
std::unique_ptr<AttachConversation> StartAttach(const Stubs& stubs,
                                                const v1::AttachStart& start);
std::unique_ptr<AttachConversation> StartAttach(const Stubs& stubs,
                                                const std::string& container);

// From start to end, with all of `input` as stdin when the spec has one. The
// container is deleted afterwards unless the spec says when.
Delivered RunToEnd(const Stubs& stubs, v1::ContainerSpec spec,
                   std::string_view input = "");
Delivered ExecToEnd(const Stubs& stubs, const std::string& container,
                    const v1::ExecSpec& spec, std::string_view input = "");

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_STREAMS_H_
