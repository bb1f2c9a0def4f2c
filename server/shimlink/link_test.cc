// The link against a keeper and a shim that are played by the test, on real
// sockets.

#include "server/shimlink/link.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/syscall_error.h"
#include "runtime/linux/pidfd.h"
#include "server/shimlink/lock_probe.h"

namespace caisson::shimlink {
namespace {

using base::UniqueFd;
using shim::FrameType;
using testing::ElementsAre;

constexpr char kId[] = "0123456789abcdef0123456789abcdef";

struct Received {
  bool ok = false;
  FrameType type = {};
  uint32_t target = 0;
  std::string body;
  std::vector<UniqueFd> fds;
};

// Waits for the next frame; !ok at the end of the stream.
Received Receive(int fd) {
  alignas(8) static thread_local char buffer[shim::kMaxFrameBytes];
  Received received;
  for (;;) {
    shim::FrameFds fds;
    const int size = shim::ReceiveMessage(fd, buffer, sizeof(buffer), &fds);
    if (size == -EAGAIN) {
      pollfd wait = {fd, POLLIN, 0};
      ::poll(&wait, 1, -1);
      continue;
    }
    shim::FrameView frame;
    if (size <= 0 ||
        !shim::ParseFrame(buffer, static_cast<size_t>(size), &frame)) {
      return received;
    }
    received.ok = true;
    received.type = frame.header.type;
    received.target = frame.header.target;
    received.body.assign(frame.body, frame.body_bytes);
    for (int i = 0; i < fds.count; ++i) {
      received.fds.push_back(std::move(fds.fd[i]));
    }
    return received;
  }
}

// OOM with this many copies of the socket: SendFrame has a limit.
void SendWithFds(int socket_fd, int count) {
  const shim::OomBody body = {.kills = 1};
  shim::FrameHeader header = shim::MakeHeader(FrameType::kOom, 0, sizeof(body));
  iovec parts[] = {{&header, sizeof(header)},
                   {const_cast<shim::OomBody*>(&body), sizeof(body)}};
  const size_t bytes = sizeof(int) * static_cast<size_t>(count);
  std::string control(CMSG_SPACE(bytes), '\0');
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(bytes);
  const std::vector<int> fds(static_cast<size_t>(count), socket_fd);
  std::memcpy(CMSG_DATA(rights), fds.data(), bytes);
  ASSERT_EQ(::sendmsg(socket_fd, &message, 0),
            static_cast<ssize_t>(sizeof(header) + sizeof(body)));
}

UniqueFd Listen(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(
      ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  return fd;
}

UniqueFd Accept(int fd) {
  return UniqueFd(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
}

// What a connection reported.
struct Log {
  absl::Mutex mutex;
  std::vector<FrameType> frames ABSL_GUARDED_BY(mutex);
  // Of the frames, where somebody takes it; the others are closed.
  UniqueFd taken ABSL_GUARDED_BY(mutex);
  absl::Notification closed;
  absl::Notification answered;
  absl::Notification writable;
  absl::StatusOr<ShimProcess> shim = absl::UnknownError("no answer");

  std::vector<FrameType> Frames() {
    absl::MutexLock lock(&mutex);
    return frames;
  }
  ConnHandlers Handlers() {
    ConnHandlers handlers;
    handlers.on_frame = [this](const ConnPtr& conn,
                               const shim::FrameView& frame,
                               shim::FrameFds* fds) {
      absl::MutexLock lock(&mutex);
      if (frame.header.type == FrameType::kPrepared) {
        taken = std::move(fds->fd[0]);
        conn->Send(FrameType::kStart, 0);
      }
      frames.push_back(frame.header.type);
    };
    handlers.on_closed = [this] { closed.Notify(); };
    handlers.on_writable = [this] { writable.Notify(); };
    handlers.on_spawned = [this](absl::StatusOr<ShimProcess> answer) {
      shim = std::move(answer);
      answered.Notify();
    };
    return handlers;
  }
};

class LinkTest : public testing::Test {
 protected:
  LinkTest() {
    char name[] = "/tmp/caisson-link.XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~LinkTest() override {
    link_.reset();
    EXPECT_TRUE(base::RemoveTree(directory_).ok());
  }

  void OpenWithKeeper() {
    listen_ = Listen(directory_ + "/keeper.sock");
    Open("/nonexistent/shim");
    keeper_ = Accept(listen_.get());
    ASSERT_TRUE(link_->WaitForKeeper(absl::Minutes(1)).ok());
  }
  void Open(const std::string& program) {
    absl::StatusOr<std::unique_ptr<Link>> link =
        Link::Open({.state_directory = directory_,
                    .shim_program = program,
                    .keeper_arguments = {"--keeper"}});
    ASSERT_TRUE(link.ok());
    link_ = *std::move(link);
  }
  absl::StatusOr<ConnPtr> Spawn(Log* log) {
    const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    SpawnArgs args;
    args.id = kId;
    args.run = 3;
    args.plan_fd = args.directory_fd = args.lock_fd = null.get();
    return link_->Spawn(args, log->Handlers());
  }
  void Answer(FrameType type, const void* body, size_t size, int fd = -1) {
    ASSERT_EQ(shim::SendFrame(keeper_.get(), type, 0, body, size, nullptr, 0,
                              &fd, fd >= 0 ? 1 : 0),
              0);
  }

  void AnswerSpawned() {
    shim::SpawnedBody spawned = {};
    std::memcpy(spawned.id, kId, sizeof(kId));
    spawned.pid = ::getpid();
    const UniqueFd self = *linux_::OpenPidfd(::getpid());
    Answer(FrameType::kSpawned, &spawned, sizeof(spawned), self.get());
  }

  // Handlers may be called until the link is gone, so what they write to
  // lives longer than a test's body.
  Log& NewLog() { return logs_.emplace_back(); }

  std::deque<Log> logs_;  // before link_
  std::string directory_;
  UniqueFd listen_;
  UniqueFd keeper_;
  std::unique_ptr<Link> link_;
};

TEST_F(LinkTest, SpawnHandsDescriptorsOverAndReportsTheShim) {
  OpenWithKeeper();
  Log& log = NewLog();
  absl::StatusOr<ConnPtr> conn = Spawn(&log);
  ASSERT_TRUE(conn.ok());
  Received spawn = Receive(keeper_.get());
  ASSERT_EQ(spawn.type, FrameType::kSpawn);
  shim::SpawnBody body;
  ASSERT_EQ(spawn.body.size(), sizeof(body));
  std::memcpy(&body, spawn.body.data(), sizeof(body));
  EXPECT_STREQ(body.id, kId);
  EXPECT_EQ(body.run, 3u);
  ASSERT_EQ(spawn.fds.size(), 4u);  // plan, directory, lock, control

  const int control = spawn.fds[3].get();
  const shim::PhasesBody phases = {};
  ASSERT_EQ(shim::SendFrame(control, FrameType::kPrepared, 0, &phases,
                            sizeof(phases)),
            0);
  EXPECT_EQ(Receive(control).type, FrameType::kStart);

  AnswerSpawned();
  log.answered.WaitForNotification();
  ASSERT_TRUE(log.shim.ok());
  EXPECT_EQ(log.shim->pid, ::getpid());
  EXPECT_FALSE(linux_::HasExited(log.shim->pid_fd.get()));

  spawn.fds.clear();  // the shim dies
  log.closed.WaitForNotification();
  EXPECT_THAT(log.Frames(), ElementsAre(FrameType::kPrepared));
  EXPECT_FALSE((*conn)->Send(FrameType::kCloseStdin, 0));
}

TEST_F(LinkTest, FramesBeforeTheEndAreDelivered) {
  OpenWithKeeper();
  Log& log = NewLog();
  ASSERT_TRUE(Spawn(&log).ok());
  Received spawn = Receive(keeper_.get());
  const shim::FailedBody failed = {
      .op = 4, .err = ENOENT, .stage = 0, .killed_by_signal = 0};
  ASSERT_EQ(shim::SendFrame(spawn.fds[3].get(), FrameType::kFailed, 0, &failed,
                            sizeof(failed)),
            0);
  spawn.fds.clear();
  AnswerSpawned();
  log.closed.WaitForNotification();
  EXPECT_TRUE(log.answered.HasBeenNotified());
  EXPECT_THAT(log.Frames(), ElementsAre(FrameType::kFailed));
}

TEST_F(LinkTest, DescriptorsOfAFrameAreTheHandlersOrClosed) {
  OpenWithKeeper();
  Log& log = NewLog();
  ASSERT_TRUE(Spawn(&log).ok());
  const Received spawn = Receive(keeper_.get());
  const int control = spawn.fds[3].get();
  int ends[2] = {};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const int sent[] = {read_end.get(), write_end.get()};
  const shim::PhasesBody phases = {};
  ASSERT_EQ(shim::SendFrame(control, FrameType::kPrepared, 0, &phases,
                            sizeof(phases), nullptr, 0, sent, 2),
            0);
  EXPECT_EQ(Receive(control).type, FrameType::kStart);
  {
    absl::MutexLock lock(&log.mutex);
    struct stat ours = {};
    struct stat theirs = {};
    ASSERT_EQ(::fstat(read_end.get(), &ours), 0);
    ASSERT_EQ(::fstat(log.taken.get(), &theirs), 0);
    EXPECT_EQ(theirs.st_ino, ours.st_ino);
  }
  // The write end came second and nobody took it: ours was the last one.
  write_end.reset();
  pollfd ended = {read_end.get(), 0, 0};
  EXPECT_EQ(::poll(&ended, 1, -1), 1);
  EXPECT_EQ(ended.revents, POLLHUP);
}

TEST_F(LinkTest, MoreDescriptorsThanAFrameMayHaveCloseTheConnection) {
  OpenWithKeeper();
  Log& log = NewLog();
  ASSERT_TRUE(Spawn(&log).ok());
  const Received spawn = Receive(keeper_.get());
  SendWithFds(spawn.fds[3].get(), shim::kMaxFrameFds + 1);
  AnswerSpawned();
  log.closed.WaitForNotification();
  EXPECT_TRUE(log.Frames().empty());
}

TEST_F(LinkTest, AFailedForkIsReportedWithItsErrno) {
  OpenWithKeeper();
  Log& log = NewLog();
  ASSERT_TRUE(Spawn(&log).ok());
  Receive(keeper_.get());
  shim::ErrorBody error = {};
  std::memcpy(error.id, kId, sizeof(kId));
  error.err = EAGAIN;
  Answer(FrameType::kSpawnFailed, &error, sizeof(error));
  log.answered.WaitForNotification();
  EXPECT_EQ(base::ErrnoOf(log.shim.status()), EAGAIN);
}

TEST_F(LinkTest, AKeeperThatIsBeingStoppedIsALostOne) {
  OpenWithKeeper();
  Log& log = NewLog();
  ASSERT_TRUE(Spawn(&log).ok());
  Receive(keeper_.get());
  shim::ErrorBody error = {};
  std::memcpy(error.id, kId, sizeof(kId));
  error.err = ESHUTDOWN;
  Answer(FrameType::kSpawnFailed, &error, sizeof(error));
  log.answered.WaitForNotification();
  EXPECT_EQ(base::DetailOf(log.shim.status()).reason, "KEEPER_LOST");
}

TEST_F(LinkTest, ALostKeeperFailsWhatWaitsForItAndIsFoundAgain) {
  OpenWithKeeper();
  Log& log = NewLog();
  ASSERT_TRUE(Spawn(&log).ok());
  Received spawn = Receive(keeper_.get());
  // No keeper listens any more when this one goes.
  ASSERT_EQ(::unlink((directory_ + "/keeper.sock").c_str()), 0);
  listen_.reset();
  keeper_.reset();
  log.answered.WaitForNotification();
  EXPECT_EQ(base::DetailOf(log.shim.status()).reason, "KEEPER_LOST");

  Log& second = NewLog();
  const absl::Status refused = Spawn(&second).status();
  EXPECT_EQ(base::DetailOf(refused).reason, "KEEPER_LOST");
  EXPECT_GT(base::DetailOf(refused).retry_after, absl::ZeroDuration());
  EXPECT_EQ(link_->keeper_pid(), 0);

  listen_ = Listen(directory_ + "/keeper.sock");
  keeper_ = Accept(listen_.get());
  ASSERT_TRUE(link_->WaitForKeeper(absl::Minutes(1)).ok());
  EXPECT_EQ(link_->keeper_pid(), ::getpid());
  Log third;
  EXPECT_TRUE(Spawn(&third).ok());
  link_.reset();
  third.closed.WaitForNotification();
  // The first connection is the shim's own matter: it was still open.
  log.closed.WaitForNotification();
}

TEST_F(LinkTest, AMissingKeeperIsStarted) {
  // The program only leaves a mark: it got its arguments.
  const std::string mark = directory_ + "/mark";
  const std::string program = directory_ + "/shim";
  ASSERT_TRUE(base::WriteFileAtomic(program,
                                    "#!/bin/sh\necho \"$@\" > " + mark + "\n",
                                    0700, /*sync=*/false)
                  .ok());
  Open(program);
  std::string text;
  while (text.empty()) {
    text = base::ReadFileToString(mark, 100).value_or("");
    ::sched_yield();
  }
  EXPECT_EQ(text, "--keeper\n");
}

TEST_F(LinkTest, ConnectFindsAShimThatListens) {
  OpenWithKeeper();
  Log& log = NewLog();
  const absl::Status missing = link_->Connect(kId, log.Handlers()).status();
  EXPECT_EQ(base::ErrnoOf(missing), ENOENT);
  const UniqueFd listen =
      Listen(directory_ + "/shims/" + std::string(kId) + ".sock");
  absl::StatusOr<ConnPtr> conn = link_->Connect(kId, log.Handlers());
  ASSERT_TRUE(conn.ok());
  const UniqueFd shim = Accept(listen.get());
  // Before it reads anything: also of one that hangs.
  EXPECT_EQ((*conn)->PeerPid(), ::getpid());
  ASSERT_TRUE((*conn)->Send(FrameType::kCloseStdin, 7));
  const Received frame = Receive(shim.get());
  EXPECT_EQ(frame.type, FrameType::kCloseStdin);
  EXPECT_EQ(frame.target, 7u);
  (*conn)->Close();
  log.closed.WaitForNotification();
}

TEST_F(LinkTest, AShimThatDoesNotReadGetsEverythingLater) {
  OpenWithKeeper();
  Log& log = NewLog();
  absl::StatusOr<ConnPtr> conn = Spawn(&log);
  ASSERT_TRUE(conn.ok());
  Received spawn = Receive(keeper_.get());
  const std::string piece(32 * 1024, 'x');
  const shim::StdinBody body = {};
  uint32_t sent = 0;
  while ((*conn)->SendBody(FrameType::kStdin, sent, body, piece)) ++sent;
  EXPECT_GT(sent * piece.size(), ShimConn::kMaxQueuedInputBytes / 2);
  // Input leaves room for what is not refused because of it.
  EXPECT_TRUE((*conn)->Send(FrameType::kCloseStdin, 0));
  EXPECT_FALSE(log.writable.HasBeenNotified());
  for (uint32_t i = 0; i < sent; ++i) {
    const Received frame = Receive(spawn.fds[3].get());
    ASSERT_TRUE(frame.ok);
    ASSERT_EQ(frame.target, i);
    ASSERT_EQ(frame.body.size(), sizeof(body) + piece.size());
  }
  EXPECT_EQ(Receive(spawn.fds[3].get()).type, FrameType::kCloseStdin);
  log.writable.WaitForNotification();
  EXPECT_TRUE((*conn)->SendBody(FrameType::kStdin, sent, body, piece));
}

TEST_F(LinkTest, GarbageClosesTheConnection) {
  OpenWithKeeper();
  Log& log = NewLog();
  ASSERT_TRUE(Spawn(&log).ok());
  Received spawn = Receive(keeper_.get());
  ASSERT_EQ(::send(spawn.fds[3].get(), "garbage", 7, 0), 7);
  AnswerSpawned();
  log.closed.WaitForNotification();
  EXPECT_TRUE(log.Frames().empty());
}

TEST_F(LinkTest, TheLockTellsWhetherAShimLives) {
  const UniqueFd directory(
      ::open(directory_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  EXPECT_FALSE(*LockIsHeld(directory.get()));  // no file
  ASSERT_TRUE(CreateLockFile(directory.get()).ok());
  EXPECT_FALSE(*LockIsHeld(directory.get()));
  UniqueFd lock = *TakeLock(directory.get());
  UniqueFd copy = *base::Duplicate(lock.get());  // what the shim inherits
  lock.reset();
  EXPECT_TRUE(*LockIsHeld(directory.get()));
  EXPECT_TRUE(absl::IsFailedPrecondition(TakeLock(directory.get()).status()));
  copy.reset();
  EXPECT_FALSE(*LockIsHeld(directory.get()));
}

// A process that lives until this goes and inherits a descriptor, as a shim.
class Child {
 public:
  explicit Child(int inherited_fd) {
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, inherited_fd, 0);
    char program[] = "/bin/sleep";
    char argument[] = "infinity";
    char* const arguments[] = {program, argument, nullptr};
    EXPECT_EQ(
        ::posix_spawn(&pid_, program, &actions, nullptr, arguments, nullptr),
        0);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

TEST_F(LinkTest, TheHolderOfALockIsKnownByThePidItHad) {
  const UniqueFd directory(
      ::open(directory_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(CreateLockFile(directory.get()).ok());
  UniqueFd lock = *TakeLock(directory.get());
  const Child shim(lock.get());
  lock.reset();
  const Child other(directory.get());
  const absl::StatusOr<UniqueFd> holder =
      OpenHolder(directory.get(), shim.pid());
  ASSERT_TRUE(holder.ok()) << holder.status().ToString();
  EXPECT_EQ(*linux_::PidOf(holder->get()), shim.pid());
  EXPECT_TRUE(
      absl::IsNotFound(OpenHolder(directory.get(), other.pid()).status()));
  EXPECT_TRUE(absl::IsNotFound(OpenHolder(directory.get(), 0).status()));
}

TEST_F(LinkTest, ProbesOfTheLockDisturbNobody) {
  const UniqueFd directory(
      ::open(directory_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(CreateLockFile(directory.get()).ok());
  // A probe, stopped in its middle.
  UniqueFd probe(::openat(directory.get(), kLockFileName, O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(probe.get(), LOCK_SH), 0);
  EXPECT_FALSE(*LockIsHeld(directory.get()));
  absl::StatusOr<UniqueFd> lock = absl::UnknownError("not called");
  std::thread taker([&] { lock = TakeLock(directory.get()); });
  probe.reset();
  taker.join();
  EXPECT_TRUE(lock.ok()) << lock.status().ToString();
  EXPECT_TRUE(*LockIsHeld(directory.get()));
}

}  // namespace
}  // namespace caisson::shimlink
