#include "runtime/spec/validate.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/spec/defaults.h"
#include "runtime/spec/validate_cases_test.h"

namespace caisson::spec {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using C = ContainerSpec;
using E = ExecSpec;

TEST(ValidateTest, AMinimalSpecIsValid) {
  EXPECT_THAT(Validate(ValidSpec()), IsEmpty());
  EXPECT_THAT(Validate(ValidExec()), IsEmpty());
}

TEST(ValidateTest, AnEmptySpecLacksRootAndProgram) {
  CheckRows<C>(C(), {{[](C&) {},
                      {"spec.rootfs.host_directory", "spec.process.command"}}});
  CheckRows<E>(E(), {{[](E&) {}, {"spec.process.command"}}});
}

TEST(ValidateTest, Names) {
  const std::vector<std::string> f = {"spec.name"};
  CheckRows<C>(
      ValidSpec(),
      {
          {[](C& s) { s.name = "web"; }, {}},
          {[](C& s) { s.name = "0"; }, {}},
          {[](C& s) { s.name = "A_b.c-9"; }, {}},
          {[](C& s) { s.name = std::string(128, 'a'); }, {}},
          {[](C& s) { s.name = std::string(31, 'a'); }, {}},
          {[](C& s) { s.name = std::string(129, 'a'); }, f},
          {[](C& s) { s.name = "_a"; }, f},
          {[](C& s) { s.name = ".a"; }, f},
          {[](C& s) { s.name = "-a"; }, f},
          {[](C& s) { s.name = "a/b"; }, f},
          {[](C& s) { s.name = "a b"; }, f},
          {[](C& s) { s.name = "a\n"; }, f},
          {[](C& s) { s.name = std::string("a\0b", 3); }, f},
          {[](C& s) { s.name = "caf\xc3\xa9"; }, f},
          {[](C& s) { s.name = std::string(32, 'a'); }, f},
          {[](C& s) { s.name = "0123456789ABCDEF0123456789abcdef"; }, f},
          {[](C& s) { s.name = "g123456789abcdef0123456789abcdef"; }, {}},
      });
  EXPECT_FALSE(NameProblem("").empty());
  EXPECT_TRUE(NameProblem("web").empty());
}

TEST(ValidateTest, Labels) {
  CheckRows<C>(
      ValidSpec(),
      {
          {[](C& s) { s.labels["app"] = ""; }, {}},
          {[](C& s) { s.labels[std::string(317, 'k')] = "v"; }, {}},
          {[](C& s) { s.labels["k"] = std::string(4096, 'v'); }, {}},
          {[](C& s) { s.labels[""] = "v"; }, {"spec.labels[]"}},
          {[](C& s) { s.labels[std::string(318, 'k')] = "v"; },
           {"spec.labels[" + std::string(64, 'k') + "...]"}},
          {[](C& s) { s.labels["k"] = std::string(4097, 'v'); },
           {"spec.labels[k]"}},
          {[](C& s) { s.labels["a\nb"] = "v"; }, {"spec.labels[a\\nb]"}},
          {[](C& s) { s.labels["k"] = std::string("\0", 1); },
           {"spec.labels[k]"}},
          {[](C& s) {
             for (int i = 0; i < 70; ++i) {
               s.labels[std::to_string(i)] = std::string(4000, 'v');
             }
           },
           {"spec.labels"}},
          {[](C& s) { s.annotations[""] = "v"; }, {"spec.annotations[]"}},
      });
}

TEST(ValidateTest, RootfsAndLog) {
  CheckRows<C>(
      ValidSpec(),
      {
          {[](C& s) { s.rootfs.host_directory->path = "/"; }, {}},
          {[](C& s) { s.rootfs.host_directory->path = ""; },
           {"spec.rootfs.host_directory.path"}},
          {[](C& s) { s.rootfs.host_directory->path = "srv"; },
           {"spec.rootfs.host_directory.path"}},
          {[](C& s) { s.rootfs.host_directory->path = "/a/../b"; },
           {"spec.rootfs.host_directory.path"}},
          {[](C& s) {
             s.rootfs.host_directory->path = "/" + std::string(4095, 'a');
           },
           {"spec.rootfs.host_directory.path"}},
          {[](C& s) {
             s.rootfs.host_directory->path = std::string("/a\0b", 4);
           },
           {"spec.rootfs.host_directory.path"}},
          {[](C& s) { s.log.driver = LogDriver::kDiscard; }, {}},
          {[](C& s) { s.log.driver = static_cast<LogDriver>(2); },
           {"spec.log.driver"}},
          {[](C& s) { s.log.max_file_bytes = 64 << 10; }, {}},
          {[](C& s) { s.log.max_file_bytes = (64 << 10) - 1; },
           {"spec.log.max_file_bytes"}},
          {[](C& s) { s.log.max_file_bytes = -1; },
           {"spec.log.max_file_bytes"}},
          {[](C& s) { s.log.max_files = 1001; }, {"spec.log.max_files"}},
          {[](C& s) { s.log.max_files = -1; }, {"spec.log.max_files"}},
      });
}

TEST(ValidateTest, StopAndDelete) {
  CheckRows<C>(
      ValidSpec(),
      {
          {[](C& s) { s.stop_signal = "SIGINT"; }, {}},
          {[](C& s) { s.stop_signal = "quit"; }, {}},
          {[](C& s) { s.stop_signal = "15"; }, {}},
          {[](C& s) { s.stop_signal = "RTMIN+3"; }, {}},
          {[](C& s) { s.stop_signal = "SIGNOPE"; }, {"spec.stop_signal"}},
          {[](C& s) { s.stop_signal = "0"; }, {"spec.stop_signal"}},
          {[](C& s) { s.stop_signal = "65"; }, {"spec.stop_signal"}},
          {[](C& s) { s.stop_signal = "-9"; }, {"spec.stop_signal"}},
          {[](C& s) { s.stop_timeout = absl::ZeroDuration(); }, {}},
          {[](C& s) { s.stop_timeout = absl::Seconds(-1); },
           {"spec.stop_timeout"}},
          {[](C& s) { s.stop_timeout = absl::Hours(25); },
           {"spec.stop_timeout"}},
          {[](C& s) { s.delete_after_exit = absl::ZeroDuration(); }, {}},
          {[](C& s) { s.delete_after_exit = absl::Hours(366 * 24); },
           {"spec.delete_after_exit"}},
          {[](C& s) { s.delete_after_exit = absl::Seconds(-1); },
           {"spec.delete_after_exit"}},
      });
}

TEST(ValidateTest, Limits) {
  CheckRows<C>(
      ValidSpec(),
      {
          {[](C& s) { s.limits.wall_time = absl::Milliseconds(1); }, {}},
          {[](C& s) { s.limits.wall_time = absl::ZeroDuration(); },
           {"spec.limits.wall_time"}},
          {[](C& s) { s.limits.wall_time = absl::InfiniteDuration(); },
           {"spec.limits.wall_time"}},
          {[](C& s) { s.limits.cpu_time = absl::Seconds(-1); },
           {"spec.limits.cpu_time"}},
          {[](C& s) { s.limits.output_bytes = 1; }, {}},
          {[](C& s) { s.limits.output_bytes = 0; },
           {"spec.limits.output_bytes"}},
          {[](C& s) { s.limits.output_action = OutputAction::kDiscard; }, {}},
          {[](C& s) { s.limits.output_action = static_cast<OutputAction>(9); },
           {"spec.limits.output_action"}},
          {[](C& s) { s.limits.grace = absl::Hours(25); },
           {"spec.limits.grace"}},
      });
}

TEST(ValidateTest, Execs) {
  CheckRows<E>(
      ValidExec(),
      {
          {[](E& s) { s.on_disconnect.action = DisconnectAction::kKill; }, {}},
          {[](E& s) { s.on_disconnect.action = DisconnectAction::kKeep; },
           {"spec.on_disconnect.action"}},
          {[](E& s) { s.on_disconnect.action = DisconnectAction::kStop; },
           {"spec.on_disconnect.action"}},
          {[](E& s) { s.on_disconnect.grace = absl::Hours(25); },
           {"spec.on_disconnect.grace"}},
          {[](E& s) { s.spool_bytes = 64 << 10; }, {}},
          {[](E& s) { s.spool_bytes = 1; }, {"spec.spool_bytes"}},
          {[](E& s) { s.spool_bytes = -1; }, {"spec.spool_bytes"}},
          {[](E& s) { s.spool_bytes = (1 << 30) + 1; }, {"spec.spool_bytes"}},
          {[](E& s) { s.retention = absl::ZeroDuration(); }, {}},
          {[](E& s) { s.retention = absl::Hours(25); }, {"spec.retention"}},
          {[](E& s) { s.limits.output_bytes = -1; },
           {"spec.limits.output_bytes"}},
          {[](E& s) { s.labels[""] = ""; }, {"spec.labels[]"}},
      });
}

TEST(ValidateTest, ListsAllViolationsUpToACap) {
  ContainerSpec spec = ValidSpec();
  spec.process.command.clear();
  for (int i = 0; i < 100; ++i) spec.process.rlimits.push_back({.name = "X"});
  EXPECT_EQ(Validate(spec).size(), kMaxViolations);
}

TEST(AdminFieldsTest, WhatReachesTheHostIsForAdmins) {
  ContainerSpec spec = ValidSpec();
  EXPECT_THAT(AdminFields(spec), ElementsAre("spec.rootfs.host_directory"));
  spec.rootfs.host_directory.reset();
  EXPECT_THAT(AdminFields(spec), IsEmpty());

  spec.process.capabilities = Capabilities{.add = {"CHOWN", "NET_ADMIN", "ALL"},
                                           .exact = CapabilitySets()};
  spec.process.allow_new_privileges = true;
  spec.process.oom_score_adj = -1;
  spec.mounts.resize(2);
  spec.mounts[0].tmpfs = TmpfsMount();
  spec.mounts[1].bind = BindMount();
  spec.devices.resize(1);
  spec.resources.pids_limit = -1;
  spec.namespaces.pid.mode = NamespaceMode::kHost;
  spec.namespaces.ipc.mode = NamespaceMode::kContainer;
  spec.namespaces.time.mode = NamespaceMode::kPath;
  spec.user_namespace.explicit_maps = IdMapping();
  spec.network.mode = NetworkMode::kHost;
  spec.security.seccomp.unconfined = true;
  spec.security.seccomp.oci_json = "{}";
  spec.security.privileged = true;
  spec.security.masked_paths.emplace();
  spec.security.readonly_paths.emplace();
  EXPECT_THAT(
      AdminFields(spec),
      UnorderedElementsAre(
          "spec.process.capabilities.add[1]",
          "spec.process.capabilities.add[2]", "spec.process.capabilities.exact",
          "spec.process.allow_new_privileges", "spec.process.oom_score_adj",
          "spec.mounts[1].bind", "spec.devices", "spec.resources.pids_limit",
          "spec.namespaces.pid.host", "spec.namespaces.time.path",
          "spec.user_namespace.explicit", "spec.network.host",
          "spec.security.seccomp.unconfined", "spec.security.seccomp.oci_json",
          "spec.security.privileged", "spec.security.masked_paths",
          "spec.security.readonly_paths"));
}

TEST(AdminFieldsTest, AnybodysNamespaceIsForAdminsOursIsNot) {
  ContainerSpec spec;
  spec.network = {.mode = NetworkMode::kNamespacePath,
                  .namespace_path = "/run/netns/x"};
  EXPECT_THAT(AdminFields(spec), ElementsAre("spec.network.namespace_path"));
  spec.network = {.mode = NetworkMode::kNamespace, .namespace_name = "x"};
  EXPECT_THAT(AdminFields(spec), IsEmpty());
}

TEST(AdminFieldsTest, AListThatHidesMoreIsForEverybody) {
  ContainerSpec spec;
  const std::span<const std::string_view> masked = DefaultMaskedPaths();
  spec.security.masked_paths.emplace(masked.begin(), masked.end());
  spec.security.masked_paths->push_back("/proc/more");
  EXPECT_THAT(AdminFields(spec), IsEmpty());
}

TEST(AdminFieldsTest, ExecsHaveTheFieldsOfTheirProcess) {
  ExecSpec spec = ValidExec();
  EXPECT_THAT(AdminFields(spec), IsEmpty());
  spec.process.allow_new_privileges = true;
  EXPECT_THAT(AdminFields(spec),
              ElementsAre("spec.process.allow_new_privileges"));
}

}  // namespace
}  // namespace caisson::spec
