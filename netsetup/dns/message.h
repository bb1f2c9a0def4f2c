// Bytes of a DNS message (RFC 1035, section 4) as far as a forwarder looks at
// them: the header and the question. Everything behind goes through unread, so
// that record types nobody here knows get through as well.
//
//     0      2      4        6        8        10       12
//     | id   | bits | QDCOUNT| ANCOUNT| NSCOUNT| ARCOUNT| question ...
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_DNS_MESSAGE_H_
#define CAISSON_NETSETUP_DNS_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace caisson::netsetup::dns {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

enum class Transport { kUdp, kTcp };

inline constexpr size_t kHeaderBytes = 12;
// Larger queries are refused unread. A question has at most 271 bytes; the
// rest is for options, of which padding to 468 bytes is the largest known.
inline constexpr size_t kMaxQueryBytes = 4096;
// A length of 16 bits stands before each message of a stream.
inline constexpr size_t kMaxMessageBytes = 65535;
// RFC 1035, 4.2.1: without EDNS.
inline constexpr size_t kPlainUdpBytes = 512;
// What no path fragments, and so the most that we send and ask for (DNS flag
// day 2020).
inline constexpr size_t kEdnsUdpBytes = 1232;

enum class ResponseCode : uint8_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNoSuchName = 3,
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16,  // the upper bits are those of EDNS
};

// The fields of a header; all of it has to be there.
struct Header {
  uint16_t id = 0;
  bool is_response = false;
  uint8_t opcode = 0;
  bool truncated = false;
  bool recursion_desired = false;
  bool checking_disabled = false;
  ResponseCode code = ResponseCode::kNoError;
  uint16_t questions = 0;
  uint16_t answers = 0;
  uint16_t authorities = 0;
  uint16_t additionals = 0;
};
Header ReadHeader(ByteView message);

void SetId(std::span<uint8_t> message, uint16_t id);

// Whether `reply` is one to `query`, as it was sent: id and question are the
// same. `question_end` is where the question of the query ends. An error may
// come without a question.
bool IsReplyTo(ByteView reply, ByteView query, size_t question_end);

// Header and question of a reply, with the bit that says that more is to be
// had over TCP.
Bytes TruncateReply(ByteView reply, size_t question_end);

}  // namespace caisson::netsetup::dns

#endif  // CAISSON_NETSETUP_DNS_MESSAGE_H_
