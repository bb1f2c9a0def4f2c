// Bad specs, each through the whole path: bytes -> gRPC -> translation and
// checks -> status. Nothing may reach core.
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "server/service/bad_input.h"

namespace caisson::service {
namespace {

constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;

struct SpecRow {
  std::string text;   // added to a spec that is fine
  std::string field;  // below "spec."
};

std::string Repeat(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// `text` merged into a good spec; of a message that is there already, the
// fields are added.
std::string SpecWith(const std::string& text) {
  return base::StrCat("spec { ", kGoodSpec, " }", kMerge, "spec { ", text,
                      " }");
}

std::vector<SpecRow> Basics() {
  const std::string long_name(129, 'a');
  return {
      {"name: '-a'", "name"},
      {"name: 'a/b'", "name"},
      {"name: 'a b'", "name"},
      {"name: '..'", "name"},
      {"name: 'a\\n'", "name"},
      {"name: '" + long_name + "'", "name"},
      {"name: '0123456789abcdef0123456789ABCDEF'", "name"},
      {"name: '\\303\\251'", "name"},
      {"labels { key: '' value: 'x' }", "labels[]"},
      {"labels { key: '" + std::string(318, 'k') + "' value: 'x' }",
       "labels[" + std::string(64, 'k') + "...]"},
      {"hostname: '-x'", "hostname"},
      {"hostname: 'a..b'", "hostname"},
      {"hostname: 'a b'", "hostname"},
      {"hostname: '" + std::string(65, 'h') + "'", "hostname"},
      {"domainname: 'a/b'", "domainname"},
      {"stop_signal: 'SIGNOTHING'", "stop_signal"},
      {"stop_signal: '0'", "stop_signal"},
      {"stop_signal: '65'", "stop_signal"},
      {"stop_signal: '-9'", "stop_signal"},
      {"stop_timeout { seconds: -1 }", "stop_timeout"},
      {"stop_timeout { seconds: 86401 }", "stop_timeout"},
      {"stop_timeout { seconds: 1 nanos: -5 }", "stop_timeout"},
      {"stop_timeout { nanos: 1000000000 }", "stop_timeout"},
      {"delete_after_exit { seconds: -1 }", "delete_after_exit"},
      {"delete_after_exit { seconds: 31536001 }", "delete_after_exit"},
      {"log { driver: 2 }", "log.driver"},
      {"log { max_file_bytes: 1 }", "log.max_file_bytes"},
      {"log { max_file_bytes: -1 }", "log.max_file_bytes"},
      {"log { max_files: 1001 }", "log.max_files"},
      {"log { max_files: -1 }", "log.max_files"},
      {"limits { wall_time {} }", "limits.wall_time"},
      {"limits { wall_time { seconds: -5 } }", "limits.wall_time"},
      {"limits { cpu_time {} }", "limits.cpu_time"},
      {"limits { output_bytes: 0 }", "limits.output_bytes"},
      {"limits { output_bytes: -1 }", "limits.output_bytes"},
      {"limits { output_action: 9 }", "limits.output_action"},
      {"limits { grace { seconds: -1 } }", "limits.grace"},
      {"limits { grace { seconds: 86401 } }", "limits.grace"},
  };
}

std::vector<SpecRow> Processes() {
  return {
      {"process { args_raw: 'x' }", "process.args_raw"},
      {"process { args: 'a\\000b' }", "process.args[0]"},
      {"process { env { key: '' value: 'x' } }", "process.env[]"},
      {"process { env { key: 'A=B' value: 'x' } }", "process.env[A=B]"},
      {"process { env { key: 'A' value: 'x\\000' } }", "process.env[A]"},
      {"process { env { key: 'A' value: 'x' } "
       "env_raw { key: 'A' value: 'y' } }",
       "process.env_raw[A]"},
      {"process { working_dir: 'relative' }", "process.working_dir"},
      {"process { working_dir: '/a/../b' }", "process.working_dir"},
      {"process { working_dir: '/" + std::string(4095, 'd') + "' }",
       "process.working_dir"},
      {"process { user: ':' }", "process.user"},
      {"process { user: '-1' }", "process.user"},
      {"process { user: '4294967295' }", "process.user"},
      {"process { user: '99999999999' }", "process.user"},
      {"process { user: '0x1' }", "process.user"},
      {"process { user: '1:2:3' }", "process.user"},
      {"process { user: ' 1' }", "process.user"},
      {"process { extra_groups: '' }", "process.extra_groups[0]"},
      {"process { extra_groups: '-5' }", "process.extra_groups[0]"},
      {"process {" + Repeat("extra_groups: '1' ", 1025) + "}",
       "process.extra_groups"},
      {"process { terminal_size { rows: 1 } }", "process.terminal_size"},
      {"process { tty: true terminal_size { rows: -1 } }",
       "process.terminal_size.rows"},
      {"process { tty: true terminal_size { cols: 65536 } }",
       "process.terminal_size.cols"},
      {"process { stdin: 7 }", "process.stdin"},
      {"process { capabilities { add: 'CAP_NOTHING' } }",
       "process.capabilities.add[0]"},
      {"process { capabilities { drop: 'all' } }",
       "process.capabilities.drop[0]"},
      {"process { rlimits { name: 'FILES' } }", "process.rlimits[0].name"},
      {"process { rlimits { name: 'NOFILE' soft: 2 hard: 1 } }",
       "process.rlimits[0].soft"},
      {"process { rlimits { name: 'NOFILE' hard: -2 } }",
       "process.rlimits[0].hard"},
      {"process { rlimits { name: 'CORE' } rlimits { name: 'RLIMIT_CORE' } }",
       "process.rlimits[1].name"},
      {"process { umask: 512 }", "process.umask"},
      {"process { umask: -1 }", "process.umask"},
      {"process { oom_score_adj: 1001 }", "process.oom_score_adj"},
      {"process { oom_score_adj: -1001 }", "process.oom_score_adj"},
      {"process { args: '" + std::string(200'000, 'x') + "' }",
       "process.args[0]"},
  };
}

std::vector<SpecRow> Files() {
  return {
      {"rootfs { host_directory { path: '' } }", "rootfs.host_directory.path"},
      {"rootfs { host_directory { path: 'srv' } }",
       "rootfs.host_directory.path"},
      {"rootfs { host_directory { path: '/srv/../etc' } }",
       "rootfs.host_directory.path"},
      {"rootfs { host_directory { path: '/a\\000b' } }",
       "rootfs.host_directory.path"},
      {"mounts { target: '/x' }", "mounts[0]"},
      {"mounts { tmpfs {} }", "mounts[0].target"},
      {"mounts { target: 'x' tmpfs {} }", "mounts[0].target"},
      {"mounts { target: '/' tmpfs {} }", "mounts[0].target"},
      {"mounts { target: '/proc' tmpfs {} }", "mounts[0].target"},
      {"mounts { target: '/proc/sys/x' tmpfs {} }", "mounts[0].target"},
      {"mounts { target: '/sys/kernel' tmpfs {} }", "mounts[0].target"},
      {"mounts { target: '//proc//' tmpfs {} }", "mounts[0].target"},
      {"mounts { target: '/a/../proc' tmpfs {} }", "mounts[0].target"},
      {"mounts { target: '/x' tmpfs {} } mounts { target: '/x/' tmpfs {} }",
       "mounts[1].target"},
      {"mounts { target: '/x' bind {} }", "mounts[0].bind.source"},
      {"mounts { target: '/x' bind { source: 'rel' } }",
       "mounts[0].bind.source"},
      {"mounts { target: '/x' special: 'ext4' }", "mounts[0].special"},
      {"mounts { target: '/x' tmpfs { size_bytes: 0 } }",
       "mounts[0].tmpfs.size_bytes"},
      {"mounts { target: '/x' tmpfs { mode: 4096 } }", "mounts[0].tmpfs.mode"},
      {"mounts { target: '/x' tmpfs {} propagation: 'unbindable' }",
       "mounts[0].propagation"},
      {"mounts { target: '/x' tmpfs {} options: 'suid,dev' }",
       "mounts[0].options[0]"},
      {"mounts { target: '/x' tmpfs {} options: 'nosuid' options: 'loop' }",
       "mounts[0].options[1]"},
      {"devices {}", "devices[0].host_path"},
      {"devices { host_path: 'dev/x' }", "devices[0].host_path"},
      {"devices { host_path: '/dev/x' container_path: '/proc/x' }",
       "devices[0].container_path"},
      {"devices { host_path: '/dev/x' permissions: 'rx' }",
       "devices[0].permissions"},
      {"devices { host_path: '/dev/x' permissions: 'rr' }",
       "devices[0].permissions"},
  };
}

std::vector<SpecRow> Isolation() {
  return {
      {"resources { pids_limit: 0 }", "resources.pids_limit"},
      {"resources { pids_limit: -2 }", "resources.pids_limit"},
      {"resources { memory { limit_bytes: 4096 } }",
       "resources.memory.limit_bytes"},
      {"resources { memory { limit_bytes: -1 } }",
       "resources.memory.limit_bytes"},
      {"resources { memory { swap_limit_bytes: -1 } }",
       "resources.memory.swap_limit_bytes"},
      {"resources { memory { high_bytes: 0 } }", "resources.memory.high_bytes"},
      {"resources { memory { low_bytes: -1 } }", "resources.memory.low_bytes"},
      {"resources { memory { min_bytes: -1 } }", "resources.memory.min_bytes"},
      {"resources { cpu { limit_millis: 9 } }", "resources.cpu.limit_millis"},
      {"resources { cpu { limit_millis: 100 quota_micros: 5000 } }",
       "resources.cpu.limit_millis"},
      {"resources { cpu { quota_micros: 999 } }", "resources.cpu.quota_micros"},
      {"resources { cpu { period_micros: 10 } }",
       "resources.cpu.period_micros"},
      {"resources { cpu { weight: 0 } }", "resources.cpu.weight"},
      {"resources { cpu { weight: 5 shares: 5 } }", "resources.cpu.weight"},
      {"resources { cpu { shares: 1 } }", "resources.cpu.shares"},
      {"resources { cpu { burst_micros: 1 } }", "resources.cpu.burst_micros"},
      {"resources { cpu { idle: true weight: 5 } }", "resources.cpu.idle"},
      {"resources { cpu { cpuset_cpus: '0-' } }", "resources.cpu.cpuset_cpus"},
      {"resources { cpu { cpuset_cpus: '3-1' } }", "resources.cpu.cpuset_cpus"},
      {"resources { cpu { cpuset_mems: 'all' } }", "resources.cpu.cpuset_mems"},
      {"namespaces { pid { private: false } }", "namespaces.pid.private"},
      {"namespaces { ipc { host: false } }", "namespaces.ipc.host"},
      {"namespaces { uts { container: '' } }", "namespaces.uts.container"},
      {"namespaces { pid { container: 'a b' } }", "namespaces.pid.container"},
      {"namespaces { cgroup { path: 'rel' } }", "namespaces.cgroup.path"},
      {"namespaces { time { path: '' } }", "namespaces.time.path"},
      {"namespaces { uts { host: true } } hostname: 'x'", "hostname"},
      {"user_namespace { host: false }", "user_namespace.host"},
      {"user_namespace { explicit {} }", "user_namespace.explicit.uids"},
      {"user_namespace { explicit { uids { size: 0 } gids { size: 1 } } }",
       "user_namespace.explicit.uids[0].size"},
      {"user_namespace { explicit { uids { container_id: -1 size: 1 } "
       "gids { size: 1 } } }",
       "user_namespace.explicit.uids[0].container_id"},
      {"user_namespace { explicit { uids { container_id: 5 size: 1 } "
       "gids { size: 1 } } }",
       "user_namespace.explicit.uids"},
      {"user_namespace { explicit { uids { size: 9 } uids { container_id: 5 "
       "host_id: 50 size: 9 } gids { size: 1 } } }",
       "user_namespace.explicit.uids[1]"},
      {"user_namespace { explicit { uids { size: 1 } gids { host_id: "
       "4294967294 size: 2 } } }",
       "user_namespace.explicit.gids[0].size"},
      {"network { none: false }", "network.none"},
      {"network { host: false }", "network.host"},
      {"network { container: '' }", "network.container"},
      {"network { container: 'a/b' }", "network.container"},
      {"network { namespace: '' }", "network.namespace"},
      {"network { namespace: '../x' }", "network.namespace"},
      {"network { namespace_path: '' }", "network.namespace_path"},
      {"network { namespace_path: 'netns/x' }", "network.namespace_path"},
      {"security { seccomp { profile: 'none' } }", "security.seccomp.profile"},
      {"security { seccomp { oci_json: '{' } }", "security.seccomp.oci_json"},
      {"security { seccomp { unconfined: false } }",
       "security.seccomp.unconfined"},
      {"security { masked_paths { paths: 'rel' } }",
       "security.masked_paths.paths[0]"},
      {"security { readonly_paths { paths: '/' } }",
       "security.readonly_paths.paths[0]"},
      {"sysctls { key: 'kernel.core_pattern' value: '|/x' }",
       "sysctls[kernel.core_pattern]"},
      {"sysctls { key: 'net.ipv4.../../kernel.x' value: '1' }",
       "sysctls[net.ipv4.../../kernel.x]"},
      {"sysctls { key: 'net.core.somaxconn' value: '1+2' }",
       "sysctls[net.core.somaxconn]"},
      {"sysctls { key: 'net.core.somaxconn' value: '1' } "
       "network { container: 'x' }",
       "sysctls[net.core.somaxconn]"},
  };
}

// The rest is in validate_network_test.cc; these are what translation could get
// wrong.
std::vector<SpecRow> Networks() {
  const std::string attach = "network { attach { networks { network: 'lan' ";
  return {
      {"network { attach {} }", "network.attach.networks"},
      {"network { attach { networks {} } }",
       "network.attach.networks[0].network"},
      {attach + "interface: 'lo' } } }",
       "network.attach.networks[0].interface"},
      {attach + "addresses: '10.0.0.1/8' } } }",
       "network.attach.networks[0].addresses[0]"},
      {attach + "mac: '01:00:00:00:00:00' } } }",
       "network.attach.networks[0].mac"},
      {attach + "aliases: 'a.b' } } }",
       "network.attach.networks[0].aliases[0]"},
      {attach + "routes { destination: '10.0.0.1/8' } } } }",
       "network.attach.networks[0].routes[0].destination"},
      {attach + "ingress {} } } }",
       "network.attach.networks[0].ingress.bits_per_second"},
      {attach + "egress { bits_per_second: 8 burst_bytes: -1 } } } }",
       "network.attach.networks[0].egress.burst_bytes"},
      {attach + "} } ports {} }", "network.ports[0].container_port"},
      {attach + "} } ports { container_port: 80 host_ip: '::1' } }",
       "network.ports[0].host_ip"},
      {attach + "} } ports { container_port: 80 protocol: 'icmp' } }",
       "network.ports[0].protocol"},
      {attach + "} } ports { container_port: 65535 count: 2 } }",
       "network.ports[0].count"},
      {attach + "} } dns { servers: 'x' } }", "network.dns.servers[0]"},
      {attach + "} } extra_hosts { name: 'a' } }",
       "network.extra_hosts[0].address"},
      {"network { ports { container_port: 80 } }", "network.ports"},
      {"network { none: true dns {} }", "network.dns"},
      {"network { container: 'x' extra_hosts { name: 'a' } }",
       "network.extra_hosts"},
      {"network { namespace: 'x' ports { container_port: 80 } }",
       "network.ports"},
      {"network { namespace_path: '/run/netns/x' dns {} }", "network.dns"},
  };
}

std::vector<SpecRow> NetworkSpecs() {
  return {
      {"name: 'a/b'", "name"},
      {"name: 'host'", "name"},
      {"labels { key: '' value: 'x' }", "labels[]"},
      {"driver: 'overlay'", "driver"},
      {"driver: 'macvlan'", "interface"},
      {"driver: 'ptp' interface: 'eth0'", "interface"},
      {"mode: 'l2'", "mode"},
      {"subnets {}", "subnets[0].cidr"},
      {"subnets { cidr: '10.0.0.1/8' }", "subnets[0].cidr"},
      {"subnets { cidr: '10.0.0.0/8' } subnets { cidr: '10.1.0.0/16' }",
       "subnets[1].cidr"},
      {"subnets { cidr: '10.0.0.0/8' gateway: '11.0.0.1' }",
       "subnets[0].gateway"},
      {"subnets { cidr: '10.0.0.0/8' ranges { first: '10.0.0.9' } }",
       "subnets[0].ranges[0].last"},
      {"subnets { cidr: '10.0.0.0/8' reserved: 'x' }",
       "subnets[0].reserved[0]"},
      {"mtu: 67", "mtu"},
      {"isolation: 9", "isolation"},
      {"driver: 'ptp' isolate_endpoints: true", "isolate_endpoints"},
      {"internal: true ingress: true", "ingress"},
      {"nat4 { routed: false }", "nat4.routed"},
      {"nat4 { source: '' }", "nat4.source"},
      {"nat6 { source: '10.0.0.1' }", "nat6.source"},
  };
}

class BadSpecsTest : public testing::Test {
 protected:
  void ExpectRefused(const std::vector<SpecRow>& rows) {
    for (const SpecRow& row : rows) {
      const std::string field = base::StrCat("spec.", row.field);
      ExpectAllRefused(&server_, {{"ContainerService.CreateContainer",
                                   {SpecWith(row.text)},
                                   kInvalid,
                                   "INVALID_FIELD",
                                   field}});
    }
  }

  TestServer server_;
};

TEST_F(BadSpecsTest, Basics) {
  ExpectRefused(Basics());
}
TEST_F(BadSpecsTest, Processes) {
  ExpectRefused(Processes());
}
TEST_F(BadSpecsTest, Files) {
  ExpectRefused(Files());
}
TEST_F(BadSpecsTest, Isolation) {
  ExpectRefused(Isolation());
}

TEST_F(BadSpecsTest, Networks) {
  ExpectRefused(Networks());
}

TEST_F(BadSpecsTest, NetworksThemselves) {
  for (const SpecRow& row : NetworkSpecs()) {
    ExpectAllRefused(&server_, {{"NetworkService.CreateNetwork",
                                 {base::StrCat("spec { ", row.text, " }")},
                                 kInvalid,
                                 "INVALID_FIELD",
                                 base::StrCat("spec.", row.field)}});
  }
}

TEST_F(BadSpecsTest, AreNamedWhereTheyAreInEveryRequest) {
  const std::string bad = "process { command: 'x' user: '-1' }";
  ExpectAllRefused(
      &server_,
      {{"ContainerService.ExplainContainer",
        {"spec { name: '-' }"},
        kInvalid,
        "INVALID_FIELD",
        "spec.name"},
       {"ContainerService.Run",
        {"start { spec { name: '-' } }"},
        kInvalid,
        "INVALID_FIELD",
        "start.spec.name"},
       {"ContainerService.CreateContainer",
        {""},
        kInvalid,
        "INVALID_FIELD",
        "spec.rootfs.host_directory"},
       {"ContainerService.CreateContainer",
        {""},
        kInvalid,
        "INVALID_FIELD",
        "spec.process.command"},
       {"ExecService.Exec",
        {"start { container: 'x' spec { " + bad + " } }"},
        kInvalid,
        "INVALID_FIELD",
        "start.spec.process.user"},
       {"ExecService.ExecSync",
        {"container: 'x' spec { " + bad + " }"},
        kInvalid,
        "INVALID_FIELD",
        "spec.process.user"},
       {"ExecService.ExecSync",
        {"container: 'x' spec { process { command: 'x' } spool_bytes: 1 }"},
        kInvalid,
        "INVALID_FIELD",
        "spec.spool_bytes"},
       {"ExecService.ExecSync",
        {"container: 'x' spec { process { command: 'x' } retention { seconds: "
         "-1 } }"},
        kInvalid,
        "INVALID_FIELD",
        "spec.retention"},
       {"ExecService.Exec",
        {"start { container: 'x' spec { process { command: 'x' } "
         "on_disconnect { action: DISCONNECT_ACTION_KEEP } } }"},
        kInvalid,
        "INVALID_FIELD",
        "start.spec.on_disconnect.action"}});
}

TEST_F(BadSpecsTest, FieldsForAdminsAreRefusedToOperators) {
  const std::string rootfs = "spec { " + std::string(kGoodSpec) + " }";
  const auto denied = grpc::StatusCode::PERMISSION_DENIED;
  std::vector<BadInput> rows = {{"ContainerService.CreateContainer",
                                 {rootfs},
                                 denied,
                                 "FIELD_NEEDS_ADMIN",
                                 "spec.rootfs.host_directory",
                                 Role::kOperate}};
  const std::pair<const char*, const char*> fields[] = {
      {"security { privileged: true }", "spec.security.privileged"},
      {"security { seccomp { unconfined: true } }",
       "spec.security.seccomp.unconfined"},
      {"security { masked_paths {} }", "spec.security.masked_paths"},
      {"network { host: true }", "spec.network.host"},
      {"network { namespace_path: '/run/netns/x' }",
       "spec.network.namespace_path"},
      {"namespaces { pid { host: true } }", "spec.namespaces.pid.host"},
      {"mounts { target: '/x' bind { source: '/etc' } }",
       "spec.mounts[0].bind"},
      {"devices { host_path: '/dev/sda' }", "spec.devices"},
      {"process { capabilities { add: 'SYS_ADMIN' } }",
       "spec.process.capabilities.add[0]"},
      {"process { allow_new_privileges: true }",
       "spec.process.allow_new_privileges"},
      {"resources { pids_limit: -1 }", "spec.resources.pids_limit"},
  };
  for (const auto& [text, field] : fields) {
    rows.push_back({"ContainerService.CreateContainer",
                    {SpecWith(text)},
                    denied,
                    "FIELD_NEEDS_ADMIN",
                    field,
                    Role::kOperate});
  }
  rows.push_back({"ExecService.ExecSync",
                  {"container: 'x' spec { process { command: 'x' "
                   "capabilities { add: 'ALL' } } }"},
                  denied,
                  "FIELD_NEEDS_ADMIN",
                  "spec.process.capabilities.add[0]",
                  Role::kOperate});
  for (const char* field : {"spec.driver", "spec.interface"}) {
    rows.push_back({"NetworkService.CreateNetwork",
                    {"spec { driver: 'macvlan' interface: 'eth0' }"},
                    denied,
                    "FIELD_NEEDS_ADMIN",
                    field,
                    Role::kOperate});
  }
  rows.push_back({"NetworkService.CreateNetwork",
                  {"spec { interface: 'br0' }"},
                  denied,
                  "FIELD_NEEDS_ADMIN",
                  "spec.interface",
                  Role::kOperate});
  ExpectAllRefused(&server_, rows);
}

TEST_F(BadSpecsTest, ManyMistakesAreToldWithinTheLimit) {
  std::string mounts;
  for (int i = 0; i < 300; ++i) mounts += "mounts { target: 'bad' } ";
  const Outcome outcome = server_.Call(
      Role::kAdmin, "ContainerService.CreateContainer",
      {FromText("ContainerService.CreateContainer", SpecWith(mounts))});
  EXPECT_EQ(outcome.status.error_code(), kInvalid);
  EXPECT_LE(outcome.status.error_details().size(), 4096u);
  EXPECT_GE(outcome.bad_request().field_violations_size(), 5);
}

}  // namespace
}  // namespace caisson::service
