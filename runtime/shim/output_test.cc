#include "runtime/shim/output.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/base/crc32c.h"
#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"
#include "runtime/record/log_record.h"
#include "runtime/shim/protocol/frames.h"

namespace caisson::shim {
namespace {

using record::CutCause;
using record::ExitCompleteness;
using record::LogStream;

// Makes every file of this process end at a size: what a full disk looks like.
class ScopedFileLimit {
 public:
  explicit ScopedFileLimit(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~ScopedFileLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_ = {};
};

class OutputTest : public testing::Test, public OutputListener {
 protected:
  OutputTest() : buffer_(kReadBytes) {
    char name[] = "/tmp/output_test.XXXXXX";
    path_ = ::mkdtemp(name);
    directory_.reset(::open(path_.c_str(), O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(loop_.Open(), 0);
    options_.log.directory_fd = directory_.get();
    options_.read_buffer = buffer_.data();
    options_.drain_ns = 10 * kNsPerMs;
    options_.disk_grace_ns = 20 * kNsPerMs;
    options_.disk_retry_ns = kNsPerMs;
  }
  ~OutputTest() override {
    output_.reset();
    EXPECT_TRUE(base::RemoveTree(path_).ok());
  }

  void OnOutputLimit() noexcept override { ++limits_; }
  void OnDrained() noexcept override { drained_ = true; }
  void OnReleased() noexcept override { released_ = true; }

  void Start() {
    output_ = std::make_unique<Output>();
    ASSERT_EQ(output_->Open(&loop_, this, options_), 0);
    int out[2];
    int err[2];
    ASSERT_EQ(::pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    ASSERT_EQ(::pipe2(err, O_CLOEXEC | O_NONBLOCK), 0);
    out_.reset(out[1]);
    err_.reset(err[1]);
    ASSERT_EQ(
        output_->Start(base::UniqueFd(out[0]), base::UniqueFd(err[0]), false),
        0);
  }
  // Writes as much as the pipe takes, and lets the loop read.
  size_t Feed(const std::string& text) {
    size_t done = 0;
    for (int idle = 0; done < text.size() && idle < 2;) {
      const ssize_t n =
          ::write(out_.get(), text.data() + done, text.size() - done);
      if (n > 0) {
        done += static_cast<size_t>(n);
        idle = 0;
      } else {
        ++idle;
      }
      Turn();
    }
    return done;
  }
  // What the loop has to do within a millisecond.
  void Turn() {
    Timer over;
    over.Bind<&OutputTest::OnOver>(this);
    over.Arm(&loop_, kNsPerMs);
    over_ = false;
    while (!over_) loop_.RunOnce();
  }
  void OnOver() noexcept { over_ = true; }
  void RunUntilDrained() {
    while (!drained_) loop_.RunOnce();
  }
  std::string Log(int sequence = 0) {
    auto text = base::ReadFileToStringAt(
        directory_.get(), "log." + std::to_string(sequence), 1 << 30);
    return text.ok() ? *text : "missing";
  }

  std::vector<char> buffer_;
  std::string path_;
  base::UniqueFd directory_;
  Loop loop_;
  Output::Options options_;
  std::unique_ptr<Output> output_;
  base::UniqueFd out_;
  base::UniqueFd err_;
  int limits_ = 0;
  bool drained_ = false;
  bool released_ = false;
  bool over_ = false;
};

TEST_F(OutputTest, WritesBothStreamsAndEndsComplete) {
  Start();
  Feed("out\n");
  ASSERT_EQ(::write(err_.get(), "err\n", 4), 4);
  out_.reset();
  err_.reset();
  output_->Drain();
  ASSERT_TRUE(drained_);
  EXPECT_EQ(output_->end().completeness, ExitCompleteness::kComplete);
  EXPECT_EQ(output_->counters().offset, 8);
  EXPECT_EQ(output_->counters().stdout_bytes, 4);
  EXPECT_EQ(output_->checksum(LogStream::kStdout), base::Crc32c("out\n", 4));
  EXPECT_FALSE(output_->DiscardRest());
  EXPECT_NE(Log().find("stdout F out\n"), std::string::npos);
  EXPECT_NE(Log().find("stderr F err\n"), std::string::npos);
}

TEST_F(OutputTest, WaitsForTheNamedReader) {
  options_.has_reader = true;
  Start();
  const std::string text(3 * kReaderWindowBytes, 'x');
  Feed(text);
  EXPECT_EQ(output_->counters().offset, kReaderWindowBytes);
  output_->SetReader(10'000);
  Feed(text);
  EXPECT_EQ(output_->counters().offset, kReaderWindowBytes + 10'000);
  output_->SetReader(kNoReader);
  Feed(text);
  EXPECT_GT(output_->counters().offset, 2 * kReaderWindowBytes);
}

TEST_F(OutputTest, NobodyIsWaitedForAfterTheExit) {
  options_.has_reader = true;
  Start();
  const size_t written = Feed(std::string(3 * kReaderWindowBytes, 'x'));
  out_.reset();
  err_.reset();
  output_->Drain();
  ASSERT_TRUE(drained_);
  EXPECT_EQ(output_->counters().offset, static_cast<int64_t>(written));
  EXPECT_EQ(output_->end().completeness, ExitCompleteness::kComplete);
}

TEST_F(OutputTest, CutsAtTheLimitAndSaysSoOnce) {
  options_.limit_bytes = 10;
  Start();
  Feed("0123456");
  EXPECT_EQ(limits_, 0);
  Feed("0123456");
  Feed("0123456");
  EXPECT_EQ(limits_, 1);
  out_.reset();
  err_.reset();
  output_->Drain();
  EXPECT_EQ(output_->counters().offset, 10);
  EXPECT_EQ(output_->end().completeness, ExitCompleteness::kCut);
  EXPECT_EQ(output_->end().cut_cause, CutCause::kOutputLimit);
  EXPECT_EQ(output_->end().cut_bytes, 11);
}

TEST_F(OutputTest, ALimitThatIsReachedExactlyIsNotPassed) {
  options_.limit_bytes = 10;
  Start();
  Feed("0123456789");
  EXPECT_EQ(limits_, 0);
  out_.reset();
  err_.reset();
  output_->Drain();
  EXPECT_EQ(output_->end().completeness, ExitCompleteness::kComplete);
}

TEST_F(OutputTest, WhoHoldsAPipeDoesNotHoldUpTheEnd) {
  Start();
  Feed("before\n");
  output_->Drain();
  EXPECT_FALSE(drained_);
  ASSERT_EQ(::write(out_.get(), "soon\n", 5), 5);
  RunUntilDrained();
  EXPECT_EQ(output_->end().completeness, ExitCompleteness::kHeldOpen);
  EXPECT_EQ(output_->counters().offset, 12);
  output_->CloseLog();
  // Read and thrown away: no SIGPIPE, no full pipe.
  ASSERT_TRUE(output_->DiscardRest());
  Feed(std::string(1'000'000, 'x'));
  EXPECT_EQ(output_->counters().offset, 12);
  out_.reset();
  err_.reset();
  while (!released_) loop_.RunOnce();
  EXPECT_EQ(Log().find("xxx"), std::string::npos);
}

TEST_F(OutputTest, AFullDiskHoldsTheProcessBackUntilThereIsSpace) {
  Start();
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += std::to_string(i) + "\n";
  size_t fed = 0;
  {
    const ScopedFileLimit limit(100'000);
    fed = Feed(text);
    EXPECT_LT(fed, text.size());
  }
  while (fed < text.size()) {
    loop_.RunOnce();
    fed += Feed(text.substr(fed));
  }
  out_.reset();
  err_.reset();
  output_->Drain();
  if (!drained_) RunUntilDrained();
  EXPECT_EQ(output_->end().completeness, ExitCompleteness::kComplete);
  EXPECT_EQ(output_->counters().offset, static_cast<int64_t>(text.size()));
  EXPECT_NE(Log().find(" F 39999\n"), std::string::npos);
}

TEST_F(OutputTest, ADiskThatStaysFullCutsTheEnd) {
  Start();
  const ScopedFileLimit limit(100'000);
  const size_t fed = Feed(std::string(400'000, 'x'));
  out_.reset();
  err_.reset();
  output_->Drain();
  RunUntilDrained();
  EXPECT_EQ(output_->end().completeness, ExitCompleteness::kCut);
  EXPECT_EQ(output_->end().cut_cause, CutCause::kDiskFull);
  EXPECT_EQ(output_->counters().offset, static_cast<int64_t>(fed));
  // What is in the log is whole records, and the rest is what was cut.
  const std::string log = Log();
  ASSERT_FALSE(log.empty());
  EXPECT_EQ(log.back(), '\n');
  int64_t kept = 0;
  for (const char c : log) kept += c == 'x' ? 1 : 0;
  EXPECT_EQ(output_->end().cut_bytes, static_cast<int64_t>(fed) - kept);
}

TEST_F(OutputTest, GoesOnAfterItsBuffersWereGivenBack) {
  options_.idle_ns = kNsPerMs;
  Start();
  for (int i = 0; i < 5; ++i) {
    Feed("line " + std::to_string(i) + "\n");
    // Several times the idle time.
    Turn();
    Turn();
    Turn();
  }
  out_.reset();
  err_.reset();
  output_->Drain();
  EXPECT_EQ(output_->counters().offset, 35);
  for (int i = 0; i < 5; ++i) {
    EXPECT_NE(Log().find(" F line " + std::to_string(i) + "\n"),
              std::string::npos);
  }
}

TEST_F(OutputTest, WithoutALogItOnlyCounts) {
  options_.keep = false;
  options_.has_reader = true;
  Start();
  Feed(std::string(3 * kReaderWindowBytes, 'x'));
  EXPECT_EQ(output_->counters().offset, 3 * kReaderWindowBytes);
  EXPECT_EQ(Log(), "missing");
}

}  // namespace
}  // namespace caisson::shim
