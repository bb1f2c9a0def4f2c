// One rtnetlink request as bytes: a header, a fixed part and attributes, laid
// out by libnl. Nothing here talks to the kernel.
//
// Process: daemon. Thread: any; a Message itself is not shared.
//
//   Message message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
//   message.Fixed(ifinfomsg{}).Text(IFLA_IFNAME, "br0");
//   {
//     const Nest info(&message, IFLA_LINKINFO);
//     message.Text(IFLA_INFO_KIND, "bridge");
//   }
#ifndef CAISSON_NETSETUP_NETLINK_MESSAGE_H_
#define CAISSON_NETSETUP_NETLINK_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>

struct nl_msg;
struct nlattr;

namespace caisson::netsetup {

class Message {
 public:
  // NLM_F_REQUEST and NLM_F_ACK are always set: every request is answered.
  explicit Message(uint16_t type, uint16_t flags = 0);
  Message(Message&&) noexcept;
  Message& operator=(Message&&) noexcept;
  ~Message();

  // The fixed part, before any attribute: ifinfomsg, ifaddrmsg ...
  template <typename T>
  Message& Fixed(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return AppendFixed(&value, sizeof(value));
  }

  Message& U8(int attribute, uint8_t value);
  Message& U16(int attribute, uint16_t value);
  Message& U32(int attribute, uint32_t value);
  Message& S32(int attribute, int32_t value);
  Message& U64(int attribute, uint64_t value);
  // With the NUL at its end.
  Message& Text(int attribute, std::string_view value);
  Message& Bytes(int attribute, std::span<const uint8_t> value);
  // A struct of the kernel as it lies in memory.
  template <typename T>
  Message& Struct(int attribute, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return Data(attribute, &value, sizeof(value));
  }

  // False once something did not fit into one message (4 KiB). Such a message
  // is refused by the socket with EMSGSIZE.
  bool ok() const { return ok_; }
  // The whole message; valid until it changes.
  std::span<const uint8_t> bytes() const;
  uint16_t type() const;
  void SetSequence(uint32_t sequence);

 private:
  friend class Nest;
  Message& AppendFixed(const void* value, size_t size);
  Message& Data(int attribute, const void* value, size_t size);

  struct Free {
    void operator()(nl_msg* message) const;
  };
  std::unique_ptr<nl_msg, Free> message_;
  bool ok_ = true;
};

// Attributes that are put while it lives are inside of `attribute`.
class Nest {
 public:
  Nest(Message* message, int attribute);
  ~Nest();
  Nest(const Nest&) = delete;
  Nest& operator=(const Nest&) = delete;

 private:
  Message* const message_;
  nlattr* const start_;
};

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETLINK_MESSAGE_H_
