#include "server/core/manager/recovery.h"

#include <unistd.h>

#include <set>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"

#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/cgroup/base.h"
#include "runtime/cgroup/driver.h"

namespace caisson::core {
namespace {

void RemoveOrphanCgroup(const Env& env, const std::string& id) {
  const cgroup::Group group = env.places.base.Container(id);
  absl::Status status = cgroup::Kill(group);
  if (status.ok()) status = cgroup::Remove(group);
  CAISSON_LOG(kWarning, "removed a cgroup without a container", {"id", id},
              {"status", status.ToString()});
}

void RemoveOrphans(Env* env, const std::set<std::string>& known) {
  const std::string containers = env->places.root + "/containers";
  const auto directories = base::ListDirectory(containers);
  for (const std::string& name :
       directories.ok() ? *directories : std::vector<std::string>()) {
    if (known.contains(name)) continue;
    CAISSON_LOG(kInfo, "removing a directory without a row", {"id", name});
    base::IgnoreError(env->trash->Throw(containers + "/" + name),
                      "Audit shows it");
  }
  const auto groups = cgroup::ListContainers(env->places.base);
  for (const std::string& id :
       groups.ok() ? *groups : std::vector<std::string>()) {
    if (known.contains(id)) continue;
    env->blocking->Post([env, id] { RemoveOrphanCgroup(*env, id); });
  }
  const std::string shims = env->places.state + "/shims";
  const auto sockets = base::ListDirectory(shims);
  constexpr std::string_view kSuffix = ".sock";
  for (const std::string& name :
       sockets.ok() ? *sockets : std::vector<std::string>()) {
    if (!name.ends_with(kSuffix)) continue;
    const std::string id = name.substr(0, name.size() - kSuffix.size());
    if (!known.contains(id)) ::unlink((shims + "/" + name).c_str());
  }
}

}  // namespace

State StateOf(const store::ContainerRecord& record) {
  const bool running = record.status.state == store::ContainerState::kRunning;
  switch (record.intent) {
    case store::Intent::kCreate:
      return record.status.run > 0 ? State::kLaunching : State::kCreating;
    case store::Intent::kStart:
      return record.status.run > 0 ? State::kStartingAgain : State::kStarting;
    case store::Intent::kDelete:
      return running ? State::kKilling : State::kDeleting;
    case store::Intent::kNone:
      break;
  }
  if (running) return State::kRunning;
  return record.status.state == store::ContainerState::kExited
             ? State::kExited
             : State::kCreated;
}

void RecoverContainers(Env* env, Registry* registry) {
  const std::vector<ContainerPtr> rows = env->store->catalog().AllContainers();
  std::set<std::string> known;
  std::vector<std::pair<ActorPtr, bool>> actors;
  for (const ContainerPtr& row : rows) {
    known.insert(row->id);
    const bool same_boot = row->kernel.boot_id.empty() ||
                           row->kernel.boot_id == env->facts.boot_id;
    ActorPtr actor = Container::New(env, *row, StateOf(*row));
    registry->Add(actor);
    actors.emplace_back(std::move(actor), same_boot);
  }
  absl::BlockingCounter begun(static_cast<int>(actors.size()));
  for (const auto& [actor, same_boot] : actors) {
    actor->queue().Post([actor = actor, same_boot = same_boot, &begun] {
      actor->Recover(same_boot);
      begun.DecrementCount();
    });
  }
  begun.Wait();
  RemoveOrphans(env, known);
}

}  // namespace caisson::core
