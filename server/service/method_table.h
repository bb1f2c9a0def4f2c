// Who may call what, and what a cancel means: read from the method option
// (caisson.v1.rpc) of every method of the public API, so that the promise in
// the .proto and the check cannot differ. A method that is not in the table is
// denied.
//
// Process: caissond. Thread: any (immutable after Build).
#ifndef CAISSON_SERVER_SERVICE_METHOD_TABLE_H_
#define CAISSON_SERVER_SERVICE_METHOD_TABLE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "caisson/v1/options.pb.h"
#include "server/service/role.h"

namespace caisson::service {

struct MethodPolicy {
  std::string name;  // "ContainerService.GetContainer"
  Role role = Role::kAdmin;
  caisson::v1::OnCancel on_cancel = caisson::v1::ON_CANCEL_UNSPECIFIED;
  caisson::v1::Retry retry = caisson::v1::RETRY_UNSPECIFIED;
};

class MethodTable {
 public:
  // From the descriptors of all services. Aborts when a method lacks a part
  // of the option: that is a mistake in the .proto.
  static MethodTable Build();

  // `name` as "ContainerService.GetContainer"; null: unknown.
  const MethodPolicy* Find(std::string_view name) const;

  // PERMISSION_DENIED ROLE_TOO_LOW unless `role` may call the method.
  absl::Status Authorize(std::string_view name, Role role) const;

  // All methods, by name.
  std::vector<const MethodPolicy*> All() const;

  // "caisson.v1.ContainerService" ...
  const std::vector<std::string>& services() const { return services_; }

 private:
  absl::flat_hash_map<std::string, MethodPolicy> methods_;
  std::vector<std::string> services_;
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_METHOD_TABLE_H_
