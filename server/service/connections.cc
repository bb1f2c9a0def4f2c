#include "server/service/connections.h"

#include "absl/strings/numbers.h"

#include "runtime/base/str_cat.h"

namespace caisson::service {

bool Connections::Admit(uid_t uid) {
  absl::MutexLock lock(&mutex_);
  if (total_ >= limits_.total) return false;
  int& of_uid = per_uid_[uid];
  if (uid != 0 && of_uid >= limits_.per_uid) return false;
  ++total_;
  ++of_uid;
  return true;
}

void Connections::Release(uid_t uid) {
  absl::MutexLock lock(&mutex_);
  --total_;
  const auto it = per_uid_.find(uid);
  if (it != per_uid_.end() && --it->second <= 0) per_uid_.erase(it);
}

void Connections::Name(int number, const Peer& peer) {
  absl::MutexLock lock(&mutex_);
  peers_.insert_or_assign(number, peer);
}

void Connections::Forget(int number) {
  absl::MutexLock lock(&mutex_);
  peers_.erase(number);
}

std::optional<Peer> Connections::Find(std::string_view grpc_peer) const {
  int number = -1;
  constexpr std::string_view kPrefix = "fd:";
  if (grpc_peer.substr(0, kPrefix.size()) != kPrefix) return std::nullopt;
  grpc_peer.remove_prefix(kPrefix.size());
  if (!absl::SimpleAtoi(base::AbslView(grpc_peer), &number)) {
    return std::nullopt;
  }
  absl::MutexLock lock(&mutex_);
  const auto it = peers_.find(number);
  if (it == peers_.end()) return std::nullopt;
  return it->second;
}

int Connections::count() const {
  absl::MutexLock lock(&mutex_);
  return total_;
}

}  // namespace caisson::service
