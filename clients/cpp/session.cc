#include "clients/cpp/session.h"

#include <utility>

#include "grpcpp/client_context.h"
#include "grpcpp/support/sync_stream.h"

namespace caisson::client {

namespace {

// The kinds have the same names and types in all three responses.
template <typename Response>
void Convert(Response* from, v1::RunResponse* to) {
  to->Clear();
  if (from->has_started()) {
    *to->mutable_started() = std::move(*from->mutable_started());
  } else if (from->has_output()) {
    *to->mutable_output() = std::move(*from->mutable_output());
  } else if (from->has_gap()) {
    *to->mutable_gap() = std::move(*from->mutable_gap());
  } else if (from->has_stdin()) {
    *to->mutable_stdin() = std::move(*from->mutable_stdin());
  } else if (from->has_heartbeat()) {
    *to->mutable_heartbeat() = std::move(*from->mutable_heartbeat());
  } else if (from->has_exited()) {
    *to->mutable_exited() = std::move(*from->mutable_exited());
  }
}

template <typename Request, typename Response>
class StreamSession : public Session {
 public:
  using Stream = grpc::ClientReaderWriter<Request, Response>;

  // `open` starts the call on the given context.
  template <typename Open, typename Start>
  StreamSession(Open open, const Start& start) : stream_(open(&context_)) {
    Request request;
    *request.mutable_start() = start;
    stream_->Write(request);
  }

  bool SendInput(std::string data, int64_t offset) override {
    Request request;
    request.mutable_stdin()->set_data(std::move(data));
    request.mutable_stdin()->set_offset(offset);
    return stream_->Write(request);
  }

  bool SendCloseInput() override {
    Request request;
    request.mutable_close_stdin();
    return stream_->Write(request);
  }

  bool SendResize(int rows, int cols) override {
    Request request;
    request.mutable_resize()->set_rows(rows);
    request.mutable_resize()->set_cols(cols);
    return stream_->Write(request);
  }

  bool SendKill(const std::string& signal) override {
    Request request;
    request.mutable_kill()->set_signal(signal);
    return stream_->Write(request);
  }

  bool Next(v1::RunResponse* message) override {
    Response response;
    if (!stream_->Read(&response)) return false;
    Convert(&response, message);
    return true;
  }

  grpc::Status Finish() override { return stream_->Finish(); }
  void Cancel() override { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<Stream> stream_;
};

}  // namespace

std::unique_ptr<Session> OpenRun(const Connection& connection,
                                 const v1::RunStart& start) {
  return std::make_unique<StreamSession<v1::RunRequest, v1::RunResponse>>(
      [&](grpc::ClientContext* context) {
        return connection.containers().Run(context);
      },
      start);
}

std::unique_ptr<Session> OpenExec(const Connection& connection,
                                  const v1::ExecStart& start) {
  return std::make_unique<StreamSession<v1::ExecRequest, v1::ExecResponse>>(
      [&](grpc::ClientContext* context) {
        return connection.execs().Exec(context);
      },
      start);
}

std::unique_ptr<Session> OpenAttach(const Connection& connection,
                                    const v1::AttachStart& start) {
  return std::make_unique<
      StreamSession<v1::AttachContainerRequest, v1::AttachContainerResponse>>(
      [&](grpc::ClientContext* context) {
        return connection.containers().AttachContainer(context);
      },
      start);
}

}  // namespace caisson::client
