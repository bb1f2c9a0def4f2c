// Fails one step of caissond, as fault_plan.h says: put before libc by
// LD_PRELOAD, it stands between the daemon and the calls below.
//
//   sendmsg, sendto, send        messages to the kernel, counted
//   recvmsg, recvfrom, recv      answers to the one that was hit; events
//   sqlite3_step, pwrite64       commits, and the write inside of one
//
// A refused message is sent with a type that the kernel does not know: it says
// no by itself, and treats what is around it as it does. Only the number of
// the error is put in here.
//
// Process: caissond under test. Thread: any; no locks.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <sqlite3.h>

#include "tests/testing/fault_plan.h"

namespace {

using caisson::testing::FaultAction;
using caisson::testing::FaultPlan;

// No message of rtnetlink, and none of any part of netfilter.
constexpr uint16_t kUnknownRoute = 0x7ffe;
constexpr uint16_t kUnknownNetfilter = 0xff;

FaultPlan* plan = nullptr;

// The message that was hit and whose answer is still to come.
std::atomic<int> waiting_fd = -1;
std::atomic<uint32_t> waiting_sequence = 0;
// The answer is a dump. The kernel makes it as room comes and loses none of
// it, but tells of what else was lost.
std::atomic<bool> waiting_for_dump = false;
thread_local bool disk_is_full = false;

__attribute__((constructor)) void MapPlan() {
  const char* const path = ::getenv(caisson::testing::kFaultFile);
  const int fd = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) ::abort();
  void* const memory = ::mmap(nullptr, sizeof(FaultPlan),
                              PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) ::abort();
  ::close(fd);
  plan = static_cast<FaultPlan*>(memory);
  // Not for the programs that the daemon starts.
  ::unsetenv("LD_PRELOAD");
}

// The next definition of the function that stands in the way here.
template <typename Function>
Function* Real(Function* here, const char* name) {
  static_cast<void>(here);
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool IsArmed(uint32_t kind) {
  return plan != nullptr && (plan->kinds & kind) != 0;
}

FaultAction Action() {
  return static_cast<FaultAction>(plan->action.load());
}

// Counts a step; whether it is the one.
bool IsHit() {
  if (++plan->seen != plan->nth) return false;
  plan->hit = 1;
  return true;
}

void Die() {
  ::kill(::getpid(), SIGKILL);
  while (true) ::pause();
}

// NETLINK_ROUTE or NETLINK_NETFILTER; -1: another socket.
int NetlinkOf(int fd) {
  int domain = 0;
  int protocol = -1;
  socklen_t size = sizeof(int);
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
      domain != AF_NETLINK) {
    return -1;
  }
  size = sizeof(int);
  ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
  return protocol == NETLINK_ROUTE || protocol == NETLINK_NETFILTER ? protocol
                                                                    : -1;
}

bool HearsEvents(int fd) {
  sockaddr_nl address = {};
  socklen_t size = sizeof(address);
  return ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
         address.nl_family == AF_NETLINK && address.nl_groups != 0;
}

// --- Sending ---------------------------------------------------------------

// Calls `visit` with each message, until it returns true.
template <typename Visit>
bool FindMessage(char* bytes, size_t size, Visit visit) {
  while (size >= sizeof(nlmsghdr)) {
    auto* const header = reinterpret_cast<nlmsghdr*>(bytes);
    if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > size) {
      return false;
    }
    if (visit(header)) return true;
    const size_t whole = NLMSG_ALIGN(header->nlmsg_len);
    if (whole >= size) return false;
    bytes += whole;
    size -= whole;
  }
  return false;
}

bool IsDump(int protocol, const nlmsghdr& first, const nlmsghdr& message) {
  // The bits mean something else for what is not a question.
  constexpr uint16_t kKind = 3;
  constexpr uint16_t kGet = RTM_GETLINK & kKind;
  const bool asks = protocol == NETLINK_ROUTE
                        ? (message.nlmsg_type & kKind) == kGet
                        : first.nlmsg_type != NFNL_MSG_BATCH_BEGIN;
  return asks && (message.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
}

// Returns what the caller has to see; `send` does it.
template <typename Send>
ssize_t SendCounted(int fd, int protocol, std::vector<char> bytes, Send send) {
  const bool hit =
      FindMessage(bytes.data(), bytes.size(), [&](nlmsghdr* header) {
        const bool is_mark = header->nlmsg_type == NFNL_MSG_BATCH_BEGIN ||
                             header->nlmsg_type == NFNL_MSG_BATCH_END;
        if ((protocol == NETLINK_NETFILTER && is_mark) || !IsHit()) {
          return false;
        }
        if (Action() != FaultAction::kRefuse &&
            Action() != FaultAction::kLoseAnswer) {
          return true;
        }
        waiting_sequence = header->nlmsg_seq;
        waiting_for_dump = IsDump(
            protocol, *reinterpret_cast<nlmsghdr*>(bytes.data()), *header);
        waiting_fd = fd;
        if (Action() == FaultAction::kRefuse) {
          header->nlmsg_type = protocol == NETLINK_ROUTE
                                   ? kUnknownRoute
                                   : header->nlmsg_type | kUnknownNetfilter;
        }
        return true;
      });
  if (hit && Action() == FaultAction::kSendFails) {
    errno = ENOBUFS;
    return -1;
  }
  if (hit && Action() == FaultAction::kDieBefore) Die();
  const ssize_t sent = send(bytes);
  if (hit && Action() == FaultAction::kDieAfter) Die();
  return sent;
}

// --- Receiving -------------------------------------------------------------

// Puts the test's error where the kernel has said that it does not know the
// message.
void SetError(char* bytes, size_t size) {
  FindMessage(bytes, size, [](nlmsghdr* header) {
    if (header->nlmsg_type != NLMSG_ERROR ||
        header->nlmsg_seq != waiting_sequence) {
      return false;
    }
    // Behind the header, which is a multiple of four long.
    reinterpret_cast<nlmsgerr*>(header + 1)->error = -EIO;
    waiting_fd = -1;
    return true;
  });
}

// Before a receive: only the news of a loss, nothing is lost.
bool TellsOfLoss(int fd) {
  int expected = fd;
  return plan != nullptr && Action() == FaultAction::kLoseAnswer &&
         waiting_for_dump && waiting_fd.compare_exchange_strong(expected, -1);
}

// Whether what was received is lost.
bool LosesAnswer(int fd) {
  int expected = fd;
  if (Action() == FaultAction::kLoseAnswer &&
      waiting_fd.compare_exchange_strong(expected, -1)) {
    return true;
  }
  return IsArmed(caisson::testing::kNetlinkEvent) && HearsEvents(fd) && IsHit();
}

ssize_t Overrun() {
  errno = ENOBUFS;
  return -1;
}

}  // namespace

