// Reads a log whose files are the input. Whatever they hold, offsets never run
// backwards, pieces keep to their bounds, and reading comes to an end.
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "runtime/base/check.h"
#include "runtime/base/file.h"
#include "runtime/record/log_reader.h"

namespace caisson::record {
namespace {

constexpr size_t kMaxInput = 1 << 16;

// Takes bytes off the input.
class Input {
 public:
  Input(const uint8_t* data, size_t size)
      : left_(reinterpret_cast<const char*>(data), size) {}

  uint8_t Byte() {
    const std::string_view byte = Take(1);
    return byte.empty() ? 0 : static_cast<uint8_t>(byte[0]);
  }
  std::string_view Take(size_t size) {
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(taken.size());
    return taken;
  }
  size_t size() const { return left_.size(); }

 private:
  std::string_view left_;
};

// An index whose checksums are right, so that the fields get a hearing.
std::string SealIndex(uint64_t sequence, std::string_view raw) {
  LogIndexHeader header = {};
  memcpy(&header, raw.data(), std::min(raw.size(), sizeof(header)));
  raw.remove_prefix(std::min(raw.size(), sizeof(header)));
  header.sequence = sequence;
  // Bases of a believable size, or nothing would be found behind them.
  header.base_offset &= 0xffff;
  header.base_stdout &= 0xffff;
  header.base_stderr &= 0xffff;
  SealLogIndexHeader(&header);
  std::string index(reinterpret_cast<const char*>(&header), sizeof(header));
  while (raw.size() >= sizeof(LogIndexEntry)) {
    LogIndexEntry entry;
    memcpy(&entry, raw.data(), sizeof(entry));
    raw.remove_prefix(sizeof(entry));
    SealLogIndexEntry(&entry);
    index.append(reinterpret_cast<const char*>(&entry), sizeof(entry));
  }
  return index.append(raw);
}

void ReadEverything(LogReader* reader, const LogReadOptions& options) {
  int64_t at = reader->position();
  LogChunk chunk;
  LogGap gap;
  for (size_t i = 0; i < 4 * kMaxInput; ++i) {
    const absl::StatusOr<LogRead> read = reader->Read(options, &chunk, &gap);
    if (!read.ok()) return;
    CAISSON_CHECK(reader->position() >= at);
    switch (*read) {
      case LogRead::kCaughtUp:
      case LogRead::kUntil:
        return;
      case LogRead::kGap:
        CAISSON_CHECK(gap.from_offset >= at);
        CAISSON_CHECK(gap.to_offset > gap.from_offset);
        break;
      case LogRead::kChunk:
        CAISSON_CHECK(chunk.offset >= at);
        CAISSON_CHECK(!chunk.bytes.empty());
        CAISSON_CHECK(chunk.bytes.size() <= options.max_bytes);
        break;
    }
    at = reader->position();
  }
  CAISSON_CHECK(false);  // it goes round in circles
}

const std::string& Directory() {
  static const std::string* const kPath = [] {
    auto* path = new std::string("/tmp/caisson-fuzz.XXXXXX");
    CAISSON_CHECK(::mkdtemp(path->data()) != nullptr);
    return path;
  }();
  return *kPath;
}

void WriteFile(const std::string& name, std::string_view content) {
  const absl::StatusOr<base::UniqueFd> fd =
      base::Open(Directory() + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  CAISSON_CHECK(fd.ok() && base::WriteAll(fd->get(), content).ok());
}

LogReader OpenReader() {
  return LogReader(base::UniqueFd(
      ::open(Directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
}

// Two segments and their indexes made of the bytes, read from an offset and
// from the end.
void ReadDamagedLog(const uint8_t* data, size_t size) {
  Input input(data, size);
  const uint8_t flags = input.Byte();
  LogReadOptions options;
  options.max_bytes = size_t{1} + input.Byte();
  options.want_stdout = (flags & 1) == 0;
  options.want_stderr = (flags & 2) == 0;
  options.lines = (flags & 4) != 0;
  const int64_t offset = int64_t{input.Byte()} * 16;
  for (uint64_t sequence = 0; sequence < 2; ++sequence) {
    char name[kLogNameBytes];
    const std::string_view raw = input.Take(size_t{4} * input.Byte());
    LogIndexName(sequence, name);
    WriteFile(name,
              (flags & 8) != 0 ? std::string(raw) : SealIndex(sequence, raw));
    LogSegmentName(sequence, name);
    WriteFile(name, input.Take(sequence == 0 ? input.size() / 2 : kMaxInput));
  }
  LogReader from_offset = OpenReader();
  if (from_offset.Seek(offset).ok()) ReadEverything(&from_offset, options);
  LogReader tail = OpenReader();
  if (tail.SeekTail(flags >> 4, options.want_stdout, options.want_stderr)
          .ok()) {
    ReadEverything(&tail, options);
  }
}

}  // namespace
}  // namespace caisson::record

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size <= caisson::record::kMaxInput) {
    caisson::record::ReadDamagedLog(data, size);
  }
  return 0;
}
