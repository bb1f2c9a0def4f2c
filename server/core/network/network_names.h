// Names of containers on their networks: what the responder answers with, and
// where it is asked.
//
// Process: caissond. Thread: any for ServersOf; the rest is for the network
// lane.
#ifndef CAISSON_SERVER_CORE_NETWORK_NETWORK_NAMES_H_
#define CAISSON_SERVER_CORE_NETWORK_NETWORK_NAMES_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "netsetup/dns/responder.h"
#include "netsetup/dns/zone.h"
#include "runtime/spec/spec.h"
#include "server/core/network/live_container.h"
#include "server/core/network/name_files.h"
#include "server/store/records.h"

namespace caisson::core {

// How the host finds names; read anew each time, since it changes.
HostResolver ReadHostResolver();

// The files of a container with these endpoints. `effective` is its spec with
// defaults; `responders` as of NetworkNames::ServersOf.
NameFiles BuildNameFiles(const spec::ContainerSpec& effective,
                         const std::vector<store::Endpoint>& endpoints,
                         const HostResolver& host,
                         const std::vector<std::string>& responders);
// The one of them that may change until the program runs.
std::string BuildResolvConf(const spec::Network& network,
                            const HostResolver& host,
                            const std::vector<std::string>& responders);

// A name without one of its own: so many digits of the id.
inline constexpr size_t kShortIdDigits = 12;

// What a container has of names on the network of the endpoint.
netsetup::dns::ZoneEntry NamesOf(const std::string& container_id,
                                 const LiveContainer& live,
                                 const store::Endpoint& endpoint);

class NetworkNames {
 public:
  static absl::StatusOr<std::unique_ptr<NetworkNames>> Open();
  NetworkNames(const NetworkNames&) = delete;
  NetworkNames& operator=(const NetworkNames&) = delete;

  // The servers that a container with these endpoints shall ask, that of its
  // default route first. For a network that is not up yet: those that it will
  // have.
  std::vector<std::string> ServersOf(
      const std::vector<store::Endpoint>& endpoints,
      const std::vector<store::NetworkPtr>& networks) const;

  // Answers at the gateways of a network whose bridge is there; again after the
  // bridge was made anew. A server that cannot be had is logged: containers are
  // told of the host's own servers then.
  void Serve(const store::NetworkRecord& network);
  bool IsServed(const std::string& network_id) const;
  void Forget(const std::string& network_id);

  // Why names are not answered for on a network that was to be served; empty:
  // they are.
  std::string WhyNot(const std::string& network_id) const;

  // From time to time: asks those servers that the host asks now, and serves
  // what could not be served (somebody had the port), less and less often.
  // Returns the networks that have names again.
  std::set<std::string> Tend(const std::vector<store::NetworkPtr>& networks,
                             absl::Time now);

  // What a container has of names on a network that is, or was, served.
  void Add(const store::NetworkRecord& network,
           const netsetup::dns::ZoneEntry& entry);
  // Names that stay are known all the time.
  void Replace(const std::string& network_id,
               const netsetup::dns::ZoneEntry& before,
               const netsetup::dns::ZoneEntry& after);
  void Remove(const std::string& network_id,
              const netsetup::dns::ZoneEntry& entry);

 private:
  // Whether a network's names are answered for, and when that is tried again.
  struct Service {
    absl::Status status;
    absl::Duration delay;
    absl::Time next_try = absl::InfinitePast();
  };

  explicit NetworkNames(std::unique_ptr<netsetup::dns::Responder> responder)
      : responder_(std::move(responder)) {}

  void UpdateUpstreams();
  netsetup::dns::ZonePtr ZoneOf(const store::NetworkRecord& network);

  const std::unique_ptr<netsetup::dns::Responder> responder_;
  HostResolver host_;
  std::map<std::string, netsetup::dns::ZonePtr> zones_;  // by network id
  mutable absl::Mutex mutex_;
  // Networks that were to be served.
  std::map<std::string, Service> services_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NETWORK_NAMES_H_
