// A thousand runs and a thousand execs, four at a time, and nothing is left.
#include <atomic>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/integration/cli_fixture.h"

namespace caisson::testing {
namespace {

using ::testing::IsEmpty;

class CliLoadTest : public CliTest {
 protected:
  static constexpr int kAtATime = 4;
  // 1,000; fewer on emulated machines, where a run takes seconds.
  static int Count() { return ScaledCount(1000, 40); }

  // Runs the command so often; counts every result that is not as expected.
  static void Repeat(const std::vector<std::string>& words,
                     const std::string& out, int status) {
    const int count = Count();
    std::atomic<int> next{0};
    std::atomic<int> wrong{0};
    const absl::Time begin = absl::Now();
    std::vector<std::thread> threads;
    for (int i = 0; i < kAtATime; ++i) {
      threads.emplace_back([&] {
        while (next.fetch_add(1) < count) {
          const ProcessResult result = Cli(words);
          if (result.out == out && result.status == status) continue;
          if (wrong.fetch_add(1) < 3) {
            ADD_FAILURE() << "status " << result.status << ", out \""
                          << result.out << "\", err \"" << result.err << "\"";
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0) << "of " << count;
    std::printf("%d x in %s, %d at a time\n", count,
                absl::FormatDuration(absl::Now() - begin).c_str(), kAtATime);
  }
};

TEST_F(CliLoadTest, Runs) {
  Repeat(RunWords({"--rm", "sh", "-c", "echo x; exit 7"}), "x\n", 7);
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [] { return List().empty(); }));
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_THAT(Leaks(), IsEmpty());
}

TEST_F(CliLoadTest, Execs) {
  const std::string id = RunDetached({"sleep", "1000000"});
  Repeat({"exec", id, "sh", "-c", "echo x; exit 7"}, "x\n", 7);
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_THAT(Delete(id), IsOk());
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_THAT(Leaks(), IsEmpty());
}

}  // namespace
}  // namespace caisson::testing
