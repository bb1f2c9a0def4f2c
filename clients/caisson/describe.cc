#include "clients/caisson/describe.h"

#include "clients/caisson/process_flags.h"
#include "clients/caisson/units.h"

namespace caisson::cli {

namespace {

constexpr size_t kCommandWidth = 40;

std::string WithoutPrefix(const std::string& name, const std::string& prefix) {
  return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
}

std::string ReasonText(v1::ExitReason reason) {
  return WithoutPrefix(v1::ExitReason_Name(reason), "EXIT_REASON_");
}

// "80", or "80-89" for ten of them.
std::string PortRangeText(int32_t first, int32_t count) {
  std::string text = std::to_string(first);
  if (count > 1) text += "-" + std::to_string(first + count - 1);
  return text;
}

void AddToList(const std::string& item, std::string* list) {
  *list += (list->empty() ? "" : ", ") + item;
}

// Cuts between characters, so that the rest stays UTF-8.
std::string Shorten(const std::string& text, size_t width) {
  if (text.size() <= width) return text;
  size_t end = width - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) {
    --end;
  }
  return text.substr(0, end) + "...";
}

}  // namespace

std::string StateText(v1::ContainerState state) {
  std::string text =
      WithoutPrefix(v1::ContainerState_Name(state), "CONTAINER_STATE_");
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string ExitText(const v1::Exited& exit) {
  if (exit.has_exit_code()) {
    std::string text = "exited with " + std::to_string(exit.exit_code());
    if (exit.reason() != v1::EXIT_REASON_EXITED) {
      text += " (" + ReasonText(exit.reason()) + ")";
    }
    return text;
  }
  if (exit.has_signal()) {
    return "killed by " + exit.signal() + " (" + ReasonText(exit.reason()) +
           ")";
  }
  return "ended, status lost (" + ReasonText(exit.reason()) + ")";
}

std::string StatusText(const v1::ContainerStatus& status) {
  switch (status.state()) {
    case v1::CONTAINER_STATE_RUNNING:
      return "Up " + SinceText(status.start_time());
    case v1::CONTAINER_STATE_EXITED: {
      const v1::Exited& exit = status.exit();
      std::string code =
          exit.has_status() ? std::to_string(exit.status()) : "unknown";
      if (exit.reason() != v1::EXIT_REASON_EXITED) {
        code += ", " + ReasonText(exit.reason());
      }
      return "Exited (" + code + ") " + AgoText(exit.exit_time());
    }
    default: {
      std::string text = StateText(status.state());
      if (!text.empty()) text[0] = static_cast<char>(text[0] - 'a' + 'A');
      return text;
    }
  }
}

std::string CommandText(const v1::Process& process, bool whole) {
  std::string text;
  for (const auto& part : {process.command(), process.args()}) {
    for (const std::string& word : part) {
      text += (text.empty() ? "" : " ") + word;
    }
  }
  for (const std::string& word : process.args_raw()) {
    text += (text.empty() ? "" : " ") + (IsUtf8(word) ? word : "?");
  }
  return whole ? text : Shorten(text, kCommandWidth);
}

std::string HostPortText(const std::string& host_ip, int32_t port) {
  const bool v6 = host_ip.find(':') != std::string::npos;
  return (v6 ? "[" + host_ip + "]" : host_ip) + ":" + std::to_string(port);
}

std::string PortsText(const v1::ContainerStatus& status) {
  std::string text;
  for (const v1::PortMapping& port : status.ports()) {
    std::string host = HostPortText(port.host_ip(), port.host_port());
    if (port.count() > 1) {
      host += "-" + std::to_string(port.host_port() + port.count() - 1);
    }
    AddToList(host + "->" + PortRangeText(port.container_port(), port.count()) +
                  "/" + port.protocol(),
              &text);
  }
  return text;
}

std::string NetworksText(const v1::ContainerStatus& status) {
  std::string text;
  for (const v1::NetworkEndpoint& network : status.networks()) {
    AddToList(network.name(), &text);
  }
  return text;
}

std::string DriverText(const v1::NetworkSpec& spec) {
  const std::string driver = spec.driver().empty() ? "bridge" : spec.driver();
  return spec.interface().empty() ? driver : driver + " on " + spec.interface();
}

std::string SubnetsText(const v1::NetworkStatus& status) {
  std::string text;
  for (const v1::Subnet& subnet : status.subnets()) {
    AddToList(subnet.cidr(), &text);
  }
  return text;
}

std::string GapReasonText(v1::GapReason reason) {
  switch (reason) {
    case v1::GAP_REASON_ROTATED:
      return "removed to make room for newer output";
    case v1::GAP_REASON_NOT_KEPT:
      return "never kept";
    case v1::GAP_REASON_TAIL_ONLY:
      return "not asked for";
    case v1::GAP_REASON_DISK_FULL:
      return "the disk was full";
    default:
      return WithoutPrefix(v1::GapReason_Name(reason), "GAP_REASON_");
  }
}

std::string IdText(const std::string& id, bool whole) {
  return whole ? id : id.substr(0, 12);
}

}  // namespace caisson::cli
