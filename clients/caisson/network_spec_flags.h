// The flags that say what a network is.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_NETWORK_SPEC_FLAGS_H_
#define CAISSON_CLIENTS_CAISSON_NETWORK_SPEC_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "caisson/v1/network.pb.h"
#include "clients/caisson/flags.h"

namespace caisson::cli {

struct NetworkSpecFlags {
  std::string driver;
  std::string interface;
  std::string mode;
  std::vector<std::string> labels;
  // Each of the other three belongs to the subnet that it lies in.
  std::vector<std::string> subnets;
  std::vector<std::string> gateways;
  std::vector<std::string> ranges;
  std::vector<std::string> reserved;
  std::optional<int64_t> mtu;
  bool internal = false;
  std::string isolation;
  bool isolate_endpoints = false;
  bool ingress = false;
  std::string nat4;
  std::string nat6;
  bool no_dns = false;

  void Declare(Flags* flags);
  // All but the name; "" or what is wrong.
  std::string Fill(v1::NetworkSpec* spec) const;

 private:
  std::string FillSubnets(v1::NetworkSpec* spec) const;
  std::string FillTraffic(v1::NetworkSpec* spec) const;
};

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_NETWORK_SPEC_FLAGS_H_
