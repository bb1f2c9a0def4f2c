#include "server/store/catalog.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"

#include "runtime/base/status_macros.h"
#include "server/store/page_token.h"
#include "server/store/string_view.h"

namespace caisson::store {
namespace {

template <typename Record>
bool IsVisible(const Record& record) {
  return record.intent != Intent::kCreate;
}

// Walks two ordered maps as one.
template <typename Map>
class MergedRange {
 public:
  MergedRange(const Map& a, const Map* b, const typename Map::key_type& after)
      : a_(a.upper_bound(after)), a_end_(a.end()) {
    if (b == nullptr) return;
    b_ = b->upper_bound(after);
    b_end_ = b->end();
    has_b_ = true;
  }

  // Null at the end.
  const typename Map::value_type* Next() {
    const bool b_left = has_b_ && b_ != b_end_;
    if (a_ != a_end_ && (!b_left || a_->first < b_->first)) return &*a_++;
    return b_left ? &*b_++ : nullptr;
  }

 private:
  typename Map::const_iterator a_;
  typename Map::const_iterator a_end_;
  typename Map::const_iterator b_;
  typename Map::const_iterator b_end_;
  bool has_b_ = false;
};

// Fills one page from `range`. `wanted(record)` selects, `size_of` may be
// null. Sets `more` when a further wanted record was seen.
template <typename Map, typename Wanted, typename SizeOf, typename Out>
bool FillPage(MergedRange<Map> range, const PageRequest& page, Wanted wanted,
              SizeOf size_of, Out* out) {
  size_t bytes = 0;
  while (const auto* entry = range.Next()) {
    if (!wanted(*entry->second)) continue;
    if (out->size() >= page.max_items) return true;
    bytes += size_of == nullptr ? 0 : size_of(*entry->second);
    if (!out->empty() && bytes > page.max_bytes) return true;
    out->push_back(entry->second);
  }
  return false;
}

// The token's position, or the beginning.
absl::StatusOr<std::optional<PageToken>> Position(const PageRequest& page) {
  if (page.token.empty()) return std::optional<PageToken>();
  CAISSON_ASSIGN_OR_RETURN(PageToken token, ParsePageToken(page.token));
  return std::optional<PageToken>(std::move(token));
}

// After which (create revision, id) a page begins.
std::pair<int64_t, std::string> KeyOf(const std::optional<PageToken>& token) {
  if (!token.has_value()) return {-1, ""};
  return {token->create_revision, token->id};
}

// Sets what a page says besides its items. `last` is its last item when
// others follow, else null.
template <typename Ptr, typename Page>
void EndPage(const std::optional<PageToken>& token, int64_t current,
             const Ptr& last, Page* page) {
  page->revision = token.has_value() ? token->revision : current;
  if (last == nullptr) return;
  page->next_page_token =
      EncodePageToken({page->revision, last->create_revision, last->id});
}

}  // namespace

template <typename Ptr>
void Catalog::Table<Ptr>::Put(Ptr record) {
  ordered[{record->create_revision, record->id}] = record;
  by_id[record->id] = std::move(record);
}

template <typename Ptr>
Ptr Catalog::Table<Ptr>::Erase(std::string_view id) {
  const auto found = by_id.find(AbslView(id));
  if (found == by_id.end()) return nullptr;
  Ptr record = std::move(found->second);
  by_id.erase(found);
  ordered.erase({record->create_revision, record->id});
  return record;
}

template <typename Ptr>
Ptr Catalog::Table<Ptr>::Get(std::string_view id) const {
  const auto found = by_id.find(AbslView(id));
  return found == by_id.end() ? nullptr : found->second;
}

template <typename Ptr>
std::vector<Ptr> Catalog::Table<Ptr>::All() const {
  std::vector<Ptr> all;
  all.reserve(ordered.size());
  for (const auto& [key, record] : ordered) all.push_back(record);
  return all;
}

template <typename Record>
void Catalog::TakeName(const Record& record, Names* names) {
  (*names)[record.name] = record.id;
}

template <typename Record>
void Catalog::FreeName(const Record& record, Names* names) {
  const auto found = names->find(record.name);
  if (found != names->end() && found->second == record.id) names->erase(found);
}

int64_t Catalog::revision() const {
  absl::ReaderMutexLock lock(&mutex_);
  return revision_;
}

ContainerPtr Catalog::ContainerById(std::string_view id) const {
  absl::ReaderMutexLock lock(&mutex_);
  return containers_.Get(id);
}

ContainerPtr Catalog::Find(std::string_view reference) const {
  absl::ReaderMutexLock lock(&mutex_);
  ContainerPtr record = containers_.Get(reference);
  if (record == nullptr) {
    const auto name = names_.find(AbslView(reference));
    if (name != names_.end()) record = containers_.Get(name->second);
  }
  return record != nullptr && IsVisible(*record) ? record : nullptr;
}

std::vector<ContainerPtr> Catalog::FindByIdPrefix(std::string_view prefix,
                                                  size_t max) const {
  std::vector<ContainerPtr> found;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [id, record] : containers_.by_id) {
    if (found.size() >= max) break;
    if (absl::StartsWith(id, AbslView(prefix)) && IsVisible(*record)) {
      found.push_back(record);
    }
  }
  return found;
}

