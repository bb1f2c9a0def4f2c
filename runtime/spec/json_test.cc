#include "runtime/spec/json.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/spec/defaults.h"
#include "runtime/spec/validate_cases_test.h"

namespace caisson::spec {
namespace {

using base::IsOkAndHolds;
using base::StatusIs;
using testing::Eq;
using testing::HasSubstr;

const std::string kBytes("\xff\0\xfe", 3);

// Something in every field.
ContainerSpec FullSpec() {
  ContainerSpec spec = ValidSpec();
  spec.name = "web";
  spec.labels = {{"a", "1"}, {"\xff", "2"}};
  spec.annotations = {{"b", ""}};
  spec.rootfs.host_directory->writable_layer = false;
  spec.rootfs.read_only = true;
  spec.process.args = {"", kBytes};
  spec.process.args_raw = {kBytes};
  spec.process.env = {{"A", "b"}};
  spec.process.env_raw = {{"R", kBytes}};
  spec.process.working_dir = kBytes;
  spec.process.user = "1:2";
  spec.process.extra_groups = {"3"};
  spec.process.strict_groups = true;
  spec.process.tty = true;
  spec.process.terminal_size = TerminalSize{1, 2};
  spec.process.stdin_mode = StdinMode::kOnce;
  spec.process.capabilities =
      Capabilities{.add = {"A"},
                   .drop = {"B"},
                   .ambient = {"C"},
                   .exact = CapabilitySets{{"a"}, {"b"}, {"c"}, {"d"}, {"e"}}};
  spec.process.allow_new_privileges = true;
  spec.process.rlimits = {{"CPU", -1, -1, true}};
  spec.process.umask = 0;
  spec.process.oom_score_adj = -5;
  spec.hostname = "h";
  spec.domainname = "d";
  spec.mounts = {{.target = "/a",
                  .bind = BindMount{"/s", true, true},
                  .tmpfs = TmpfsMount{5, 6},
                  .special = "proc",
                  .read_only = true,
                  .recursive_read_only = true,
                  .propagation = "slave",
                  .options = {"ro"}}};
  spec.devices = {{"/dev/a", "/dev/b", "r", true}};
  spec.resources.cpu = {1, 2, 3, 4, 5, 6, "0", "1", true};
  spec.resources.memory = {INT64_MAX, 0, 3, 4, 5, false};
  spec.resources.pids_limit = -1;
  spec.limits = {absl::Nanoseconds(1), absl::Hours(1), 7,
                 OutputAction::kDiscard, absl::ZeroDuration()};
  spec.namespaces.pid = {NamespaceMode::kContainer, "web"};
  spec.namespaces.time = {NamespaceMode::kPrivate, ""};
  spec.user_namespace.host = true;
  spec.user_namespace.explicit_maps = IdMapping{{{0, 1, 2}}, {{3, 4, 5}}};
  spec.network.mode = NetworkMode::kContainer;
  spec.network.container = "net";
  spec.network.namespace_name = "lab";
  spec.network.namespace_path = "/run/netns/lab";
  spec.network.networks = {{.network = "n",
                            .interface = "eth5",
                            .addresses = {"10.0.0.9"},
                            .mac = "02:00:00:00:00:01",
                            .aliases = {"web"},
                            .default_route = false,
                            .routes = {{"10.9.0.0/16", "10.0.0.1", 7}},
                            .ingress = Bandwidth{1, 2},
                            .egress = Bandwidth{3, 0}}};
  spec.network.ports = {{80, 8080, "::", "udp", 3, "n"}};
  spec.network.dns = Dns{{"10.0.0.1"}, {"a.b"}, {"ndots:2"}};
  spec.network.extra_hosts = {{"db", "10.0.0.3"}};
  spec.security.seccomp = {"default", "{}", true};
  spec.security.privileged = true;
  spec.security.masked_paths.emplace();
  spec.security.readonly_paths = {"/a"};
  spec.sysctls = {{"net.x", "1"}};
  spec.log = {LogDriver::kDiscard, 1, 2};
  spec.stop_signal = "INT";
  spec.stop_timeout = absl::Seconds(-1);
  spec.delete_after_exit = absl::Milliseconds(1500);
  return spec;
}

TEST(SpecJsonTest, EveryFieldComesBack) {
  for (const ContainerSpec& spec :
       {ContainerSpec(), ValidSpec(), FullSpec(), WithDefaults(ValidSpec())}) {
    EXPECT_THAT(ContainerSpecFromJson(SpecToJson(spec)),
                IsOkAndHolds(Eq(spec)));
  }
}

TEST(SpecJsonTest, NetworksComeBack) {
  NetworkSpec spec;
  EXPECT_THAT(NetworkSpecFromJson(SpecToJson(spec)), IsOkAndHolds(Eq(spec)));
  spec.name = "back";
  spec.labels = {{"a", "b"}};
  spec.driver = "macvlan";
  spec.interface = "eth1";
  spec.mode = "vepa";
  spec.subnets = {
      {"10.1.0.0/16", "10.1.0.1", {{"10.1.1.0", "10.1.1.9"}}, {"10.1.1.5"}}};
  spec.mtu = 1400;
  spec.internal = true;
  spec.isolation = NetworkIsolation::kStrict;
  spec.isolate_endpoints = true;
  spec.ingress = true;
  spec.nat4.routed = true;
  spec.nat6.source = "fd00::1";
  spec.no_dns = true;
  EXPECT_THAT(NetworkSpecFromJson(SpecToJson(spec)), IsOkAndHolds(Eq(spec)));
}

TEST(SpecJsonTest, ExecsComeBack) {
  ExecSpec spec = ValidExec();
  spec.limits.wall_time = absl::Seconds(3);
  spec.on_disconnect = {DisconnectAction::kStop, absl::Seconds(1)};
  spec.labels = {{"a", "b"}};
  spec.spool_bytes = 5;
  spec.retention = absl::ZeroDuration();
  EXPECT_THAT(ExecSpecFromJson(SpecToJson(spec)), IsOkAndHolds(Eq(spec)));
}

TEST(SpecJsonTest, TextIsReadableAndDefaultsAreLeftOut) {
  EXPECT_EQ(SpecToJson(ValidExec()),
            R"({"process":{"command":["/bin/true"]}})");
  EXPECT_THAT(SpecToJson(FullSpec()),
              HasSubstr(R"("env_raw":{"R":{"b64":"/wD+"}})"));
}

TEST(SpecJsonTest, UnknownEnumNumbersSurvive) {
  ExecSpec spec = ValidExec();
  spec.process.stdin_mode = static_cast<StdinMode>(77);
  EXPECT_THAT(ExecSpecFromJson(SpecToJson(spec)), IsOkAndHolds(Eq(spec)));
}

TEST(SpecJsonTest, SaysWhereTheProblemIs) {
  const struct {
    const char* json;
    const char* place;
  } kCases[] = {
      {"", "not JSON"},
      {"{", "not JSON"},
      {"[]", "spec: "},
      {R"({"nope": 1})", "spec: must be without unknown fields"},
      {R"({"name": 1})", "spec.name: "},
      {R"({"name": {"b64": "%"}})", "spec.name: "},
      {R"({"labels": {"a": 1}})", "spec.labels: "},
      {R"({"labels": [["a"]]})", "spec.labels: "},
      {R"({"labels": 1})", "spec.labels: "},
      {R"({"process": {"command": "x"}})", "spec.process.command: "},
      {R"({"process": {"command": ["x", 1]}})", "spec.process.command[1]: "},
      {R"({"process": {"tty": 1}})", "spec.process.tty: "},
      {R"({"process": {"umask": 4294967296}})", "spec.process.umask: "},
      {R"({"process": {"umask": 1.5}})", "spec.process.umask: "},
      {R"({"resources": {"pids_limit": 18446744073709551615}})",
       "spec.resources.pids_limit: "},
      {R"({"stop_timeout": [1]})", "spec.stop_timeout: "},
      {R"({"mounts": [{"bind": {"x": 1}}]})", "spec.mounts[0].bind: "},
  };
  for (const auto& [json, place] : kCases) {
    EXPECT_THAT(ContainerSpecFromJson(json),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr(place)))
        << json;
  }
}

}  // namespace
}  // namespace caisson::spec
