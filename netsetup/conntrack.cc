#include "netsetup/conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "netsetup/attributes.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/syscall_error.h"

namespace caisson::netsetup {
namespace {

// What a direction of the filter is made of: the kernel's own numbers
// (net/netfilter/nf_internals.h), which no header of it shows.
constexpr uint32_t kFilterSource = 1u << 0;
constexpr uint32_t kFilterDestination = 1u << 1;
constexpr uint32_t kFilterProtocol = 1u << 3;
constexpr uint32_t kFilterDestinationPort = 1u << 5;

// So many deletions are one datagram: each has its answer.
constexpr size_t kDeletions = 64;
constexpr size_t kRoom = 1024;

std::optional<IpAddress> AddressIn(const nlattr* attribute) {
  const std::string_view bytes = AttributeBytes(attribute);
  const absl::StatusOr<IpAddress> address = IpAddressFromBytes(
      {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  if (!address.ok()) return std::nullopt;
  return *address;
}

// One direction of a flow.
struct Tuple {
  std::optional<IpAddress> source;
  std::optional<IpAddress> destination;
  uint8_t protocol = 0;
  uint16_t destination_port = 0;
};

Tuple ParseTuple(const nlattr* nest) {
  Tuple tuple;
  const auto read_address = [&tuple](const nlattr* attribute) {
    switch (::mnl_attr_get_type(attribute)) {
      case CTA_IP_V4_SRC:
      case CTA_IP_V6_SRC:
        tuple.source = AddressIn(attribute);
        break;
      case CTA_IP_V4_DST:
      case CTA_IP_V6_DST:
        tuple.destination = AddressIn(attribute);
        break;
      default:
        break;
    }
  };
  const auto read_protocol = [&tuple](const nlattr* attribute) {
    const uint16_t type = ::mnl_attr_get_type(attribute);
    const std::string_view bytes = AttributeBytes(attribute);
    if (type == CTA_PROTO_NUM && !bytes.empty()) {
      tuple.protocol = static_cast<uint8_t>(bytes[0]);
    }
    if (type == CTA_PROTO_DST_PORT) {
      tuple.destination_port = AttributeBe16(attribute);
    }
  };
  ForEachNested(nest, [&](const nlattr* attribute) {
    const uint16_t type = ::mnl_attr_get_type(attribute);
    if (type == CTA_TUPLE_IP) ForEachNested(attribute, read_address);
    if (type == CTA_TUPLE_PROTO) ForEachNested(attribute, read_protocol);
  });
  return tuple;
}

nlmsghdr* Begin(std::vector<uint8_t>* out, uint16_t message, uint16_t flags,
                uint8_t family, size_t room) {
  const size_t start = out->size();
  out->resize(start + room);
  nlmsghdr* header = ::mnl_nlmsg_put_header(out->data() + start);
  header->nlmsg_type =
      static_cast<uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | message);
  header->nlmsg_flags = NLM_F_REQUEST | flags;
  auto* general = static_cast<nfgenmsg*>(
      ::mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  general->nfgen_family = family;
  general->version = NFNETLINK_V0;
  return header;
}

void End(std::vector<uint8_t>* out, const nlmsghdr* header) {
  const auto start = static_cast<size_t>(
      reinterpret_cast<const uint8_t*>(header) - out->data());
  out->resize(start + MNL_ALIGN(header->nlmsg_len));
}

uint8_t FamilyOf(const FlowFilter& filter) {
  for (const std::optional<IpAddress>* address :
       {&filter.original_destination, &filter.reply_source,
        &filter.original_source}) {
    if (*address) return static_cast<uint8_t>((*address)->family());
  }
  return AF_UNSPEC;
}

// Whether the kernel may compare it. Addresses of IPv6 it compares the wrong
// way round and leaves out those that fit (seen on 6.18).
bool IsComparable(const std::optional<IpAddress>& address) {
  return address && address->is_v4();
}

void PutAddress(nlmsghdr* header, uint16_t type,
                const std::optional<IpAddress>& address) {
  if (!IsComparable(address)) return;
  ::mnl_attr_put(header, type, address->bytes().size(),
                 address->bytes().data());
}

// A direction of the filter; what of it counts.
uint32_t PutTuple(nlmsghdr* header, uint16_t type, const FlowFilter& filter) {
  const bool original = type == CTA_TUPLE_ORIG;
  const std::optional<IpAddress>& source =
      original ? filter.original_source : filter.reply_source;
  const std::optional<IpAddress> destination =
      original ? filter.original_destination : std::nullopt;
  uint32_t flags =
      (source ? kFilterSource : 0) | (destination ? kFilterDestination : 0);
  nlattr* tuple = ::mnl_attr_nest_start(header, type);
  if (flags != 0) {
    nlattr* addresses = ::mnl_attr_nest_start(header, CTA_TUPLE_IP);
    PutAddress(header, CTA_IP_V4_SRC, source);
    PutAddress(header, CTA_IP_V4_DST, destination);
    ::mnl_attr_nest_end(header, addresses);
  }
  if (original && filter.protocol) {
    nlattr* protocol = ::mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
    ::mnl_attr_put_u8(header, CTA_PROTO_NUM, *filter.protocol);
    flags |= kFilterProtocol;
    if (filter.original_port && filter.port_count == 1) {
      ::mnl_attr_put_u16(header, CTA_PROTO_DST_PORT,
                         htons(*filter.original_port));
      flags |= kFilterDestinationPort;
    }
    ::mnl_attr_nest_end(header, protocol);
  }
  ::mnl_attr_nest_end(header, tuple);
  return flags;
}

// A dump of flows; `narrow`: the kernel leaves out what it can, since 5.8.
std::vector<uint8_t> BuildDump(const FlowFilter& filter, bool narrow) {
  std::vector<uint8_t> request;
  const uint8_t family = FamilyOf(filter);
  nlmsghdr* header =
      Begin(&request, IPCTNL_MSG_CT_GET, NLM_F_DUMP, family, kRoom);
  // It compares tuples of one family only.
  if (narrow && family != AF_UNSPEC) {
    const uint32_t original = PutTuple(header, CTA_TUPLE_ORIG, filter);
    const uint32_t reply = PutTuple(header, CTA_TUPLE_REPLY, filter);
    nlattr* flags = ::mnl_attr_nest_start(header, CTA_FILTER);
    ::mnl_attr_put_u32(header, CTA_FILTER_ORIG_FLAGS, original);
    ::mnl_attr_put_u32(header, CTA_FILTER_REPLY_FLAGS, reply);
    ::mnl_attr_nest_end(header, flags);
  }
  End(&request, header);
  return request;
}

absl::StatusOr<std::vector<Flow>> ListFlows(
    NetfilterSocket* socket, std::vector<uint8_t> request,
    absl::FunctionRef<bool(const Flow&)> fits) {
  std::vector<Flow> flows;
  CAISSON_RETURN_IF_ERROR(socket->Dump(
      request, [&flows] { flows.clear(); },
      [&](const nlmsghdr* header) {
        absl::StatusOr<Flow> flow = ParseFlow(header);
        if (flow.ok() && fits(*flow)) {
          flows.push_back(*std::move(flow));
        }
        return absl::OkStatus();
      }));
  return flows;
}

absl::Status DeleteFlows(NetfilterSocket* socket, std::span<const Flow> flows) {
  std::vector<uint8_t> messages;
  for (const Flow& flow : flows) {
    nlmsghdr* header = Begin(&messages, IPCTNL_MSG_CT_DELETE, NLM_F_ACK,
                             flow.family, kRoom + flow.name.size());
    auto* tail = static_cast<char*>(::mnl_nlmsg_get_payload_tail(header));
    std::copy(flow.name.begin(), flow.name.end(), tail);
    header->nlmsg_len += static_cast<uint32_t>(flow.name.size());
    End(&messages, header);
  }
  CAISSON_ASSIGN_OR_RETURN(const std::vector<NetfilterAnswer> answers,
                           socket->Exchange(messages));
  for (const NetfilterAnswer& answer : answers) {
    // It ended by itself.
    if (answer.err == 0 || answer.err == ENOENT) continue;
    return base::SyscallErrorFrom(answer.err, "conntrack delete", answer.text);
  }
  return absl::OkStatus();
}

absl::StatusOr<size_t> DeleteAll(NetfilterSocket* socket,
                                 std::span<const Flow> flows) {
  for (size_t at = 0; at < flows.size(); at += kDeletions) {
    CAISSON_RETURN_IF_ERROR(DeleteFlows(
        socket, flows.subspan(at, std::min(kDeletions, flows.size() - at))));
  }
  return flows.size();
}

bool IsEmpty(const FlowFilter& filter) {
  return !filter.protocol && !filter.original_destination &&
         !filter.original_port && !filter.reply_source &&
         !filter.original_source;
}

}  // namespace

absl::StatusOr<Flow> ParseFlow(const nlmsghdr* header) {
  if (header->nlmsg_type >> 8 != NFNL_SUBSYS_CTNETLINK ||
      header->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(nfgenmsg)) {
    return absl::InvalidArgumentError("not a flow");
  }
  nfgenmsg general = {};
  std::memcpy(&general, ::mnl_nlmsg_get_payload(header), sizeof(general));
  Flow flow;
  flow.family = general.nfgen_family;
  Tuple original;
  Tuple reply;
  ForEachInMessage(header, sizeof(nfgenmsg), [&](const nlattr* attribute) {
    const uint16_t type = ::mnl_attr_get_type(attribute);
    if (type == CTA_TUPLE_ORIG) original = ParseTuple(attribute);
    if (type == CTA_TUPLE_REPLY) reply = ParseTuple(attribute);
    if (type != CTA_TUPLE_ORIG && type != CTA_ID && type != CTA_ZONE) return;
    flow.name.append(reinterpret_cast<const char*>(attribute),
                     attribute->nla_len);
    flow.name.resize(MNL_ALIGN(flow.name.size()), '\0');
  });
  if (!original.source || !original.destination || !reply.source ||
      !reply.destination) {
    return absl::InvalidArgumentError("flow without addresses");
  }
  flow.protocol = original.protocol;
  flow.original_source = *original.source;
  flow.original_destination = *original.destination;
  flow.original_port = original.destination_port;
  flow.reply_source = *reply.source;
  flow.reply_destination = *reply.destination;
  return flow;
}

bool Matches(const FlowFilter& filter, const Flow& flow) {
  const auto fits = [](const auto& wanted, const auto& value) {
    return !wanted || *wanted == value;
  };
  return fits(filter.protocol, flow.protocol) &&
         fits(filter.original_source, flow.original_source) &&
         fits(filter.original_destination, flow.original_destination) &&
         (!filter.original_port ||
          (flow.original_port >= *filter.original_port &&
           flow.original_port - *filter.original_port < filter.port_count)) &&
         fits(filter.reply_source, flow.reply_source) &&
         (!filter.except_reply_source ||
          (flow.reply_source.is_v6() == filter.except_reply_source->is_v6() &&
           flow.reply_source != *filter.except_reply_source));
}

absl::StatusOr<size_t> FlushFlows(NetfilterSocket* socket,
                                  const FlowFilter& filter) {
  if (IsEmpty(filter)) {
    return absl::InvalidArgumentError("a filter that every flow fits");
  }
  const auto fits = [&filter](const Flow& flow) {
    return Matches(filter, flow);
  };
  absl::StatusOr<std::vector<Flow>> flows =
      ListFlows(socket, BuildDump(filter, true), fits);
  const int err = base::ErrnoOf(flows.status());
  // An older kernel, or one that compares less: all of them, and compare here.
  if (err == EINVAL || err == EOPNOTSUPP) {
    flows = ListFlows(socket, BuildDump(filter, false), fits);
  }
  CAISSON_RETURN_IF_ERROR(flows.status());
  return DeleteAll(socket, *flows);
}

absl::StatusOr<size_t> FlushFlowsIf(
    NetfilterSocket* socket, absl::FunctionRef<bool(const Flow&)> is_stale) {
  CAISSON_ASSIGN_OR_RETURN(const std::vector<Flow> flows,
                           ListFlows(socket, BuildDump({}, false), is_stale));
  return DeleteAll(socket, flows);
}

absl::StatusOr<size_t> FlushFlowsOf(NetfilterSocket* socket,
                                    const std::set<IpAddress>& addresses) {
  if (addresses.empty()) return 0;
  return FlushFlowsIf(socket, [&addresses](const Flow& flow) {
    return addresses.contains(flow.original_source) ||
           addresses.contains(flow.reply_source);
  });
}

}  // namespace caisson::netsetup
