#include "netsetup/netlink/reply.h"

#include <errno.h>
#include <linux/netlink.h>

#include <algorithm>

#include <netlink/attr.h>

namespace caisson::netsetup {
namespace {

// libnl does not write, but takes no const pointer.
nlattr* FirstAttribute(std::span<const uint8_t> bytes) {
  return const_cast<nlattr*>(reinterpret_cast<const nlattr*>(bytes.data()));
}

std::string TextOf(std::span<const uint8_t> bytes) {
  return std::string(bytes.begin(),
                     std::find(bytes.begin(), bytes.end(), uint8_t{0}));
}

// The attributes behind an acknowledgement. In front of them is the request
// again, or only its header when the kernel capped it.
void ParseExtendedAck(const Reply& reply, size_t fixed_bytes, Ack* ack) {
  if ((reply.flags & NLM_F_ACK_TLVS) == 0) return;
  size_t skip = fixed_bytes;
  if (reply.type == NLMSG_ERROR) {
    const std::optional<nlmsgerr> fixed = reply.Fixed<nlmsgerr>();
    if (!fixed.has_value()) return;
    skip = sizeof(nlmsgerr);
    if ((reply.flags & NLM_F_CAPPED) == 0) {
      if (fixed->msg.nlmsg_len < sizeof(nlmsghdr)) return;
      skip += NLMSG_ALIGN(size_t{fixed->msg.nlmsg_len}) - sizeof(nlmsghdr);
    }
  }
  const Attributes attributes = Attributes::Behind(reply, skip);
  ack->text = attributes.Text(NLMSGERR_ATTR_MSG);
  ack->offset = attributes.Get<uint32_t>(NLMSGERR_ATTR_OFFS);
}

}  // namespace

std::optional<Reply> TakeReply(std::span<const uint8_t>* datagram) {
  nlmsghdr header = {};
  if (datagram->size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, datagram->data(), sizeof(header));
  if (header.nlmsg_len < sizeof(header) ||
      header.nlmsg_len > datagram->size()) {
    return std::nullopt;
  }
  Reply reply;
  reply.type = header.nlmsg_type;
  reply.flags = header.nlmsg_flags;
  reply.sequence = header.nlmsg_seq;
  reply.payload =
      datagram->subspan(sizeof(header), header.nlmsg_len - sizeof(header));
  // The last message may end without the padding.
  *datagram = datagram->subspan(std::min<size_t>(
      NLMSG_ALIGN(size_t{header.nlmsg_len}), datagram->size()));
  return reply;
}

std::optional<Ack> ParseAck(const Reply& reply) {
  if (reply.type != NLMSG_ERROR && reply.type != NLMSG_DONE) {
    return std::nullopt;
  }
  Ack ack;
  const std::optional<int32_t> error = reply.Fixed<int32_t>();
  if (!error.has_value()) {
    ack.error = EBADMSG;
    return ack;
  }
  // Negative, as the kernel has them. What no kernel sends is still an error.
  ack.error = *error <= 0 && *error > -4096 ? -*error : EBADMSG;
  ParseExtendedAck(reply, sizeof(*error), &ack);
  return ack;
}

Attributes::Attributes(std::span<const uint8_t> bytes) {
  // The result only says that bytes were left over at the end.
  static_cast<void>(nla_parse(found_.data(), kTypes - 1, FirstAttribute(bytes),
                              static_cast<int>(bytes.size()), nullptr));
}

Attributes Attributes::Behind(const Reply& reply, size_t fixed_bytes) {
  const size_t skip = NLMSG_ALIGN(fixed_bytes);
  if (skip >= reply.payload.size()) return Attributes({});
  return Attributes(reply.payload.subspan(skip));
}

const nlattr* Attributes::Find(int type) const {
  return type >= 0 && type < kTypes ? found_[static_cast<size_t>(type)]
                                    : nullptr;
}

std::span<const uint8_t> Attributes::Bytes(int type) const {
  const nlattr* const attribute = Find(type);
  if (attribute == nullptr) return {};
  return {static_cast<const uint8_t*>(nla_data(attribute)),
          static_cast<size_t>(nla_len(attribute))};
}

std::string Attributes::Text(int type) const {
  return TextOf(Bytes(type));
}

std::vector<std::string> TextsOf(std::span<const uint8_t> bytes, int type) {
  std::vector<std::string> texts;
  int left = static_cast<int>(bytes.size());
  for (nlattr* at = FirstAttribute(bytes); nla_ok(at, left);
       at = nla_next(at, &left)) {
    if (nla_type(at) != type) continue;
    texts.push_back(TextOf({static_cast<const uint8_t*>(nla_data(at)),
                            static_cast<size_t>(nla_len(at))}));
  }
  return texts;
}

}  // namespace caisson::netsetup
