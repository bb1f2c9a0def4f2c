// Tells when somebody else changes tables in a network namespace: `nft flush
// ruleset`, a firewall that starts. Changes of our own are not seen: a filter
// in the kernel keeps them away, however many they are.
//
// Process: daemon. Thread: one at a time.
#ifndef CAISSON_NETSETUP_NFT_WATCH_H_
#define CAISSON_NETSETUP_NFT_WATCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/netfilter_socket.h"
#include "netsetup/nft/table.h"

namespace caisson::netsetup::nft {

struct WatchNews {
  // Our table was changed or flushed: Table::Check, then Rebuild.
  bool table_changed = false;
  // Chains or rules of others came, went or changed: Table::DetectForeignDrops
  // again.
  bool foreign_chains_changed = false;
  // Events came faster than they were read; both of the above may be so.
  bool lost = false;
};

class Watch {
 public:
  // In the namespace of the calling thread, which has to be the table's.
  static absl::StatusOr<Watch> Open(const Table& table);

  // Readable when there is something to Read; non-blocking.
  int fd() const { return socket_.fd(); }

  // What came since the last time; never waits.
  absl::StatusOr<WatchNews> Read();

 private:
  Watch(std::string table, NetfilterSocket socket);

  std::string table_;
  NetfilterSocket socket_;
  std::vector<uint8_t> buffer_;
};

// What one event of the kernel means to the table of that name.
void AddNews(std::string_view table, const nlmsghdr* event, WatchNews* news);

}  // namespace caisson::netsetup::nft

#endif  // CAISSON_NETSETUP_NFT_WATCH_H_
