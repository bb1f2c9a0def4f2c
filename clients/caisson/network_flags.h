// The flags that connect a container: networks, published ports, names; run,
// create and explain share them.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_NETWORK_FLAGS_H_
#define CAISSON_CLIENTS_CAISSON_NETWORK_FLAGS_H_

#include <string>
#include <vector>

#include "caisson/v1/container_spec.pb.h"
#include "caisson/v1/network_service.pb.h"
#include "clients/caisson/flags.h"

namespace caisson::cli {

// What --network is when it is not given.
inline constexpr char kDefaultNetwork[] = "default";

struct NetworkFlags {
  std::vector<std::string> networks;
  std::vector<std::string> publish;
  std::string mac_address;
  std::string ip;
  std::string ip6;
  std::vector<std::string> aliases;
  std::vector<std::string> dns;
  std::vector<std::string> dns_search;
  std::vector<std::string> dns_options;
  std::vector<std::string> add_hosts;

  void Declare(Flags* flags);
  // "" or what is wrong.
  std::string Fill(v1::Network* network) const;

 private:
  std::string FillFirst(v1::Network* network) const;
  void FillDns(v1::Network* network) const;
};

// Each adds one thing; "" or what is wrong.

// "none", "host", "container:ID", or "NAME[:KEY=VALUE,...]" with the keys ip
// and alias (may be repeated), mac, interface, default-route, ingress, egress.
std::string AddNetwork(const std::string& text, v1::Network* network);
// "[IP:][HOST:]CONTAINER[/PROTOCOL]"; both ports may be ranges of equal length,
// an IPv6 address is in brackets.
std::string AddPort(const std::string& text, v1::Network* network);
// "[IP:]HOST[/PROTOCOL]": a port that is published.
std::string ParseHostPort(const std::string& text,
                          v1::UnpublishPortRequest* request);
// An address as people write it where a ':' may follow: IPv6 in brackets.
std::string WithoutBrackets(const std::string& text);
// "NAME:ADDRESS" or "NAME=ADDRESS".
std::string AddHost(const std::string& text, v1::Network* network);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_NETWORK_FLAGS_H_
