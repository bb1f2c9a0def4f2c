// How fast a log is read back, in bytes of output. Run it by hand.
#include <string>

#include "benchmark/benchmark.h"

#include "runtime/base/check.h"
#include "runtime/record/test_log.h"

namespace caisson::record {
namespace {

constexpr int64_t kLogBytes = 64 << 20;

void ReadLog(benchmark::State& state) {
  TestLog log;
  LogWriter writer;
  const base::UniqueFd directory = log.OpenDirectory();
  CAISSON_CHECK(writer.Open({.directory_fd = directory.get(),
                             .run = 1,
                             .max_file_bytes = 1 << 30,
                             .max_files = 4}) == 0);
  const std::string line =
      std::string(static_cast<size_t>(state.range(0)) - 1, 'x') + "\n";
  std::string block;
  while (block.size() < 64 * 1024) block += line;
  int64_t written = 0;
  while (written < kLogBytes) {
    std::string_view left = block;
    while (!left.empty()) {
      left.remove_prefix(
          writer.Append(LogStream::kStdout, left.data(), left.size(), 1));
      CAISSON_CHECK(writer.Flush() == 0);
    }
    written += static_cast<int64_t>(block.size());
  }
  while (state.KeepRunning()) {
    LogReader reader(log.OpenDirectory());
    LogChunk chunk;
    LogGap gap;
    while (*reader.Read({}, &chunk, &gap) == LogRead::kChunk) {
      benchmark::DoNotOptimize(chunk.bytes.data());
    }
    CAISSON_CHECK(reader.position() == written);
  }
  state.SetBytesProcessed(state.iterations() * written);
}
BENCHMARK(ReadLog)->Arg(2)->Arg(80)->Arg(4096)->Arg(16384);

}  // namespace
}  // namespace caisson::record

BENCHMARK_MAIN();
