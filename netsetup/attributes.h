// Walking netlink attributes that came from elsewhere: nothing is read behind
// their end, whatever the lengths in them say.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_NETSETUP_ATTRIBUTES_H_
#define CAISSON_NETSETUP_ATTRIBUTES_H_

#include <arpa/inet.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <libmnl/libmnl.h>

namespace caisson::netsetup {

// Calls `visit(const nlattr*)` for every whole attribute in `bytes` bytes.
template <typename Visit>
void ForEachAttribute(const void* start, size_t bytes, Visit visit) {
  const auto* attribute = static_cast<const nlattr*>(start);
  int left = static_cast<int>(bytes);
  while (::mnl_attr_ok(attribute, left)) {
    visit(attribute);
    left -= static_cast<int>(MNL_ALIGN(attribute->nla_len));
    attribute = ::mnl_attr_next(attribute);
  }
}

// The attributes inside one.
template <typename Visit>
void ForEachNested(const nlattr* outer, Visit visit) {
  ForEachAttribute(::mnl_attr_get_payload(outer),
                   ::mnl_attr_get_payload_len(outer), visit);
}

// The attributes of a message, behind its own header of `extra` bytes.
template <typename Visit>
void ForEachInMessage(const nlmsghdr* header, size_t extra, Visit visit) {
  const size_t from = MNL_NLMSG_HDRLEN + MNL_ALIGN(extra);
  if (header->nlmsg_len < from) return;
  ForEachAttribute(reinterpret_cast<const char*>(header) + from,
                   header->nlmsg_len - from, visit);
}

inline std::string_view AttributeBytes(const nlattr* attribute) {
  return {static_cast<const char*>(::mnl_attr_get_payload(attribute)),
          ::mnl_attr_get_payload_len(attribute)};
}

// Up to the first zero byte, or all of it.
inline std::string_view AttributeText(const nlattr* attribute) {
  const std::string_view bytes = AttributeBytes(attribute);
  return bytes.substr(0, bytes.find('\0'));
}

// A number as netfilter has it; 0 when the size is another.
inline uint32_t AttributeBe32(const nlattr* attribute) {
  uint32_t value = 0;
  if (AttributeBytes(attribute).size() != sizeof(value)) return 0;
  std::memcpy(&value, AttributeBytes(attribute).data(), sizeof(value));
  return ntohl(value);
}

inline uint16_t AttributeBe16(const nlattr* attribute) {
  uint16_t value = 0;
  if (AttributeBytes(attribute).size() != sizeof(value)) return 0;
  std::memcpy(&value, AttributeBytes(attribute).data(), sizeof(value));
  return ntohs(value);
}

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_ATTRIBUTES_H_
