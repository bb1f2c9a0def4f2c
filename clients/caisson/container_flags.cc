#include "clients/caisson/container_flags.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <utility>

#include "clients/caisson/mount_flags.h"
#include "clients/caisson/units.h"

namespace caisson::cli {

namespace {

using google::protobuf::Duration;

// Parses when given; "" or what is wrong.
std::string TakeBytes(const char* flag, const std::string& text,
                      const std::function<void(int64_t)>& set) {
  if (text.empty()) return "";
  const auto value = ParseBytes(text);
  if (!value.has_value()) {
    return std::string(flag) + ": \"" + text + "\" is no size (as 64m)";
  }
  set(*value);
  return "";
}

std::string TakeSpan(const char* flag, const std::string& text,
                     const std::function<Duration*()>& target) {
  if (text.empty()) return "";
  const auto value = ParseSpan(text);
  if (!value.has_value()) {
    return std::string(flag) + ": \"" + text + "\" is no time (as 90s)";
  }
  *target() = *value;
  return "";
}

std::string TakePair(const char* flag, const std::string& text,
                     bool value_needed,
                     google::protobuf::Map<std::string, std::string>* map) {
  const size_t equals = text.find('=');
  if (equals == 0 || text.empty() ||
      (equals == std::string::npos && value_needed)) {
    return std::string(flag) + ": \"" + text + "\" is not NAME=VALUE";
  }
  (*map)[text.substr(0, equals)] =
      equals == std::string::npos ? "" : text.substr(equals + 1);
  return "";
}

// The first of them that is wrong.
std::string FirstOf(std::initializer_list<std::string> answers) {
  for (const std::string& answer : answers) {
    if (!answer.empty()) return answer;
  }
  return "";
}

}  // namespace

void ContainerFlags::Declare(Flags* flags) {
  flags->Text("--rootfs", &rootfs, "DIR",
              "directory of the host that becomes the root filesystem");
  flags->Switch("--read-only", &read_only, "nothing can be written to it");
  flags->Switch("--write-through", &write_through,
                "write to the directory itself, not to a private layer");
  flags->Text("--name", &name, "NAME", "name of the container");
  flags->Text("-h,--hostname", &hostname, "NAME", "host name inside");
  flags->Text("--domainname", &domainname, "NAME", "NIS domain name inside");
  flags->Texts("-l,--label", &labels, "NAME[=VALUE]", "set a label");
  flags->Texts("--annotation", &annotations, "NAME=VALUE", "set an annotation");
  flags->Text("--entrypoint", &entrypoint, "PROGRAM",
              "program before the command's words");
  flags->Switch("--rm", &remove, "remove the container when it has exited");
  process.Declare(flags);
  flags->Texts("-v,--volume", &volumes, "SOURCE:TARGET[:OPTIONS]",
               "bind mount of the host");
  flags->Texts("--mount", &mounts, "KEY=VALUE,...",
               "mount, as type=bind,source=/a,target=/b,readonly");
  flags->Texts("--tmpfs", &tmpfs, "TARGET[:OPTIONS]",
               "filesystem in memory, as /run:size=64m");
  flags->Texts("--device", &devices, "HOST[:INSIDE[:rwm]]",
               "device of the host");
  DeclareResources(flags);
  DeclareIsolation(flags);
}

void ContainerFlags::DeclareResources(Flags* flags) {
  flags->Text("-m,--memory", &memory, "BYTES", "most memory, as 64m");
  flags->Text("--memory-swap", &memory_swap, "BYTES",
              "most memory and swap together; -1: any swap");
  flags->Text("--cpus", &cpus, "NUMBER", "most processors, as 1.5");
  flags->Number("-c,--cpu-shares", &cpu_shares, "NUMBER",
                "share of processor time, 2 to 262144");
  flags->Number("--cpu-weight", &cpu_weight, "NUMBER",
                "the same as 1 to 10000");
  flags->Text("--cpuset-cpus", &cpuset_cpus, "LIST",
              "processors to run on, as 0-3");
  flags->Text("--cpuset-mems", &cpuset_mems, "LIST", "memory nodes to use");
  flags->Number("--pids-limit", &pids_limit, "NUMBER",
                "most processes; -1: no limit");
  flags->Text("--timeout", &timeout, "TIME", "most time from start to exit");
  flags->Text("--cpu-time", &cpu_time, "TIME", "most processor time");
  flags->Text("--output-limit", &output_limit, "BYTES", "most output");
  flags->Text("--stop-signal", &stop_signal, "SIGNAL", "what stop sends first");
  flags->Text("--stop-timeout", &stop_timeout, "TIME",
              "how long stop waits before it kills");
  flags->Text("--log-driver", &log_driver, "file|none",
              "whether output is kept");
  flags->Texts("--log-opt", &log_options, "KEY=VALUE",
               "max-size=BYTES, max-file=NUMBER");
}

void ContainerFlags::DeclareIsolation(Flags* flags) {
  network.Declare(flags);
  flags->Text("--pid", &pid, "host|container:ID", "process ids");
  flags->Text("--ipc", &ipc, "host|container:ID", "System V IPC");
  flags->Text("--uts", &uts, "host|container:ID", "host name");
  flags->Text("--cgroupns", &cgroupns, "host|private", "view of cgroups");
  flags->Text("--timens", &timens, "private|host", "clocks since boot");
  flags->Texts("--uidmap", &uid_maps, "INSIDE:HOST:SIZE",
               "map user ids in a user namespace");
  flags->Texts("--gidmap", &gid_maps, "INSIDE:HOST:SIZE", "map group ids");
  flags->Switch("--privileged", &privileged,
                "all capabilities and devices, no filter");
  flags->Texts("--security-opt", &security, "OPTION",
               "seccomp=unconfined|FILE, no-new-privileges=false");
  flags->Texts("--sysctl", &sysctls, "NAME=VALUE", "set a kernel parameter");
}

std::string ContainerFlags::Fill(const std::vector<std::string>& words,
                                 v1::ContainerSpec* spec) const {
  if (rootfs.empty()) return "--rootfs DIR is missing";
  auto* directory = spec->mutable_rootfs()->mutable_host_directory();
  directory->set_path(AbsolutePath(rootfs));
  if (write_through) directory->set_writable_layer(false);
  spec->mutable_rootfs()->set_read_only(read_only);
  spec->set_name(name);
  spec->set_hostname(hostname);
  spec->set_domainname(domainname);
  FillCommand(entrypoint, words, spec->mutable_process());
  if (remove) spec->mutable_delete_after_exit();
  return FirstOf({process.Fill(spec->mutable_process()), FillMounts(spec),
                  FillResources(spec), FillLimits(spec), FillIsolation(spec),
                  FillRest(spec)});
}

std::string ContainerFlags::FillMounts(v1::ContainerSpec* spec) const {
  using Add = std::string (*)(const std::string&, v1::ContainerSpec*);
  const std::pair<const std::vector<std::string>*, Add> kinds[] = {
      {&volumes, AddVolume},
      {&mounts, AddMount},
      {&tmpfs, AddTmpfs},
      {&devices, AddDevice}};
  for (const auto& [texts, add] : kinds) {
    for (const std::string& text : *texts) {
      std::string wrong = add(text, spec);
      if (!wrong.empty()) return wrong;
    }
  }
  return "";
}

std::string ContainerFlags::FillResources(v1::ContainerSpec* spec) const {
  const auto cpu = [spec] { return spec->mutable_resources()->mutable_cpu(); };
  const auto mem = [spec] {
    return spec->mutable_resources()->mutable_memory();
  };
  std::string wrong = TakeBytes("--memory", memory, [&](int64_t value) {
    mem()->set_limit_bytes(value);
  });
  if (!wrong.empty()) return wrong;
  if (!memory_swap.empty() && memory_swap != "-1") {
    wrong = TakeBytes("--memory-swap", memory_swap, [&](int64_t value) {
      // The flag counts both together, the service swap alone.
      mem()->set_swap_limit_bytes(value - mem()->limit_bytes());
    });
    if (!wrong.empty()) return wrong;
  }
  if (!cpus.empty()) {
    const auto millis = ParseMillis(cpus);
    if (!millis.has_value()) return "--cpus: \"" + cpus + "\" is no number";
    cpu()->set_limit_millis(*millis);
  }
  if (cpu_shares.has_value()) cpu()->set_shares(*cpu_shares);
  if (cpu_weight.has_value()) cpu()->set_weight(*cpu_weight);
  if (!cpuset_cpus.empty()) cpu()->set_cpuset_cpus(cpuset_cpus);
  if (!cpuset_mems.empty()) cpu()->set_cpuset_mems(cpuset_mems);
  if (pids_limit.has_value()) {
    spec->mutable_resources()->set_pids_limit(*pids_limit);
  }
  return "";
}

std::string ContainerFlags::FillLimits(v1::ContainerSpec* spec) const {
  return FirstOf(
      {TakeSpan("--timeout", timeout,
                [spec] { return spec->mutable_limits()->mutable_wall_time(); }),
       TakeSpan("--cpu-time", cpu_time,
                [spec] { return spec->mutable_limits()->mutable_cpu_time(); }),
       TakeBytes("--output-limit", output_limit,
                 [spec](int64_t value) {
                   spec->mutable_limits()->set_output_bytes(value);
                 }),
       TakeSpan("--stop-timeout", stop_timeout,
                [spec] { return spec->mutable_stop_timeout(); })});
}

std::string ContainerFlags::FillIsolation(v1::ContainerSpec* spec) const {
  const auto take = [spec](const std::string& text,
                           v1::Namespace* (v1::Namespaces::*field)()) {
    if (text.empty()) return std::string();
    return ParseNamespace(text, (spec->mutable_namespaces()->*field)());
  };
  std::string wrong = FirstOf({take(pid, &v1::Namespaces::mutable_pid),
                               take(ipc, &v1::Namespaces::mutable_ipc),
                               take(uts, &v1::Namespaces::mutable_uts),
                               take(cgroupns, &v1::Namespaces::mutable_cgroup),
                               take(timens, &v1::Namespaces::mutable_time)});
  if (!wrong.empty()) return wrong;
  wrong = network.Fill(spec->mutable_network());
  if (!wrong.empty()) return wrong;
  for (const std::string& text : uid_maps) {
    auto* maps = spec->mutable_user_namespace()->mutable_explicit_();
    wrong = ParseIdMap(text, maps->add_uids());
    if (!wrong.empty()) return wrong;
  }
  for (const std::string& text : gid_maps) {
    auto* maps = spec->mutable_user_namespace()->mutable_explicit_();
    wrong = ParseIdMap(text, maps->add_gids());
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string ContainerFlags::FillRest(v1::ContainerSpec* spec) const {
  std::string wrong;
  if (privileged) spec->mutable_security()->set_privileged(true);
  for (const std::string& text : security) {
    wrong = ParseSecurity(text, spec);
    if (!wrong.empty()) return wrong;
  }
  for (const std::string& text : labels) {
    wrong = TakePair("--label", text, false, spec->mutable_labels());
    if (!wrong.empty()) return wrong;
  }
  for (const std::string& text : annotations) {
    wrong = TakePair("--annotation", text, true, spec->mutable_annotations());
    if (!wrong.empty()) return wrong;
  }
  for (const std::string& text : sysctls) {
    wrong = TakePair("--sysctl", text, true, spec->mutable_sysctls());
    if (!wrong.empty()) return wrong;
  }
  spec->set_stop_signal(stop_signal);
  if (!log_driver.empty()) {
    if (log_driver != "file" && log_driver != "none") {
      return "--log-driver: \"" + log_driver + "\" is neither file nor none";
    }
    spec->mutable_log()->set_driver(
        log_driver == "none" ? v1::LOG_DRIVER_DISCARD : v1::LOG_DRIVER_FILE);
  }
  for (const std::string& text : log_options) {
    const size_t equals = std::min(text.find('='), text.size());
    const std::string key = text.substr(0, equals);
    const auto value =
        ParseBytes(equals < text.size() ? text.substr(equals + 1) : "");
    if (!value.has_value() || (key != "max-size" && key != "max-file")) {
      return "--log-opt: \"" + text + "\" is not known";
    }
    key == "max-size"
        ? spec->mutable_log()->set_max_file_bytes(*value)
        : spec->mutable_log()->set_max_files(static_cast<int32_t>(*value));
  }
  return "";
}

}  // namespace caisson::cli
