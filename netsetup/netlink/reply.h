// What the kernel answers, as bytes: messages of a datagram, acknowledgements
// with their extended text, attributes. Nothing is read behind the end,
// whatever the bytes are.
//
// Process: daemon. Thread: any; pure. Views borrow the datagram.
#ifndef CAISSON_NETSETUP_NETLINK_REPLY_H_
#define CAISSON_NETSETUP_NETLINK_REPLY_H_

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

struct nlattr;

namespace caisson::netsetup {

// One message of a datagram.
struct Reply {
  uint16_t type = 0;
  uint16_t flags = 0;
  uint32_t sequence = 0;
  // Behind the header; begins at a multiple of four bytes.
  std::span<const uint8_t> payload;

  // The fixed part at the begin of the payload; none when it is too short.
  template <typename T>
  std::optional<T> Fixed() const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (payload.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, payload.data(), sizeof(T));
    return value;
  }
};

// Takes the first message off `datagram`, which begins at a multiple of four
// bytes. None at the end and for a message that is longer than what is left.
std::optional<Reply> TakeReply(std::span<const uint8_t>* datagram);

// How the kernel ended a request.
struct Ack {
  // An errno; 0: done.
  int error = 0;
  // The kernel's own words, "" when it had none.
  std::string text;
  // Where in the request the attribute is that the kernel refused.
  std::optional<uint32_t> offset;

  bool operator==(const Ack&) const = default;
};

// Of NLMSG_ERROR, and of NLMSG_DONE, which ends a dump. None for other types.
// One that is too short to say how it ended is EBADMSG.
std::optional<Ack> ParseAck(const Reply& reply);

// Attributes by type. Of a type that comes twice, the last counts.
class Attributes {
 public:
  // `bytes` begins at a multiple of four bytes.
  explicit Attributes(std::span<const uint8_t> bytes);
  // Those behind a fixed part.
  static Attributes Behind(const Reply& reply, size_t fixed_bytes);

  bool Has(int type) const { return Find(type) != nullptr; }
  // None when it is missing or shorter than the type.
  template <typename T>
  std::optional<T> Get(int type) const {
    static_assert(std::is_trivially_copyable_v<T>);
    const std::span<const uint8_t> bytes = Bytes(type);
    if (bytes.size() < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  template <typename T>
  T GetOr(int type, T otherwise) const {
    return Get<T>(type).value_or(otherwise);
  }
  // Up to the first NUL or the end; empty when it is missing.
  std::string Text(int type) const;
  std::span<const uint8_t> Bytes(int type) const;
  Attributes Nested(int type) const { return Attributes(Bytes(type)); }

 private:
  const nlattr* Find(int type) const;

  // Above every type that is read here.
  static constexpr int kTypes = 80;
  std::array<nlattr*, kTypes> found_ = {};
};

// The texts of all attributes of one type, in order: alternative names.
std::vector<std::string> TextsOf(std::span<const uint8_t> bytes, int type);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETLINK_REPLY_H_
