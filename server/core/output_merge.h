// StreamLogs over several containers: history merged by line time, then the
// live tails as they arrive. Within one container always in offset order.
//
// Process: caissond. Thread: as OutputReader.
#ifndef CAISSON_SERVER_CORE_OUTPUT_MERGE_H_
#define CAISSON_SERVER_CORE_OUTPUT_MERGE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"

#include "server/core/output_reader.h"

namespace caisson::core {

struct MergedItem {
  std::string container;  // id
  OutputItem item;        // OutputEnd: this container is done
};

struct MergedBatch {
  std::vector<MergedItem> items;
  bool finished = false;  // every container ended and no more are expected
};

class MergedReader {
 public:
  struct Input {
    std::string container;
    std::shared_ptr<OutputSource> source;
    OutputFrom from;  // a client's position, or what the request asks for
    // With kForever: called when all output of a run that has ended was read,
    // so that its files are needed no more. On the pool; must only post. May be
    // empty.
    std::function<void(int64_t run)> on_caught_up = {};
  };
  // What a reader does once all that was written is read.
  enum class Follow {
    kNo,       // it ends
    kToExit,   // goes on until the run that is current or comes next has ended
    kForever,  // also over restarts and without an input left, because new ones
               // may be added: ends only when cancelled
  };
  using BatchCallback = absl::AnyInvocable<void(absl::StatusOr<MergedBatch>)>;

  // `options.from` is ignored, `options.end` is derived from `follow`.
  static std::unique_ptr<MergedReader> Create(OutputService* service,
                                              std::vector<Input> inputs,
                                              OutputOptions options,
                                              Follow follow);
  ~MergedReader();  // cancels
  MergedReader(const MergedReader&) = delete;
  MergedReader& operator=(const MergedReader&) = delete;

  // A container that began to match while following: joins at `input.from`.
  // Ignored when it is already read.
  void Add(Input input);

  // As OutputReader::Next; a batch carries at most `max_bytes` of payload and
  // 1,024 items.
  void Next(size_t max_bytes, BatchCallback callback);
  void Cancel();

 private:
  class Impl;
  explicit MergedReader(std::shared_ptr<Impl> impl);

  const std::shared_ptr<Impl> impl_;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_OUTPUT_MERGE_H_