ContainerPtr Catalog::NameHolder(std::string_view name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = names_.find(AbslView(name));
  return found == names_.end() ? nullptr : containers_.Get(found->second);
}

ContainerPtr Catalog::Tombstone(std::string_view id) const {
  absl::ReaderMutexLock lock(&mutex_);
  return tombstones_.Get(id);
}

absl::StatusOr<ContainerPage> Catalog::List(const ContainerFilter& filter,
                                            const PageRequest& page,
                                            ContainerSize size_of) const {
  CAISSON_ASSIGN_OR_RETURN(const std::optional<PageToken> token,
                           Position(page));
  const bool deleted =
      std::find(filter.states.begin(), filter.states.end(),
                ContainerState::kDeleted) != filter.states.end();
  ContainerPage result;
  absl::ReaderMutexLock lock(&mutex_);
  const bool more = FillPage(
      MergedRange(containers_.ordered, deleted ? &tombstones_.ordered : nullptr,
                  KeyOf(token)),
      page,
      [&](const ContainerRecord& record) {
        return IsVisible(record) && filter.Matches(record);
      },
      size_of, &result.containers);
  EndPage(token, revision_, more ? result.containers.back() : nullptr, &result);
  return result;
}

std::vector<ContainerPtr> Catalog::AllContainers() const {
  absl::ReaderMutexLock lock(&mutex_);
  return containers_.All();
}

ExecPtr Catalog::ExecById(std::string_view id) const {
  absl::ReaderMutexLock lock(&mutex_);
  return execs_.Get(id);
}

std::vector<ExecPtr> Catalog::ExecsOf(std::string_view container_id) const {
  std::vector<ExecPtr> execs;
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = execs_of_.find(AbslView(container_id));
  if (found == execs_of_.end()) return execs;
  for (const auto& [key, record] : found->second) execs.push_back(record);
  return execs;
}

std::vector<ExecPtr> Catalog::AllExecs() const {
  absl::ReaderMutexLock lock(&mutex_);
  return execs_.All();
}

absl::StatusOr<ExecPage> Catalog::ListExecs(const ExecFilter& filter,
                                            const PageRequest& page,
                                            ExecSize size_of) const {
  CAISSON_ASSIGN_OR_RETURN(const std::optional<PageToken> token,
                           Position(page));
  ExecPage result;
  absl::ReaderMutexLock lock(&mutex_);
  const auto wanted =
      [&](const ExecRecord& exec) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        const ContainerPtr container = containers_.Get(exec.container_id);
        return exec.intent != Intent::kCreate && container != nullptr &&
               filter.containers.Matches(*container) &&
               filter.MatchesExec(exec);
      };
  using ExecMap = std::map<Key, ExecPtr>;
  const bool more =
      FillPage(MergedRange<ExecMap>(execs_.ordered, nullptr, KeyOf(token)),
               page, wanted, size_of, &result.execs);
  EndPage(token, revision_, more ? result.execs.back() : nullptr, &result);
  return result;
}

NetworkPtr Catalog::NetworkById(std::string_view id) const {
  absl::ReaderMutexLock lock(&mutex_);
  return networks_.Get(id);
}

NetworkPtr Catalog::FindNetwork(std::string_view reference) const {
  absl::ReaderMutexLock lock(&mutex_);
  NetworkPtr record = networks_.Get(reference);
  if (record == nullptr) {
    const auto name = network_names_.find(AbslView(reference));
    if (name != network_names_.end()) record = networks_.Get(name->second);
  }
  return record != nullptr && IsVisible(*record) ? record : nullptr;
}

NetworkPtr Catalog::NetworkNameHolder(std::string_view name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = network_names_.find(AbslView(name));
  return found == network_names_.end() ? nullptr : networks_.Get(found->second);
}

std::vector<NetworkPtr> Catalog::AllNetworks() const {
  absl::ReaderMutexLock lock(&mutex_);
  return networks_.All();
}

