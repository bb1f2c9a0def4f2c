#include "tests/bench/attachers.h"

#include <stdlib.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include <nlohmann/json.hpp>

#include "runtime/base/status_macros.h"
#include "tests/bench/command.h"
#include "tests/bench/own_network.h"

namespace caisson::bench {
namespace {

using nlohmann::json;

constexpr int kContainerPort = 80;

constexpr char kCniNetwork[] = R"({
  "cniVersion": "0.4.0", "name": "bench", "type": "bridge",
  "bridge": "cni0", "isGateway": true, "ipMasq": true,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.92.0.0/16"}]],
           "routes": [{"dst": "0.0.0.0/0"}]}})";
constexpr char kCniPorts[] = R"({
  "cniVersion": "0.4.0", "name": "bench", "type": "portmap", "snat": true,
  "capabilities": {"portMappings": true},
  "runtimeConfig": {"portMappings": [
      {"containerPort": 80, "protocol": "tcp"}]}})";

// What podman tells of a container.
constexpr char kNetavark[] = R"({
  "port_mappings": [{"container_port": 80, "host_ip": "", "protocol": "tcp",
                     "range": 1}],
  "networks": {"bench": {"interface_name": "eth0"}},
  "network_info": {"bench": {
      "name": "bench", "driver": "bridge", "network_interface": "netavark0",
      "id": "53ce4390f2adb1681eb1a90ec8b48c49c015e0a8d336c197637e7f65e365fa9e",
      "subnets": [{"subnet": "10.93.0.0/16", "gateway": "10.93.0.1"}],
      "ipv6_enabled": false, "internal": false, "dns_enabled": false,
      "ipam_options": {"driver": "host-local"}}}})";

// Programs want a path. This process has the descriptor while they run.
std::string PathOf(int netns_fd) {
  return absl::StrCat("/proc/", ::getpid(), "/fd/", netns_fd);
}

absl::Status MustBeThere(const std::string& program) {
  if (::access(program.c_str(), X_OK) == 0) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("'", program, "' is not installed; it is not measured"));
}

class Cni {
 public:
  Cni(std::string directory, const std::string& scratch)
      : directory_(std::move(directory)) {
    network_ = json::parse(kCniNetwork);
    network_["ipam"]["dataDir"] = absl::StrCat(scratch, "/cni");
  }

  absl::Status Attach(int number, int netns_fd) {
    CAISSON_ASSIGN_OR_RETURN(
        const std::string result,
        Call("ADD", "bridge", network_.dump(), number, netns_fd));
    json ports = json::parse(kCniPorts);
    ports["runtimeConfig"]["portMappings"][0]["hostPort"] = 21000 + number;
    ports["prevResult"] = json::parse(result, nullptr, false);
    std::string& attached = attached_[number];
    attached = ports.dump();
    return Call("ADD", "portmap", attached, number, netns_fd).status();
  }

  absl::Status Detach(int number, int netns_fd) {
    CAISSON_RETURN_IF_ERROR(
        Call("DEL", "portmap", attached_[number], number, netns_fd).status());
    return Call("DEL", "bridge", network_.dump(), number, netns_fd).status();
  }

 private:
  absl::StatusOr<std::string> Call(const char* command, const char* plugin,
                                   const std::string& config, int number,
                                   int netns_fd) {
    ::setenv("CNI_COMMAND", command, 1);
    ::setenv("CNI_CONTAINERID", absl::StrCat("bench", number).c_str(), 1);
    ::setenv("CNI_NETNS", PathOf(netns_fd).c_str(), 1);
    ::setenv("CNI_IFNAME", "eth0", 1);
    ::setenv("CNI_PATH", directory_.c_str(), 1);
    return RunCommand({absl::StrCat(directory_, "/", plugin)}, config);
  }

  const std::string directory_;
  json network_;
  std::map<int, std::string> attached_;  // what portmap was told
};

std::string NetavarkConfig(int number) {
  json config = json::parse(kNetavark);
  config["container_id"] = absl::StrCat("bench", number);
  config["container_name"] = config["container_id"];
  config["port_mappings"][0]["host_port"] = 22000 + number;
  config["networks"]["bench"]["static_ips"] = json::array(
      {absl::StrCat("10.93.", number / 250, ".", 2 + number % 250)});
  return config.dump();
}

}  // namespace

absl::StatusOr<Attacher> OpenOwn(const OwnOptions& options) {
  CAISSON_ASSIGN_OR_RETURN(std::unique_ptr<OwnNetwork> made,
                           OwnNetwork::Create(options.instance, options.cidr));
  const std::shared_ptr<OwnNetwork> network = std::move(made);
  const auto endpoints = std::make_shared<std::map<int, store::Endpoint>>();
  Attacher out;
  out.name = options.name;
  out.attach = [network, endpoints, first_port = options.first_port](
                   int number, int netns_fd) -> absl::Status {
    CAISSON_ASSIGN_OR_RETURN(
        (*endpoints)[number],
        network->Attach(netns_fd, {{.container_port = kContainerPort,
                                    .host_port = first_port + number}}));
    return absl::OkStatus();
  };
  out.detach = [network, endpoints, how = options.how](int number,
                                                       int netns_fd) {
    return network->Detach((*endpoints)[number], how, netns_fd);
  };
  if (options.how == netsetup::DetachHow::kNamespaceEnds) {
    out.end = [network, endpoints](int number, int netns_fd) {
      return network->End((*endpoints)[number], netns_fd);
    };
  }
  return out;
}

absl::StatusOr<Attacher> OpenCni(const std::string& directory,
                                 const std::string& scratch) {
  for (const char* plugin : {"/bridge", "/host-local", "/portmap"}) {
    CAISSON_RETURN_IF_ERROR(MustBeThere(absl::StrCat(directory, plugin)));
  }
  const auto cni = std::make_shared<Cni>(directory, scratch);
  return Attacher{
      .name = "CNI",
      .attach = [cni](int number,
                      int netns_fd) { return cni->Attach(number, netns_fd); },
      .detach = [cni](int number,
                      int netns_fd) { return cni->Detach(number, netns_fd); },
      .end = {}};
}

absl::StatusOr<Attacher> OpenNetavark(const std::string& program) {
  CAISSON_RETURN_IF_ERROR(MustBeThere(program));
  const auto call = [program](const char* command, int number, int netns_fd) {
    return RunCommand({program, command, PathOf(netns_fd)},
                      NetavarkConfig(number))
        .status();
  };
  return Attacher{.name = "netavark",
                  .attach =
                      [call](int number, int netns_fd) {
                        return call("setup", number, netns_fd);
                      },
                  .detach =
                      [call](int number, int netns_fd) {
                        return call("teardown", number, netns_fd);
                      },
                  .end = {}};
}

}  // namespace caisson::bench
