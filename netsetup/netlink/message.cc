#include "netsetup/netlink/message.h"

#include <linux/netlink.h>
#include <string.h>

#include <string>

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "runtime/base/check.h"

namespace caisson::netsetup {
namespace {

// Far above the longest request; independent of the page size, on which
// libnl's default depends.
constexpr size_t kCapacity = 4096;

}  // namespace

void Message::Free::operator()(nl_msg* message) const {
  nlmsg_free(message);
}

Message::Message(uint16_t type, uint16_t flags)
    : message_(nlmsg_alloc_size(kCapacity)) {
  CAISSON_CHECK(message_ != nullptr);
  // The port of the kernel is 0 and the sequence number comes later.
  nlmsg_put(message_.get(), 0, 0, type, 0, flags | NLM_F_REQUEST | NLM_F_ACK);
}

Message::Message(Message&&) noexcept = default;
Message& Message::operator=(Message&&) noexcept = default;
Message::~Message() = default;

Message& Message::AppendFixed(const void* value, size_t size) {
  void* const place = nlmsg_reserve(message_.get(), size, NLMSG_ALIGNTO);
  if (place == nullptr) {
    ok_ = false;
  } else {
    ::memcpy(place, value, size);
  }
  return *this;
}

Message& Message::Data(int attribute, const void* value, size_t size) {
  // libnl takes an int, and the length of an attribute has 16 bits.
  if (size > kCapacity ||
      nla_put(message_.get(), attribute, static_cast<int>(size), value) < 0) {
    ok_ = false;
  }
  return *this;
}

Message& Message::U8(int attribute, uint8_t value) {
  return Struct(attribute, value);
}
Message& Message::U16(int attribute, uint16_t value) {
  return Struct(attribute, value);
}
Message& Message::U32(int attribute, uint32_t value) {
  return Struct(attribute, value);
}
Message& Message::S32(int attribute, int32_t value) {
  return Struct(attribute, value);
}
Message& Message::U64(int attribute, uint64_t value) {
  return Struct(attribute, value);
}

Message& Message::Text(int attribute, std::string_view value) {
  const std::string terminated(value);
  return Data(attribute, terminated.c_str(), terminated.size() + 1);
}

Message& Message::Bytes(int attribute, std::span<const uint8_t> value) {
  return Data(attribute, value.data(), value.size());
}

std::span<const uint8_t> Message::bytes() const {
  const nlmsghdr* const header = nlmsg_hdr(message_.get());
  return {reinterpret_cast<const uint8_t*>(header), header->nlmsg_len};
}

uint16_t Message::type() const {
  return nlmsg_hdr(message_.get())->nlmsg_type;
}

void Message::SetSequence(uint32_t sequence) {
  nlmsg_hdr(message_.get())->nlmsg_seq = sequence;
}

Nest::Nest(Message* message, int attribute)
    : message_(message),
      start_(nla_nest_start(message->message_.get(), attribute)) {
  if (start_ == nullptr) message_->ok_ = false;
}

Nest::~Nest() {
  // Empty ones stay: "no data" is a value, as of an ipvlan's INFO_DATA.
  if (start_ != nullptr &&
      nla_nest_end_keep_empty(message_->message_.get(), start_) < 0) {
    message_->ok_ = false;
  }
}

}  // namespace caisson::netsetup
