#include "netsetup/netlink/reply.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::netsetup {
namespace {

using ::testing::ElementsAre;

// Grows a datagram as the kernel lays it out.
class Datagram {
 public:
  Datagram& Message(uint16_t type, uint16_t flags, uint32_t sequence,
                    const std::vector<uint8_t>& payload) {
    nlmsghdr header = {};
    header.nlmsg_len = static_cast<uint32_t>(sizeof(header) + payload.size());
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    header.nlmsg_seq = sequence;
    const auto* const raw = reinterpret_cast<const uint8_t*>(&header);
    bytes_.insert(bytes_.end(), raw, raw + sizeof(header));
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
    bytes_.resize((bytes_.size() + 3) & ~size_t{3});
    return *this;
  }
  std::span<const uint8_t> bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

void AppendInt(std::vector<uint8_t>* out, int32_t value) {
  const auto* const raw = reinterpret_cast<const uint8_t*>(&value);
  out->insert(out->end(), raw, raw + sizeof(value));
}

void AppendAttribute(std::vector<uint8_t>* out, uint16_t type,
                     const std::string& data) {
  const auto length = static_cast<uint16_t>(4 + data.size());
  out->insert(
      out->end(),
      {static_cast<uint8_t>(length & 255), static_cast<uint8_t>(length >> 8),
       static_cast<uint8_t>(type & 255), static_cast<uint8_t>(type >> 8)});
  out->insert(out->end(), data.begin(), data.end());
  out->resize((out->size() + 3) & ~size_t{3});
}

// nlmsgerr: the error and the header of the request, which was `length` long.
std::vector<uint8_t> ErrorPayload(int err, uint32_t length) {
  std::vector<uint8_t> payload;
  AppendInt(&payload, -err);
  AppendInt(&payload, static_cast<int32_t>(length));
  for (int i = 0; i < 3; ++i) AppendInt(&payload, 0);
  return payload;
}

Ack AckOf(const Datagram& datagram) {
  std::span<const uint8_t> bytes = datagram.bytes();
  const std::optional<Reply> reply = TakeReply(&bytes);
  return ParseAck(*reply).value();
}

TEST(ReplyTest, TakesMessagesOneAfterTheOther) {
  Datagram datagram;
  datagram.Message(16, 2, 7, {1, 2, 3, 4, 5}).Message(NLMSG_DONE, 0, 8, {});
  std::span<const uint8_t> rest = datagram.bytes();
  std::optional<Reply> reply = TakeReply(&rest);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->type, 16);
  EXPECT_EQ(reply->sequence, 7u);
  EXPECT_EQ(reply->payload.size(), 5u);
  EXPECT_FALSE(reply->Fixed<uint64_t>().has_value());
  reply = TakeReply(&rest);
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->type, NLMSG_DONE);
  EXPECT_FALSE(TakeReply(&rest).has_value());
}

TEST(ReplyTest, AMessageLongerThanTheDatagramEndsIt) {
  Datagram datagram;
  datagram.Message(16, 0, 1, std::vector<uint8_t>(64));
  for (size_t size = 0; size < datagram.bytes().size(); ++size) {
    std::span<const uint8_t> cut = datagram.bytes().first(size);
    EXPECT_FALSE(TakeReply(&cut).has_value()) << size;
  }
}

TEST(ReplyTest, ACappedAckHasItsTextBehindTheHeader) {
  // The request was long, but only its header is repeated.
  std::vector<uint8_t> payload = ErrorPayload(EINVAL, 400);
  AppendAttribute(&payload, NLMSGERR_ATTR_MSG, std::string("no such\0", 8));
  AppendAttribute(&payload, NLMSGERR_ATTR_OFFS, std::string("\x1c\0\0\0", 4));
  Datagram datagram;
  datagram.Message(NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, 1, payload);
  EXPECT_EQ(AckOf(datagram),
            (Ack{.error = EINVAL, .text = "no such", .offset = 28}));
}

