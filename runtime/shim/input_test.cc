#include "runtime/shim/input.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/shim/protocol/frames.h"

namespace caisson::shim {
namespace {

class InputTest : public testing::Test, public InputListener {
 protected:
  InputTest() {
    ::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(loop_.Open(), 0);
    int fds[2] = {-1, -1};
    EXPECT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    reader_.reset(fds[0]);
    input_.Open(&loop_, this, base::UniqueFd(fds[1]), false);
  }

  void OnInputProgress(int64_t offset, bool closed) noexcept override {
    offset_ = offset;
    closed_ = closed;
    ++reports_;
  }

  void Write(int64_t offset, const std::string& text) {
    input_.Write(offset, text.data(), text.size());
  }
  // What the process can read now.
  std::string Read() {
    std::string all;
    char buffer[4096];
    ssize_t n = 0;
    while ((n = ::read(reader_.get(), buffer, sizeof(buffer))) > 0) {
      all.append(buffer, static_cast<size_t>(n));
    }
    ended_ = n == 0;
    return all;
  }

  // What the loop has to do within a millisecond.
  void Turn() {
    Timer over;
    over.Bind<&InputTest::OnOver>(this);
    over.Arm(&loop_, kNsPerMs);
    over_ = false;
    while (!over_) loop_.RunOnce();
  }
  void OnOver() noexcept { over_ = true; }

  bool over_ = false;
  Loop loop_;
  base::UniqueFd reader_;
  Input input_;
  int64_t offset_ = -1;
  bool closed_ = false;
  bool ended_ = false;
  int reports_ = 0;
};

TEST_F(InputTest, WritesAndReports) {
  Write(0, "abc");
  EXPECT_EQ(offset_, 3);
  Write(3, "def");
  EXPECT_EQ(offset_, 6);
  EXPECT_EQ(Read(), "abcdef");
  EXPECT_FALSE(ended_);
}

TEST_F(InputTest, SkipsWhatWasTakenBefore) {
  Write(0, "abc");
  Write(0, "abcd");
  EXPECT_EQ(offset_, 4);
  Write(1, "bcd");
  EXPECT_EQ(offset_, 4);
  EXPECT_EQ(Read(), "abcd");
}

TEST_F(InputTest, RefusesWhatIsBehindAHole) {
  Write(1, "x");
  EXPECT_EQ(offset_, 0);
  Write(-1, "x");
  EXPECT_EQ(offset_, 0);
  EXPECT_EQ(Read(), "");
}

TEST_F(InputTest, KeepsAWindowForASlowReader) {
  std::string sent;
  for (char letter = 'a'; letter < 'a' + 16; ++letter) {
    const std::string block(kMaxStdinBytes, letter);
    Write(static_cast<int64_t>(sent.size()), block);
    sent += block;
  }
  // What was neither written nor kept has to come again.
  EXPECT_LT(offset_, static_cast<int64_t>(sent.size()));
  std::string received = Read();
  while (received.size() < sent.size()) {
    const int before = reports_;
    Write(static_cast<int64_t>(received.size()),
          sent.substr(received.size(), kMaxStdinBytes));
    EXPECT_GT(reports_, before);
    Turn();
    received += Read();
  }
  EXPECT_TRUE(received == sent);
}

TEST_F(InputTest, KnowsWhatItWasGivenBeforeItIsRead) {
  const std::string block(kMaxStdinBytes, 'x');
  Write(0, block);
  Write(kMaxStdinBytes, block);  // more than the pipe takes
  EXPECT_LT(input_.offset(), 2 * int64_t{kMaxStdinBytes});
  EXPECT_EQ(input_.taken(), 2 * int64_t{kMaxStdinBytes});
  while (Read().size() > 0) Turn();
  EXPECT_EQ(input_.offset(), input_.taken());
}

TEST_F(InputTest, ClosesBehindWhatIsStillToBeWritten) {
  const std::string block(kMaxStdinBytes, 'x');
  Write(0, block);
  Write(static_cast<int64_t>(block.size()), block);
  input_.CloseWhenWritten();
  EXPECT_FALSE(closed_);
  std::string received;
  while (!closed_) {
    received += Read();
    if (!closed_) loop_.RunOnce();
  }
  received += Read();
  EXPECT_EQ(received.size(), 2 * block.size());
  EXPECT_TRUE(ended_);
  EXPECT_TRUE(input_.is_closed());
}

TEST_F(InputTest, ClosesOnceAndDropsWhatComesLater) {
  input_.CloseWhenWritten();
  EXPECT_TRUE(closed_);
  input_.CloseWhenWritten();
  EXPECT_EQ(reports_, 2);
  Write(0, "late");
  EXPECT_TRUE(closed_);
  EXPECT_EQ(Read(), "");
  EXPECT_TRUE(ended_);
}

TEST_F(InputTest, AReaderThatLeftClosesIt) {
  reader_.reset();
  Write(0, "x");
  EXPECT_TRUE(closed_);
  EXPECT_TRUE(input_.is_closed());
  EXPECT_EQ(input_.offset(), 0);
}

TEST_F(InputTest, WithoutADescriptorItIsClosed) {
  Input none;
  none.Open(&loop_, this, base::UniqueFd(), false);
  none.Write(0, "x", 1);
  EXPECT_TRUE(closed_);
}

}  // namespace
}  // namespace caisson::shim
