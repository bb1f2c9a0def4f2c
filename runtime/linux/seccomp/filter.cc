#include "runtime/linux/seccomp/filter.h"

#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#include "runtime/base/status_macros.h"
#include "runtime/linux/seccomp/compiler.h"
#include "runtime/linux/seccomp/default_profile.h"
#include "runtime/linux/seccomp/oci_profile.h"

namespace caisson::linux_ {
namespace {

// Filters by the capabilities that make a difference: a handful.
class Cache {
 public:
  absl::StatusOr<SeccompFilterPtr> Get(uint64_t capabilities) {
    const uint64_t key = capabilities & DefaultProfileCapabilities();
    absl::MutexLock lock(&mutex_);
    SeccompFilterPtr& filter = filters_[key];
    if (filter != nullptr) return filter;
    CAISSON_ASSIGN_OR_RETURN(SeccompProfile profile, DefaultProfile(key));
    SeccompFilter compiled;
    CAISSON_ASSIGN_OR_RETURN(compiled.program, CompileProfile(profile));
    compiled.unknown_names = std::move(profile.unknown_names);
    filter = std::make_shared<const SeccompFilter>(std::move(compiled));
    return filter;
  }

 private:
  absl::Mutex mutex_;
  std::map<uint64_t, SeccompFilterPtr> filters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::string SeccompFilter::Bytes() const {
  return std::string(reinterpret_cast<const char*>(program.data()),
                     program.size() * sizeof(sock_filter));
}

absl::StatusOr<SeccompFilterPtr> DefaultSeccompFilter(uint64_t capabilities) {
  // Never destroyed: threads may still build plans while the process ends.
  static Cache& cache = *new Cache;
  return cache.Get(capabilities);
}

absl::StatusOr<SeccompFilterPtr> OciSeccompFilter(std::string_view json) {
  SeccompFilter filter;
  CAISSON_ASSIGN_OR_RETURN(SeccompProfile profile,
                           ParseOciProfile(json, &filter.flags));
  CAISSON_ASSIGN_OR_RETURN(filter.program, CompileProfile(profile));
  filter.unknown_names = std::move(profile.unknown_names);
  return std::make_shared<const SeccompFilter>(std::move(filter));
}

}  // namespace caisson::linux_
