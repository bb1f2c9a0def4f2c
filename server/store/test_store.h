// Helpers of the store's tests: a directory that goes away, records, a store
// whose clock stands still.
//
// Process: unit tests. Thread: main.
#ifndef CAISSON_SERVER_STORE_TEST_STORE_H_
#define CAISSON_SERVER_STORE_TEST_STORE_H_

#include <memory>
#include <string>

#include "absl/time/time.h"

#include "runtime/base/clock.h"
#include "server/store/store.h"

namespace caisson::store {

// A directory below TMPDIR, removed with all it holds.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Options for a file in `directory`: no thread, the time of `clock`.
StoreOptions TestOptions(const TempDirectory& directory,
                         const base::ManualClock* clock);

std::shared_ptr<const spec::ContainerSpec> MakeSpec(
    const std::string& name,
    const std::map<std::string, std::string>& labels = {});

// A visible container in state kCreated. `id` is padded to 32 characters.
ContainerRecord MakeContainer(const std::string& id, const std::string& name);
std::string PaddedId(const std::string& id);

ExecRecord MakeExec(const std::string& id, const std::string& container_id);

// A visible network with one subnet; `id` as above.
NetworkRecord MakeNetwork(const std::string& id, const std::string& name);

// A visible network namespace of boot-1; `id` as above.
NetworkNamespaceRecord MakeNetworkNamespace(const std::string& id,
                                            const std::string& name);

// Puts `record` and announces it as `type`.
Transaction PutAndAnnounce(const ContainerRecord& record,
                           const std::string& type);

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_TEST_STORE_H_
