// Network namespaces with names, whole: their rows, the mounts below /run/netns
// that hold them, and which container is in which.
//
//   create   commit(intent) --> namespace --> tagged mount --> commit(made)
//   delete   commit(intent) --> nobody joins --> no mount   --> commit(deleted)
//   start of a container   commit(its intent) --> PathOf: there and not going
//
// So of a start and a delete that meet at least one sees the other. The mount
// covers a file with our tag and the id of the row, by which the names that are
// ours are told from those of others, which are never touched. A row without an
// inode says that one is about to be mounted.
//
// Process: caissond. Thread: any; nothing blocks but Recover, Inventory and
// Repair, and PathOf for the opening of a file. Kernel work is done by the
// networks' lane.
#ifndef CAISSON_SERVER_CORE_NETWORK_NAMED_NAMESPACES_H_
#define CAISSON_SERVER_CORE_NETWORK_NAMED_NAMESPACES_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/netns.h"
#include "netsetup/netns_pins.h"
#include "runtime/base/unique_fd.h"
#include "server/core/executor.h"
#include "server/core/network_manager.h"
#include "server/core/request_table.h"
#include "server/core/system.h"
#include "server/store/store.h"

namespace caisson::core {

// Each is a mount, which every new mount namespace copies.
inline constexpr int64_t kMaxNetworkNamespaces = 1024;

class NamedNamespaces {
 public:
  struct Options {
    store::Store* store = nullptr;
    Executor* lane = nullptr;      // one thread; outlives all work on it
    Executor* executor = nullptr;  // where calls are answered
    std::string instance;          // as of InstanceOf
    std::string boot_id;
    // The namespace of a container that runs; an error when it is gone.
    std::function<absl::StatusOr<base::UniqueFd>(const store::ContainerRecord&)>
        open_netns;
  };

  explicit NamedNamespaces(Options options) : options_(std::move(options)) {}
  NamedNamespaces(const NamedNamespaces&) = delete;
  NamedNamespaces& operator=(const NamedNamespaces&) = delete;

  // Undoes and finishes what an earlier daemon began, and makes what the host
  // has lost, as by a reboot. Once, before containers start; blocks.
  void Recover();

  // For NetworkManager; see there.
  void Create(std::string name, TicketPtr ticket,
              Callback<NetworkNamespacePtr> callback);
  void Delete(DeleteNetworkNamespaceArgs args, TicketPtr ticket,
              Callback<NetworkNamespacePtr> callback);

  // Where a container whose intent to start is committed finds it.
  // NETWORK_NAMESPACE_NOT_FOUND, NETWORK_NAMESPACE_BROKEN.
  absl::StatusOr<std::string> PathOf(std::string_view name) const;

  // --- For audits.
  absl::StatusOr<std::vector<AuditObject>> Inventory();
  // Puts right what Inventory finds, but for names that others have taken.
  absl::Status Repair();

 private:
  using Record = store::NetworkNamespaceRecord;
  // What may be done about a namespace that is not as it shall be.
  enum class Mending { kMissing, kAll };

  // On the lane.
  absl::StatusOr<NetworkNamespacePtr> Make(const std::string& name,
                                           Ticket* ticket);
  absl::StatusOr<NetworkNamespacePtr> Remove(
      const DeleteNetworkNamespaceArgs& args, Ticket* ticket);
  void RecoverRow(const Record& record);
  absl::Status Mend(const Record& record, Mending mending);
  absl::Status Adopt(const Record& record);
  absl::Status MendAll(Mending mending);
  absl::Status RemoveOrphans();
  absl::StatusOr<std::vector<AuditObject>> Look() const;

  absl::StatusOr<netsetup::Netns> Find(const Record& record) const;
  absl::Status Pin(netsetup::Netns netns, Record* record);
  absl::Status Unpin(const Record& record);
  absl::Status Settle(const Record& record, std::string_view event);

  std::string TagOf(std::string_view id) const;
  bool IsOurs(const netsetup::NetnsPin& pin, const Record& record) const;
  bool IsThere(const netsetup::NetnsPin& pin, const Record& record) const;
  std::string UserOf(const Record& record) const;

  const Options options_;
  // Each held open, by id: as long as this daemon lives its number is not
  // another's, and a name that was taken away can be given back. Of the lane.
  std::map<std::string, netsetup::Netns> held_;
};

// "/run/netns/<name>".
std::string NetworkNamespacePath(std::string_view name);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NAMED_NAMESPACES_H_
