// What a container has of networks: reserved with the intent of its start,
// attached before START, detached at its end, given back with the commit of it.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"
#include "server/core/actor/container.h"
#include "server/core/actor/start_under_way.h"
#include "server/core/network/network_names.h"
#include "server/core/network/networks.h"

namespace caisson::core {
namespace {

using Endpoints = std::vector<store::Endpoint>;

constexpr absl::Duration kReleaseRetry = absl::Seconds(1);

// nullptr: it is not there.
store::Endpoint* FindIn(Endpoints* endpoints, const std::string& id) {
  for (store::Endpoint& endpoint : *endpoints) {
    if (endpoint.id == id) return &endpoint;
  }
  return nullptr;
}

// Not the file of an earlier run, which that one's root may own.
absl::Status WriteNew(const std::string& path, const std::string& text) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return base::SyscallError("unlink", path);
  }
  const base::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
             0644));
  if (!file.is_valid()) return base::SyscallError("open", path);
  // For everybody, whatever our umask is.
  if (::fchmod(file.get(), 0644) != 0) {
    return base::SyscallError("fchmod", path);
  }
  return base::WriteAll(file.get(), text);
}

// Of a container whose program does not run yet. In place: the file is mounted
// in it already.
void RewriteResolvConf(const std::string& path, const std::string& text) {
  const base::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC));
  const absl::Status status = file.is_valid()
                                  ? base::WriteAll(file.get(), text)
                                  : base::SyscallError("open", path);
  if (status.ok()) return;
  CAISSON_LOG(kError, "resolv.conf names a server that is not there",
              {"path", path}, {"error", status.ToString()});
}

}  // namespace

// The row that says what is about to be made, with what it gets of networks.
absl::Status Container::CommitStart() {
  const spec::Network& wanted = record_.spec->network;
  Reservation reserved;
  if (wanted.mode == spec::NetworkMode::kAttach) {
    CAISSON_ASSIGN_OR_RETURN(reserved, env_->networks->Reserve(wanted));
  }
  store::Transaction intent;
  record_.status.networks = reserved.endpoints;
  intent.put_leases = reserved.put;
  intent.erase_leases = reserved.erase;
  intent.put_containers.push_back(record_);
  start_->ticket->AddIntent(&intent, id_);
  const absl::Status status = Commit(std::move(intent));
  if (!status.ok()) {
    record_.status.networks.clear();
    env_->networks->book()->TakeBack(reserved);
  }
  return status;
}

// Before the plan, which mounts them.
absl::Status Container::WriteNameFiles(const spec::ContainerSpec& effective) {
  if (record_.status.networks.empty()) return absl::OkStatus();
  const NameFiles files =
      BuildNameFiles(effective, record_.status.networks, ReadHostResolver(),
                     env_->networks->NameServersOf(record_.status.networks));
  const std::string directory = Directory();
  CAISSON_RETURN_IF_ERROR(WriteNew(directory + "/hosts", files.hosts));
  CAISSON_RETURN_IF_ERROR(
      WriteNew(directory + "/resolv.conf", files.resolv_conf));
  return WriteNew(directory + "/hostname", files.hostname);
}

// When the shim hands the namespace over. START goes as soon as all is
// attached, before this queue has heard of it, and waits there for the rest.
OnNetwork Container::AttachesNetworks() {
  if (record_.status.networks.empty()) return nullptr;
  return [self = shared_from_this(), link = link_, gate = start_->gate,
          wanted = record_.status.networks, spec = record_.spec](
             const shimlink::ConnPtr& conn, base::UniqueFd netns) {
    Networks* const networks = self->env_->networks;
    const std::vector<std::string> told = networks->NameServersOf(wanted);
    networks->Attach(
        self->id_, wanted, std::move(netns),
        [self, link, gate, conn, spec, told,
         networks](absl::StatusOr<Endpoints> attached) {
          const bool ok = attached.ok();
          // One that came up for this container may have no server.
          const std::vector<std::string> servers =
              ok ? networks->NameServersOf(*attached) : told;
          if (servers != told) {
            RewriteResolvConf(
                self->Directory() + "/resolv.conf",
                BuildResolvConf(spec->network, ReadHostResolver(), servers));
          }
          self->queue_->Post(
              [self, link, attached = std::move(attached)]() mutable {
                self->OnAttached(link, std::move(attached));
              });
          if (ok && gate->TakeStart()) conn->Send(shim::FrameType::kStart, 0);
        });
  };
}