absl::StatusOr<NetworkPage> Catalog::ListNetworks(const NetworkFilter& filter,
                                                  const PageRequest& page,
                                                  NetworkSize size_of) const {
  CAISSON_ASSIGN_OR_RETURN(const std::optional<PageToken> token,
                           Position(page));
  NetworkPage result;
  absl::ReaderMutexLock lock(&mutex_);
  using NetworkMap = std::map<Key, NetworkPtr>;
  const bool more = FillPage(
      MergedRange<NetworkMap>(networks_.ordered, nullptr, KeyOf(token)), page,
      [&](const NetworkRecord& record) {
        return IsVisible(record) && filter.Matches(record);
      },
      size_of, &result.networks);
  EndPage(token, revision_, more ? result.networks.back() : nullptr, &result);
  return result;
}

size_t Catalog::EndpointsOf(std::string_view network_id) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = endpoints_.find(AbslView(network_id));
  return found == endpoints_.end() ? 0 : found->second;
}

NetworkNamespacePtr Catalog::NetworkNamespaceById(std::string_view id) const {
  absl::ReaderMutexLock lock(&mutex_);
  return network_namespaces_.Get(id);
}

NetworkNamespacePtr Catalog::FindNetworkNamespace(std::string_view name) const {
  NetworkNamespacePtr record = NetworkNamespaceNameHolder(name);
  return record != nullptr && IsVisible(*record) ? record : nullptr;
}

NetworkNamespacePtr Catalog::NetworkNamespaceNameHolder(
    std::string_view name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = network_namespace_names_.find(AbslView(name));
  return found == network_namespace_names_.end()
             ? nullptr
             : network_namespaces_.Get(found->second);
}

std::vector<NetworkNamespacePtr> Catalog::AllNetworkNamespaces() const {
  absl::ReaderMutexLock lock(&mutex_);
  return network_namespaces_.All();
}

absl::StatusOr<NetworkNamespacePage> Catalog::ListNetworkNamespaces(
    const NetworkNamespaceFilter& filter, const PageRequest& page) const {
  CAISSON_ASSIGN_OR_RETURN(const std::optional<PageToken> token,
                           Position(page));
  NetworkNamespacePage result;
  absl::ReaderMutexLock lock(&mutex_);
  using NamespaceMap = std::map<Key, NetworkNamespacePtr>;
  const bool more = FillPage(
      MergedRange<NamespaceMap>(network_namespaces_.ordered, nullptr,
                                KeyOf(token)),
      page,
      [&](const NetworkNamespaceRecord& record) {
        return IsVisible(record) && filter.Matches(record);
      },
      +[](const NetworkNamespaceRecord& record) { return record.name.size(); },
      &result.namespaces);
  EndPage(token, revision_, more ? result.namespaces.back() : nullptr, &result);
  return result;
}

RequestPtr Catalog::Request(std::string_view request_id) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = requests_.find(AbslView(request_id));
  return found == requests_.end() ? nullptr : found->second;
}

Catalog::Counts Catalog::counts() const {
  absl::ReaderMutexLock lock(&mutex_);
  return {containers_.by_id.size(), execs_.by_id.size(),
          requests_.size(),         tombstones_.by_id.size(),
          networks_.by_id.size(),   network_namespaces_.by_id.size()};
}

void Catalog::Apply(const CatalogChange& change) {
  absl::MutexLock lock(&mutex_);
  for (const std::string& id : change.erase_containers) EraseContainer(id);
  for (const ContainerPtr& record : change.put_containers) {
    PutContainer(record);
  }
  for (const std::string& id : change.erase_tombstones) tombstones_.Erase(id);
  for (const ContainerPtr& record : change.put_tombstones) {
    tombstones_.Put(record);
  }
  for (const std::string& id : change.erase_execs) EraseExec(id);
  for (const ExecPtr& record : change.put_execs) PutExec(record);
  for (const std::string& id : change.erase_requests) EraseRequest(id);
  for (const RequestPtr& row : change.put_requests) PutRequest(row);
  for (const std::string& id : change.erase_networks) EraseNetwork(id);
  for (const NetworkPtr& record : change.put_networks) PutNetwork(record);
  for (const std::string& id : change.erase_network_namespaces) {
    EraseNetworkNamespace(id);
  }
  for (const NetworkNamespacePtr& record : change.put_network_namespaces) {
    PutNetworkNamespace(record);
  }
  revision_ = std::max(revision_, change.revision);
}

