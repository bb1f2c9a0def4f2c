#include "server/service/method_table.h"

#include <algorithm>
#include <string>

#include "google/protobuf/descriptor.h"

#include "caisson/v1/container_service.pb.h"
#include "caisson/v1/event_service.pb.h"
#include "caisson/v1/exec_service.pb.h"
#include "caisson/v1/network_service.pb.h"
#include "caisson/v1/system_service.pb.h"
#include "runtime/base/check.h"
#include "runtime/base/error_detail.h"
#include "runtime/base/str_cat.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;

Role RoleFromProto(pb::Role role) {
  switch (role) {
    case pb::ROLE_READ:
      return Role::kRead;
    case pb::ROLE_OPERATE:
      return Role::kOperate;
    default:
      return Role::kAdmin;
  }
}

MethodPolicy PolicyOf(const google::protobuf::MethodDescriptor& method) {
  const pb::RpcPolicy& rpc = method.options().GetExtension(pb::rpc);
  CAISSON_CHECK(rpc.role() != pb::ROLE_UNSPECIFIED);
  CAISSON_CHECK(rpc.on_cancel() != pb::ON_CANCEL_UNSPECIFIED);
  CAISSON_CHECK(rpc.retry() != pb::RETRY_UNSPECIFIED);
  return {base::StrCat(method.service()->name(), ".", method.name()),
          RoleFromProto(rpc.role()), rpc.on_cancel(), rpc.retry()};
}

}  // namespace

MethodTable MethodTable::Build() {
  const google::protobuf::FileDescriptor* files[] = {
      pb::GetContainerRequest::descriptor()->file(),
      pb::GetExecRequest::descriptor()->file(),
      pb::GetNetworkRequest::descriptor()->file(),
      pb::WatchEventsRequest::descriptor()->file(),
      pb::GetInfoRequest::descriptor()->file(),
  };
  MethodTable table;
  for (const auto* file : files) {
    for (int i = 0; i < file->service_count(); ++i) {
      const auto* service = file->service(i);
      table.services_.push_back(service->full_name());
      for (int j = 0; j < service->method_count(); ++j) {
        MethodPolicy policy = PolicyOf(*service->method(j));
        table.methods_.emplace(policy.name, policy);
      }
    }
  }
  return table;
}

const MethodPolicy* MethodTable::Find(std::string_view name) const {
  const auto it = methods_.find(base::AbslView(name));
  return it == methods_.end() ? nullptr : &it->second;
}

absl::Status MethodTable::Authorize(std::string_view name, Role role) const {
  const MethodPolicy* policy = Find(name);
  const Role needed = policy == nullptr ? Role::kAdmin : policy->role;
  if (policy != nullptr && role >= needed) return absl::OkStatus();
  return RoleTooLow(name, role, needed);
}

std::vector<const MethodPolicy*> MethodTable::All() const {
  std::vector<const MethodPolicy*> all;
  for (const auto& [name, policy] : methods_) all.push_back(&policy);
  std::sort(all.begin(), all.end(),
            [](const auto* a, const auto* b) { return a->name < b->name; });
  return all;
}

}  // namespace caisson::service
