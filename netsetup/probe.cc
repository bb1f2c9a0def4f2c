#include "netsetup/probe.h"

#include <errno.h>
#include <stdint.h>

#include <optional>
#include <utility>

#include "absl/status/status.h"

#include "netsetup/link.h"
#include "netsetup/netlink/socket.h"
#include "netsetup/netns.h"
#include "netsetup/tc.h"
#include "runtime/base/file.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

// Fixed, so that nobody has to ask for them: the namespace is empty.
constexpr char kBelow[] = "below";
constexpr char kBridge[] = "bridge";

class Prober {
 public:
  explicit Prober(Socket* socket) : socket_(socket) {}

  std::vector<Feature> Run() {
    ProbeKinds();
    ProbePorts();
    ProbeQueues();
    return std::move(features_);
  }

 private:
  void Add(std::string name, const absl::Status& status) {
    std::string why;
    if (!status.ok()) why = std::string(status.message());
    features_.push_back({std::move(name), std::move(why)});
  }

  absl::Status Create(const NewLink& link) {
    const std::string kind(KindName(link.kind));
    return socket_->Request(BuildCreateLink(link), "create " + kind, link.name);
  }
  int IndexOf(const std::string& name) {
    const absl::StatusOr<Link> link = GetLink(socket_, {.name = name});
    return link.ok() ? link->index : 0;
  }

  void ProbeKinds() {
    Add("bridge", Create({.name = kBridge, .kind = BridgeOptions{}}));
    Add("veth",
        Create({.name = kBelow, .kind = VethOptions{.peer_name = "peer"}}));
    // A link has a macvlan or an ipvlan above it, not both.
    Add("macvlan", Create({.name = "macvlan",
                           .kind = MacvlanOptions{},
                           .parent = IndexOf(kBelow)}));
    Add("ipvlan", Create({.name = "ipvlan",
                          .kind = IpvlanOptions{},
                          .parent = IndexOf("peer")}));
    Add("vxlan", Create({.name = "vxlan", .kind = VxlanOptions{.id = 1}}));
    Add("ifb", Create({.name = "ifb", .kind = IfbOptions{}}));
  }

  void ProbePorts() {
    // A port of its own: a link with a macvlan above cannot be one.
    absl::Status status = Create({.name = "port",
                                  .kind = VethOptions{.peer_name = "port-peer"},
                                  .master = IndexOf(kBridge)});
    if (status.ok()) {
      status = socket_->Request(
          BuildChangeLink({.name = "port"},
                          {.port = PortOptions{.isolated = true}}),
          "isolate port", "port");
    }
    if (status.ok()) {
      const absl::StatusOr<Link> port = GetLink(socket_, {.name = "port"});
      // An older kernel ignores what it does not know.
      if (!port.ok() || !port->port.has_value() || !port->port->isolated) {
        status = NetErrorFrom(EOPNOTSUPP, "isolate port", "port");
      }
    }
    Add("isolated-port", status);
    Add("alternative-name",
        socket_->Request(
            BuildAddAlternativeName({.name = "port"}, "a-name-of-many-letters"),
            "add alternative name", "port"));
  }

  void ProbeQueues() {
    const int port = IndexOf("port");
    Add("tbf",
        socket_->Request(BuildSetRate(port, {.bytes_per_second = 1'000'000}),
                         "limit", "port"));
    absl::Status status =
        socket_->Request(BuildAddIngress(port), "add ingress", "port");
    if (status.ok()) {
      status = socket_->Request(BuildRedirectIngress(port, IndexOf("ifb")),
                                "redirect", "port");
    }
    Add("redirect", status);
  }

  Socket* const socket_;
  std::vector<Feature> features_;
};

}  // namespace

absl::StatusOr<std::vector<Feature>> DetectFeatures() {
  CAISSON_ASSIGN_OR_RETURN(const Netns netns, CreateNetns({}));
  CAISSON_ASSIGN_OR_RETURN(Socket socket, OpenSocketIn(netns.fd.get()));
  std::vector<Feature> features = Prober(&socket).Run();
  Feature ipv6 = {.name = "ipv6"};
  if (!base::PathExists("/proc/sys/net/ipv6")) {
    ipv6.missing_because = "the kernel runs without IPv6";
  }
  features.push_back(std::move(ipv6));
  return features;
}

}  // namespace caisson::netsetup