void Container::OnAttached(uint64_t link, absl::StatusOr<Endpoints> attached) {
  // A start that was called off has released them.
  if (link != link_ || start_ == nullptr) return;
  start_->clock.Mark("NETWORK");
  if (attached.ok()) {
    record_.status.networks = *std::move(attached);
  } else {
    FailStart(attached.status());
  }
}

// What the host has of them goes at once: nobody uses it any more. Addresses
// and ports are given back when a row without them is committed (Commit); until
// then a next daemon would find them with this container.
void Container::ReleaseNetworks(store::ContainerRecord* record) {
  Endpoints changed;
  for (const store::Endpoint& endpoint : record->status.networks) {
    store::Endpoint* const known = FindIn(&releasing_, endpoint.id);
    // A commit that failed is tried again.
    if (known != nullptr && *known == endpoint) continue;
    if (known != nullptr) {
      *known = endpoint;
    } else {
      releasing_.push_back(endpoint);
    }
    changed.push_back(endpoint);
  }
  record->status.networks.clear();
  if (!changed.empty()) env_->networks->Detach(id_, std::move(changed));
}

// Those that the transaction says are gone; their leases go with it.
Container::Endpoints Container::AddReleases(
    store::Transaction* transaction) const {
  if (releasing_.empty()) return {};
  bool tells = false;
  Endpoints kept;
  for (const store::ContainerRecord& row : transaction->put_containers) {
    if (row.id != id_) continue;
    tells = true;
    kept = row.status.networks;
  }
  for (const std::string& id : transaction->erase_containers) {
    tells = tells || id == id_;
  }
  for (const store::ContainerRecord& row : transaction->delete_containers) {
    tells = tells || row.id == id_;
  }
  if (!tells) return {};
  Endpoints released;
  for (const store::Endpoint& endpoint : releasing_) {
    if (FindIn(&kept, endpoint.id) == nullptr) released.push_back(endpoint);
  }
  for (store::LeaseRow& row : env_->networks->book()->BeginRelease(released)) {
    transaction->put_leases.push_back(std::move(row));
  }
  return released;
}

void Container::FinishReleases(const Endpoints& released) {
  if (released.empty()) return;
  env_->networks->book()->FinishRelease(released);
  for (const store::Endpoint& endpoint : released) {
    std::erase_if(releasing_, [&endpoint](const store::Endpoint& one) {
      return one.id == endpoint.id;
    });
  }
}

// A row that could not be written, and that nobody else tries again: others
// shall not wait for the next start of the daemon.
void Container::RetryReleases() {
  const auto is_gone = [this](const store::Endpoint& endpoint) {
    return FindIn(&record_.status.networks, endpoint.id) == nullptr;
  };
  if (retrying_releases_ ||
      std::none_of(releasing_.begin(), releasing_.end(), is_gone)) {
    return;
  }
  retrying_releases_ = true;
  queue_->After(kReleaseRetry, [self = shared_from_this()] {
    self->retrying_releases_ = false;
    if (self->releasing_.empty()) return;
    store::Transaction row;
    if (self->state_ == State::kGone) {
      row.erase_containers.push_back(self->id_);
    } else {
      row.put_containers.push_back(self->record_);
    }
    base::IgnoreError(self->Commit(std::move(row)), "it is tried again");
  });
}

// The daemon before us died between START and the record of it: what it had
// attached was taken for nobody's.
void Container::ReattachNetworks() {
  if (record_.status.networks.empty()) return;
  changing_networks_ = true;
  env_->networks->Reattach(record_, [self = shared_from_this()](
                                        absl::StatusOr<Endpoints> endpoints) {
    self->queue_->Post([self, endpoints = std::move(endpoints)]() mutable {
      self->OnReattached(std::move(endpoints));
      self->EndNetworkChange();
    });
  });
}

void Container::OnReattached(absl::StatusOr<Endpoints> endpoints) {
  if (!endpoints.ok()) {
    CAISSON_LOG(kError, "container without its networks", {"container", id_},
                {"error", endpoints.status().ToString()});
  }
  if (!IsRunning(state_)) return;
  if (endpoints.ok()) {
    record_.status.networks = *std::move(endpoints);
  } else {
    for (store::Endpoint& endpoint : record_.status.networks) {
      endpoint.attached = false;
    }
  }
  store::Transaction told;
  told.put_containers.push_back(record_);
  base::IgnoreError(Commit(std::move(told)),
                    "the exit is committed with what is in memory");
}

}  // namespace caisson::core