std::vector<std::string> Catalog::ExpiredTombstones(absl::Time before,
                                                    size_t keep) const {
  std::vector<std::pair<absl::Time, std::string>> by_time;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [id, record] : tombstones_.by_id) {
    by_time.emplace_back(record->status.delete_time, id);
  }
  std::sort(by_time.begin(), by_time.end());
  const size_t excess = by_time.size() > keep ? by_time.size() - keep : 0;
  std::vector<std::string> expired;
  for (size_t i = 0; i < by_time.size(); ++i) {
    if (i >= excess && by_time[i].first >= before) break;
    expired.push_back(std::move(by_time[i].second));
  }
  return expired;
}

std::vector<std::string> Catalog::ExpiredRequests(absl::Time before,
                                                  size_t keep) const {
  std::vector<std::string> expired;
  absl::ReaderMutexLock lock(&mutex_);
  size_t excess = requests_.size() > keep ? requests_.size() - keep : 0;
  for (const auto& [key, row] : finished_requests_) {
    const bool too_many = excess > 0;
    if (!too_many && key.first >= before) break;
    if (!too_many && IsAlive(row->object_id)) continue;
    expired.push_back(row->id);
    if (excess > 0) --excess;
  }
  for (const auto& [key, row] : running_requests_) {
    if (key.first >= before) break;
    if (!IsAlive(row->object_id)) expired.push_back(row->id);
  }
  return expired;
}

bool Catalog::IsAlive(const std::string& object_id) const {
  return containers_.by_id.contains(object_id) ||
         execs_.by_id.contains(object_id) ||
         networks_.by_id.contains(object_id) ||
         network_namespaces_.by_id.contains(object_id);
}

void Catalog::PutContainer(const ContainerPtr& record) {
  // The create revision is set when a container becomes visible, so the key
  // may change once; and the name may.
  const ContainerPtr old = containers_.Erase(record->id);
  if (old != nullptr) FreeName(*old, &names_);
  TakeName(*record, &names_);
  CountEndpoints(old, record);
  containers_.Put(record);
}

void Catalog::CountEndpoints(const ContainerPtr& before,
                             const ContainerPtr& after) {
  if (after != nullptr) {
    for (const Endpoint& endpoint : after->status.networks) {
      if (endpoint.attached) ++endpoints_[endpoint.network_id];
    }
  }
  if (before == nullptr) return;
  for (const Endpoint& endpoint : before->status.networks) {
    if (!endpoint.attached) continue;
    const auto count = endpoints_.find(endpoint.network_id);
    if (--count->second == 0) endpoints_.erase(count);
  }
}

void Catalog::EraseContainer(const std::string& id) {
  const ContainerPtr old = containers_.Erase(id);
  if (old == nullptr) return;
  FreeName(*old, &names_);
  CountEndpoints(old, nullptr);
  const auto execs = execs_of_.find(id);
  if (execs == execs_of_.end()) return;
  for (const auto& [key, exec] : execs->second) execs_.Erase(exec->id);
  execs_of_.erase(execs);
}

void Catalog::PutExec(const ExecPtr& record) {
  EraseExec(record->id);
  execs_of_[record->container_id][{record->create_revision, record->id}] =
      record;
  execs_.Put(record);
}

void Catalog::EraseExec(const std::string& id) {
  const ExecPtr old = execs_.Erase(id);
  if (old == nullptr) return;
  const auto execs = execs_of_.find(old->container_id);
  if (execs == execs_of_.end()) return;
  execs->second.erase({old->create_revision, old->id});
  if (execs->second.empty()) execs_of_.erase(execs);
}

void Catalog::PutNetwork(const NetworkPtr& record) {
  EraseNetwork(record->id);
  TakeName(*record, &network_names_);
  networks_.Put(record);
}

void Catalog::EraseNetwork(const std::string& id) {
  const NetworkPtr old = networks_.Erase(id);
  if (old != nullptr) FreeName(*old, &network_names_);
}

void Catalog::PutNetworkNamespace(const NetworkNamespacePtr& record) {
  EraseNetworkNamespace(record->id);
  TakeName(*record, &network_namespace_names_);
  network_namespaces_.Put(record);
}

void Catalog::EraseNetworkNamespace(const std::string& id) {
  const NetworkNamespacePtr old = network_namespaces_.Erase(id);
  if (old != nullptr) FreeName(*old, &network_namespace_names_);
}

void Catalog::PutRequest(const RequestPtr& row) {
  EraseRequest(row->id);
  requests_[row->id] = row;
  if (row->end_time == absl::InfiniteFuture()) {
    running_requests_[{row->start_time, row->id}] = row;
  } else {
    finished_requests_[{row->end_time, row->id}] = row;
  }
}

void Catalog::EraseRequest(const std::string& id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  running_requests_.erase({found->second->start_time, id});
  finished_requests_.erase({found->second->end_time, id});
  requests_.erase(found);
}

}  // namespace caisson::store
