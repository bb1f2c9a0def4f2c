#include "server/core/manager/tombstone.h"

#include <memory>
#include <utility>

#include "server/core/stream/stream_hub.h"

namespace caisson::core {

Started AttachTombstone(Env* env, const ContainerPtr& tombstone,
                        bool replayed) {
  OutputSource::State state;
  state.run = tombstone->status.run;
  state.removed = true;
  if (tombstone->status.exit.has_value()) {
    state.exit = std::make_shared<store::ExitInfo>(*tombstone->status.exit);
  }
  auto source = std::make_shared<OutputSource>(
      env->output, env->ContainerDirectory(tombstone->id), state);
  auto hub = std::make_shared<StreamHub>(
      std::make_shared<SerialQueue>(env->executor), std::move(source),
      StreamHubOptions{.target = 0,
                       .tty = tombstone->spec->process.tty,
                       .stdin_mode = spec::StdinMode::kNone},
      [](SignalArgs, DoneCallback callback) { callback(absl::OkStatus()); });
  Started started;
  started.container = tombstone;
  started.run = tombstone->status.run;
  started.output_offset = tombstone->status.output_end_offset;
  started.replayed = replayed;
  started.session = hub->OpenLogs();
  return started;
}

WaitResult WaitOnTombstone(const ContainerPtr& tombstone) {
  WaitResult result;
  result.container = tombstone;
  if (tombstone->status.exit.has_value()) {
    result.exit = std::make_shared<store::ExitInfo>(*tombstone->status.exit);
  }
  return result;
}

}  // namespace caisson::core
