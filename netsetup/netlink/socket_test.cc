// The transport against a played kernel: the other end of a socket pair, whose
// answers are queued before the request is sent.
#include "netsetup/netlink/socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::netsetup {
namespace {

using base::ErrnoIs;
using base::StatusIs;
using ::testing::SizeIs;

class SocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int pair[2] = {};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    const timeval timeout = {.tv_usec = 20'000};
    ASSERT_EQ(::setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout,
                           sizeof(timeout)),
              0);
    socket_ = std::make_unique<Socket>(base::UniqueFd(pair[0]));
    kernel_.reset(pair[1]);
  }

  // Adds to the datagram that Flush sends.
  void Add(uint16_t type, uint16_t flags, uint32_t sequence,
           const std::vector<int32_t>& payload) {
    nlmsghdr header = {};
    header.nlmsg_len = static_cast<uint32_t>(sizeof(header) +
                                             payload.size() * sizeof(int32_t));
    header.nlmsg_type = type;
    header.nlmsg_flags = flags;
    header.nlmsg_seq = sequence;
    const auto* const raw = reinterpret_cast<const char*>(&header);
    datagram_.append(raw, sizeof(header));
    datagram_.append(reinterpret_cast<const char*>(payload.data()),
                     payload.size() * sizeof(int32_t));
  }
  void AddAck(uint32_t sequence, int err) {
    Add(NLMSG_ERROR, NLM_F_CAPPED, sequence, {-err, 0, 0, 0, 0});
  }
  void Flush() {
    ASSERT_EQ(::send(kernel_.get(), datagram_.data(), datagram_.size(), 0),
              static_cast<ssize_t>(datagram_.size()));
    datagram_.clear();
  }

  static std::vector<Message> Requests(int count) {
    std::vector<Message> requests;
    for (int i = 0; i < count; ++i) {
      requests.emplace_back(RTM_NEWLINK).Fixed(ifinfomsg{});
    }
    return requests;
  }
  static Message DumpRequest() {
    Message request(RTM_GETLINK);
    request.Fixed(ifinfomsg{});
    return request;
  }

  std::unique_ptr<Socket> socket_;
  base::UniqueFd kernel_;
  std::string datagram_;
};

TEST_F(SocketTest, EveryRequestGetsItsOwnResultAlsoBehindAnError) {
  AddAck(1, 0);
  AddAck(2, EEXIST);
  Flush();
  AddAck(3, 0);
  Flush();
  std::vector<Message> requests = Requests(3);
  const std::vector<Result> results = socket_->Transact(requests);
  ASSERT_THAT(results, SizeIs(3));
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[1].ack.error, EEXIST);
  EXPECT_FALSE(results[1].is_unknown);
  EXPECT_TRUE(results[2].ok());

  // One datagram with all three, in order.
  std::vector<uint8_t> sent(4096);
  const ssize_t size = ::recv(kernel_.get(), sent.data(), sent.size(), 0);
  ASSERT_GT(size, 0);
  std::span<const uint8_t> rest(sent.data(), static_cast<size_t>(size));
  for (uint32_t i = 1; i <= 3; ++i) EXPECT_EQ(TakeReply(&rest)->sequence, i);
  EXPECT_TRUE(rest.empty());
}

TEST_F(SocketTest, AnAnswerThatNeverComesIsUnknown) {
  AddAck(1, 0);
  Flush();
  std::vector<Message> requests = Requests(2);
  const std::vector<Result> results = socket_->Transact(requests);
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[1].ack.error, ETIMEDOUT);
  EXPECT_TRUE(results[1].is_unknown);
}

TEST_F(SocketTest, ALateAnswerIsNotTakenForThatOfTheNextRequest) {
  std::vector<Message> first = Requests(1);
  EXPECT_TRUE(socket_->Transact(first)[0].is_unknown);
  AddAck(1, EIO);
  AddAck(2, 0);
  Flush();
  std::vector<Message> second = Requests(1);
  EXPECT_TRUE(socket_->Transact(second)[0].ok());
}

