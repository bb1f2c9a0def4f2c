// Who has what of the networks: addresses, ports of the host, names of
// interfaces. In memory and without I/O; what has to outlive the daemon are
// rows that the caller commits.
//
//   Reserve --rows--> commit of the start
//   BeginRelease --rows--> commit of the end --> FinishRelease
//
// Process: caissond. Thread: any.
#ifndef CAISSON_SERVER_CORE_NETWORK_NETWORK_BOOK_H_
#define CAISSON_SERVER_CORE_NETWORK_NETWORK_BOOK_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "netsetup/ipam/pool.h"
#include "netsetup/nft/element.h"
#include "runtime/spec/network.h"
#include "server/store/records.h"

namespace caisson::core {

struct Reservation {
  // Not attached yet.
  std::vector<store::Endpoint> endpoints;
  // To be written, and to be erased, with the transaction that tells of the
  // endpoints.
  std::vector<store::LeaseRow> put;
  std::vector<store::LeaseRow> erase;
  // What addresses were before that were in quarantine and asked for by name.
  std::vector<store::LeaseRow> replaced;
};

class NetworkBook {
 public:
  // What a reference means; null: nothing.
  using Find = std::function<store::NetworkPtr(std::string_view reference)>;
  // Whether nobody on the host listens there: a port of a socket that is not
  // ours. May ask the kernel; called without a lock.
  using PortProbe = std::function<bool(const store::PublishedPort& port)>;
  // Whether the host does not have the address itself; as PortProbe.
  using AddressProbe = std::function<bool(const netsetup::IpAddress& address)>;
  using Clock = std::function<absl::Duration()>;  // since boot

  NetworkBook(std::string boot_id, Find find, PortProbe is_port_free,
              AddressProbe is_address_free, Clock clock);
  NetworkBook(const NetworkBook&) = delete;
  NetworkBook& operator=(const NetworkBook&) = delete;

  // INVALID_ARGUMENT for subnets that Validate does not let pass.
  absl::Status Add(const store::NetworkRecord& network);
  // Takes over rows of the network, once, before its first reservation. Returns
  // those to erase.
  std::vector<store::LeaseRow> Recover(
      const std::string& network_id, const std::vector<store::LeaseRow>& rows);
  // FAILED_PRECONDITION NETWORK_IN_USE when an endpoint is there; from now on
  // none is taken, until Reopen.
  absl::Status Close(const store::NetworkRecord& network);
  void Reopen(const std::string& network_id);
  // Forgets all leases of the network, those in quarantine too.
  void Remove(const std::string& network_id);

  // What gives something away is in network_reserve.cc. What is refused leaves
  // the book as it was.
  //
  // All that a container wants, or nothing. `field` is the path of `wanted` in
  // the request. INVALID_FIELD, NETWORK_NOT_FOUND, ADDRESS_IN_USE,
  // NO_FREE_ADDRESS, PORT_IN_USE.
  absl::StatusOr<Reservation> Reserve(const spec::Network& wanted,
                                      const std::string& field);

  // What Reserve would give now, and nothing is taken. The ids are made up: a
  // name of a link that follows from them is not the one that it will have.
  absl::StatusOr<Reservation> Preview(const spec::Network& wanted,
                                      const std::string& field);

  // The same for one more attachment, or one more port, of a container that
  // runs and has `held`. ALREADY_CONNECTED, NOT_CONNECTED besides.
  absl::StatusOr<Reservation> ReserveConnect(
      const std::vector<store::Endpoint>& held,
      const spec::NetworkAttachment& wanted, const std::string& field);
  // The endpoint with the port, which is its last one.
  absl::StatusOr<store::Endpoint> ReservePort(
      const std::vector<store::Endpoint>& held, const spec::PortMapping& wanted,
      const std::string& field);

  // Makes a reservation undone whose transaction was not committed: its
  // addresses need no rest, since nobody used them.
  void TakeBack(const Reservation& reservation);

  // An endpoint of a container that runs: found at the start of the daemon.
  absl::Status Adopt(const store::Endpoint& endpoint);

  // The rows by which the endpoints have nothing any more, after a quarantine;
  // the same ones when it is asked again. Until FinishRelease everything is
  // still theirs: whoever had it before the rows are committed could be the
  // second owner that a next daemon finds.
  std::vector<store::LeaseRow> BeginRelease(
      const std::vector<store::Endpoint>& endpoints);
  // The rows are committed. What is free already is no error.
  void FinishRelease(const std::vector<store::Endpoint>& endpoints);
  // The rows could not be committed, and the endpoint goes on as it was.
  void CancelRelease(const store::Endpoint& endpoint);
  // Both, where no row tells of the endpoints.
  void Release(const std::vector<store::Endpoint>& endpoints);

  // One port of an endpoint alone; what is free already is no error.
  void ReleasePort(const store::Endpoint& endpoint,
                   const store::PublishedPort& port);

  // Whether the address is held by the endpoint, for an audit.
  bool Holds(const store::Endpoint& endpoint) const;
  size_t EndpointsOf(const std::string& network_id) const;

 private:
  struct Entry {
    std::string id;
    std::vector<netsetup::ipam::Pool> pools;
    std::vector<spec::Subnet> subnets;
    std::set<std::string> endpoints;
    bool closed = false;
  };
  class Reserving;

  // Where the address comes from; null: from none.
  netsetup::ipam::Pool* PoolOf(const std::string& network_id,
                               const netsetup::IpAddress& address)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeBackLocked(const Reservation& reservation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<store::LeaseRow> BeginReleaseLocked(
      const store::Endpoint& endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishReleaseLocked(const store::Endpoint& endpoint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReleasePortLocked(const store::Endpoint& endpoint,
                         const store::PublishedPort& port)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string boot_id_;
  const Find find_;
  const PortProbe is_port_free_;
  const AddressProbe is_address_free_;
  const Clock clock_;

  mutable absl::Mutex mutex_;
  std::map<std::string, Entry> networks_ ABSL_GUARDED_BY(mutex_);
  // What is published, over all networks; finds conflicts.
  netsetup::nft::Elements ports_ ABSL_GUARDED_BY(mutex_);
  int next_port_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NETWORK_BOOK_H_
