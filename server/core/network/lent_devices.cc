#include "server/core/network/lent_devices.h"

#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "netsetup/netns.h"
#include "runtime/base/file.h"
#include "runtime/base/log.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "server/core/network/host_values.h"

namespace caisson::core {
namespace {

bool IsHostDevice(const store::NetworkRecord& network) {
  return network.spec->driver == "host-device";
}

// Nowhere: to try again does not help.
bool IsGone(const absl::Status& status) {
  return base::ErrnoOf(status) == ENODEV;
}

const LiveEndpoint* Find(const std::vector<LiveEndpoint>& live,
                         const std::string& endpoint_id) {
  const auto found =
      std::find_if(live.begin(), live.end(), [&](const LiveEndpoint& one) {
        return one.ref.endpoint.id == endpoint_id;
      });
  return found == live.end() ? nullptr : &*found;
}

store::LentDevice LentTo(const EndpointRef& ref, const std::string& boot_id) {
  return {.endpoint_id = ref.endpoint.id,
          .container_id = ref.container_id,
          .interface = ref.endpoint.interface,
          .endpoint_mac = ref.endpoint.mac,
          .boot_id = boot_id,
          .kind = "",
          .mac = "",
          .alias = "",
          .alternative_names = {}};
}

absl::StatusOr<std::optional<netsetup::DeviceState>> StateOf(
    const store::LentDevice& lent) {
  if (lent.index == 0) return std::nullopt;
  netsetup::DeviceState state = {.index = lent.index,
                                 .kind = lent.kind,
                                 .mac = {},
                                 .mtu = static_cast<uint32_t>(lent.mtu),
                                 .group = static_cast<uint32_t>(lent.group),
                                 .up = lent.up,
                                 .alias = lent.alias,
                                 .alternative_names = lent.alternative_names};
  if (lent.address_generation.has_value()) {
    state.address_generation =
        static_cast<netsetup::AddressGeneration>(*lent.address_generation);
  }
  CAISSON_ASSIGN_OR_RETURN(state.mac, netsetup::ParseMacAddress(lent.mac));
  return state;
}

// As far as it is needed to find the device and to give it back.
absl::StatusOr<netsetup::Endpoint> HostEndpointOf(
    const store::NetworkRecord& network) {
  EndpointRef ref;
  ref.endpoint.id = network.lent->endpoint_id;
  ref.endpoint.network_id = network.id;
  ref.endpoint.interface = network.lent->interface;
  ref.endpoint.mac = network.lent->endpoint_mac;
  CAISSON_ASSIGN_OR_RETURN(
      netsetup::Endpoint endpoint,
      HostEndpoint(ref.endpoint, network.lent->container_id));
  CAISSON_ASSIGN_OR_RETURN(endpoint.device, StateOf(*network.lent));
  return endpoint;
}

}  // namespace

absl::StatusOr<netsetup::Endpoint> HostEndpointOf(const EndpointRef& ref) {
  CAISSON_ASSIGN_OR_RETURN(netsetup::Endpoint endpoint,
                           HostEndpoint(ref.endpoint, ref.container_id));
  const std::optional<store::LentDevice>& lent = ref.network->lent;
  if (lent.has_value() && lent->endpoint_id == ref.endpoint.id) {
    CAISSON_ASSIGN_OR_RETURN(endpoint.device, StateOf(*lent));
  }
  return endpoint;
}

LentDevices::LentDevices(Options options, const netsetup::Host* host)
    : options_(std::move(options)), host_(host) {}

absl::Status LentDevices::Commit(const std::string& network_id,
                                 std::optional<store::LentDevice> lent) {
  const store::NetworkPtr network =
      options_.store->catalog().NetworkById(network_id);
  if (network == nullptr) return absl::OkStatus();
  store::NetworkRecord record = *network;
  record.lent = std::move(lent);
  store::Transaction change;
  change.put_networks.push_back(std::move(record));
  return options_.store->Commit(std::move(change)).status();
}

std::vector<store::NetworkPtr> LentDevices::Rows() const {
  if (options_.store == nullptr) return {};
  return options_.store->catalog().AllNetworks();
}

absl::StatusOr<store::LentDevice> LentDevices::Lend(
    const EndpointRef& ref, const netsetup::Network& network) {
  // As it is now: `ref` may be of before it was given back.
  const store::NetworkPtr row =
      options_.store->catalog().NetworkById(ref.network->id);
  const std::optional<store::LentDevice> had =
      row == nullptr ? std::nullopt : row->lent;
  if (had.has_value() && had->endpoint_id != ref.endpoint.id) {
    return absl::FailedPreconditionError(
        base::StrCat("device '", network.interface, "' is lent to container '",
                     had->container_id, "'"));
  }
  if (had.has_value()) return *had;
  CAISSON_ASSIGN_OR_RETURN(const netsetup::DeviceState state,
                           host_->DescribeDevice(network));
  store::LentDevice lent = LentTo(ref, options_.boot_id);
  lent.index = state.index;
  lent.kind = state.kind;
  lent.mac = state.mac.ToString();
  lent.mtu = state.mtu;
  lent.group = state.group;
  lent.up = state.up;
  lent.alias = state.alias;
  lent.alternative_names = state.alternative_names;
  if (state.address_generation.has_value()) {
    lent.address_generation = static_cast<uint32_t>(*state.address_generation);
  }
  CAISSON_RETURN_IF_ERROR(Commit(ref.network->id, lent));
  return lent;
}

absl::StatusOr<netsetup::Attachment> LentDevices::Attach(const EndpointRef& ref,
                                                         int netns_fd) {
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network network,
                           HostNetwork(*ref.network));
  CAISSON_ASSIGN_OR_RETURN(const store::LentDevice lent, Lend(ref, network));
  CAISSON_ASSIGN_OR_RETURN(netsetup::Endpoint endpoint,
                           HostEndpoint(ref.endpoint, ref.container_id));
  CAISSON_ASSIGN_OR_RETURN(endpoint.device, StateOf(lent));
  absl::StatusOr<netsetup::Attachment> attachment =
      absl::UnknownError("not attached");
  if (absl::Status pinned = Pin(endpoint.id, netns_fd); pinned.ok()) {
    attachment = host_->Attach(network, endpoint, netns_fd);
  } else {
    attachment = std::move(pinned);
  }
  if (attachment.ok()) return attachment;
  // It may be on its way.
  const absl::Status back = Detach(ref, netns_fd);
  if (!back.ok()) {
    CAISSON_LOG(kError, "device of the host is not given back",
                {"device", network.interface}, {"error", back.ToString()});
  }
  return attachment.status();
}

