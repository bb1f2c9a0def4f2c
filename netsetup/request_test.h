// What tests of message builders share: the request as the kernel would read
// it.
#ifndef CAISSON_NETSETUP_REQUEST_TEST_H_
#define CAISSON_NETSETUP_REQUEST_TEST_H_

#include <linux/netlink.h>

#include <cstdint>
#include <span>

#include "gtest/gtest.h"

#include "netsetup/netlink/message.h"
#include "netsetup/netlink/reply.h"

namespace caisson::netsetup {

// Header and payload; valid as long as the message.
inline Reply RequestOf(const Message& message) {
  EXPECT_TRUE(message.ok());
  std::span<const uint8_t> bytes = message.bytes();
  const std::optional<Reply> request = TakeReply(&bytes);
  EXPECT_TRUE(request.has_value() && bytes.empty());
  EXPECT_EQ(request->flags & (NLM_F_REQUEST | NLM_F_ACK),
            NLM_F_REQUEST | NLM_F_ACK);
  return *request;
}

// The attributes behind a fixed part of type T.
template <typename T>
Attributes AttributesOf(const Message& message) {
  return Attributes::Behind(RequestOf(message), sizeof(T));
}

template <typename T>
T FixedOf(const Message& message) {
  return RequestOf(message).Fixed<T>().value();
}

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_REQUEST_TEST_H_
