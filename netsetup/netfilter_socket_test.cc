#include "netsetup/netfilter_socket.h"

#include <linux/netlink.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::IsOk;
using base::StatusIs;

constexpr std::string_view kWords = "port is taken";

// An answer as the kernel writes it; `quoted` bytes of the refused message
// between the error and its attributes.
std::vector<uint8_t> Answer(uint16_t flags, int err, size_t quoted) {
  std::vector<uint8_t> bytes(MNL_NLMSG_HDRLEN + sizeof(nlmsgerr));
  nlmsgerr error = {.error = -err, .msg = {}};
  error.msg.nlmsg_len = static_cast<uint32_t>(sizeof(nlmsghdr) + quoted);
  std::memcpy(bytes.data() + MNL_NLMSG_HDRLEN, &error, sizeof(error));
  if ((flags & NLM_F_CAPPED) == 0) bytes.resize(bytes.size() + quoted, 0xff);
  const size_t start = bytes.size();
  bytes.resize(start + 128);
  // Attributes are put behind a header: lend them one.
  std::vector<uint8_t> scratch(256);
  nlmsghdr* lent = ::mnl_nlmsg_put_header(scratch.data());
  ::mnl_attr_put_strz(lent, NLMSGERR_ATTR_MSG, kWords.data());
  ::mnl_attr_put_u32(lent, NLMSGERR_ATTR_OFFS, 44);
  const size_t size = lent->nlmsg_len - MNL_NLMSG_HDRLEN;
  std::memcpy(bytes.data() + start, scratch.data() + MNL_NLMSG_HDRLEN, size);
  bytes.resize(start + size);
  const nlmsghdr header = {.nlmsg_len = static_cast<uint32_t>(bytes.size()),
                           .nlmsg_type = NLMSG_ERROR,
                           .nlmsg_flags = flags,
                           .nlmsg_seq = 9,
                           .nlmsg_pid = 0};
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

absl::StatusOr<NetfilterAnswer> Parse(const std::vector<uint8_t>& bytes) {
  return ParseNetfilterAnswer(reinterpret_cast<const nlmsghdr*>(bytes.data()));
}

TEST(NetfilterAnswerTest, WordsAndPlaceAreKept) {
  for (const uint16_t flags :
       {uint16_t{NLM_F_ACK_TLVS}, uint16_t{NLM_F_ACK_TLVS | NLM_F_CAPPED}}) {
    const auto answer = Parse(Answer(flags, EEXIST, 20));
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->sequence, 9u);
    EXPECT_EQ(answer->err, EEXIST);
    EXPECT_EQ(answer->text, kWords);
    EXPECT_EQ(answer->offset, 44u);
  }
}

TEST(NetfilterAnswerTest, WithoutTheFlagThereAreNoWords) {
  const auto answer = Parse(Answer(NLM_F_CAPPED, 0, 0));
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->err, 0);
  EXPECT_EQ(answer->text, "");
}

TEST(NetfilterAnswerTest, AQuoteThatPassesTheEndIsNotRead) {
  std::vector<uint8_t> bytes = Answer(NLM_F_ACK_TLVS, EEXIST, 8);
  nlmsgerr error = {};
  std::memcpy(&error, bytes.data() + MNL_NLMSG_HDRLEN, sizeof(error));
  for (const uint32_t claimed : {0u, 3u, 4000u, UINT32_MAX}) {
    error.msg.nlmsg_len = claimed;
    std::memcpy(bytes.data() + MNL_NLMSG_HDRLEN, &error, sizeof(error));
    const auto answer = Parse(bytes);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->err, EEXIST);
    EXPECT_EQ(answer->text, "");
  }
}

TEST(NetfilterAnswerTest, NumbersThatAreNoErrnoAreStillErrors) {
  std::vector<uint8_t> bytes = Answer(0, 0, 0);
  for (const int error : {INT_MIN, -4096, 1, INT_MAX}) {
    std::memcpy(bytes.data() + MNL_NLMSG_HDRLEN, &error, sizeof(error));
    const auto answer = Parse(bytes);
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->err, EPROTO);
  }
}

TEST(NetfilterAnswerTest, OtherMessagesAreNone) {
  std::vector<uint8_t> bytes = Answer(0, 0, 0);
  nlmsghdr header = {};
  std::memcpy(&header, bytes.data(), sizeof(header));
  header.nlmsg_type = NLMSG_DONE;
  std::memcpy(bytes.data(), &header, sizeof(header));
  EXPECT_THAT(Parse(bytes), StatusIs(absl::StatusCode::kInvalidArgument));
  header.nlmsg_type = NLMSG_ERROR;
  header.nlmsg_len = sizeof(header) + 4;
  std::memcpy(bytes.data(), &header, sizeof(header));
  EXPECT_THAT(Parse(bytes), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace caisson::netsetup
