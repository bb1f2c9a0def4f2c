// Get and List: answered from the published tables, never waiting for anything.
//
// Process: caissond. Thread: any; no I/O.
#ifndef CAISSON_SERVER_SERVICE_CATALOG_READS_H_
#define CAISSON_SERVER_SERVICE_CATALOG_READS_H_

#include "absl/status/status.h"

#include "caisson/v1/container_service.pb.h"
#include "caisson/v1/exec_service.pb.h"
#include "server/service/backend.h"
#include "server/service/door.h"

namespace caisson::service {

absl::Status ReadContainer(const Door& door, const Backend& backend,
                           const caisson::v1::GetContainerRequest& request,
                           caisson::v1::GetContainerResponse* response);
absl::Status ReadContainers(const Door& door, const Backend& backend,
                            const caisson::v1::ListContainersRequest& request,
                            caisson::v1::ListContainersResponse* response);
absl::Status ReadExec(const Door& door, const Backend& backend,
                      const caisson::v1::GetExecRequest& request,
                      caisson::v1::GetExecResponse* response);
absl::Status ReadExecs(const Door& door, const Backend& backend,
                       const caisson::v1::ListExecsRequest& request,
                       caisson::v1::ListExecsResponse* response);

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_CATALOG_READS_H_
