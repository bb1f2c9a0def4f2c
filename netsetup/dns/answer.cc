#include "netsetup/dns/answer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ldns/ldns.h"

#include "netsetup/dns/name.h"
#include "runtime/base/check.h"

namespace caisson::netsetup::dns {
namespace {

// OPT, and a signature (TSIG or SIG(0)) that nobody here checks.
constexpr uint16_t kMaxAdditionals = 2;
// What a record has besides its data: owner (a pointer to the question), type,
// class, TTL and length.
constexpr size_t kRecordBytes = 12;
constexpr size_t kOptBytes = 11;

struct PacketFree {
  void operator()(ldns_pkt* packet) const { ::ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, PacketFree>;

struct RecordFree {
  void operator()(ldns_rr* record) const { ::ldns_rr_free(record); }
};
using Record = std::unique_ptr<ldns_rr, RecordFree>;

struct Edns {
  size_t udp_bytes = 0;
  uint8_t version = 0;
  bool dnssec_ok = false;
};

struct Query {
  Header header;
  Record question;
  size_t question_end = 0;
  std::string name;  // canonical
  ldns_rr_type type = LDNS_RR_TYPE_A;
  std::optional<Edns> edns;
};

// The next record at *at, which moves behind it; null when it is malformed.
Record TakeRecord(ByteView message, size_t* at, ldns_pkt_section section) {
  ldns_rr* record = nullptr;
  const ldns_status status =
      ::ldns_wire2rr(&record, message.data(), message.size(), at, section);
  return Record(status == LDNS_STATUS_OK ? record : nullptr);
}

// Version and flags of EDNS are where other records have their TTL (RFC 6891,
// 6.1.3), and the size is the class.
Edns ReadEdns(const ldns_rr& record) {
  const uint32_t bits = ::ldns_rr_ttl(&record);
  return {.udp_bytes = static_cast<size_t>(::ldns_rr_get_class(&record)),
          .version = static_cast<uint8_t>(bits >> 16),
          .dnssec_ok = (bits & 0x8000) != 0};
}

// The one question. Its name has to stand there in full: a pointer could only
// lead into the header.
bool ParseQuestion(ByteView bytes, Query* query) {
  query->question_end = kHeaderBytes;
  query->question =
      TakeRecord(bytes, &query->question_end, LDNS_SECTION_QUESTION);
  if (query->question == nullptr) return false;
  const ldns_rdf* owner = ::ldns_rr_owner(query->question.get());
  const ByteView wire(::ldns_rdf_data(owner), ::ldns_rdf_size(owner));
  if (query->question_end != kHeaderBytes + wire.size() + 4) return false;
  query->name = CanonicalName(wire);
  query->type = ::ldns_rr_get_type(query->question.get());
  return true;
}

// Nothing for what is malformed, or has what no query has.
std::optional<Query> ParseQuery(ByteView bytes) {
  Query query;
  query.header = ReadHeader(bytes);
  const Header& header = query.header;
  if (bytes.size() > kMaxQueryBytes || header.questions != 1 ||
      header.answers != 0 || header.authorities != 0 ||
      header.additionals > kMaxAdditionals || !ParseQuestion(bytes, &query)) {
    return std::nullopt;
  }
  size_t at = query.question_end;
  for (uint16_t i = 0; i < header.additionals; ++i) {
    const Record record = TakeRecord(bytes, &at, LDNS_SECTION_ADDITIONAL);
    if (record == nullptr) return std::nullopt;
    if (::ldns_rr_get_type(record.get()) != LDNS_RR_TYPE_OPT) continue;
    const bool is_root = ::ldns_rdf_size(::ldns_rr_owner(record.get())) == 1;
    if (query.edns || !is_root) return std::nullopt;
    query.edns = ReadEdns(*record);
  }
  return query;
}

size_t MaxResponseBytes(const Query& query, Transport transport) {
  if (transport == Transport::kTcp) return kMaxMessageBytes;
  if (!query.edns) return kPlainUdpBytes;
  return std::clamp(query.edns->udp_bytes, kPlainUdpBytes, kEdnsUdpBytes);
}

// The same for what a server elsewhere makes, which takes the client's word.
size_t MaxReplyBytes(const Query& query, Transport transport) {
  if (transport == Transport::kTcp) return kMaxMessageBytes;
  if (!query.edns) return kPlainUdpBytes;
  return std::max(query.edns->udp_bytes, kPlainUdpBytes);
}

Packet MakePacket(const Header& query, ResponseCode code) {
  Packet packet(::ldns_pkt_new());
  CAISSON_CHECK(packet != nullptr);
  ::ldns_pkt_set_id(packet.get(), query.id);
  ::ldns_pkt_set_qr(packet.get(), true);
  ::ldns_pkt_set_opcode(packet.get(),
                        static_cast<ldns_pkt_opcode>(query.opcode));
  ::ldns_pkt_set_rd(packet.get(), query.recursion_desired);
  ::ldns_pkt_set_cd(packet.get(), query.checking_disabled);
  ::ldns_pkt_set_rcode(packet.get(), static_cast<uint8_t>(code) & 0xf);
  return packet;
}

Packet MakeResponse(const Query& query, ResponseCode code) {
  Packet packet = MakePacket(query.header, code);
  ::ldns_pkt_push_rr(packet.get(), LDNS_SECTION_QUESTION,
                     ::ldns_rr_clone(query.question.get()));
  if (query.edns) {
    ::ldns_pkt_set_edns_udp_size(packet.get(), kEdnsUdpBytes);
    ::ldns_pkt_set_edns_do(packet.get(), query.edns->dnssec_ok);
    ::ldns_pkt_set_edns_extended_rcode(packet.get(),
                                       static_cast<uint8_t>(code) >> 4);
  }
  return packet;
}

// Empty when the library refuses; the query has its part in the packet, and
// is no reason to end the process.
Bytes Encode(const ldns_pkt& packet) {
  uint8_t* wire = nullptr;
  size_t size = 0;
  if (::ldns_pkt2wire(&wire, &packet, &size) != LDNS_STATUS_OK) return {};
  Bytes bytes(wire, wire + size);
  LDNS_FREE(wire);
  return bytes;
}

Bytes BuildErrorOf(const Query& query, ResponseCode code) {
  return Encode(*MakeResponse(query, code));
}

// Takes over the data.
void PushRecord(ldns_pkt* packet, const Query& query, ldns_rr_type type,
                ldns_rdf* data) {
  ldns_rr* record = ::ldns_rr_new();
  CAISSON_CHECK(record != nullptr && data != nullptr);
  ::ldns_rr_set_owner(record,
                      ::ldns_rdf_clone(::ldns_rr_owner(query.question.get())));
  ::ldns_rr_set_type(record, type);
  ::ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
  ::ldns_rr_set_ttl(record, kTtlSeconds);
  ::ldns_rr_push_rdf(record, data);
  ::ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, record);
}

void PushAddress(ldns_pkt* packet, const Query& query,
                 const IpAddress& address) {
  const ByteView bytes = address.bytes();
  PushRecord(packet, query,
             address.is_v4() ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA,
             ::ldns_rdf_new_frm_data(
                 address.is_v4() ? LDNS_RDF_TYPE_A : LDNS_RDF_TYPE_AAAA,
                 bytes.size(), bytes.data()));
}

void PushPointer(ldns_pkt* packet, const Query& query, std::string_view name) {
  std::string wire(name);
  wire.push_back('\0');
  PushRecord(
      packet, query, LDNS_RR_TYPE_PTR,
      ::ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, wire.size(), wire.data()));
}

bool Asks(const Query& query, ldns_rr_type type) {
  return query.type == type || query.type == LDNS_RR_TYPE_ANY;
}

// The addresses asked for, in the order of this answer.
std::vector<IpAddress> Chosen(const Query& query,
                              std::span<const IpAddress> addresses,
                              uint32_t rotation) {
  std::vector<IpAddress> chosen;
  for (const IpAddress& address : addresses) {
    if (Asks(query, address.is_v4() ? LDNS_RR_TYPE_A : LDNS_RR_TYPE_AAAA)) {
      chosen.push_back(address);
    }
  }
  if (!chosen.empty()) {
    std::rotate(
        chosen.begin(),
        chosen.begin() + static_cast<ptrdiff_t>(rotation % chosen.size()),
        chosen.end());
  }
  return chosen;
}

Bytes BuildFound(const Query& query, const ZoneAnswer& found,
                 Transport transport, uint32_t rotation, bool forwards) {
  Packet packet = MakeResponse(query, ResponseCode::kNoError);
  ::ldns_pkt_set_aa(packet.get(), true);
  ::ldns_pkt_set_ra(packet.get(), forwards);
  const size_t limit = MaxResponseBytes(query, transport);
  size_t size = query.question_end + (query.edns ? kOptBytes : 0);
  for (const IpAddress& address : Chosen(query, found.addresses, rotation)) {
    size += kRecordBytes + address.bytes().size();
    if (size > limit) {
      ::ldns_pkt_set_tc(packet.get(), transport == Transport::kUdp);
      break;
    }
    PushAddress(packet.get(), query, address);
  }
  // Always fits: two names of 255 bytes at most, a record and the header are
  // more than 512 bytes, but reverse names have less than 80.
  if (!found.pointer.empty() && Asks(query, LDNS_RR_TYPE_PTR)) {
    PushPointer(packet.get(), query, found.pointer);
  }
  return Encode(*packet);
}

Bytes BuildMissing(const Query& query, bool forwards) {
  Packet packet = MakeResponse(query, ResponseCode::kNoSuchName);
  ::ldns_pkt_set_aa(packet.get(), true);
  ::ldns_pkt_set_ra(packet.get(), forwards);
  return Encode(*packet);
}

// Why a well-formed query is not looked up at all.
std::optional<ResponseCode> Refusal(const Query& query) {
  if (query.edns && query.edns->version != 0) return ResponseCode::kBadVersion;
  if (::ldns_rr_get_class(query.question.get()) != LDNS_RR_CLASS_IN) {
    return ResponseCode::kRefused;
  }
  // Types of questions and of the protocol, not of data (RFC 6895, 3.1): zone
  // transfers among them.
  const bool is_meta = query.type >= 128 && query.type <= 254;
  if (is_meta || query.type == LDNS_RR_TYPE_OPT || query.type == 0) {
    return ResponseCode::kRefused;
  }
  return std::nullopt;
}

ZoneAnswer FindIn(std::span<const Zone* const> zones, std::string_view name) {
  ZoneAnswer best;
  for (const Zone* zone : zones) {
    const ZoneAnswer answer = zone->Find(name);
    if (answer.kind == ZoneAnswer::Kind::kFound) return answer;
    if (answer.kind == ZoneAnswer::Kind::kMissing) best = answer;
  }
  return best;
}

Answer Respond(Bytes response) {
  if (response.empty()) return {};
  return {.action = Answer::Action::kRespond, .response = std::move(response)};
}

}  // namespace

Answer BuildAnswer(std::span<const Zone* const> zones, ByteView query_bytes,
                   Transport transport, uint32_t rotation) {
  if (query_bytes.size() < kHeaderBytes) return {};
  const Header header = ReadHeader(query_bytes);
  if (header.is_response) return {};
  if (header.opcode != LDNS_PACKET_QUERY) {
    return Respond(Encode(*MakePacket(header, ResponseCode::kNotImplemented)));
  }
  const std::optional<Query> query = ParseQuery(query_bytes);
  if (!query) {
    return Respond(Encode(*MakePacket(header, ResponseCode::kFormatError)));
  }
  if (const std::optional<ResponseCode> code = Refusal(*query)) {
    return Respond(BuildErrorOf(*query, *code));
  }
  if (zones.empty()) {
    return Respond(BuildErrorOf(*query, ResponseCode::kServerFailure));
  }
  const ZoneAnswer found = FindIn(zones, query->name);
  const bool forwards =
      std::any_of(zones.begin(), zones.end(),
                  [](const Zone* zone) { return !zone->internal(); });
  if (found.kind == ZoneAnswer::Kind::kFound) {
    return Respond(BuildFound(*query, found, transport, rotation, forwards));
  }
  if (found.kind == ZoneAnswer::Kind::kMissing || !forwards) {
    return Respond(BuildMissing(*query, forwards));
  }
  return {.action = Answer::Action::kForward,
          .question_end = query->question_end,
          .max_reply_bytes = MaxReplyBytes(*query, transport)};
}

Bytes BuildError(ByteView query_bytes, ResponseCode code) {
  const std::optional<Query> query = ParseQuery(query_bytes);
  if (query) return BuildErrorOf(*query, code);
  return Encode(*MakePacket(ReadHeader(query_bytes), code));
}

}  // namespace caisson::netsetup::dns
