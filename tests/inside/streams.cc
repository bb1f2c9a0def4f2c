// Modes that produce and consume bytes.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "tests/inside/modes.h"
#include "tests/inside/sha256.h"

namespace caisson::inside {

namespace {

constexpr size_t kChunk = 65536;

bool WriteFully(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

ssize_t ReadSome(char* data, size_t size) {
  ssize_t n;
  do {
    n = ::read(STDIN_FILENO, data, size);
  } while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace

int WriteRandom(const Arguments& arguments) {
  if (arguments.empty()) return 64;
  const auto total = static_cast<uint64_t>(NumberOr(arguments[0], 0));
  const auto seed = static_cast<uint64_t>(
      arguments.size() > 1 ? NumberOr(arguments[1], 1) : 1);
  const bool to_stderr = arguments.size() > 2 && arguments[2] == "stderr";
  std::string chunk(kChunk, '\0');
  for (uint64_t done = 0; done < total;) {
    const size_t size = std::min<uint64_t>(kChunk, total - done);
    FillRandom(seed, done, chunk.data(), size);
    if (!WriteFully(to_stderr ? 2 : 1, chunk.data(), size)) return 1;
    done += size;
  }
  return 0;
}

int ReadAll(const Arguments&) {
  Sha256 sum;
  uint64_t total = 0;
  std::string chunk(kChunk, '\0');
  ssize_t n;
  while ((n = ReadSome(chunk.data(), chunk.size())) > 0) {
    total += static_cast<uint64_t>(n);
    sum.Update({chunk.data(), static_cast<size_t>(n)});
  }
  PrintFact("bytes", std::to_string(total));
  PrintFact("sha256", sum.Finish());
  return n < 0 ? 1 : 0;
}

int Echo(const Arguments&) {
  std::string chunk(kChunk, '\0');
  ssize_t n;
  while ((n = ReadSome(chunk.data(), chunk.size())) > 0) {
    if (!WriteFully(1, chunk.data(), static_cast<size_t>(n))) return 1;
  }
  return n < 0 ? 1 : 0;
}

int Lines(const Arguments& arguments) {
  const int64_t count = arguments.empty() ? 10 : NumberOr(arguments[0], 10);
  for (int64_t i = 1; i <= count; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    if (!WriteFully(i % 2 == 1 ? 1 : 2, line.data(), line.size())) return 1;
  }
  return 0;
}

}  // namespace caisson::inside
