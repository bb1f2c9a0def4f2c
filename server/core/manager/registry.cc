#include "server/core/manager/registry.h"

#include <utility>

#include "server/core/errors.h"

namespace caisson::core {

void Registry::Add(ActorPtr actor) {
  absl::MutexLock lock(&mutex_);
  std::string id = actor->id();
  actors_.insert_or_assign(std::move(id), std::move(actor));
}

void Registry::Remove(const std::string& id) {
  ActorPtr removed;  // destroyed without the lock
  absl::MutexLock lock(&mutex_);
  const auto at = actors_.find(id);
  if (at == actors_.end()) return;
  removed = std::move(at->second);
  actors_.erase(at);
}

void Registry::Clear() {
  absl::flat_hash_map<std::string, ActorPtr> removed;
  absl::MutexLock lock(&mutex_);
  removed.swap(actors_);
}

std::vector<ActorPtr> Registry::All() const {
  std::vector<ActorPtr> all;
  absl::MutexLock lock(&mutex_);
  all.reserve(actors_.size());
  for (const auto& [id, actor] : actors_) all.push_back(actor);
  return all;
}

ActorPtr Registry::ById(std::string_view id) const {
  absl::MutexLock lock(&mutex_);
  const auto at = actors_.find(std::string(id));
  return at == actors_.end() ? nullptr : at->second;
}

absl::StatusOr<ActorPtr> Registry::Find(std::string_view reference) const {
  const ContainerPtr row = store_->catalog().Find(reference);
  ActorPtr actor = row == nullptr ? nullptr : ById(row->id);
  if (actor == nullptr) return ContainerNotFound(reference);
  return actor;
}

absl::StatusOr<ActorPtr> Registry::FindAny(std::string_view reference) const {
  ContainerPtr row = store_->catalog().ContainerById(reference);
  if (row == nullptr) row = store_->catalog().NameHolder(reference);
  ActorPtr actor = row == nullptr ? nullptr : ById(row->id);
  if (actor == nullptr) return ContainerNotFound(reference);
  return actor;
}

}  // namespace caisson::core
