// One stream to a process: Run, Exec and AttachContainer look the same here.
//
//   auto session = OpenRun(connection, start);
//   v1::RunResponse message;
//   while (session->Next(&message)) ...;
//   grpc::Status status = session->Finish();
//
// Thread: one thread sends, another receives; Cancel from any.
#ifndef CAISSON_CLIENTS_CPP_SESSION_H_
#define CAISSON_CLIENTS_CPP_SESSION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "caisson/v1/container_service.pb.h"
#include "caisson/v1/exec_service.pb.h"
#include "clients/cpp/connection.h"

namespace caisson::client {

class Session {
 public:
  virtual ~Session() = default;

  // Each is false once the stream is over.
  virtual bool SendInput(std::string data, int64_t offset) = 0;
  virtual bool SendCloseInput() = 0;
  virtual bool SendResize(int rows, int cols) = 0;
  // `signal` as "SIGTERM".
  virtual bool SendKill(const std::string& signal) = 0;

  // The next message, whichever of the three calls it came from; false at the
  // end.
  virtual bool Next(v1::RunResponse* message) = 0;
  // After Next was false: OK when the process has ended and all was told.
  virtual grpc::Status Finish() = 0;
  // Leaves. What happens to the process is decided by its on_disconnect.
  virtual void Cancel() = 0;
};

std::unique_ptr<Session> OpenRun(const Connection& connection,
                                 const v1::RunStart& start);
std::unique_ptr<Session> OpenExec(const Connection& connection,
                                  const v1::ExecStart& start);
std::unique_ptr<Session> OpenAttach(const Connection& connection,
                                    const v1::AttachStart& start);

}  // namespace caisson::client

#endif  // CAISSON_CLIENTS_CPP_SESSION_H_
