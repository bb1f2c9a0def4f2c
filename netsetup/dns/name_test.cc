#include "netsetup/dns/name.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"

namespace caisson::netsetup::dns {
namespace {

using base::IsOkAndHolds;
using base::StatusIs;
using ::testing::HasSubstr;
using ::testing::Optional;

std::string Name(std::string_view text) {
  return *ParseName(text);
}

TEST(DnsNameTest, NamesAreLowerCaseLabels) {
  EXPECT_THAT(ParseName("Web"), IsOkAndHolds(std::string("\3web")));
  EXPECT_THAT(ParseName("a_b-c.Example."),
              IsOkAndHolds(std::string("\5a_b-c\7example")));
}

TEST(DnsNameTest, WhatTheWireCannotCarryIsRefused) {
  const std::string label(63, 'a');
  EXPECT_THAT(ParseName(label), IsOkAndHolds("\x3f" + label));
  for (const std::string& text :
       {std::string(), std::string("."), std::string("a..b"), std::string(".a"),
        label + "a"}) {
    EXPECT_THAT(ParseName(text), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("not a domain name")))
        << text;
  }
  // 255 bytes with all lengths and the root.
  const std::string longest =
      label + "." + label + "." + label + "." + std::string(61, 'b');
  EXPECT_EQ(Name(longest).size(), 254u);
  EXPECT_THAT(ParseName(longest + "b"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(DnsNameTest, WireNamesAreMadeCanonical) {
  const std::vector<uint8_t> wire = {3, 'W', 'e', 'B', 2, 'A', '.', 0};
  EXPECT_EQ(CanonicalName(wire), std::string("\3web\2a."));
  EXPECT_EQ(CanonicalName(std::vector<uint8_t>{0}), "");
  // Cut short, or a pointer: the labels before.
  EXPECT_EQ(CanonicalName(std::vector<uint8_t>{1, 'a', 5, 'b'}), "\1a");
  EXPECT_EQ(CanonicalName(std::vector<uint8_t>{1, 'a', 0xc0, 12}), "\1a");
}

TEST(DnsNameTest, DomainsEndAtLabels) {
  EXPECT_THAT(BelowDomain(Name("a.b.net"), Name("net")),
              Optional(std::string_view("\1a\1b")));
  EXPECT_THAT(BelowDomain(Name("net"), Name("net")),
              Optional(std::string_view()));
  EXPECT_THAT(BelowDomain(Name("net"), ""),
              Optional(std::string_view("\3net")));
  EXPECT_EQ(BelowDomain(Name("a.bnet"), Name("net")), std::nullopt);
  EXPECT_EQ(BelowDomain(Name("net"), Name("a.net")), std::nullopt);
  // The bytes of the domain, inside of a label.
  EXPECT_EQ(BelowDomain(std::string_view("\5a\3net", 6), Name("net")),
            std::nullopt);
}

TEST(DnsNameTest, ReverseNamesAreAddresses) {
  EXPECT_THAT(ParseReverseName(Name("1.2.0.192.in-addr.arpa")),
              Optional(*ParseIpAddress("192.0.2.1")));
  std::string v6 = "1.";
  for (int i = 0; i < 27; ++i) v6 += "0.";
  v6 += "B.0.d.F.ip6.arpa";
  EXPECT_THAT(ParseReverseName(Name(v6)), Optional(*ParseIpAddress("fd0b::1")));
  for (const char* text :
       {"in-addr.arpa", "2.0.192.in-addr.arpa", "256.2.0.192.in-addr.arpa",
        "01.2.0.192.in-addr.arpa", "x.2.0.192.in-addr.arpa",
        "0.1.2.0.192.in-addr.arpa", "ip6.arpa", "1.0.ip6.arpa",
        "1.2.0.192.in-addr.arpa.net"}) {
    EXPECT_EQ(ParseReverseName(Name(text)), std::nullopt) << text;
  }
  EXPECT_EQ(ParseReverseName(Name("g" + v6.substr(1))), std::nullopt);
  EXPECT_EQ(ParseReverseName(Name("10" + v6.substr(1))), std::nullopt);
}

}  // namespace
}  // namespace caisson::netsetup::dns
