// Queries and replies for tests, made and read by ldns as a client would.
#ifndef CAISSON_NETSETUP_DNS_QUERY_TEST_H_
#define CAISSON_NETSETUP_DNS_QUERY_TEST_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "ldns/ldns.h"

#include "netsetup/dns/message.h"
#include "netsetup/dns/zone.h"
#include "netsetup/ip_address.h"

namespace caisson::netsetup::dns {

struct TestQuery {
  std::string name;
  ldns_rr_type type = LDNS_RR_TYPE_A;
  uint16_t id = 4711;
  // Without: no EDNS.
  std::optional<uint16_t> udp_bytes = {};
  bool dnssec_ok = false;
  uint8_t edns_version = 0;
  ldns_rr_class rr_class = LDNS_RR_CLASS_IN;
};

struct PacketDeleter {
  void operator()(ldns_pkt* packet) const { ::ldns_pkt_free(packet); }
};
using PacketPtr = std::unique_ptr<ldns_pkt, PacketDeleter>;

inline Bytes WireOf(const ldns_pkt& packet) {
  uint8_t* wire = nullptr;
  size_t size = 0;
  EXPECT_EQ(::ldns_pkt2wire(&wire, &packet, &size), LDNS_STATUS_OK);
  Bytes bytes(wire, wire + size);
  LDNS_FREE(wire);
  return bytes;
}

inline Bytes MakeQuery(const TestQuery& query) {
  const PacketPtr packet(
      ::ldns_pkt_query_new(::ldns_dname_new_frm_str(query.name.c_str()),
                           query.type, query.rr_class, LDNS_RD));
  ::ldns_pkt_set_id(packet.get(), query.id);
  if (query.udp_bytes) {
    ::ldns_pkt_set_edns_udp_size(packet.get(), *query.udp_bytes);
    ::ldns_pkt_set_edns_do(packet.get(), query.dnssec_ok);
    ::ldns_pkt_set_edns_version(packet.get(), query.edns_version);
  }
  return WireOf(*packet);
}

// What a server elsewhere would reply: one address.
inline Bytes MakeReply(ByteView query, const std::string& address,
                       ldns_pkt_rcode code = LDNS_RCODE_NOERROR) {
  ldns_pkt* parsed = nullptr;
  EXPECT_EQ(::ldns_wire2pkt(&parsed, query.data(), query.size()),
            LDNS_STATUS_OK);
  const PacketPtr packet(parsed);
  ::ldns_pkt_set_qr(packet.get(), true);
  ::ldns_pkt_set_ra(packet.get(), true);
  ::ldns_pkt_set_rcode(packet.get(), static_cast<uint8_t>(code));
  if (!address.empty()) {
    ldns_rr* record = ::ldns_rr_new();
    ::ldns_rr_set_owner(
        record, ::ldns_rdf_clone(::ldns_rr_owner(
                    ::ldns_rr_list_rr(::ldns_pkt_question(packet.get()), 0))));
    ::ldns_rr_set_type(record, LDNS_RR_TYPE_A);
    ::ldns_rr_set_class(record, LDNS_RR_CLASS_IN);
    ::ldns_rr_set_ttl(record, 300);
    ::ldns_rr_push_rdf(
        record, ::ldns_rdf_new_frm_str(LDNS_RDF_TYPE_A, address.c_str()));
    ::ldns_pkt_push_rr(packet.get(), LDNS_SECTION_ANSWER, record);
  }
  return WireOf(*packet);
}

struct TestReply {
  bool parsed = false;
  uint16_t id = 0;
  int code = -1;
  bool authoritative = false;
  bool truncated = false;
  bool recursion_available = false;
  bool recursion_desired = false;
  std::string question;  // name as it was written
  size_t questions = 0;
  std::vector<std::string> answers;  // "A 10.0.0.2", sorted as they came
  std::vector<uint32_t> ttls;
  size_t authorities = 0;
  std::optional<uint16_t> udp_bytes;
  int extended_code = 0;
  bool dnssec_ok = false;
};

inline std::string RecordText(const ldns_rr& record) {
  char* type = ::ldns_rr_type2str(::ldns_rr_get_type(&record));
  char* data = ::ldns_rdf2str(::ldns_rr_rdf(&record, 0));
  std::string text = std::string(type) + " " + data;
  LDNS_FREE(type);
  LDNS_FREE(data);
  return text;
}

inline TestReply ReadReply(ByteView bytes) {
  TestReply reply;
  ldns_pkt* parsed = nullptr;
  if (::ldns_wire2pkt(&parsed, bytes.data(), bytes.size()) != LDNS_STATUS_OK) {
    return reply;
  }
  const PacketPtr packet(parsed);
  reply.parsed = ::ldns_pkt_qr(parsed);
  reply.id = ::ldns_pkt_id(parsed);
  reply.code = ::ldns_pkt_get_rcode(parsed);
  reply.authoritative = ::ldns_pkt_aa(parsed);
  reply.truncated = ::ldns_pkt_tc(parsed);
  reply.recursion_available = ::ldns_pkt_ra(parsed);
  reply.recursion_desired = ::ldns_pkt_rd(parsed);
  reply.questions = ::ldns_pkt_qdcount(parsed);
  if (reply.questions == 1) {
    char* name = ::ldns_rdf2str(
        ::ldns_rr_owner(::ldns_rr_list_rr(::ldns_pkt_question(parsed), 0)));
    reply.question = name;
    LDNS_FREE(name);
  }
  const ldns_rr_list* answers = ::ldns_pkt_answer(parsed);
  for (size_t i = 0; i < ::ldns_rr_list_rr_count(answers); ++i) {
    const ldns_rr* record = ::ldns_rr_list_rr(answers, i);
    reply.answers.push_back(RecordText(*record));
    reply.ttls.push_back(::ldns_rr_ttl(record));
  }
  reply.authorities = ::ldns_pkt_nscount(parsed);
  if (::ldns_pkt_edns(parsed)) {
    reply.udp_bytes = ::ldns_pkt_edns_udp_size(parsed);
    reply.extended_code = ::ldns_pkt_edns_extended_rcode(parsed);
    reply.dnssec_ok = ::ldns_pkt_edns_do(parsed);
  }
  return reply;
}

inline IpAddress Address(const std::string& text) {
  return *ParseIpAddress(text);
}

inline std::vector<IpAddress> Addresses(const std::vector<std::string>& texts) {
  std::vector<IpAddress> addresses;
  for (const std::string& text : texts) addresses.push_back(Address(text));
  return addresses;
}

inline ZonePtr MakeZone(const ZoneOptions& options,
                        const std::vector<ZoneEntry>& entries) {
  return *Zone::Build(options, entries);
}

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_QUERY_TEST_H_