absl::Status LentDevices::Detach(const EndpointRef& ref, int netns_fd) {
  const store::NetworkPtr network =
      options_.store->catalog().NetworkById(ref.network->id);
  if (network == nullptr || !network->lent.has_value() ||
      network->lent->endpoint_id != ref.endpoint.id) {
    return absl::OkStatus();
  }
  return GiveBack(*network, netns_fd);
}

absl::Status LentDevices::Detach(const store::NetworkRecord& network) {
  if (!network.lent.has_value()) return absl::OkStatus();
  const absl::Status status = GiveBack(network, -1);
  if (!IsGone(status)) return status;
  CAISSON_LOG(kWarning, "network goes without its device",
              {"network", network.name}, {"device", network.spec->interface});
  return absl::OkStatus();
}

absl::Status LentDevices::GiveBack(const store::NetworkRecord& network,
                                   int netns_fd) {
  const std::string& id = network.lent->endpoint_id;
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network host, HostNetwork(network));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Endpoint endpoint,
                           HostEndpointOf(network));
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd pin, OpenPin(id));
  const absl::Status status =
      host_->Detach(host, endpoint, pin.is_valid() ? pin.get() : netns_fd,
                    netsetup::DetachHow::kNow);
  // There is nothing in there to be kept.
  if (IsGone(status)) {
    base::IgnoreError(Unpin(id), "strays are looked for by the next recovery");
  }
  CAISSON_RETURN_IF_ERROR(status);
  CAISSON_RETURN_IF_ERROR(Commit(network.id, std::nullopt));
  return Unpin(id);
}

// One that a daemon lent which wrote nothing down, or died before the mount.
absl::Status LentDevices::Adopt(const LiveEndpoint& live) {
  const store::NetworkPtr network =
      options_.store->catalog().NetworkById(live.ref.network->id);
  const std::string& id = live.ref.endpoint.id;
  if (network == nullptr || !IsHostDevice(*network)) return absl::OkStatus();
  if (!network->lent.has_value()) {
    CAISSON_RETURN_IF_ERROR(
        Commit(network->id, LentTo(live.ref, options_.boot_id)));
  } else if (network->lent->endpoint_id != id) {
    return absl::OkStatus();
  }
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd pin, OpenPin(id));
  if (pin.is_valid() || live.netns_fd < 0) return absl::OkStatus();
  return Pin(id, live.netns_fd);
}

std::vector<netsetup::Recovered> LentDevices::Recover(
    const std::vector<LiveEndpoint>& live) {
  std::vector<netsetup::Recovered> recovered;
  for (const store::NetworkPtr& network : Rows()) {
    if (!network->lent.has_value() ||
        Find(live, network->lent->endpoint_id) != nullptr) {
      continue;
    }
    // A device begins anew with a boot.
    const bool is_over = network->lent->boot_id != options_.boot_id;
    netsetup::Recovered one = {.network_id = network->id,
                               .endpoint_id = "",
                               .steps = {},
                               .status = absl::OkStatus()};
    one.status =
        is_over ? Commit(network->id, std::nullopt) : GiveBack(*network, -1);
    if (IsGone(one.status)) {
      CAISSON_LOG(kError, "device of the host is not there to be given back",
                  {"network", network->name},
                  {"device", network->spec->interface});
      continue;
    }
    if (one.status.ok() && !is_over) {
      one.steps.push_back(
          base::StrCat("host: give back device ", network->spec->interface));
    }
    recovered.push_back(std::move(one));
  }
  for (const LiveEndpoint& one : live) {
    absl::Status status = Adopt(one);
    if (status.ok()) continue;
    recovered.push_back({.network_id = one.ref.network->id,
                         .endpoint_id = "",
                         .steps = {},
                         .status = std::move(status)});
  }
  base::IgnoreError(RemoveStrayPins(), "an audit lists them");
  return recovered;
}

