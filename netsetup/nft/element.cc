#include "netsetup/nft/element.h"

#include <netinet/in.h>

#include <cstring>
#include <span>

#include "netsetup/ip_address.h"
#include "runtime/base/check.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"

namespace caisson::netsetup::nft {
namespace {

using base::StrCat;

std::string InterfaceText(std::string_view bytes) {
  // Bytes that are no name print as an empty one or end early.
  const std::string_view name = bytes.substr(0, bytes.find('\0'));
  return StrCat("\"", name, "\"");
}

std::string AddressText(std::string_view bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  absl::StatusOr<IpAddress> address =
      IpAddressFromBytes(std::span(data, bytes.size()));
  return address.ok() ? address->ToString() : "?";
}

std::string ProtocolText(std::string_view bytes) {
  switch (const auto number = static_cast<uint8_t>(bytes[0])) {
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_SCTP:
      return "sctp";
    default:
      return StrCat(number);
  }
}

std::string FieldText(Field field, std::string_view bytes) {
  switch (field) {
    case Field::kInterface:
      return InterfaceText(bytes);
    case Field::kGroup: {
      uint32_t group = 0;
      std::memcpy(&group, bytes.data(), sizeof(group));
      return StrCat(group);
    }
    case Field::kIp4:
    case Field::kIp6:
      return AddressText(bytes);
    case Field::kProtocol:
      return ProtocolText(bytes);
    case Field::kPort:
      return StrCat(static_cast<uint8_t>(bytes[0]) * 256 +
                    static_cast<uint8_t>(bytes[1]));
  }
  return "?";
}

std::string FieldsText(std::span<const Field> fields, std::string_view bytes) {
  std::string text;
  for (const Field field : fields) {
    const size_t size = FieldBytes(field);
    if (bytes.size() < size)
      return StrCat(text, text.empty() ? "" : " . ", "?");
    base::StrAppend(&text, text.empty() ? "" : " . ",
                    FieldText(field, bytes.substr(0, size)));
    bytes.remove_prefix(size);
  }
  return text;
}

bool IsEverywhere(SetId set) {
  return set == SetId::kPorts4 || set == SetId::kPorts6;
}

bool IsPort(SetId set) {
  return IsEverywhere(set) || set == SetId::kPortsAt4 ||
         set == SetId::kPortsAt6;
}

// Family, protocol and port of a key of a port set.
std::string PortOf(const Element& element) {
  const size_t bytes = FieldBytes(Field::kProtocol) + FieldBytes(Field::kPort);
  std::string port(IsIp6Map(element.set) ? "6" : "4");
  // Protocol and port are the last two fields of all four keys.
  port.append(element.key, element.key.size() - bytes, bytes);
  return port;
}

}  // namespace

bool IsWellFormed(const Element& element) {
  const SetSchema& set = SetOf(element.set);
  return element.key.size() == KeyBytes(set) &&
         element.value.size() == ValueBytes(set);
}

std::string ElementText(const Element& element) {
  const SetSchema& set = SetOf(element.set);
  std::string text = FieldsText(set.key, element.key);
  if (set.is_map()) {
    base::StrAppend(&text, " : ", FieldsText(set.value, element.value));
  }
  return text;
}

void Elements::CountPort(const Element& element, bool added) {
  if (!IsPort(element.set)) return;
  const std::string port = PortOf(element);
  PortUse& use = ports_[port];
  if (IsEverywhere(element.set)) {
    use.everywhere = added;
  } else if (added) {
    ++use.places;
  } else {
    --use.places;
  }
  if (!use.everywhere && use.places == 0) ports_.erase(port);
}

absl::Status Elements::CheckPort(const Element& element) const {
  if (!IsPort(element.set)) return absl::OkStatus();
  const auto found = ports_.find(PortOf(element));
  if (found == ports_.end()) return absl::OkStatus();
  const bool everywhere = IsEverywhere(element.set);
  if (everywhere ? found->second.places == 0 : !found->second.everywhere) {
    return absl::OkStatus();
  }
  return absl::AlreadyExistsError(
      StrCat("'", ElementText(element), "' in ", SetOf(element.set).name,
             ": the port is taken at ",
             everywhere ? "a single address" : "every address"));
}

absl::StatusOr<bool> Elements::Add(const Element& element) {
  const std::string_view set = SetOf(element.set).name;
  if (!IsWellFormed(element)) {
    return absl::InvalidArgumentError(StrCat("element of '", set, "' with ",
                                             element.key.size(), " and ",
                                             element.value.size(), " bytes"));
  }
  const auto found = map_.find({element.set, element.key});
  if (found != map_.end()) {
    if (found->second == element.value) return false;
    const Element there{element.set, element.key, found->second};
    return absl::AlreadyExistsError(StrCat("'", ElementText(element), "' in ",
                                           set, ": there is '",
                                           ElementText(there), "'"));
  }
  CAISSON_RETURN_IF_ERROR(CheckPort(element));
  map_.emplace(std::pair(element.set, element.key), element.value);
  CountPort(element, true);
  return true;
}

std::optional<Element> Elements::Remove(const Element& element) {
  const auto found = map_.find({element.set, element.key});
  // With another value it is another owner's.
  if (found == map_.end() || found->second != element.value) {
    return std::nullopt;
  }
  Element removed{element.set, element.key, std::move(found->second)};
  map_.erase(found);
  CountPort(removed, false);
  return removed;
}

absl::StatusOr<Change> Elements::Apply(const Change& change) {
  Change applied;
  for (const Element& element : change.remove) {
    std::optional<Element> removed = Remove(element);
    if (removed) applied.remove.push_back(*std::move(removed));
  }
  for (const Element& element : change.add) {
    absl::StatusOr<bool> added = Add(element);
    if (!added.ok()) {
      Undo(applied);
      return added.status();
    }
    if (*added) applied.add.push_back(element);
  }
  return applied;
}

bool Elements::IsFree(const Element& element) const {
  return IsWellFormed(element) && !map_.contains({element.set, element.key}) &&
         CheckPort(element).ok();
}

void Elements::Undo(const Change& applied) {
  for (const Element& element : applied.add) Remove(element);
  for (const Element& element : applied.remove) {
    const absl::StatusOr<bool> added = Add(element);
    CAISSON_CHECK(added.ok());
  }
}

Change Difference(const Elements::Map& have, const Elements::Map& want) {
  Change change;
  for (const auto& [place, value] : have) {
    const auto found = want.find(place);
    if (found == want.end() || found->second != value) {
      change.remove.push_back({place.first, place.second, value});
    }
  }
  for (const auto& [place, value] : want) {
    const auto found = have.find(place);
    if (found == have.end() || found->second != value) {
      change.add.push_back({place.first, place.second, value});
    }
  }
  return change;
}

}  // namespace caisson::netsetup::nft
