// Helpers of the log tests: a directory with a log, a writer and a model of
// what it wrote.
//
// Process: unit tests. Thread: main.
#ifndef CAISSON_RUNTIME_RECORD_TEST_LOG_H_
#define CAISSON_RUNTIME_RECORD_TEST_LOG_H_

#include <fcntl.h>
#include <stdlib.h>

#include <memory>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "runtime/base/check.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/unique_fd.h"
#include "runtime/record/log_reader.h"
#include "runtime/record/log_writer.h"

namespace caisson::record {

class TestLog {
 public:
  TestLog() {
    const char* base = ::getenv("TMPDIR");
    path_ = std::string(base == nullptr ? "/tmp" : base) + "/caisson.XXXXXX";
    CAISSON_CHECK(::mkdtemp(path_.data()) != nullptr);
    directory_ = OpenDirectory();
  }
  ~TestLog() {
    writer_.reset();
    base::IgnoreError(base::RemoveTree(path_), "only a test's directory");
  }
  TestLog(const TestLog&) = delete;
  TestLog& operator=(const TestLog&) = delete;

  const std::string& path() const { return path_; }
  base::UniqueFd OpenDirectory() const {
    return base::UniqueFd(
        ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  // A new run; an earlier writer is dropped as if it had been killed.
  void Start(uint64_t run = 1, int64_t max_file_bytes = 1 << 30,
             uint32_t max_files = 1000) {
    writer_ = std::make_unique<LogWriter>();
    LogWriter::Options options;
    options.directory_fd = directory_.get();
    options.run = run;
    options.max_file_bytes = max_file_bytes;
    options.max_files = max_files;
    ASSERT_EQ(writer_->Open(options), 0);
  }

  // Appends and flushes. The model counts it.
  void Write(LogStream stream, std::string_view bytes,
             int64_t time_ns = 1'000'000'000) {
    output_.append(bytes);
    streams_.append(bytes.size(), stream == LogStream::kStdout ? 'o' : 'e');
    while (!bytes.empty()) {
      const size_t taken =
          writer_->Append(stream, bytes.data(), bytes.size(), time_ns);
      bytes.remove_prefix(taken);
      ASSERT_EQ(writer_->Flush(), 0);
    }
  }
  void Out(std::string_view bytes, int64_t time_ns = 1'000'000'000) {
    Write(LogStream::kStdout, bytes, time_ns);
  }
  void Err(std::string_view bytes, int64_t time_ns = 1'000'000'000) {
    Write(LogStream::kStderr, bytes, time_ns);
  }
  // Output that is dropped; the model holds question marks.
  void Drop(LogStream stream, int64_t bytes) {
    writer_->Skip(stream, bytes);
    output_.append(static_cast<size_t>(bytes), '?');
    streams_.append(static_cast<size_t>(bytes),
                    stream == LogStream::kStdout ? 'o' : 'e');
  }
  void Close() { writer_->Close(); }

  LogWriter& writer() { return *writer_; }
  int64_t end() const { return static_cast<int64_t>(output_.size()); }
  // What was written, in order of offsets, and each byte's stream.
  const std::string& output() const { return output_; }
  const std::string& streams() const { return streams_; }

 private:
  std::string path_;
  base::UniqueFd directory_;
  std::unique_ptr<LogWriter> writer_;
  std::string output_;
  std::string streams_;
};

}  // namespace caisson::record

#endif  // CAISSON_RUNTIME_RECORD_TEST_LOG_H_