// --- Mounts ----------------------------------------------------------------

absl::Status LentDevices::Pin(const std::string& endpoint_id,
                              int netns_fd) const {
  CAISSON_RETURN_IF_ERROR(
      netsetup::UnpinNetns(endpoint_id, options_.directory));
  return netsetup::PinNetns(netns_fd, endpoint_id, options_.directory);
}

absl::Status LentDevices::Unpin(const std::string& endpoint_id) const {
  CAISSON_RETURN_IF_ERROR(
      netsetup::UnpinNetns(endpoint_id, options_.directory));
  return netsetup::RemovePinDirectory(options_.directory);
}

absl::StatusOr<base::UniqueFd> LentDevices::OpenPin(
    const std::string& endpoint_id) const {
  absl::StatusOr<netsetup::Netns> netns =
      netsetup::OpenNamedNetns(endpoint_id, options_.directory);
  const int err = base::ErrnoOf(netns.status());
  // ENXIO: made, and never mounted on.
  if (err == ENOENT || err == ENXIO) return base::UniqueFd();
  if (!netns.ok()) return netns.status();
  return std::move(netns->fd);
}

absl::StatusOr<std::vector<std::string>> LentDevices::StrayPins() const {
  auto names = base::ListDirectory(options_.directory);
  if (base::ErrnoOf(names.status()) == ENOENT) {
    return std::vector<std::string>();
  }
  if (!names.ok()) return names.status();
  std::set<std::string> lent;
  for (const store::NetworkPtr& network : Rows()) {
    if (network->lent.has_value()) lent.insert(network->lent->endpoint_id);
  }
  std::erase_if(*names,
                [&](const std::string& name) { return lent.contains(name); });
  return names;
}

absl::Status LentDevices::RemoveStrayPins() const {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> strays, StrayPins());
  for (const std::string& name : strays) {
    CAISSON_RETURN_IF_ERROR(netsetup::UnpinNetns(name, options_.directory));
  }
  return netsetup::RemovePinDirectory(options_.directory);
}

// --- Audit -----------------------------------------------------------------

absl::StatusOr<AuditObject> LentDevices::Look(
    const store::NetworkRecord& network,
    const std::vector<LiveEndpoint>& live) const {
  const store::LentDevice& lent = *network.lent;
  AuditObject object;
  object.kind = "device";
  object.key = network.spec->interface;
  object.owner = lent.container_id;
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Network host, HostNetwork(network));
  CAISSON_ASSIGN_OR_RETURN(const netsetup::Endpoint endpoint,
                           HostEndpointOf(network));
  CAISSON_ASSIGN_OR_RETURN(const base::UniqueFd pin, OpenPin(lent.endpoint_id));
  const LiveEndpoint* const owner = Find(live, lent.endpoint_id);
  int netns_fd = pin.get();
  if (netns_fd < 0 && owner != nullptr) netns_fd = owner->netns_fd;
  bool is_inside = false;
  if (netns_fd >= 0) {
    CAISSON_ASSIGN_OR_RETURN(is_inside,
                             host_->HasInside(host, endpoint, netns_fd));
  }
  if (owner != nullptr) {
    if (is_inside || netns_fd < 0) return object;
    object.state = AuditState::kMissing;
    object.detail = "its container does not have it";
  } else if (is_inside) {
    object.state = AuditState::kOrphan;
    object.detail = "in the namespace of a container that has ended";
  } else {
    object.state = AuditState::kMissing;
    object.detail = "not given back by a container that has ended";
  }
  return object;
}

absl::StatusOr<std::vector<AuditObject>> LentDevices::Audit(
    const std::vector<LiveEndpoint>& live) const {
  std::vector<AuditObject> objects;
  for (const store::NetworkPtr& network : Rows()) {
    if (!network->lent.has_value()) continue;
    CAISSON_ASSIGN_OR_RETURN(objects.emplace_back(), Look(*network, live));
  }
  CAISSON_ASSIGN_OR_RETURN(const std::vector<std::string> strays, StrayPins());
  for (const std::string& name : strays) {
    AuditObject object;
    object.kind = "mount";
    object.key = base::StrCat(options_.directory, "/", name);
    object.state = AuditState::kOrphan;
    object.detail = "keeps a namespace that has no device of the host";
    objects.push_back(std::move(object));
  }
  return objects;
}

}  // namespace caisson::core
