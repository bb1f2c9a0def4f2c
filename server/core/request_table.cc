#include "server/core/request_table.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"

namespace caisson::core {
namespace {

constexpr size_t kUuidLength = 36;

// The canonical text in lower case; nullopt: no UUID, or the nil one.
std::optional<std::string> CanonicalUuid(const std::string& text) {
  if (text.size() != kUuidLength) return std::nullopt;
  bool nil = true;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !absl::ascii_isxdigit(text[i])) {
      return std::nullopt;
    }
    if (!dash && text[i] != '0') nil = false;
  }
  if (nil) return std::nullopt;
  return absl::AsciiStrToLower(text);
}

absl::Status ReusedError() {
  return base::MakeError(absl::StatusCode::kInvalidArgument,
                         "REQUEST_ID_REUSED",
                         "the request_id was used for another request");
}

// Digests of different versions cannot be compared.
bool SameRequest(const RequestKey& key, const std::string& method,
                 const std::string& fingerprint, int32_t version) {
  if (key.method != method) return false;
  return key.fingerprint_version != version || key.fingerprint == fingerprint;
}

}  // namespace

bool IsRecordable(absl::StatusCode code) {
  using enum absl::StatusCode;
  constexpr absl::StatusCode kNothingHappened[] = {
      kInvalidArgument, kPermissionDenied, kUnavailable,     kResourceExhausted,
      kAborted,         kCancelled,        kDeadlineExceeded};
  return std::find(std::begin(kNothingHappened), std::end(kNothingHappened),
                   code) == std::end(kNothingHappened);
}

absl::Status MarkReplayed(absl::Status status) {
  if (status.ok()) return status;
  base::ErrorDetail detail = base::DetailOf(status);
  detail.metadata.emplace_back("replayed", "true");
  return base::WithDetail(std::move(status), detail);
}

Ticket::~Ticket() {
  if (announced_ || key_.id.empty()) return;
  table_->Finish(key_.id, {.status = absl::UnavailableError("not carried out"),
                           .object_id = ""});
}

std::optional<RequestOutcome> Ticket::Recovered() const {
  if (!interrupted_) return std::nullopt;
  const store::RequestPtr row = table_->store_->catalog().Request(key_.id);
  if (row == nullptr || row->outcome == store::RequestRow::Outcome::kRunning) {
    return std::nullopt;
  }
  return RequestOutcome{.status = MarkReplayed(row->failure),
                        .object_id = row->object_id};
}

std::string Ticket::InterruptedObject() const {
  if (!interrupted_) return "";
  const store::RequestPtr row = table_->store_->catalog().Request(key_.id);
  return row == nullptr ? "" : row->object_id;
}

store::RequestRow Ticket::Row(const std::string& object_id) const {
  store::RequestRow row;
  row.id = key_.id;
  row.method = key_.method;
  row.fingerprint = key_.fingerprint;
  row.fingerprint_version = key_.fingerprint_version;
  row.object_id = object_id;
  row.start_time = start_time_;
  return row;
}

void Ticket::AddIntent(store::Transaction* transaction,
                       const std::string& object_id) {
  if (key_.id.empty()) return;
  row_written_ = true;
  transaction->put_requests.push_back(Row(object_id));
}

void Ticket::AddOutcome(store::Transaction* transaction,
                        const absl::Status& status,
                        const std::string& object_id) {
  if (key_.id.empty()) return;
  if (!status.ok() && !IsRecordable(status.code())) {
    if (row_written_ || interrupted_) {
      transaction->erase_requests.push_back(key_.id);
    }
    return;
  }
  store::RequestRow row = Row(object_id);
  row.outcome = status.ok() ? store::RequestRow::Outcome::kOk
                            : store::RequestRow::Outcome::kFailed;
  row.failure = status;
  row.end_time = absl::Now();
  transaction->put_requests.push_back(std::move(row));
}

void Ticket::Announce(const absl::Status& status,
                      const std::string& object_id) {
  if (announced_) return;
  announced_ = true;
  if (key_.id.empty()) return;
  table_->Finish(key_.id, {.status = status, .object_id = object_id});
}

bool Ticket::Abandoned() const {
  if (key_.id.empty()) return own_cancelled_;
  return table_->Abandoned(key_.id);
}

void Ticket::CancelOwn() {
  if (own_cancelled_.exchange(true)) return;
  if (!key_.id.empty()) table_->Leave(key_.id);
}

absl::StatusOr<RequestTable::Begun> RequestTable::Begin(const RequestKey& key,
                                                        Listener on_outcome) {
  RequestKey canonical = key;
  if (key.id.empty()) {
    return Begun(std::make_shared<Ticket>(this, std::move(canonical), false));
  }
  const std::optional<std::string> id = CanonicalUuid(key.id);
  if (!id.has_value()) {
    return base::InvalidFields({{"request_id", "is not a UUID"}});
  }
  canonical.id = *id;

  absl::MutexLock lock(&mutex_);
  if (const auto at = running_.find(*id); at != running_.end()) {
    Running& running = *at->second;
    if (!SameRequest(key, running.method, running.fingerprint,
                     running.fingerprint_version)) {
      return ReusedError();
    }
    ++running.interested;
    running.listeners.push_back(std::move(on_outcome));
    return Begun(Joined{.cancel = [this, id = *id] { Leave(id); }});
  }
  const store::RequestPtr row = store_->catalog().Request(*id);
  const bool known = row != nullptr;
  if (known && !SameRequest(key, row->method, row->fingerprint,
                            row->fingerprint_version)) {
    return ReusedError();
  }
  if (known && row->outcome != store::RequestRow::Outcome::kRunning) {
    return Begun(RequestOutcome{.status = MarkReplayed(row->failure),
                                .object_id = row->object_id});
  }
  auto running = std::make_shared<Running>();
  running->method = key.method;
  running->fingerprint = key.fingerprint;
  running->fingerprint_version = key.fingerprint_version;
  running_.emplace(*id, std::move(running));
  return Begun(std::make_shared<Ticket>(this, std::move(canonical), known));
}

void RequestTable::Finish(const std::string& id,
                          const RequestOutcome& outcome) {
  std::vector<Listener> listeners;
  {
    absl::MutexLock lock(&mutex_);
    const auto at = running_.find(id);
    if (at == running_.end()) return;
    listeners = std::move(at->second->listeners);
    running_.erase(at);
  }
  for (Listener& listener : listeners) listener(outcome);
}

void RequestTable::Leave(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  const auto at = running_.find(id);
  if (at == running_.end()) return;
  --at->second->interested;
}

bool RequestTable::Abandoned(const std::string& id) const {
  absl::MutexLock lock(&mutex_);
  const auto at = running_.find(id);
  return at != running_.end() && at->second->interested <= 0;
}

}  // namespace caisson::core
