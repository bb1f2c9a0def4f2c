#include "netsetup/dns/message.h"

#include <algorithm>

#include "absl/strings/ascii.h"

#include "runtime/base/check.h"

namespace caisson::netsetup::dns {
namespace {

// Bits of the third and fourth byte.
constexpr uint8_t kResponseBit = 0x80;
constexpr uint8_t kTruncatedBit = 0x02;
constexpr uint8_t kRecursionDesiredBit = 0x01;
constexpr uint8_t kCheckingDisabledBit = 0x10;

uint16_t Read16(ByteView message, size_t at) {
  return static_cast<uint16_t>(message[at] << 8 | message[at + 1]);
}

void Write16(std::span<uint8_t> message, size_t at, uint16_t value) {
  message[at] = static_cast<uint8_t>(value >> 8);
  message[at + 1] = static_cast<uint8_t>(value);
}

// Lengths of labels are no letters: they have less than 64.
bool SameName(ByteView a, ByteView b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](uint8_t left, uint8_t right) {
        return absl::ascii_tolower(left) == absl::ascii_tolower(right);
      });
}

}  // namespace

Header ReadHeader(ByteView message) {
  CAISSON_CHECK(message.size() >= kHeaderBytes);
  return {.id = Read16(message, 0),
          .is_response = (message[2] & kResponseBit) != 0,
          .opcode = static_cast<uint8_t>(message[2] >> 3 & 0xf),
          .truncated = (message[2] & kTruncatedBit) != 0,
          .recursion_desired = (message[2] & kRecursionDesiredBit) != 0,
          .checking_disabled = (message[3] & kCheckingDisabledBit) != 0,
          .code = static_cast<ResponseCode>(message[3] & 0xf),
          .questions = Read16(message, 4),
          .answers = Read16(message, 6),
          .authorities = Read16(message, 8),
          .additionals = Read16(message, 10)};
}

void SetId(std::span<uint8_t> message, uint16_t id) {
  Write16(message, 0, id);
}

bool IsReplyTo(ByteView reply, ByteView query, size_t question_end) {
  CAISSON_CHECK(question_end > kHeaderBytes + 4 &&
                question_end <= query.size());
  if (reply.size() < kHeaderBytes) return false;
  const Header header = ReadHeader(reply);
  const Header asked = ReadHeader(query);
  if (!header.is_response || header.id != asked.id ||
      header.opcode != asked.opcode) {
    return false;
  }
  if (header.questions == 0) {
    // A server that could not even read the question has none to repeat.
    return header.code != ResponseCode::kNoError &&
           header.code != ResponseCode::kNoSuchName;
  }
  if (header.questions != 1 || reply.size() < question_end) return false;
  // Behind the name: type and class.
  const size_t name_end = question_end - 4;
  const size_t name_bytes = name_end - kHeaderBytes;
  return SameName(reply.subspan(kHeaderBytes, name_bytes),
                  query.subspan(kHeaderBytes, name_bytes)) &&
         std::equal(reply.begin() + static_cast<ptrdiff_t>(name_end),
                    reply.begin() + static_cast<ptrdiff_t>(question_end),
                    query.begin() + static_cast<ptrdiff_t>(name_end));
}

Bytes TruncateReply(ByteView reply, size_t question_end) {
  Bytes cut(reply.begin(), reply.begin() + static_cast<ptrdiff_t>(std::min(
                                               question_end, reply.size())));
  cut[2] |= kTruncatedBit;
  for (size_t at = 6; at < kHeaderBytes; at += 2) Write16(cut, at, 0);
  return cut;
}

}  // namespace caisson::netsetup::dns
