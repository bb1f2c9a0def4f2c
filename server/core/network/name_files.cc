#include "server/core/network/name_files.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "runtime/base/str_cat.h"
#include "runtime/spec/ip.h"

namespace caisson::core {
namespace {

constexpr std::string_view kWellKnownHosts =
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "ff00::0\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n";

constexpr std::string_view kDots = "ndots:";

bool IsText(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
}

// Also with a dot at its end. "." alone says that there is none, and is none.
bool IsSearchDomain(std::string_view word) {
  if (word.ends_with('.')) word.remove_suffix(1);
  return spec::IsDnsName(word);
}

void AddOnce(std::string_view value, std::vector<std::string>* list) {
  if (std::find(list->begin(), list->end(), value) == list->end()) {
    list->emplace_back(value);
  }
}

// A file as resolv.conf(5) describes it: the last list of domains counts, the
// options add up, and what is not understood is left out.
spec::Dns ParseResolvConf(std::string_view text) {
  spec::Dns parsed;
  for (absl::string_view line : absl::StrSplit(base::AbslView(text), '\n')) {
    if (!line.empty() && (line[0] == '#' || line[0] == ';')) continue;
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.size() < 2) continue;
    const std::string& key = words[0];
    if (key == "nameserver") {
      if (spec::ParseIp(words[1]).has_value()) {
        AddOnce(words[1], &parsed.servers);
      }
    } else if (key == "search" || key == "domain") {
      parsed.searches.clear();
      const size_t end = key == "domain" ? 2 : words.size();
      for (size_t i = 1; i < end; ++i) {
        if (IsSearchDomain(words[i])) AddOnce(words[i], &parsed.searches);
      }
    } else if (key == "options") {
      for (size_t i = 1; i < words.size(); ++i) {
        if (IsText(words[i])) AddOnce(words[i], &parsed.options);
      }
    }
  }
  return parsed;
}

// The unspecified address is the host itself to a resolver.
bool OnlyHostReaches(const std::string& server) {
  const std::optional<spec::Ip> ip = spec::ParseIp(server);
  return !ip.has_value() || ip->is_loopback() || ip->is_unspecified() ||
         ip->is_link_local();
}

std::vector<std::string> ReachableServers(std::string_view resolv_conf) {
  std::vector<std::string> servers = ParseResolvConf(resolv_conf).servers;
  std::erase_if(servers, OnlyHostReaches);
  return servers;
}

// The spec's, else the host's.
std::vector<std::string> Servers(const std::optional<spec::Dns>& dns,
                                 const HostResolver& host) {
  if (dns.has_value() && !dns->servers.empty()) return dns->servers;
  std::vector<std::string> servers = ReachableServers(host.resolv_conf);
  return servers.empty() ? ReachableServers(host.upstream) : servers;
}

void AddLine(std::string_view key, const std::vector<std::string>& values,
             std::string* text) {
  if (values.empty()) return;
  base::StrAppend(text, key, " ", absl::StrJoin(values, " "), "\n");
}

}  // namespace

std::string HostsFile(std::string_view hostname, std::string_view domainname,
                      const std::vector<std::string>& addresses,
                      const std::vector<spec::ExtraHost>& extra_hosts) {
  std::string text(kWellKnownHosts);
  for (const spec::ExtraHost& host : extra_hosts) {
    base::StrAppend(&text, host.address, "\t", host.name, "\n");
  }
  if (hostname.empty()) return text;
  std::string names(hostname);
  if (!domainname.empty()) base::StrAppend(&names, ".", domainname);
  // The full name is the first one; the short one follows.
  const size_t dot = names.find('.');
  if (dot != std::string::npos) {
    base::StrAppend(&names, " ", names.substr(0, dot));
  }
  for (const std::string& address : addresses) {
    base::StrAppend(&text, address, "\t", names, "\n");
  }
  return text;
}

std::string HostnameFile(std::string_view hostname) {
  return base::StrCat(hostname, "\n");
}

std::string ResolvConf(const std::optional<spec::Dns>& dns,
                       const HostResolver& host,
                       const std::vector<std::string>& responders) {
  spec::Dns wanted = ParseResolvConf(host.resolv_conf);
  if (dns.has_value() && !dns->searches.empty()) {
    wanted.searches = dns->searches;
  }
  if (dns.has_value() && !dns->options.empty()) wanted.options = dns->options;
  wanted.servers = responders.empty() ? Servers(dns, host) : responders;
  // Or "db" would be looked for in every domain of the host's first.
  const bool says_dots = std::any_of(
      wanted.options.begin(), wanted.options.end(),
      [](const std::string& option) { return option.starts_with(kDots); });
  if (!responders.empty() && !says_dots) {
    wanted.options.push_back(base::StrCat(kDots, "0"));
  }
  std::string text;
  for (const std::string& server : wanted.servers) {
    base::StrAppend(&text, "nameserver ", server, "\n");
  }
  AddLine("search", wanted.searches, &text);
  AddLine("options", wanted.options, &text);
  return text;
}

std::vector<std::string> ForwardServers(const HostResolver& host) {
  return ParseResolvConf(host.resolv_conf).servers;
}

}  // namespace caisson::core