TEST(ReplyTest, AWholeAckHasItsTextBehindTheRequest) {
  std::vector<uint8_t> payload = ErrorPayload(EINVAL, 16 + 6);
  payload.resize(payload.size() + 8, 0xff);
  AppendAttribute(&payload, NLMSGERR_ATTR_MSG, "text");
  Datagram datagram;
  datagram.Message(NLMSG_ERROR, NLM_F_ACK_TLVS, 1, payload);
  EXPECT_EQ(AckOf(datagram), (Ack{.error = EINVAL, .text = "text"}));
}

TEST(ReplyTest, WithoutItsFlagAnAckHasNoText) {
  std::vector<uint8_t> payload = ErrorPayload(ENODEV, 16);
  AppendAttribute(&payload, NLMSGERR_ATTR_MSG, "text");
  Datagram datagram;
  datagram.Message(NLMSG_ERROR, NLM_F_CAPPED, 1, payload);
  EXPECT_EQ(AckOf(datagram), (Ack{.error = ENODEV}));
}

TEST(ReplyTest, DoneEndsADumpWithAnErrorOrWithout) {
  std::vector<uint8_t> payload;
  AppendInt(&payload, -EOPNOTSUPP);
  AppendAttribute(&payload, NLMSGERR_ATTR_MSG, "filter");
  Datagram failed;
  failed.Message(NLMSG_DONE, NLM_F_ACK_TLVS, 1, payload);
  EXPECT_EQ(AckOf(failed), (Ack{.error = EOPNOTSUPP, .text = "filter"}));
  Datagram done;
  done.Message(NLMSG_DONE, 0, 1, {0, 0, 0, 0});
  EXPECT_EQ(AckOf(done), Ack{});
}

TEST(ReplyTest, AnAckThatNoKernelSendsIsAnError) {
  Datagram too_short;
  too_short.Message(NLMSG_ERROR, 0, 1, {0, 0});
  EXPECT_EQ(AckOf(too_short).error, EBADMSG);
  Datagram positive;
  positive.Message(NLMSG_ERROR, 0, 1, {1, 0, 0, 0});
  EXPECT_EQ(AckOf(positive).error, EBADMSG);
  Datagram smallest;
  smallest.Message(NLMSG_ERROR, 0, 1, {0, 0, 0, 0x80});
  EXPECT_EQ(AckOf(smallest).error, EBADMSG);
}

TEST(AttributesTest, ShortOnesAndMissingOnesAreNone) {
  std::vector<uint8_t> bytes;
  AppendAttribute(&bytes, IFLA_MTU, std::string("\x10\0", 2));
  AppendAttribute(&bytes, IFLA_IFNAME, "eth0");
  const Attributes attributes(bytes);
  EXPECT_TRUE(attributes.Has(IFLA_MTU));
  EXPECT_FALSE(attributes.Get<uint32_t>(IFLA_MTU).has_value());
  EXPECT_EQ(attributes.GetOr<uint16_t>(IFLA_MTU, 0), 16);
  EXPECT_FALSE(attributes.Has(IFLA_MASTER));
  EXPECT_FALSE(attributes.Has(5000));
  EXPECT_FALSE(attributes.Has(-1));
  // The kernel need not end a text with a NUL.
  EXPECT_EQ(attributes.Text(IFLA_IFNAME), "eth0");
  EXPECT_EQ(attributes.Text(IFLA_IFALIAS), "");
}

TEST(AttributesTest, TextsOfOneTypeKeepTheirOrder) {
  std::vector<uint8_t> bytes;
  AppendAttribute(&bytes, IFLA_ALT_IFNAME, std::string("b\0", 2));
  AppendAttribute(&bytes, IFLA_MTU, "1234");
  AppendAttribute(&bytes, IFLA_ALT_IFNAME, std::string("a\0", 2));
  EXPECT_THAT(TextsOf(bytes, IFLA_ALT_IFNAME), ElementsAre("b", "a"));
  EXPECT_THAT(TextsOf({}, IFLA_ALT_IFNAME), ElementsAre());
}

}  // namespace
}  // namespace caisson::netsetup
