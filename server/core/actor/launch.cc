#include "server/core/actor/launch.h"

#include <utility>

#include "absl/time/clock.h"

#include "runtime/base/status_macros.h"
#include "runtime/plan/host_devices.h"
#include "server/core/errors.h"
#include "server/core/network/named_namespaces.h"

namespace caisson::core {
namespace {

// The containers whose namespaces `effective` joins, by the spec's own words.
absl::StatusOr<std::map<std::string, plan::NamespaceOwner>> FindOwners(
    const Env& env, const spec::ContainerSpec& effective) {
  std::map<std::string, plan::NamespaceOwner> owners;
  std::vector<std::string> names;
  const spec::Namespaces& all = effective.namespaces;
  for (const spec::Namespace* one :
       {&all.pid, &all.ipc, &all.uts, &all.cgroup, &all.time}) {
    if (one->mode == spec::NamespaceMode::kContainer) {
      names.push_back(one->target);
    }
  }
  if (effective.network.mode == spec::NetworkMode::kContainer) {
    names.push_back(effective.network.container);
  }
  for (const std::string& name : names) {
    const ContainerPtr owner = env.store->catalog().Find(name);
    if (owner == nullptr ||
        owner->status.state != store::ContainerState::kRunning ||
        owner->status.pid <= 0) {
      return NamespaceOwnerGone(name);
    }
    plan::NamespaceOwner& known = owners[name];
    known.pid = owner->status.pid;
    known.container_id = owner->id;
  }
  return owners;
}

// What the shim says before START, on the link's thread.
class Preparation {
 public:
  Preparation(std::shared_ptr<StartGate> gate, OnNetwork on_network)
      : gate_(std::move(gate)), on_network_(std::move(on_network)) {}

  void OnFrame(const shimlink::ConnPtr& conn, shim::FrameType type,
               shim::FrameFds* fds) {
    if (type == shim::FrameType::kNetwork && on_network_ != nullptr &&
        !has_network_ && fds->fd[0].is_valid()) {
      has_network_ = true;
      on_network_(conn, std::move(fds->fd[0]));
      return;
    }
    if (type != shim::FrameType::kPrepared) return;
    if (on_network_ == nullptr) {
      if (gate_->TakeStart()) conn->Send(shim::FrameType::kStart, 0);
    } else if (!has_network_) {
      // Not a shim of ours: without a connection it undoes what it has made.
      conn->Close();
    }
  }

 private:
  const std::shared_ptr<StartGate> gate_;
  const OnNetwork on_network_;
  bool has_network_ = false;
};

}  // namespace

void PhaseClock::Mark(std::string name) {
  const absl::Time now = absl::Now();
  timings_.phases.push_back({std::move(name), now - last_});
  last_ = now;
}

void PhaseClock::Add(std::string name, absl::Duration duration) {
  if (duration > absl::ZeroDuration()) {
    timings_.phases.push_back({std::move(name), duration});
  }
}

Timings PhaseClock::Finish() {
  timings_.total = absl::Now() - begin_;
  return std::move(timings_);
}

shimlink::ConnHandlers HandlersOn(const std::shared_ptr<SerialQueue>& queue,
                                  const std::shared_ptr<StartGate>& gate,
                                  uint64_t link, const ShimEvents& events,
                                  OnNetwork on_network) {
  shimlink::ConnHandlers handlers;
  std::shared_ptr<Preparation> preparation;
  if (gate != nullptr) {
    preparation = std::make_shared<Preparation>(gate, std::move(on_network));
  }
  handlers.on_frame = [queue, preparation, link, on_frame = events.on_frame](
                          const shimlink::ConnPtr& conn,
                          const shim::FrameView& frame, shim::FrameFds* fds) {
    if (preparation != nullptr) {
      preparation->OnFrame(conn, frame.header.type, fds);
    }
    ShimFrame copy = {.type = frame.header.type,
                      .target = frame.header.target,
                      .body = std::string(frame.body, frame.body_bytes)};
    queue->Post(
        [on_frame, link, copy = std::move(copy)] { on_frame(link, copy); });
  };
  handlers.on_closed = [queue, link, on_closed = events.on_closed] {
    queue->Post([on_closed, link] { on_closed(link); });
  };
  handlers.on_spawned = [queue, link, on_spawned = events.on_spawned](
                            absl::StatusOr<shimlink::ShimProcess> shim) {
    queue->Post([on_spawned, link, shim = std::move(shim)]() mutable {
      on_spawned(link, std::move(shim));
    });
  };
  handlers.on_writable = [queue, link, on_writable = events.on_writable] {
    queue->Post([on_writable, link] { on_writable(link); });
  };
  return handlers;
}

absl::StatusOr<plan::Plan> PlanContainer(const Env& env, const std::string& id,
                                         const spec::ContainerSpec& effective,
                                         int64_t run, bool named_reader,
                                         const spec::OnDisconnect& policy) {
  plan::LaunchContext context;
  context.container_id = id;
  context.run = static_cast<uint64_t>(run);
  const std::string directory = env.ContainerDirectory(id);
  context.upper_path = directory + "/upper";
  context.work_path = directory + "/work";
  if (effective.network.mode == spec::NetworkMode::kAttach) {
    context.hosts_path = directory + "/hosts";
    context.resolv_conf_path = directory + "/resolv.conf";
    context.hostname_path = directory + "/hostname";
  }
  if (effective.network.mode == spec::NetworkMode::kNamespace) {
    CAISSON_ASSIGN_OR_RETURN(
        context.network_namespace_path,
        env.namespaces->PathOf(effective.network.namespace_name));
  }
  context.named_reader = named_reader;
  // Deleted at once, so nobody will ever read the layer or need the record.
  context.volatile_state = effective.delete_after_exit == absl::ZeroDuration();
  context.on_disconnect = policy;
  CAISSON_ASSIGN_OR_RETURN(context.owners, FindOwners(env, effective));
  if (!effective.devices.empty()) {
    context.devices = plan::DetectDevices(effective);
  }
  return plan::BuildLaunchPlan(effective, env.facts, env.places.base, context);
}

void FinishInterrupted(Env* env, const std::string& request_id,
                       const std::string& object,
                       store::Transaction* transaction) {
  if (request_id.empty()) return;
  const store::RequestPtr row = env->store->catalog().Request(request_id);
  if (row == nullptr || row->outcome != store::RequestRow::Outcome::kRunning) {
    return;
  }
  store::RequestRow done = *row;
  done.outcome = store::RequestRow::Outcome::kOk;
  done.object_id = object;
  done.end_time = absl::Now();
  transaction->put_requests.push_back(std::move(done));
}

void EraseRequest(const std::string& request_id,
                  store::Transaction* transaction) {
  if (!request_id.empty()) transaction->erase_requests.push_back(request_id);
}

store::Effective EffectiveOf(const spec::ContainerSpec& effective,
                             const plan::Plan& plan) {
  store::Effective out;
  const spec::Seccomp& seccomp = effective.security.seccomp;
  if (seccomp.unconfined) {
    out.seccomp = "unconfined";
  } else if (seccomp.oci_json.has_value()) {
    out.seccomp = "custom";
  } else {
    out.seccomp = seccomp.profile.value_or("");
  }
  if (effective.process.capabilities.has_value() &&
      effective.process.capabilities->exact.has_value()) {
    out.capabilities = effective.process.capabilities->exact->bounding;
  }
  out.pids_limit = effective.resources.pids_limit.value_or(-1);
  out.user = effective.process.user;
  out.cgroup_path = plan.cgroup_path;
  return out;
}

}  // namespace caisson::core
