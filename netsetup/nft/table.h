// The table of one instance of the service in one network namespace: it knows
// what the kernel has to hold and makes it so, in whole transactions.
//
//   Apply --EEXIST, ENOENT: somebody else wrote--> Rebuild
//   Watch says changed ----> Check finds differences ----> Rebuild
//
// Process: daemon. Thread: one at a time.
#ifndef CAISSON_NETSETUP_NFT_TABLE_H_
#define CAISSON_NETSETUP_NFT_TABLE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/netfilter_socket.h"
#include "netsetup/nft/element.h"
#include "netsetup/nft/foreign.h"
#include "netsetup/nft/messages.h"
#include "netsetup/nft/parse.h"

namespace caisson::netsetup::nft {

// A chain of somebody else that drops what we forward, or what containers ask
// the host: accepting a packet in our table does not help where another one
// drops it.
struct ForeignDrop {
  std::string family;  // "ip", "ip6", "inet", "bridge"
  std::string table;
  std::string chain;
  bool is_of_names = false;  // questions for names, else forwarded packets

  bool operator==(const ForeignDrop&) const = default;
};

class Table {
 public:
  // The table "caisson_<tag>" in the namespace of the calling thread. Asks the
  // kernel for nothing yet. INVALID_ARGUMENT for a tag that is not 1 to 32
  // lower-case letters, digits and underscores.
  static absl::StatusOr<Table> Open(std::string_view tag);

  const std::string& name() const { return name_; }
  // What the kernel's table has to hold.
  const Elements& elements() const { return elements_; }
  // Events that this table's own changes cause carry it.
  uint32_t port_id() const { return socket_.port_id(); }

  // Makes the table from nothing, with `elements`: for the start, whatever an
  // earlier daemon left. Connections that are established go on.
  absl::Status Create(Elements elements);
  // The same with what it has to hold: when somebody changed or flushed it.
  absl::Status Rebuild();
  // Takes the table away.
  absl::Status Destroy();

  // Changes elements. ALREADY_EXISTS, and nothing changed, when a port is
  // taken (Elements::Apply). Where the kernel's table is not what it has to
  // be, it is rebuilt with the change in it.
  absl::Status Apply(const Change& change);

  // How the kernel's table differs from what it has to be with `wanted`, one
  // line each; empty when it does not.
  absl::StatusOr<std::vector<std::string>> Check(const Elements& wanted);
  absl::StatusOr<std::vector<std::string>> Check() { return Check(elements_); }

  // Filters of others that drop packets of our interfaces, by policy or by a
  // rule: forwarded ones though they may let some pass, such as a few
  // addresses, and those that ask for names where they let none pass.
  absl::StatusOr<std::vector<ForeignDrop>> DetectForeignDrops();

 private:
  Table(std::string name, NetfilterSocket socket);

  absl::Status Commit(Batch batch);
  absl::StatusOr<std::vector<ChainInfo>> ListForeignFilters();
  absl::StatusOr<ForeignChains> ReadForeignChains(uint8_t family,
                                                  const std::string& table);
  absl::Status CheckComment(std::vector<std::string>* differences);
  absl::Status CheckRules(std::vector<std::string>* differences);
  absl::Status CheckElements(const Elements& wanted,
                             std::vector<std::string>* differences);
  // By one dump.
  absl::Status CompareElements(const Elements& wanted,
                               std::vector<std::string>* differences);

  std::string name_;
  NetfilterSocket socket_;
  Elements elements_;
};

}  // namespace caisson::netsetup::nft

#endif  // CAISSON_NETSETUP_NFT_TABLE_H_
