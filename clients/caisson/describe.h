// Containers and exits in the words of tables.
//
// Thread: any.
#ifndef CAISSON_CLIENTS_CAISSON_DESCRIBE_H_
#define CAISSON_CLIENTS_CAISSON_DESCRIBE_H_

#include <string>

#include "caisson/v1/container.pb.h"
#include "caisson/v1/stream.pb.h"

namespace caisson::cli {

// "running", "exited" ...
std::string StateText(v1::ContainerState state);
// "Up 3 minutes", "Exited (137, OOM_KILLED) 2 hours ago" ...
std::string StatusText(const v1::ContainerStatus& status);
// The command in one line, at most 40 characters unless `whole`.
std::string CommandText(const v1::Process& process, bool whole);
// The first 12 digits unless `whole`.
std::string IdText(const std::string& id, bool whole);
// "removed to make room for newer output" ...
std::string GapReasonText(v1::GapReason reason);
// "exited with 3", "killed by SIGKILL (OOM_KILLED)" ...
std::string ExitText(const v1::Exited& exit);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_DESCRIBE_H_
