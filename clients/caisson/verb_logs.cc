// caisson logs.
#include <unistd.h>

#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"

#include "clients/caisson/format_flag.h"
#include "clients/caisson/reference.h"
#include "clients/caisson/units.h"
#include "clients/caisson/verb.h"

namespace caisson::cli {

namespace {

class LogsVerb : public Verb {
 public:
  void Declare(Flags* flags) override {
    flags->Switch("-f,--follow", &follow_, "go on with what is new");
    flags->Text("-n,--tail", &tail_, "LINES", "only so many last lines");
    flags->Text("--since", &since_, "TIME",
                "only what is not older, as 10m or 2024-01-02T03:04:05Z");
    flags->Text("--until", &until_, "TIME", "only what is older");
    flags->Number("--from", &from_, "OFFSET",
                  "begin at this offset of the output");
    flags->Text("--stream", &stream_, "stdout|stderr", "only this one");
    flags->Switch("-t,--timestamps", &timestamps_,
                  "the time before every line");
    flags->Switch("--exec", &exec_, "the word is the id of an exec");
    format_.Declare(flags);
    flags->Words(&words_, 1, 1);
  }

  int Run(Context* context) override {
    v1::StreamLogsRequest request;
    const std::string wrong = Prepare(&request);
    if (!wrong.empty()) {
      PrintError("logs: " + wrong);
      return 125;
    }
    if (!format_.Valid()) return 125;
    grpc::Status status;
    if (exec_) {
      request.set_exec(words_[0]);
      status = Stream(context, request);
    } else {
      status = WithContainer(context->connection(), words_[0],
                             [&](const std::string& id) {
                               return StreamOf(context, id, request);
                             });
    }
    return status.ok() || over_ ? 0
                                : context->Fail("logs of " + words_[0], status);
  }

 private:
  std::string Prepare(v1::StreamLogsRequest* request) const {
    request->set_follow(follow_);
    request->set_lines(timestamps_);
    if (!tail_.empty() && tail_ != "all") {
      const auto lines = ParseInteger(tail_);
      if (!lines.has_value() || *lines < 0) {
        return "--tail: \"" + tail_ + "\" is no number of lines";
      }
      request->set_tail_lines(static_cast<int32_t>(*lines));
    }
    for (const auto& [text, field] :
         {std::pair(&since_, &v1::StreamLogsRequest::mutable_since),
          std::pair(&until_, &v1::StreamLogsRequest::mutable_until)}) {
      if (text->empty()) continue;
      const auto moment = ParseMoment(*text);
      if (!moment.has_value()) return "\"" + *text + "\" is no time";
      *(request->*field)() = *moment;
    }
    if (stream_ == "stdout") request->add_streams(v1::STD_STREAM_STDOUT);
    if (stream_ == "stderr") request->add_streams(v1::STD_STREAM_STDERR);
    if (!stream_.empty() && request->streams().empty()) {
      return "--stream: \"" + stream_ + "\" is neither stdout nor stderr";
    }
    return "";
  }

  grpc::Status StreamOf(Context* context, const std::string& container,
                        v1::StreamLogsRequest request) {
    std::string id = container;
    if (from_.has_value()) {
      // Positions go by id.
      v1::GetContainerRequest get;
      get.set_container(container);
      v1::GetContainerResponse response;
      grpc::ClientContext client_context;
      grpc::Status status = context->connection().containers().GetContainer(
          &client_context, get, &response);
      if (!status.ok()) return status;
      id = response.container().id();
      v1::LogPosition* position = request.add_positions();
      position->set_container(id);
      position->set_offset(*from_);
    }
    request.mutable_filter()->add_containers(id);
    return Stream(context, request);
  }

  grpc::Status Stream(Context* context, const v1::StreamLogsRequest& request) {
    grpc::ClientContext client_context;
    const auto reader =
        context->connection().containers().StreamLogs(&client_context, request);
    v1::StreamLogsResponse response;
    while (reader->Read(&response)) {
      // Nobody reads any more, or the only container was deleted: the stream
      // would go on, for others that match.
      if (!Print(response) || (follow_ && response.has_container_end())) {
        over_ = true;
        client_context.TryCancel();
      }
    }
    return reader->Finish();
  }

  // False when nobody reads any more.
  bool Print(const v1::StreamLogsResponse& response) const {
    if (format_.json()) {
      return WriteFully(STDOUT_FILENO, Json(response, false) + "\n");
    }
    for (const v1::LogEntry& entry : response.batch().entries()) {
      const int fd = entry.stream() == v1::STD_STREAM_STDERR ? STDERR_FILENO
                                                             : STDOUT_FILENO;
      std::string text = entry.data();
      if (timestamps_) {
        text =
            TimeText(entry.time()) + " " + text + (entry.partial() ? "" : "\n");
      }
      if (!WriteFully(fd, text)) return false;
    }
    if (response.has_gap()) PrintGap(response.gap().gap());
    return true;
  }

  bool follow_ = false;
  bool timestamps_ = false;
  bool exec_ = false;
  bool over_ = false;
  std::string tail_;
  std::string since_;
  std::string until_;
  std::string stream_;
  std::optional<int64_t> from_;
  FormatFlag format_;
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Verb> MakeLogs() {
  return std::make_unique<LogsVerb>();
}

}  // namespace caisson::cli
