// The table and its changes as netlink messages: one batch is one transaction.
// Pure: the same input gives the same bytes.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_NETSETUP_NFT_MESSAGES_H_
#define CAISSON_NETSETUP_NFT_MESSAGES_H_

#include <linux/netlink.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "netsetup/nft/element.h"

namespace caisson::netsetup::nft {

// Messages of one datagram, numbered from 0; only the last command asks for an
// acknowledgement. Element lists that pass 64 KiB are in several messages.
using Batch = std::vector<uint8_t>;

// The table from nothing, whatever was there under its name.
Batch BuildTable(std::string_view table, const Elements::Map& elements);
// Takes the table away; no error where there is none.
Batch BuildRemoval(std::string_view table);
// Removals first. `change` must not be empty.
Batch BuildChange(std::string_view table, const Change& change);

// Requests for dumps: of elements of one set, of the chains of all tables, of
// the rules of a table (NFPROTO_*), of the tables of the inet family.
Batch BuildElementsRequest(std::string_view table, SetId set);
Batch BuildChainsRequest();
Batch BuildRulesRequest(uint8_t family, std::string_view table);
Batch BuildTablesRequest();

// What the message `sequence` of a batch is about, for an error: "rule in
// managed", "ports4 { tcp . 80 : 10.0.0.1 . 80 }". `offset` is the place that
// the kernel complained about, 0 for none.
std::string ObjectText(const Batch& batch, uint32_t sequence, uint32_t offset);

}  // namespace caisson::netsetup::nft

#endif  // CAISSON_NETSETUP_NFT_MESSAGES_H_