TEST_F(SocketTest, ManyRequestsAreSentInSeveralParts) {
  // A part's answers come in a datagram of their own.
  for (uint32_t i = 1; i <= 64; ++i) AddAck(i, 0);
  Flush();
  for (uint32_t i = 65; i <= 100; ++i) AddAck(i, i == 99 ? EBUSY : 0);
  Flush();
  std::vector<Message> requests = Requests(100);
  const std::vector<Result> results = socket_->Transact(requests);
  ASSERT_THAT(results, SizeIs(100));
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].ack.error, i == 98 ? EBUSY : 0) << i;
  }
}

TEST_F(SocketTest, AMessageThatIsTooLongIsNotSent) {
  std::vector<Message> requests = Requests(1);
  requests[0].Text(IFLA_IFALIAS, std::string(5000, 'x'));
  EXPECT_EQ(socket_->Transact(requests)[0].ack.error, EMSGSIZE);
  char byte = 0;
  EXPECT_EQ(::recv(kernel_.get(), &byte, 1, MSG_DONTWAIT), -1);
}

TEST_F(SocketTest, AClosedSocketIsAnErrorOfTheRequest) {
  kernel_.reset();
  EXPECT_THAT(socket_->Request(DumpRequest(), "get link", "x"), ErrnoIs(EPIPE));
}

TEST_F(SocketTest, GetTakesTheReplyBeforeTheAck) {
  Add(RTM_NEWLINK, 0, 1, {5, 6});
  AddAck(1, 0);
  Flush();
  CAISSON_ASSERT_OK_AND_ASSIGN(const OwnedReply reply,
                               socket_->Get(DumpRequest(), "get link", "x"));
  EXPECT_EQ(reply.type, RTM_NEWLINK);
  EXPECT_EQ(reply.view().Fixed<int32_t>(), 5);
}

TEST_F(SocketTest, GetWithoutAReplyIsAnError) {
  AddAck(1, 0);
  Flush();
  EXPECT_THAT(socket_->Get(DumpRequest(), "get link", "x"), ErrnoIs(EBADMSG));
}

TEST_F(SocketTest, ADumpEndsWithDone) {
  Add(RTM_NEWLINK, NLM_F_MULTI, 1, {1});
  Flush();
  Add(RTM_NEWLINK, NLM_F_MULTI, 1, {2});
  Add(RTM_NEWLINK, NLM_F_MULTI, 9, {3});  // Of another request.
  Add(NLMSG_DONE, NLM_F_MULTI, 1, {0});
  Flush();
  EXPECT_THAT(*socket_->Dump(DumpRequest(), "list links"), SizeIs(2));
}

TEST_F(SocketTest, AnInconsistentDumpIsBegunAgain) {
  Add(RTM_NEWLINK, NLM_F_MULTI, 1, {1});
  Add(RTM_NEWLINK, NLM_F_MULTI | NLM_F_DUMP_INTR, 1, {2});
  Add(NLMSG_DONE, NLM_F_MULTI, 1, {0});
  Flush();
  Add(RTM_NEWLINK, NLM_F_MULTI, 2, {3});
  Add(NLMSG_DONE, NLM_F_MULTI, 2, {0});
  Flush();
  CAISSON_ASSERT_OK_AND_ASSIGN(const std::vector<OwnedReply> replies,
                               socket_->Dump(DumpRequest(), "list links"));
  ASSERT_THAT(replies, SizeIs(1));
  EXPECT_EQ(replies[0].view().Fixed<int32_t>(), 3);
}

TEST_F(SocketTest, ADumpThatIsNeverConsistentFails) {
  for (uint32_t i = 1; i <= 5; ++i) {
    Add(NLMSG_DONE, NLM_F_MULTI | NLM_F_DUMP_INTR, i, {0});
    Flush();
  }
  EXPECT_THAT(socket_->Dump(DumpRequest(), "list links"),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(SocketTest, ARefusedDumpSaysWhy) {
  AddAck(1, EINVAL);
  Flush();
  EXPECT_THAT(socket_->Dump(DumpRequest(), "list links"), ErrnoIs(EINVAL));
}

}  // namespace
}  // namespace caisson::netsetup
