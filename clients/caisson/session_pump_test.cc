// Real signals and a pipe as stdin, a session that only notes what it is sent.
#include "clients/caisson/session_pump.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caisson::cli {
namespace {

using ::testing::ElementsAre;

class NotingSession : public client::Session {
 public:
  bool SendInput(std::string data, int64_t offset) override {
    return Note("input " + std::to_string(offset) + " " + data);
  }
  bool SendCloseInput() override { return Note("close"); }
  bool SendResize(int, int) override { return Note("resize"); }
  bool SendKill(const std::string& signal) override {
    return Note("kill " + signal);
  }
  bool Next(v1::RunResponse*) override { return false; }
  grpc::Status Finish() override { return grpc::Status::OK; }
  void Cancel() override { Note("cancel"); }

  // Once so many were sent.
  std::vector<std::string> Notes(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] {
      mutex_.AssertHeld();  // as Await calls it
      return notes_.size() >= count;
    };
    mutex_.Await(absl::Condition(&enough));
    return notes_;
  }

 private:
  bool Note(std::string what) {
    absl::MutexLock lock(&mutex_);
    notes_.push_back(std::move(what));
    return true;
  }

  absl::Mutex mutex_;
  std::vector<std::string> notes_ ABSL_GUARDED_BY(mutex_);
};

class SessionPumpTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { BlockPumpedSignals(); }
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    writer_ = ends[1];
  }
  void TearDown() override {
    if (pump_ != nullptr) {
      pump_->Stop();
      loop_.join();
    }
    CloseWriter();
  }

  void Start(PumpOptions options) {
    pump_ = std::make_unique<SessionPump>(&session_, std::move(options));
    loop_ = std::thread([this] { pump_->Loop(); });
  }
  void Type(const std::string& text) const {
    EXPECT_EQ(::write(writer_, text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  void CloseWriter() {
    if (writer_ >= 0) ::close(writer_);
    writer_ = -1;
  }

  NotingSession session_;
  std::unique_ptr<SessionPump> pump_;
  std::thread loop_;
  int writer_ = -1;
};

TEST_F(SessionPumpTest, InputGoesOnWhereTheProcessIs) {
  Start({});
  pump_->SetStarted();
  pump_->StartInput(100);
  Type("abc");
  EXPECT_THAT(session_.Notes(1), ElementsAre("input 100 abc"));
  Type("d");
  EXPECT_THAT(session_.Notes(2), ElementsAre("input 100 abc", "input 103 d"));
  CloseWriter();
  EXPECT_EQ(session_.Notes(3).back(), "close");
}

TEST_F(SessionPumpTest, SignalsGoToTheProcess) {
  Start({});
  pump_->SetStarted();
  ::kill(::getpid(), SIGUSR1);
  EXPECT_THAT(session_.Notes(1), ElementsAre("kill SIGUSR1"));
  ::kill(::getpid(), SIGTERM);
  EXPECT_EQ(session_.Notes(2).back(), "kill SIGTERM");
  EXPECT_EQ(pump_->aborted_by(), 0);
}

TEST_F(SessionPumpTest, WhoInsistsLeaves) {
  Start({});
  pump_->SetStarted();
  for (size_t i = 1; i <= 3; ++i) {
    ::kill(::getpid(), SIGINT);
    session_.Notes(i);
  }
  EXPECT_THAT(session_.Notes(3),
              ElementsAre("kill SIGINT", "kill SIGINT", "cancel"));
  EXPECT_EQ(pump_->aborted_by(), SIGINT);
}

TEST_F(SessionPumpTest, BeforeTheStartOneSignalIsEnough) {
  Start({});
  ::kill(::getpid(), SIGTERM);
  EXPECT_THAT(session_.Notes(1), ElementsAre("cancel"));
  EXPECT_EQ(pump_->aborted_by(), SIGTERM);
}

TEST_F(SessionPumpTest, SignalsOfARawTerminalMeanThisProgram) {
  Start({.raw = true});
  pump_->SetStarted();
  ::kill(::getpid(), SIGHUP);
  EXPECT_THAT(session_.Notes(1), ElementsAre("cancel"));
  EXPECT_EQ(pump_->aborted_by(), SIGHUP);
}

TEST_F(SessionPumpTest, DetachKeysLeaveWithoutReachingTheProcess) {
  Start({.raw = true, .detach_keys = "\x10\x11"});
  pump_->SetStarted();
  pump_->StartInput(0);
  Type("ls\x10\x11");
  EXPECT_THAT(session_.Notes(2), ElementsAre("input 0 ls", "cancel"));
  EXPECT_TRUE(pump_->detached());
}

TEST_F(SessionPumpTest, InputWaitsForAProcessThatDoesNotRead) {
  Start({});
  pump_->SetStarted();
  pump_->StartInput(0);
  // Taken in pieces; what the window does not let through stays in the pipe.
  ASSERT_GT(::fcntl(writer_, F_SETPIPE_SZ, 1 << 20), 0);
  Type(std::string(600 * 1024, 'x'));
  ::kill(::getpid(), SIGUSR2);
  int64_t sent = 0;
  bool killed = false;
  for (size_t seen = 0; !killed || sent < 512 * 1024;) {
    const std::vector<std::string> notes = session_.Notes(seen + 1);
    for (; seen < notes.size(); ++seen) {
      killed = killed || notes[seen] == "kill SIGUSR2";
      if (notes[seen].rfind("input ", 0) == 0) {
        sent += static_cast<int64_t>(notes[seen].size() -
                                     notes[seen].rfind(' ') - 1);
      }
    }
  }
  EXPECT_EQ(sent, 512 * 1024);
  const size_t count = session_.Notes(0).size();
  pump_->InputTaken(512 * 1024, false);
  EXPECT_EQ(session_.Notes(count + 1)[count].substr(0, 13), "input 524288 ");
}

}  // namespace
}  // namespace caisson::cli
