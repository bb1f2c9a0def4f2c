// The actors that exist, by container id. Which containers exist for clients
// the store says; an actor outlives its row until nothing of it is left on the
// host.
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_MANAGER_REGISTRY_H_
#define CAISSON_SERVER_CORE_MANAGER_REGISTRY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "server/core/actor/container.h"
#include "server/store/store.h"

namespace caisson::core {

using ActorPtr = std::shared_ptr<Container>;
using WeakActorPtr = std::weak_ptr<Container>;

class Registry {
 public:
  explicit Registry(const store::Store* store) : store_(store) {}
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  void Add(ActorPtr actor);
  void Remove(const std::string& id);
  void Clear();
  std::vector<ActorPtr> All() const;

  // The actor with this id; null: none.
  ActorPtr ById(std::string_view id) const;
  // What a request means: an exact id or name. CONTAINER_NOT_FOUND, also for
  // one that is not yet made.
  absl::StatusOr<ActorPtr> Find(std::string_view reference) const;
  // The same, those that are being made included: for kills and deletes.
  absl::StatusOr<ActorPtr> FindAny(std::string_view reference) const;

 private:
  const store::Store* const store_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, ActorPtr> actors_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_MANAGER_REGISTRY_H_
