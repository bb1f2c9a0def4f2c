// What a container with networks reads about names: the texts of /etc/hosts,
// /etc/resolv.conf and /etc/hostname, and which servers answer for the rest of
// the world.
//
// Process: caissond. Thread: any; pure functions.
#ifndef CAISSON_SERVER_CORE_NETWORK_NAME_FILES_H_
#define CAISSON_SERVER_CORE_NETWORK_NAME_FILES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/spec/network.h"

namespace caisson::core {

// The well-known names, then `extra_hosts`, then the container itself by its
// `addresses` (without lengths, the one that its name stands for first). No
// hostname, no line for it.
std::string HostsFile(std::string_view hostname, std::string_view domainname,
                      const std::vector<std::string>& addresses,
                      const std::vector<spec::ExtraHost>& extra_hosts);

std::string HostnameFile(std::string_view hostname);

// How the host itself finds names, by the texts of its files.
struct HostResolver {
  std::string resolv_conf;  // /etc/resolv.conf
  // /run/systemd/resolve/resolv.conf, empty if there is none: counts where the
  // first one names no server but one on the host's loopback.
  std::string upstream;

  bool operator==(const HostResolver&) const = default;
};

// What `dns` does not say comes from the host, without servers that only the
// host reaches: loopback, link-local. `responders` are ours in the container's
// networks: then they are asked, and nobody else, and a name without a dot is
// theirs first. Without any server the file has none, and names of others are
// not found.
std::string ResolvConf(const std::optional<spec::Dns>& dns,
                       const HostResolver& host,
                       const std::vector<std::string>& responders);

// The three of a container.
struct NameFiles {
  std::string hosts;
  std::string resolv_conf;
  std::string hostname;
};

// Whom a responder asks what it does not know: the servers of the host, also
// those on its loopback, since it is the host that asks.
std::vector<std::string> ForwardServers(const HostResolver& host);

}  // namespace caisson::core

#endif  // CAISSON_SERVER_CORE_NETWORK_NAME_FILES_H_
