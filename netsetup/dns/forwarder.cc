#include "netsetup/dns/forwarder.h"

#include <algorithm>
#include <utility>

#include "netsetup/dns/answer.h"
#include "runtime/base/check.h"

namespace caisson::netsetup::dns {
namespace {

// A server that says so has no answer; another may have one.
bool IsFailure(ByteView reply) {
  const ResponseCode code = ReadHeader(reply).code;
  return code == ResponseCode::kServerFailure ||
         code == ResponseCode::kNotImplemented ||
         code == ResponseCode::kRefused;
}

}  // namespace

struct Forwarder::Pending {
  ForwardRequest request;
  std::shared_ptr<const std::vector<SocketAddress>> upstreams;
  std::vector<Attempt> attempts;  // one for each server
  size_t next = 0;                // number of the server to ask next
  absl::Duration deadline;
  Loop::Handle timer;
  // What a server said that has no answer.
  Bytes failure;
};

Forwarder::Forwarder(Loop* loop, const ForwardLimits& limits)
    : loop_(loop),
      limits_(limits),
      upstreams_(std::make_shared<std::vector<SocketAddress>>()) {}

Forwarder::~Forwarder() = default;

void Forwarder::SetUpstreams(std::vector<SocketAddress> upstreams) {
  if (upstreams.size() > kMaxUpstreams) upstreams.resize(kMaxUpstreams);
  upstreams_ =
      std::make_shared<const std::vector<SocketAddress>>(std::move(upstreams));
}

void Forwarder::Forward(ForwardRequest request) {
  if (upstreams_->empty() || IsFull(request.client)) {
    request.reply(BuildError(request.query, ResponseCode::kServerFailure));
    return;
  }
  auto pending = std::make_unique<Pending>();
  pending->upstreams = upstreams_;
  pending->attempts.resize(upstreams_->size());
  pending->deadline = loop_->Now() + limits_.timeout;
  ++clients_[request.client];
  pending->request = std::move(request);
  const uint64_t id = ++last_id_;
  pending_.emplace(id, std::move(pending));
  AskNext(id);
}

bool Forwarder::IsFull(const IpAddress& client) const {
  if (pending_.size() >= limits_.pending) return true;
  const auto found = clients_.find(client);
  return found != clients_.end() && found->second >= limits_.pending_of_client;
}

void Forwarder::AskNext(uint64_t id) {
  Pending& pending = *pending_.at(id);
  const size_t count = pending.attempts.size();
  for (size_t i = 0; i < count; ++i) {
    const size_t server = pending.next++ % count;
    Attempt& attempt = pending.attempts[server];
    if (attempt.failed) continue;
    Ask(id, &attempt, (*pending.upstreams)[server]);
    if (attempt.failed) continue;
    pending.timer =
        loop_->At(std::min(loop_->Now() + limits_.next_after, pending.deadline),
                  [this, id] { OnTime(id); });
    return;
  }
  Finish(id, pending.failure);
}

void Forwarder::Ask(uint64_t id, Attempt* attempt,
                    const SocketAddress& server) {
  Pending& pending = *pending_.at(id);
  if (attempt->exchange) {
    attempt->failed = !attempt->exchange->SendAgain().ok();
    return;
  }
  absl::StatusOr<Exchange> exchange =
      Exchange::Open(pending.request.transport, server, pending.request.query,
                     pending.request.question_end);
  if (!exchange.ok()) {
    attempt->failed = true;  // no route, no descriptor: the next one may do
    return;
  }
  attempt->exchange.emplace(*std::move(exchange));
  const auto number = static_cast<size_t>(attempt - pending.attempts.data());
  absl::StatusOr<Loop::Handle> watch =
      loop_->Watch(attempt->exchange->fd(), attempt->exchange->events(),
                   [this, id, number](uint32_t) { OnEvent(id, number); });
  attempt->failed = !watch.ok();
  if (watch.ok()) attempt->watch = *std::move(watch);
}

void Forwarder::OnEvent(uint64_t id, size_t server) {
  Attempt& attempt = pending_.at(id)->attempts[server];
  const uint32_t events = attempt.exchange->events();
  absl::StatusOr<std::optional<Bytes>> reply = attempt.exchange->Proceed();
  if (reply.ok() && reply->has_value()) {
    OnReply(id, server, **std::move(reply));
    return;
  }
  const uint32_t next = attempt.exchange->events();
  if (reply.ok() && (events == next || attempt.watch.Rewatch(next).ok())) {
    return;
  }
  attempt.watch.Reset();
  attempt.failed = true;
  AskNext(id);
}

void Forwarder::OnReply(uint64_t id, size_t server, Bytes reply) {
  Pending& pending = *pending_.at(id);
  if (!IsFailure(reply)) {
    Finish(id, std::move(reply));
    return;
  }
  Attempt& attempt = pending.attempts[server];
  attempt.watch.Reset();
  attempt.failed = true;
  pending.failure = std::move(reply);
  AskNext(id);
}

void Forwarder::OnTime(uint64_t id) {
  Pending& pending = *pending_.at(id);
  if (loop_->Now() >= pending.deadline) {
    Finish(id, pending.failure);
  } else {
    AskNext(id);
  }
}

void Forwarder::Finish(uint64_t id, Bytes reply) {
  const auto found = pending_.find(id);
  CAISSON_CHECK(found != pending_.end());
  const std::unique_ptr<Pending> pending = std::move(found->second);
  pending_.erase(found);
  const ForwardRequest& request = pending->request;
  if (const auto client = clients_.find(request.client);
      --client->second == 0) {
    clients_.erase(client);
  }
  if (reply.empty()) {
    reply = BuildError(request.query, ResponseCode::kServerFailure);
  }
  if (reply.size() > request.max_reply_bytes) {
    reply = TruncateReply(reply, request.question_end);
  }
  request.reply(std::move(reply));
}

}  // namespace caisson::netsetup::dns
