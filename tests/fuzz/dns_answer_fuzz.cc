// Queries as a hostile container sends them, and the same bytes as the reply
// of a hostile server.
#include <stddef.h>
#include <stdint.h>

#include <memory>
#include <span>
#include <vector>

#include "netsetup/dns/answer.h"
#include "netsetup/dns/message.h"
#include "netsetup/dns/zone.h"
#include "netsetup/ip_address.h"

namespace dns = caisson::netsetup::dns;

namespace {

dns::ZonePtr MakeZone(bool internal) {
  std::vector<caisson::netsetup::IpAddress> crowd;
  for (uint8_t i = 2; i < 250; ++i) {
    crowd.push_back(caisson::netsetup::IpAddress::V4({10, 0, 0, i}));
  }
  const std::vector<dns::ZoneEntry> entries = {
      {.name = "web",
       .aliases = {"a.b"},
       .addresses = {caisson::netsetup::IpAddress::V4({10, 0, 0, 1}),
                     *caisson::netsetup::ParseIpAddress("fd00::1")}},
      {.name = "c", .addresses = crowd}};
  return *dns::Zone::Build(
      {.domain = "net",
       .subnets = {*caisson::netsetup::ParseIpPrefix("10.0.0.0/24")},
       .internal = internal},
      entries);
}

void CheckAnswer(const dns::Answer& answer, dns::ByteView query,
                 size_t max_bytes) {
  if (answer.action == dns::Answer::Action::kDrop) return;
  const dns::Header asked = dns::ReadHeader(query);
  if (asked.is_response) __builtin_trap();
  if (answer.action == dns::Answer::Action::kForward) {
    if (answer.question_end > query.size()) __builtin_trap();
    if (answer.max_reply_bytes < dns::kPlainUdpBytes) __builtin_trap();
    const dns::Bytes error =
        dns::BuildError(query, dns::ResponseCode::kServerFailure);
    if (!dns::IsReplyTo(error, query, answer.question_end)) __builtin_trap();
    return;
  }
  const dns::Header header = dns::ReadHeader(answer.response);
  if (!header.is_response || header.id != asked.id ||
      header.opcode != asked.opcode || answer.response.size() > max_bytes) {
    __builtin_trap();
  }
}

// The bytes behind the first query are a reply to it.
void CheckReply(dns::ByteView reply) {
  static const auto* query = new dns::Bytes{
      0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 2, 'b', 'c', 0, 0, 1, 0, 1};
  if (!dns::IsReplyTo(reply, *query, query->size())) return;
  if (dns::TruncateReply(reply, query->size()).size() > query->size()) {
    __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto* outer = new auto(MakeZone(false));
  static const auto* inner = new auto(MakeZone(true));
  // On the heap and of the exact size: the sanitizer sees every byte too far.
  const std::vector<uint8_t> query(data, data + size);
  const dns::Zone* const zones[] = {inner->get(), outer->get()};
  const auto all = std::span<const dns::Zone* const>(zones);
  for (const auto seen : {all, all.first(1)}) {
    CheckAnswer(dns::BuildAnswer(seen, query, dns::Transport::kUdp, 7), query,
                dns::kEdnsUdpBytes);
    CheckAnswer(dns::BuildAnswer(seen, query, dns::Transport::kTcp, 7), query,
                dns::kMaxMessageBytes);
  }
  CheckReply(query);
  return 0;
}
