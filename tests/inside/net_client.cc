// The modes that ask in networks.
#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "tests/inside/modes.h"
#include "tests/inside/sha256.h"

namespace caisson::inside {

namespace {

int64_t NowMs() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

struct Address {
  sockaddr_storage bytes = {};
  socklen_t size = 0;
};

// Size 0: it is none.
Address AddressOf(const std::string& text, int64_t port) {
  Address address;
  auto* const ip4 = reinterpret_cast<sockaddr_in*>(&address.bytes);
  auto* const ip6 = reinterpret_cast<sockaddr_in6*>(&address.bytes);
  const uint16_t wire_port = htons(static_cast<uint16_t>(port));
  if (::inet_pton(AF_INET, text.c_str(), &ip4->sin_addr) == 1) {
    ip4->sin_family = AF_INET;
    ip4->sin_port = wire_port;
    address.size = sizeof *ip4;
  } else if (::inet_pton(AF_INET6, text.c_str(), &ip6->sin6_addr) == 1) {
    ip6->sin6_family = AF_INET6;
    ip6->sin6_port = wire_port;
    address.size = sizeof *ip6;
  }
  return address;
}

// --- Questions ---------------------------------------------------------------

// One question, asked until it is answered, refused or too late.
class Question {
 public:
  // ID/PROTOCOL/ADDRESS/PORT/MILLISECONDS
  explicit Question(const std::string& text) {
    std::vector<std::string> words(1);
    for (const char c : text) {
      if (c == '/') {
        words.emplace_back();
      } else {
        words.back() += c;
      }
    }
    id_ = words[0];
    if (words.size() == 5) {
      protocol_ = words[1];
      to_ = AddressOf(words[2], NumberOr(words[3], 0));
      deadline_ = NowMs() + NumberOr(words[4], 0);
    }
    if (to_.size == 0) {
      End("!usage");
    } else {
      Begin();
    }
  }

  bool done() const { return done_; }
  void Print() const { PrintFact(id_, answer_); }
  pollfd Watched() const {
    return {fd_, static_cast<short>(connected_ ? POLLIN : POLLOUT), 0};
  }

  void Turn(short events) {
    if (done_) return;
    if (events != 0) {
      if (protocol_ == "tcp") {
        TurnStream();
      } else {
        Receive();
      }
    }
    if (done_) return;
    if (NowMs() >= deadline_) return End("!ETIMEDOUT");
    // A first packet may be lost where its way is not yet known.
    if (protocol_ != "tcp" && NowMs() >= again_) Send();
  }

 private:
  void Begin() {
    const bool ip6 = to_.bytes.ss_family == AF_INET6;
    int type = SOCK_DGRAM;
    int protocol = 0;
    if (protocol_ == "tcp") type = SOCK_STREAM;
    if (protocol_ == "ping") {
      protocol = ip6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
    }
    fd_ = ::socket(to_.bytes.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC,
                   protocol);
    if (fd_ < 0) return Fail();
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to_.bytes), to_.size) < 0 &&
        errno != EINPROGRESS) {
      return Fail();
    }
    connected_ = type == SOCK_DGRAM;
    if (connected_) Send();
  }

  void TurnStream() {
    if (!connected_) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return End("!" + ErrnoText(error));
      connected_ = true;
      return;
    }
    char chunk[256];
    const ssize_t n = ::recv(fd_, chunk, sizeof chunk, 0);
    if (n > 0) {
      received_.append(chunk, static_cast<size_t>(n));
    } else if (n == 0) {
      End(received_);
    } else if (errno != EAGAIN && errno != EINTR) {
      Fail();
    }
  }

  void Send() {
    again_ = NowMs() + 300;
    std::string packet = "\n";
    if (protocol_ == "ping") {
      packet.assign(sizeof(icmphdr), '\0');
      const bool ip6 = to_.bytes.ss_family == AF_INET6;
      packet[0] = static_cast<char>(ip6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO);
    }
    // An error of an earlier packet is told here too.
    if (::send(fd_, packet.data(), packet.size(), MSG_NOSIGNAL) < 0) Fail();
  }

  void Receive() {
    char chunk[256];
    const ssize_t n = ::recv(fd_, chunk, sizeof chunk, 0);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) Fail();
      return;
    }
    End(protocol_ == "ping" ? "pong"
                            : std::string(chunk, static_cast<size_t>(n)));
  }

  void Fail() { End("!" + ErrnoText(errno)); }
  void End(const std::string& answer) {
    answer_ = answer;
    done_ = true;
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  std::string id_;
  std::string protocol_;
  Address to_;
  int64_t deadline_ = 0;
  int64_t again_ = 0;
  int fd_ = -1;
  bool connected_ = false;
  bool done_ = false;
  std::string received_;
  std::string answer_;
};