extern "C" {

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static auto* const real = Real(&::sendmsg, "sendmsg");
  const int protocol =
      IsArmed(caisson::testing::kNetlinkMessage) ? NetlinkOf(fd) : -1;
  if (protocol < 0) return real(fd, message, flags);
  std::vector<char> all;
  for (size_t i = 0; i < message->msg_iovlen; ++i) {
    const iovec& part = message->msg_iov[i];
    const auto* const bytes = static_cast<const char*>(part.iov_base);
    all.insert(all.end(), bytes, bytes + part.iov_len);
  }
  return SendCounted(fd, protocol, std::move(all),
                     [&](std::vector<char>& bytes) {
                       iovec part = {bytes.data(), bytes.size()};
                       msghdr copy = *message;
                       copy.msg_iov = &part;
                       copy.msg_iovlen = 1;
                       return real(fd, &copy, flags);
                     });
}

ssize_t sendto(int fd, const void* data, size_t size, int flags,
               const sockaddr* to, socklen_t to_size) {
  static auto* const real = Real(&::sendto, "sendto");
  const int protocol =
      IsArmed(caisson::testing::kNetlinkMessage) ? NetlinkOf(fd) : -1;
  if (protocol < 0) return real(fd, data, size, flags, to, to_size);
  const auto* const first = static_cast<const char*>(data);
  return SendCounted(
      fd, protocol, {first, first + size}, [&](std::vector<char>& bytes) {
        return real(fd, bytes.data(), bytes.size(), flags, to, to_size);
      });
}

ssize_t send(int fd, const void* data, size_t size, int flags) {
  return ::sendto(fd, data, size, flags, nullptr, 0);
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  static auto* const real = Real(&::recvmsg, "recvmsg");
  if (TellsOfLoss(fd)) return Overrun();
  const ssize_t got = real(fd, message, flags);
  if (got <= 0 || plan == nullptr) return got;
  if (LosesAnswer(fd)) return Overrun();
  if (fd == waiting_fd) {
    SetError(static_cast<char*>(message->msg_iov[0].iov_base),
             static_cast<size_t>(got));
  }
  return got;
}

ssize_t recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from,
                 socklen_t* from_size) {
  static auto* const real = Real(&::recvfrom, "recvfrom");
  if (TellsOfLoss(fd)) return Overrun();
  const ssize_t got = real(fd, data, size, flags, from, from_size);
  if (got <= 0 || plan == nullptr) return got;
  if (LosesAnswer(fd)) return Overrun();
  if (fd == waiting_fd) {
    SetError(static_cast<char*>(data), static_cast<size_t>(got));
  }
  return got;
}

ssize_t recv(int fd, void* data, size_t size, int flags) {
  return ::recvfrom(fd, data, size, flags, nullptr, nullptr);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  static auto* const real = Real(&::pwrite64, "pwrite64");
  if (!disk_is_full) return real(fd, data, size, offset);
  errno = ENOSPC;
  return -1;
}

int sqlite3_step(sqlite3_stmt* statement) {
  static auto* const real = Real(&::sqlite3_step, "sqlite3_step");
  const char* const text = IsArmed(caisson::testing::kStoreCommit)
                               ? ::sqlite3_sql(statement)
                               : nullptr;
  if (text == nullptr || ::strcmp(text, "COMMIT") != 0 || !IsHit()) {
    return real(statement);
  }
  if (Action() == FaultAction::kDieBefore) Die();
  disk_is_full = Action() == FaultAction::kRefuse;
  const int code = real(statement);
  disk_is_full = false;
  if (Action() == FaultAction::kDieAfter) Die();
  return code;
}

}  // extern "C"
