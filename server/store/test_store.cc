#include "server/store/test_store.h"

#include <stdlib.h>

#include "runtime/base/check.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/status_macros.h"

namespace caisson::store {

TempDirectory::TempDirectory() {
  const char* base = ::getenv("TMPDIR");
  path_ = std::string(base == nullptr ? "/tmp" : base) + "/caisson.XXXXXX";
  CAISSON_CHECK(::mkdtemp(path_.data()) != nullptr);
}

TempDirectory::~TempDirectory() {
  base::IgnoreError(base::RemoveTree(path_), "only a test's directory");
}

StoreOptions TestOptions(const TempDirectory& directory,
                         const base::ManualClock* clock) {
  StoreOptions options;
  options.path = directory.File("caisson.db");
  options.boot_id = "boot-1";
  options.clock = [clock] { return clock->Now(); };
  options.background_thread = false;
  return options;
}

std::shared_ptr<const spec::ContainerSpec> MakeSpec(
    const std::string& name, const std::map<std::string, std::string>& labels) {
  auto spec = std::make_shared<spec::ContainerSpec>();
  spec->name = name;
  spec->labels = labels;
  return spec;
}

std::string PaddedId(const std::string& id) {
  return id + std::string(32 - id.size(), '0');
}

ContainerRecord MakeContainer(const std::string& id, const std::string& name) {
  ContainerRecord record;
  record.id = PaddedId(id);
  record.name = name;
  record.spec = MakeSpec(name);
  return record;
}

ExecRecord MakeExec(const std::string& id, const std::string& container_id) {
  ExecRecord record;
  record.id = PaddedId(id);
  record.container_id = container_id;
  record.spec = std::make_shared<spec::ExecSpec>();
  return record;
}

NetworkRecord MakeNetwork(const std::string& id, const std::string& name) {
  auto spec = std::make_shared<spec::NetworkSpec>();
  spec->name = name;
  NetworkRecord record;
  record.id = PaddedId(id);
  record.name = name;
  record.spec = std::move(spec);
  record.subnets = {{"10.1.0.0/16", "10.1.0.1", {}, {}}};
  return record;
}

NetworkNamespaceRecord MakeNetworkNamespace(const std::string& id,
                                            const std::string& name) {
  NetworkNamespaceRecord record;
  record.id = PaddedId(id);
  record.name = name;
  record.inode = 4'026'532'345;
  record.boot_id = "boot-1";
  return record;
}

Transaction PutAndAnnounce(const ContainerRecord& record,
                           const std::string& type) {
  Transaction transaction;
  transaction.put_containers.push_back(record);
  transaction.AddEvent(type, record.id);
  return transaction;
}

}  // namespace caisson::store
