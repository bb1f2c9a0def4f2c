#include "server/core/network/borrowed_bridges.h"

#include <errno.h>

#include <optional>
#include <utility>

#include "netsetup/sysctl.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "runtime/base/syscall_error.h"
#include "server/core/network/host_values.h"

namespace caisson::core {

BorrowedBridges::BorrowedBridges(store::Store* store, std::string boot_id)
    : store_(store), boot_id_(std::move(boot_id)) {}

absl::Status BorrowedBridges::AllowLoopback(const EndpointRef& ref) const {
  CAISSON_ASSIGN_OR_RETURN(const std::optional<netsetup::Sysctl> sysctl,
                           LoopbackSysctl(*ref.network, ref.endpoint));
  if (!sysctl.has_value()) return absl::OkStatus();
  if (!ref.network->spec->interface.empty()) {
    CAISSON_ASSIGN_OR_RETURN(const std::string value,
                             netsetup::ReadHostSysctl(sysctl->key));
    // By us, or by who made it: then it stays so.
    if (value == sysctl->value) return absl::OkStatus();
    CAISSON_RETURN_IF_ERROR(Remember(ref.network->id));
  }
  return netsetup::WriteHostSysctl(*sysctl);
}

absl::Status BorrowedBridges::Remember(const std::string& network_id) const {
  const store::NetworkPtr network = store_->catalog().NetworkById(network_id);
  if (network == nullptr || network->loopback_boot_id == boot_id_) {
    return absl::OkStatus();
  }
  store::NetworkRecord record = *network;
  record.loopback_boot_id = boot_id_;
  store::Transaction change;
  change.put_networks.push_back(std::move(record));
  return store_->Commit(std::move(change)).status();
}

absl::Status BorrowedBridges::Restore(
    const store::NetworkRecord& network) const {
  if (network.loopback_boot_id.empty() ||
      network.loopback_boot_id != boot_id_) {
    return absl::OkStatus();
  }
  const absl::Status status = netsetup::WriteHostSysctl(
      {.key = base::StrCat("net/ipv4/conf/", network.spec->interface,
                           "/route_localnet"),
       .value = "0"});
  return base::ErrnoOf(status) == ENOENT ? absl::OkStatus() : status;
}

}  // namespace caisson::core
