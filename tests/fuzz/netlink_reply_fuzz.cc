// Datagrams as a kernel would send them: no byte may be read behind the end.
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netsetup/addr.h"
#include "netsetup/link.h"
#include "netsetup/netlink/reply.h"
#include "netsetup/route.h"

using caisson::netsetup::Attributes;
using caisson::netsetup::Reply;

namespace {

// Reads every attribute, and those inside of it.
size_t ReadAll(const Attributes& attributes, int depth) {
  size_t sum = 0;
  for (int type = 0; type < 80; ++type) {
    if (!attributes.Has(type)) continue;
    const std::span<const uint8_t> bytes = attributes.Bytes(type);
    for (const uint8_t byte : bytes) sum += byte;
    sum += attributes.Text(type).size();
    sum += attributes.GetOr<uint64_t>(type, 0);
    for (const std::string& text : caisson::netsetup::TextsOf(bytes, type)) {
      sum += text.size();
    }
    if (depth > 0) sum += ReadAll(attributes.Nested(type), depth - 1);
  }
  return sum;
}

// What the objects of the kernel are read from, whatever the type says.
size_t Objects(Reply reply) {
  size_t sum = 0;
  reply.type = RTM_NEWLINK;
  if (const auto link = caisson::netsetup::ParseLink(reply); link.ok()) {
    sum += link->name.size() + link->alternative_names.size();
  }
  reply.type = RTM_NEWADDR;
  if (const auto address = caisson::netsetup::ParseAddress(reply);
      address.ok()) {
    sum += address->prefix.Network().ToString().size();
  }
  reply.type = RTM_NEWROUTE;
  if (const auto route = caisson::netsetup::ParseRoute(reply);
      route.ok() && route->has_value()) {
    sum += (*route)->destination.Network().ToString().size();
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // On the heap, aligned, and of the exact size: the sanitizer sees every byte
  // too far.
  const std::vector<uint8_t> copy(data, data + size);
  std::span<const uint8_t> rest(copy);
  size_t sum = 0;
  while (const std::optional<Reply> reply =
             caisson::netsetup::TakeReply(&rest)) {
    if (const auto ack = caisson::netsetup::ParseAck(*reply)) {
      if (ack->error < 0) __builtin_trap();
      sum += ack->text.size();
    }
    sum += ReadAll(Attributes::Behind(*reply, 16), 2);
    sum += Objects(*reply);
  }
  // Keeps the reads.
  return sum == SIZE_MAX ? 1 : 0;
}
