// Validation of what a container gets of the host: mounts, devices, resources,
// namespaces, security.
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "runtime/spec/validate_cases_test.h"

namespace caisson::spec {
namespace {

using C = ContainerSpec;

Mount Tmpfs(std::string target) {
  Mount mount;
  mount.target = std::move(target);
  mount.tmpfs.emplace();
  return mount;
}

TEST(ValidateMountsTest, Targets) {
  std::vector<Row<C>> rows;
  for (const char* good : {"/data", "/a/b/", "/procs", "/sys/fs/cgroup",
                           "/dev/shm", "/system", "/a/./b"}) {
    rows.push_back({[good](C& s) { s.mounts = {Tmpfs(good)}; }, {}});
  }
  for (const char* bad :
       {"", "data", "/", "//", "/.", "/a/../b", "/proc", "/proc/", "/proc/sys",
        "//proc", "/./proc/1", "/sys", "/sys/kernel", "/sys/fs/cgroup/a"}) {
    rows.push_back(
        {[bad](C& s) { s.mounts = {Tmpfs(bad)}; }, {"spec.mounts[0].target"}});
  }
  rows.push_back({[](C& s) {
                    s.mounts = {Tmpfs("/a"), Tmpfs("/b"), Tmpfs("//a/")};
                  },
                  {"spec.mounts[2].target"}});
  rows.push_back(
      {[](C& s) { s.mounts.assign(1025, Tmpfs("/a")); }, {"spec.mounts"}});
  CheckRows<C>(ValidSpec(), rows);
}

TEST(ValidateMountsTest, SourcesAndOptions) {
  const auto with = [](auto change) {
    return [change](C& s) {
      s.mounts = {Tmpfs("/m")};
      change(s.mounts[0]);
    };
  };
  const std::string f = "spec.mounts[0]";
  CheckRows<C>(
      ValidSpec(),
      {
          {with([](Mount& m) { m.tmpfs.reset(); }), {f}},
          {with([](Mount& m) { m.bind.emplace(); }), {f}},
          {with([](Mount& m) { m.tmpfs->size_bytes = 0; }),
           {f + ".tmpfs.size_bytes"}},
          {with([](Mount& m) { m.tmpfs->mode = 07777; }), {}},
          {with([](Mount& m) { m.tmpfs->mode = 010000; }), {f + ".tmpfs.mode"}},
          {with([](Mount& m) {
             m.tmpfs.reset();
             m.bind = BindMount{.source = "/srv"};
           }),
           {}},
          {with([](Mount& m) {
             m.tmpfs.reset();
             m.bind = BindMount{.source = "srv"};
           }),
           {f + ".bind.source"}},
          {with([](Mount& m) {
             m.tmpfs.reset();
             m.special = "mqueue";
           }),
           {}},
          {with([](Mount& m) {
             m.tmpfs.reset();
             m.special = "debugfs";
           }),
           {f + ".special"}},
          {with([](Mount& m) { m.propagation = "rslave"; }), {}},
          {with([](Mount& m) { m.propagation = "unbindable"; }),
           {f + ".propagation"}},
          {with([](Mount& m) {
             m.options = {"nosuid", "rnoexec", "ro", "rro", "rw", "relatime"};
           }),
           {}},
          {with([](Mount& m) {
             m.options = {"nosuid", "size=1"};
           }),
           {f + ".options[1]"}},
          {with([](Mount& m) { m.options = {""}; }), {f + ".options[0]"}},
          {with([](Mount& m) { m.options = {"rrro"}; }), {f + ".options[0]"}},
          {with([](Mount& m) { m.options = {"bind"}; }), {f + ".options[0]"}},
      });
}

TEST(ValidateDevicesTest, PathsAndPermissions) {
  const auto device = [](std::string host, std::string inside,
                         std::string permissions) {
    return [=](C& s) { s.devices = {{host, inside, permissions, false}}; };
  };
  const std::string f = "spec.devices[0]";
  CheckRows<C>(
      ValidSpec(),
      {
          {device("/dev/fuse", "", ""), {}},
          {device("/dev/fuse", "/dev/x", "rw"), {}},
          {device("", "", ""), {f + ".host_path"}},
          {device("/dev/../x", "/dev/x", ""), {f + ".host_path"}},
          {device("/dev/fuse", "dev", ""), {f + ".container_path"}},
          {device("/dev/fuse", "/proc/x", ""), {f + ".container_path"}},
          {device("/dev/fuse", "", "rx"), {f + ".permissions"}},
          {device("/dev/fuse", "", "rr"), {f + ".permissions"}},
          {[](C& s) {
             s.devices = {{.host_path = "/dev/a"}, {.host_path = "/dev//a"}};
           },
           {"spec.devices[1].host_path"}},
          {[](C& s) { s.devices.resize(257); }, {"spec.devices"}},
      });
}

TEST(ValidateResourcesTest, Cpu) {
  const auto cpu = [](Cpu value) {
    return [value](C& s) { s.resources.cpu = value; };
  };
  const std::string f = "spec.resources.cpu";
  CheckRows<C>(ValidSpec(),
               {
                   {cpu({.limit_millis = 10}), {}},
                   {cpu({.limit_millis = 1500, .period_micros = 1000}), {}},
                   {cpu({.limit_millis = 9}), {f + ".limit_millis"}},
                   {cpu({.limit_millis = INT64_MAX}), {f + ".limit_millis"}},
                   {cpu({.limit_millis = 10, .period_micros = 1000}),
                    {f + ".limit_millis"}},
                   {cpu({.quota_micros = 1000}), {}},
                   {cpu({.quota_micros = 999}), {f + ".quota_micros"}},
                   {cpu({.quota_micros = -1}), {f + ".quota_micros"}},
                   {cpu({.limit_millis = 100, .quota_micros = 1000}),
                    {f + ".limit_millis"}},
                   {cpu({.period_micros = 999}), {f + ".period_micros"}},
                   {cpu({.period_micros = 1000001}), {f + ".period_micros"}},
                   {cpu({.weight = 10000}), {}},
                   {cpu({.weight = 0}), {f + ".weight"}},
                   {cpu({.shares = 2}), {}},
                   {cpu({.shares = 1}), {f + ".shares"}},
                   {cpu({.weight = 1, .shares = 2}), {f + ".weight"}},
                   {cpu({.quota_micros = 5000, .burst_micros = 5000}), {}},
                   {cpu({.quota_micros = 5000, .burst_micros = 5001}),
                    {f + ".burst_micros"}},
                   {cpu({.burst_micros = 1}), {f + ".burst_micros"}},
                   {cpu({.idle = true}), {}},
                   {cpu({.weight = 5, .idle = true}), {f + ".idle"}},
                   {cpu({.cpuset_cpus = "0-3,7"}), {}},
                   {cpu({.cpuset_mems = "0"}), {}},
                   {cpu({.cpuset_cpus = "3-1"}), {f + ".cpuset_cpus"}},
                   {cpu({.cpuset_cpus = "0,"}), {f + ".cpuset_cpus"}},
                   {cpu({.cpuset_cpus = "-1"}), {f + ".cpuset_cpus"}},
                   {cpu({.cpuset_cpus = "0-"}), {f + ".cpuset_cpus"}},
                   {cpu({.cpuset_cpus = "all"}), {f + ".cpuset_cpus"}},
                   {cpu({.cpuset_cpus = "9999"}), {f + ".cpuset_cpus"}},
                   {cpu({.cpuset_mems = "0 1"}), {f + ".cpuset_mems"}},
               });
}

TEST(ValidateResourcesTest, MemoryAndPids) {
  const auto memory = [](Memory value) {
    return [value](C& s) { s.resources.memory = value; };
  };
  const auto pids = [](int64_t value) {
    return [value](C& s) { s.resources.pids_limit = value; };
  };
  const std::string f = "spec.resources.memory";
  CheckRows<C>(
      ValidSpec(),
      {
          {memory({.limit_bytes = 4 << 20}), {}},
          {memory({.limit_bytes = (4 << 20) - 1}), {f + ".limit_bytes"}},
          {memory({.limit_bytes = -1}), {f + ".limit_bytes"}},
          {memory({.swap_limit_bytes = 0}), {}},
          {memory({.swap_limit_bytes = -1}), {f + ".swap_limit_bytes"}},
          {memory({.limit_bytes = INT64_MAX, .swap_limit_bytes = 1}),
           {f + ".swap_limit_bytes"}},
          {memory({.high_bytes = 0}), {f + ".high_bytes"}},
          {memory({.low_bytes = -1}), {f + ".low_bytes"}},
          {memory({.min_bytes = -1}), {f + ".min_bytes"}},
          {pids(1), {}},
          {pids(-1), {}},
          {pids(0), {"spec.resources.pids_limit"}},
          {pids(-2), {"spec.resources.pids_limit"}},
          {pids((4 << 20) + 1), {"spec.resources.pids_limit"}},
      });
}

TEST(ValidateIsolationTest, HostnamesAndNamespaces) {
  const auto pid = [](NamespaceMode mode, std::string target) {
    return [=](C& s) { s.namespaces.pid = {mode, target}; };
  };
  std::vector<Row<C>> rows;
  for (const char* good : {"web", "a.b-c.d", "0", "A_b"}) {
    rows.push_back({[good](C& s) { s.hostname = good; }, {}});
  }
  for (const char* bad :
       {"-a", "a-", ".a", "a.", "a..b", "a b", "a/b", "\xc3\xa9", "(none)"}) {
    rows.push_back({[bad](C& s) { s.hostname = bad; }, {"spec.hostname"}});
  }
  rows.push_back(
      {[](C& s) { s.hostname = std::string(65, 'a'); }, {"spec.hostname"}});
  rows.push_back({[](C& s) { s.domainname = "(none)"; }, {}});
  rows.push_back({[](C& s) { s.domainname = "a b"; }, {"spec.domainname"}});
  rows.push_back({[](C& s) {
                    s.hostname = "a";
                    s.namespaces.uts.mode = NamespaceMode::kHost;
                  },
                  {"spec.hostname"}});
  rows.push_back({pid(NamespaceMode::kHost, ""), {}});
  rows.push_back({pid(NamespaceMode::kContainer, "web"), {}});
  rows.push_back(
      {pid(NamespaceMode::kContainer, ""), {"spec.namespaces.pid.container"}});
  rows.push_back({pid(NamespaceMode::kContainer, "a\nb"),
                  {"spec.namespaces.pid.container"}});
  rows.push_back({pid(NamespaceMode::kPath, "/proc/1/ns/pid"), {}});
  rows.push_back(
      {pid(NamespaceMode::kPath, "ns"), {"spec.namespaces.pid.path"}});
  rows.push_back(
      {pid(static_cast<NamespaceMode>(9), ""), {"spec.namespaces.pid"}});
  rows.push_back({[](C& s) { s.network.mode = NetworkMode::kHost; }, {}});
  rows.push_back({[](C& s) { s.network.mode = NetworkMode::kContainer; },
                  {"spec.network.container"}});
  rows.push_back({[](C& s) { s.network.mode = static_cast<NetworkMode>(9); },
                  {"spec.network"}});
  CheckRows<C>(ValidSpec(), rows);
}

TEST(ValidateIsolationTest, UserNamespaces) {
  const auto maps = [](std::vector<IdMap> uids) {
    return [uids](C& s) {
      s.user_namespace.explicit_maps =
          IdMapping{.uids = uids, .gids = {{0, 100000, 65536}}};
    };
  };
  const std::string f = "spec.user_namespace.explicit.uids";
  std::vector<IdMap> many;
  for (int64_t i = 0; i < 341; ++i) many.push_back({i, 100000 + i, 1});
  CheckRows<C>(ValidSpec(),
               {
                   {maps({{0, 100000, 65536}}), {}},
                   {maps({{0, 1000, 1}, {1, 100000, 65535}}), {}},
                   {maps({{0, 0, 4294967295}}), {}},
                   {maps({}), {f}},
                   {maps(many), {f}},
                   {maps({{1, 100000, 10}}), {f, "spec.process.user"}},
                   {maps({{0, 100000, 0}}), {f + "[0].size"}},
                   {maps({{0, 100000, 4294967296}}), {f + "[0].size"}},
                   {maps({{0, -1, 1}}), {f + "[0].host_id"}},
                   {maps({{-1, 0, 1}}), {f + "[0].container_id"}},
                   {maps({{0, 4294967294, 2}}), {f + "[0].size"}},
                   {maps({{0, 100, 10}, {9, 200, 10}}), {f + "[1]"}},
                   {maps({{0, 100, 10}, {10, 109, 10}}), {f + "[1]"}},
                   {[&](C& s) {
                      maps({{0, 100000, 10}})(s);
                      s.user_namespace.host = true;
                    },
                    {"spec.user_namespace"}},
                   {[&](C& s) {
                      maps({{0, 100000, 10}})(s);
                      s.process.user = "10";
                    },
                    {"spec.process.user"}},
                   {[&](C& s) {
                      maps({{0, 100000, 10}})(s);
                      s.process.user = "0:65536";
                      s.process.extra_groups = {"1", "70000"};
                    },
                    {"spec.process.user", "spec.process.extra_groups[1]"}},
               });
}

TEST(ValidateIsolationTest, Sysctls) {
  const auto set = [](std::string name, std::string value) {
    return [=](C& s) { s.sysctls[name] = value; };
  };
  CheckRows<C>(
      ValidSpec(),
      {
          {set("net.core.somaxconn", "1024"), {}},
          {set("net.ipv4.ip_local_port_range", "1024 65535"), {}},
          {set("kernel.shm_rmid_forced", "1"), {}},
          {set("fs.mqueue.msg_max", "10"), {}},
          {set("kernel.panic", "1"), {"spec.sysctls[kernel.panic]"}},
          {set("vm.swappiness", "1"), {"spec.sysctls[vm.swappiness]"}},
          {set("kernel.hostname", "x"), {"spec.sysctls[kernel.hostname]"}},
          {set("net..x", "1"), {"spec.sysctls[net..x]"}},
          {set("net.ipv4/../../kernel", "1"),
           {"spec.sysctls[net.ipv4/../../kernel]"}},
          {set("net.", "1"), {"spec.sysctls[net.]"}},
          {set("", "1"), {"spec.sysctls[]"}},
          {set("net.core.somaxconn", ""), {"spec.sysctls[net.core.somaxconn]"}},
          {set("net.core.somaxconn", "1\n2"),
           {"spec.sysctls[net.core.somaxconn]"}},
          {[&](C& s) {
             set("net.core.somaxconn", "1")(s);
             s.network.mode = NetworkMode::kHost;
           },
           {"spec.sysctls[net.core.somaxconn]"}},
          {[&](C& s) {
             set("kernel.msgmax", "1")(s);
             s.namespaces.ipc = {NamespaceMode::kContainer, "web"};
           },
           {"spec.sysctls[kernel.msgmax]"}},
      });
}

TEST(ValidateSecurityTest, SeccompAndPaths) {
  CheckRows<C>(
      ValidSpec(),
      {
          {[](C& s) { s.security.seccomp.profile = "default"; }, {}},
          {[](C& s) { s.security.seccomp.profile = "default/1"; }, {}},
          {[](C& s) { s.security.seccomp.profile = "docker"; },
           {"spec.security.seccomp.profile"}},
          {[](C& s) { s.security.seccomp.unconfined = true; }, {}},
          {[](C& s) { s.security.seccomp.oci_json = "{}"; }, {}},
          {[](C& s) { s.security.seccomp.oci_json = "{"; },
           {"spec.security.seccomp.oci_json"}},
          {[](C& s) {
             s.security.seccomp.oci_json = std::string((256 << 10) + 1, ' ');
           },
           {"spec.security.seccomp.oci_json"}},
          {[](C& s) {
             s.security.seccomp.profile = "default";
             s.security.seccomp.unconfined = true;
           },
           {"spec.security.seccomp"}},
          {[](C& s) { s.security.masked_paths.emplace(); }, {}},
          {[](C& s) {
             s.security.masked_paths = {"/proc/x", "y"};
           },
           {"spec.security.masked_paths.paths[1]"}},
          {[](C& s) { s.security.masked_paths = {"/."}; },
           {"spec.security.masked_paths.paths[0]"}},
          {[](C& s) { s.security.readonly_paths = {"/a/../b"}; },
           {"spec.security.readonly_paths.paths[0]"}},
          {[](C& s) {
             s.security.readonly_paths = std::vector<std::string>(257, "/a");
           },
           {"spec.security.readonly_paths"}},
      });
}

}  // namespace
}  // namespace caisson::spec
