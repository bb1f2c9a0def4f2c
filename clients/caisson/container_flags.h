// The flags that say what a container is; run, create and explain share them.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_CONTAINER_FLAGS_H_
#define CAISSON_CLIENTS_CAISSON_CONTAINER_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "caisson/v1/container_spec.pb.h"
#include "clients/caisson/flags.h"
#include "clients/caisson/network_flags.h"
#include "clients/caisson/process_flags.h"

namespace caisson::cli {

struct ContainerFlags {
  ProcessFlags process;

  std::string rootfs;
  bool read_only = false;
  bool write_through = false;
  std::string entrypoint;
  std::string name;
  std::string hostname;
  std::string domainname;
  std::vector<std::string> labels;
  std::vector<std::string> annotations;
  bool remove = false;

  std::vector<std::string> volumes;
  std::vector<std::string> mounts;
  std::vector<std::string> tmpfs;
  std::vector<std::string> devices;

  std::string memory;
  std::string memory_swap;
  std::string cpus;
  std::optional<int64_t> cpu_shares;
  std::optional<int64_t> cpu_weight;
  std::string cpuset_cpus;
  std::string cpuset_mems;
  std::optional<int64_t> pids_limit;
  std::string timeout;
  std::string cpu_time;
  std::string output_limit;

  NetworkFlags network;
  std::string pid;
  std::string ipc;
  std::string uts;
  std::string cgroupns;
  std::string timens;
  std::vector<std::string> uid_maps;
  std::vector<std::string> gid_maps;

  bool privileged = false;
  std::vector<std::string> security;
  std::vector<std::string> sysctls;

  std::string stop_signal;
  std::string stop_timeout;
  std::string log_driver;
  std::vector<std::string> log_options;

  void Declare(Flags* flags);
  // The whole spec with the command; "" or what is wrong.
  std::string Fill(const std::vector<std::string>& words,
                   v1::ContainerSpec* spec) const;

 private:
  void DeclareResources(Flags* flags);
  void DeclareIsolation(Flags* flags);
  std::string FillMounts(v1::ContainerSpec* spec) const;
  std::string FillResources(v1::ContainerSpec* spec) const;
  std::string FillLimits(v1::ContainerSpec* spec) const;
  std::string FillIsolation(v1::ContainerSpec* spec) const;
  std::string FillRest(v1::ContainerSpec* spec) const;
};

// "private", "host", "container:ID" or an absolute path; "" or what is wrong.
std::string ParseNamespace(const std::string& text, v1::Namespace* result);
// "INSIDE:HOST:SIZE"; "" or what is wrong.
std::string ParseIdMap(const std::string& text, v1::IdMap* result);
// "seccomp=unconfined", "seccomp=FILE", "no-new-privileges[=BOOL]",
// "masked-paths=none", "readonly-paths=none"; "" or what is wrong.
std::string ParseSecurity(const std::string& text, v1::ContainerSpec* spec);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_CONTAINER_FLAGS_H_
