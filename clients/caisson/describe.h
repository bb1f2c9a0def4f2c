// Containers and exits in the words of tables.
//
// Thread: any.
#ifndef CAISSON_CLIENTS_CAISSON_DESCRIBE_H_
#define CAISSON_CLIENTS_CAISSON_DESCRIBE_H_

#include <cstdint>
#include <string>

#include "caisson/v1/container.pb.h"
#include "caisson/v1/network.pb.h"
#include "caisson/v1/stream.pb.h"

namespace caisson::cli {

// "running", "exited" ...
std::string StateText(v1::ContainerState state);
// "Up 3 minutes", "Exited (137, OOM_KILLED) 2 hours ago" ...
std::string StatusText(const v1::ContainerStatus& status);
// The command in one line, at most 40 characters unless `whole`.
std::string CommandText(const v1::Process& process, bool whole);
// The first 12 digits unless `whole`.
std::string IdText(const std::string& id, bool whole);
// "127.0.0.1:8080->80/tcp, [::]:90-99->90-99/udp".
std::string PortsText(const v1::ContainerStatus& status);
// "127.0.0.1:80", "[::]:80".
std::string HostPortText(const std::string& host_ip, int32_t port);
// Names of the networks, "lan, wan".
std::string NetworksText(const v1::ContainerStatus& status);
// "bridge", "macvlan on eth0" ...
std::string DriverText(const v1::NetworkSpec& spec);
// "10.1.0.0/16, fd00:1::/64".
std::string SubnetsText(const v1::NetworkStatus& status);
// "removed to make room for newer output" ...
std::string GapReasonText(v1::GapReason reason);
// "exited with 3", "killed by SIGKILL (OOM_KILLED)" ...
std::string ExitText(const v1::Exited& exit);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_DESCRIBE_H_