// --- One long conversation ---------------------------------------------------

// Sends bytes that both sides know, receives them back, compares each.
class Flow {
 public:
  explicit Flow(int fd) : fd_(fd) {}

  // Until everything that was sent is back, once the input has ended.
  int Run() {
    last_ = NowMs();
    bool told_to_end = false;
    while (!told_to_end || received_ < sent_) {
      // What is in flight is bounded, and so is the rate: the machine has other
      // things to do.
      const bool may_send = !told_to_end && sent_ - received_ < kWindow;
      pollfd fds[] = {{told_to_end ? -1 : STDIN_FILENO, POLLIN, 0},
                      {fd_, POLLIN, 0}};
      if (::poll(fds, 2, may_send ? 1 : 1000) < 0) return Fail(errno);
      if (fds[0].revents != 0) told_to_end = !Tell();
      if (fds[1].revents != 0 && !Receive()) return Fail(errno);
      if (may_send && !Send()) return Fail(errno);
      if (NowMs() - last_ > kPatienceMs) return Fail(ETIMEDOUT);
    }
    Print();
    return wrong_ == 0 ? 0 : 1;
  }

 private:
  static constexpr uint64_t kWindow = 256 << 10;
  static constexpr size_t kChunk = 4 << 10;
  static constexpr int64_t kPatienceMs = 60'000;

  void Print() const {
    PrintFact("sent", std::to_string(sent_));
    PrintFact("received", std::to_string(received_));
    PrintFact("wrong", std::to_string(wrong_));
  }
  int Fail(int error) const {
    Print();
    PrintFact("error", ErrnoText(error));
    return 1;
  }
  // A word of input is answered with how far it is; false at its end.
  bool Tell() const {
    char word[64];
    const ssize_t n = ::read(STDIN_FILENO, word, sizeof word);
    if (n <= 0) return false;
    const std::string_view text(word, static_cast<size_t>(n));
    PrintFact(text.substr(0, text.find('\n')), std::to_string(received_));
    return true;
  }
  bool Send() {
    char chunk[kChunk];
    FillRandom(1, sent_, chunk, sizeof chunk);
    const ssize_t n =
        ::send(fd_, chunk, sizeof chunk, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent_ += static_cast<uint64_t>(n);
    return n >= 0 || errno == EAGAIN || errno == EINTR;
  }
  bool Receive() {
    char chunk[kChunk];
    const ssize_t n = ::recv(fd_, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) {
      errno = EPIPE;
      return false;
    }
    const auto size = static_cast<size_t>(n);
    char expected[kChunk];
    FillRandom(1, received_, expected, size);
    for (size_t i = 0; i < size; ++i) wrong_ += chunk[i] != expected[i];
    received_ += size;
    last_ = NowMs();
    return true;
  }

  const int fd_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  uint64_t wrong_ = 0;
  int64_t last_ = 0;
};

}  // namespace

int Ask(const Arguments& arguments) {
  std::vector<Question> questions;
  for (const std::string& argument : arguments) {
    questions.emplace_back(argument);
  }
  const auto all_done = [&questions] {
    return std::all_of(questions.begin(), questions.end(),
                       [](const Question& one) { return one.done(); });
  };
  while (!all_done()) {
    std::vector<pollfd> fds;
    for (const Question& one : questions) fds.push_back(one.Watched());
    if (::poll(fds.data(), fds.size(), 20) < 0 && errno != EINTR) return 1;
    for (size_t i = 0; i < questions.size(); ++i) {
      questions[i].Turn(fds[i].revents);
    }
  }
  for (const Question& one : questions) one.Print();
  return 0;
}

int Converse(const Arguments& arguments) {
  if (arguments.size() < 2) return 64;
  const Address to = AddressOf(arguments[0], NumberOr(arguments[1], 0));
  const int fd = ::socket(to.bytes.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&to.bytes),
                          to.size) < 0) {
    PrintFact("error", ErrnoText(errno));
    return 1;
  }
  PrintFact("connected", arguments[0]);
  return Flow(fd).Run();
}

}  // namespace caisson::inside
