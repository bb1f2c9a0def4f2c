#include "server/service/acceptor.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"
#include "server/service/listen_socket.h"

namespace caisson::service {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class AcceptorTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/caisson-acceptor.XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    directory_ = name;
    path_ = directory_ + "/s";
  }
  void TearDown() override {
    acceptor_.reset();
    socket_.reset();
    for (const int fd : handed_) ::close(fd);
    ::unlink(path_.c_str());
    ::unlink((path_ + ".lock").c_str());
    ::rmdir(directory_.c_str());
  }

  void Start(AcceptorOptions options, ConnectionLimits limits = {}) {
    options.roles.daemon_uid = ::geteuid();
    auto socket = ListenSocket::Open(path_, {});
    CAISSON_ASSERT_OK(socket);
    socket_ = *std::move(socket);
    connections_ = std::make_unique<Connections>(limits);
    auto acceptor = Acceptor::Start(socket_->fd(), options, connections_.get(),
                                    [this](Role role, int fd) {
                                      absl::MutexLock lock(&mutex_);
                                      EXPECT_EQ(role, Role::kAdmin);
                                      handed_.push_back(fd);
                                    });
    CAISSON_ASSERT_OK(acceptor);
    acceptor_ = *std::move(acceptor);
  }

  base::UniqueFd Connect() {
    base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof(address.sun_path), "%s",
                  path_.c_str());
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address),
                        sizeof(address)),
              0);
    return fd;
  }

  static void Send(const base::UniqueFd& fd, std::string_view bytes) {
    EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  // The other side hung up.
  static bool Closed(const base::UniqueFd& fd) {
    pollfd poll{.fd = fd.get(), .events = POLLIN, .revents = 0};
    return ::poll(&poll, 1, 20'000) == 1 && (poll.revents & POLLHUP) != 0;
  }

  size_t WaitForHandovers(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [this, count]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return handed_.size() >= count;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&reached), absl::Seconds(20));
    return handed_.size();
  }

  bool WaitForCount(int count) {
    for (int i = 0; i < 20'000 && connections_->count() != count; ++i) {
      ::usleep(1000);  // lint-allow(sleep): a poll
    }
    return connections_->count() == count;
  }

  std::string directory_;
  std::string path_;
  std::unique_ptr<ListenSocket> socket_;
  std::unique_ptr<Connections> connections_;
  std::unique_ptr<Acceptor> acceptor_;
  absl::Mutex mutex_;
  std::vector<int> handed_;
};

TEST_F(AcceptorTest, HandsOverAfterThePrefaceAndKnowsThePeer) {
  AcceptorOptions options;
  options.first_number = 300;
  options.last_number = 900;
  Start(options);
  const base::UniqueFd client = Connect();
  Send(client, kPreface.substr(0, 5));
  Send(client, kPreface.substr(5));
  ASSERT_EQ(WaitForHandovers(1), 1u);
  EXPECT_GE(handed_[0], 300);
  // The bytes were looked at, not taken.
  char buffer[64];
  EXPECT_EQ(::read(handed_[0], buffer, sizeof(buffer)),
            static_cast<ssize_t>(kPreface.size()));
  const auto peer = connections_->Find(base::StrCat("fd:", handed_[0]));
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_FALSE(connections_->Find("fd:1").has_value());
  EXPECT_FALSE(connections_->Find("unix:").has_value());
}

TEST_F(AcceptorTest, NumbersAreNotUsedAgainAtOnce) {
  AcceptorOptions options;
  options.first_number = 300;
  options.last_number = 900;
  Start(options);
  for (size_t i = 1; i <= 3; ++i) {
    const base::UniqueFd client = Connect();
    Send(client, kPreface);
    ASSERT_EQ(WaitForHandovers(i), i);
    ::close(handed_.back());
    handed_.back() = -1 - handed_.back();
    EXPECT_EQ(-1 - handed_.back(), 299 + static_cast<int>(i));
  }
  handed_.clear();
}

TEST_F(AcceptorTest, ClosesWhatIsNotHttp2AndWhatSaysNothing) {
  AcceptorOptions options;
  options.preface_timeout = absl::Milliseconds(50);
  Start(options);
  const base::UniqueFd http1 = Connect();
  Send(http1, "GET / HTTP/1.1\r\n");
  EXPECT_TRUE(Closed(http1));
  const base::UniqueFd silent = Connect();
  EXPECT_TRUE(Closed(silent));
  const base::UniqueFd half = Connect();
  Send(half, kPreface.substr(0, 10));
  EXPECT_TRUE(Closed(half));
  EXPECT_TRUE(handed_.empty());
  EXPECT_TRUE(WaitForCount(0));
}

TEST_F(AcceptorTest, CountsConnectionsUntilTheyEnd) {
  Start({}, {.total = 2, .per_uid = 2});
  base::UniqueFd one = Connect();
  Send(one, kPreface);
  base::UniqueFd two = Connect();
  Send(two, kPreface);
  ASSERT_EQ(WaitForHandovers(2), 2u);
  const base::UniqueFd three = Connect();
  EXPECT_TRUE(Closed(three));
  one.reset();
  EXPECT_TRUE(WaitForCount(1));
  const base::UniqueFd four = Connect();
  Send(four, kPreface);
  EXPECT_EQ(WaitForHandovers(3), 3u);
}

TEST_F(AcceptorTest, SocketHasItsModeAndIsExclusive) {
  Start({});
  struct stat st;
  ASSERT_EQ(::stat(path_.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0660u);
  const auto second = ListenSocket::Open(path_, {});
  EXPECT_THAT(second,
              base::StatusIs(absl::StatusCode::kFailedPrecondition,
                             testing::HasSubstr(base::StrCat(::getpid()))));
}

TEST_F(AcceptorTest, AStaleSocketIsReplacedAndOtherFilesAreNot) {
  Start({});
  acceptor_.reset();
  socket_.reset();
  // As a killed daemon leaves it: a socket that nobody listens on.
  base::UniqueFd stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof(address.sun_path), "%s",
                path_.c_str());
  ASSERT_EQ(::bind(stale.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof(address)),
            0);
  stale.reset();
  Start({});
  const base::UniqueFd client = Connect();
  Send(client, kPreface);
  EXPECT_EQ(WaitForHandovers(1), 1u);
  acceptor_.reset();
  socket_.reset();
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);

  std::ofstream(path_) << "data";
  EXPECT_THAT(ListenSocket::Open(path_, {}),
              base::StatusIs(absl::StatusCode::kFailedPrecondition,
                             testing::HasSubstr("no socket")));
  EXPECT_EQ(::access(path_.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace caisson::service
