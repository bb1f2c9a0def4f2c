#include "server/store/catalog.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"

#include "runtime/base/status_macros.h"
#include "server/store/page_token.h"
#include "server/store/string_view.h"

namespace caisson::store {
namespace {

bool IsVisible(const ContainerRecord& record) {
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
  const Key after =
      token.has_value() ? Key(token->create_revision, token->id) : Key(-1, "");
  ContainerPage result;
  absl::ReaderMutexLock lock(&mutex_);
  const bool more = FillPage(
      MergedRange(containers_.ordered, deleted ? &tombstones_.ordered : nullptr,
                  after),
      page,
      [&](const ContainerRecord& record) {
        return IsVisible(record) && filter.Matches(record);
      },
      size_of, &result.containers);
  result.revision = token.has_value() ? token->revision : revision_;
  if (more) {
    const ContainerRecord& last = *result.containers.back();
    result.next_page_token =
        EncodePageToken({result.revision, last.create_revision, last.id});
  }
  return result;
}

std::vector<ContainerPtr> Catalog::AllContainers() const {
  std::vector<ContainerPtr> all;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [key, record] : containers_.ordered) all.push_back(record);
  return all;
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
  std::vector<ExecPtr> all;
  absl::ReaderMutexLock lock(&mutex_);
  for (const auto& [key, record] : execs_.ordered) all.push_back(record);
  return all;
}

absl::StatusOr<ExecPage> Catalog::ListExecs(const ExecFilter& filter,
                                            const PageRequest& page,
                                            ExecSize size_of) const {
  CAISSON_ASSIGN_OR_RETURN(const std::optional<PageToken> token,
                           Position(page));
  const Key after =
      token.has_value() ? Key(token->create_revision, token->id) : Key(-1, "");
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
      FillPage(MergedRange<ExecMap>(execs_.ordered, nullptr, after), page,
               wanted, size_of, &result.execs);
  result.revision = token.has_value() ? token->revision : revision_;
  if (more) {
    const ExecRecord& last = *result.execs.back();
    result.next_page_token =
        EncodePageToken({result.revision, last.create_revision, last.id});
  }
  return result;
}

RequestPtr Catalog::Request(std::string_view request_id) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = requests_.find(AbslView(request_id));
  return found == requests_.end() ? nullptr : found->second;
}

Catalog::Counts Catalog::counts() const {
  absl::ReaderMutexLock lock(&mutex_);
  return {containers_.by_id.size(), execs_.by_id.size(), requests_.size(),
          tombstones_.by_id.size()};
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
    const bool alive = containers_.by_id.contains(row->object_id) ||
                       execs_.by_id.contains(row->object_id);
    if (alive && !too_many) continue;
    expired.push_back(row->id);
    if (excess > 0) --excess;
  }
  return expired;
}

void Catalog::PutContainer(const ContainerPtr& record) {
  // The create revision is set when a container becomes visible, so the key
  // may change once; and the name may.
  const ContainerPtr old = containers_.Erase(record->id);
  if (old != nullptr) {
    const auto name = names_.find(old->name);
    if (name != names_.end() && name->second == old->id) names_.erase(name);
  }
  names_[record->name] = record->id;
  containers_.Put(record);
}

void Catalog::EraseContainer(const std::string& id) {
  const ContainerPtr old = containers_.Erase(id);
  if (old == nullptr) return;
  const auto name = names_.find(old->name);
  if (name != names_.end() && name->second == id) names_.erase(name);
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

void Catalog::PutRequest(const RequestPtr& row) {
  EraseRequest(row->id);
  requests_[row->id] = row;
  if (row->end_time != absl::InfiniteFuture()) {
    finished_requests_[{row->end_time, row->id}] = row;
  }
}

void Catalog::EraseRequest(const std::string& id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) return;
  finished_requests_.erase({found->second->end_time, id});
  requests_.erase(found);
}

}  // namespace caisson::store
