// The vocabularies of a spec: signals, capabilities, rlimits, users, UTF-8.
#include <signal.h>
#include <sys/resource.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "runtime/spec/capability.h"
#include "runtime/spec/rlimit.h"
#include "runtime/spec/signal.h"
#include "runtime/spec/user.h"
#include "runtime/spec/utf8.h"

namespace caisson::spec {
namespace {

using testing::ElementsAre;
using testing::Optional;

TEST(SignalTest, NamesAndNumbersBothWays) {
  EXPECT_THAT(ParseSignal("SIGTERM"), Optional(SIGTERM));
  EXPECT_THAT(ParseSignal("usr1"), Optional(SIGUSR1));
  EXPECT_THAT(ParseSignal("9"), Optional(9));
  EXPECT_THAT(ParseSignal("SIGRTMIN"), Optional(34));
  EXPECT_THAT(ParseSignal("RTMIN+3"), Optional(37));
  EXPECT_THAT(ParseSignal("SIGRTMAX-1"), Optional(63));
  for (const char* bad : {"", "SIG", "TERMX", "0", "65", "1000", "+9", "9 ",
                          "RTMIN-1", "RTMAX+1", "RTMIN+31", "RTMIN+"}) {
    EXPECT_EQ(ParseSignal(bad), std::nullopt) << bad;
  }
  for (int signal = 1; signal <= 64; ++signal) {
    if (signal == 32 || signal == 33) continue;  // the C library's own
    EXPECT_THAT(ParseSignal(SignalName(signal)), Optional(signal))
        << SignalName(signal);
  }
  EXPECT_EQ(SignalName(SIGABRT), "SIGABRT");
}

TEST(CapabilityTest, NamesAndBitsBothWays) {
  EXPECT_THAT(ParseCapability("CAP_CHOWN"), Optional(0));
  EXPECT_THAT(ParseCapability("sys_admin"), Optional(21));
  EXPECT_THAT(ParseCapability("CAP_CHECKPOINT_RESTORE"), Optional(40));
  EXPECT_EQ(ParseCapability("ALL"), std::nullopt);
  EXPECT_EQ(ParseCapability("CAP_"), std::nullopt);
  for (int bit = 0; bit <= kLastKnownCapability; ++bit) {
    EXPECT_THAT(ParseCapability(CapabilityName(bit)), Optional(bit));
  }
  EXPECT_EQ(CapabilityMask({"KILL", "CAP_CHOWN", "nope"}), 0x21u);
  EXPECT_THAT(CapabilityNames(0x21), ElementsAre("CAP_CHOWN", "CAP_KILL"));
  EXPECT_EQ(CapabilityNames(AllCapabilities()).size(), 41u);
}

TEST(RlimitTest, NamesAndNumbersBothWays) {
  for (int resource = 0; resource < RLIMIT_NLIMITS; ++resource) {
    const std::string_view name = RlimitName(resource);
    EXPECT_THAT(ParseRlimit(name), Optional(resource)) << name;
    EXPECT_THAT(ParseRlimit("RLIMIT_" + std::string(name)), Optional(resource));
  }
  EXPECT_EQ(ParseRlimit("VMEM"), std::nullopt);
  EXPECT_EQ(RlimitName(RLIMIT_NLIMITS), "");
}

TEST(UserTest, NumbersAndNames) {
  CAISSON_ASSERT_OK_AND_ASSIGN(UserRef user, ParseUser("1000:staff"));
  EXPECT_THAT(user.user.number, Optional(1000u));
  EXPECT_EQ(user.group->name, "staff");
  CAISSON_ASSERT_OK_AND_ASSIGN(user, ParseUser("app"));
  EXPECT_EQ(user.user.name, "app");
  EXPECT_FALSE(user.group.has_value());
  CAISSON_ASSERT_OK_AND_ASSIGN(user, ParseUser(""));
  EXPECT_THAT(user.user.number, Optional(0u));
  EXPECT_THAT(user.group->number, Optional(0u));
  EXPECT_THAT(ParseUser("0:-1"),
              base::StatusIs(absl::StatusCode::kInvalidArgument,
                             testing::StartsWith("group: ")));
}

// What other parsers read as root, or as somebody else (CVE-2024-40635,
// CVE-2026-30892): exact, or refused.
TEST(UserTest, StringsThatAreAlmostNumbers) {
  for (const char* bad : {":",
                          "1:",
                          ":1",
                          "a:b:c",
                          "1:2:3",
                          "-1",
                          "+1",
                          " 1",
                          "1 ",
                          "1\t",
                          "1\n",
                          "4294967295",
                          "4294967296",
                          "99999999999999999999",
                          "0:4294967296",
                          "a b",
                          "a/b",
                          "a\nb",
                          "0x1",
                          "1e3",
                          "1a",
                          "-root"}) {
    EXPECT_THAT(ParseUser(bad),
                base::StatusIs(absl::StatusCode::kInvalidArgument))
        << testing::PrintToString(bad);
  }
  CAISSON_ASSERT_OK_AND_ASSIGN(UserRef user, ParseUser("4294967294:007"));
  EXPECT_THAT(user.user.number, Optional(4294967294u));
  EXPECT_THAT(user.group->number, Optional(7u));
  for (const char* name : {"user-1", "a.b", "_x", "root0"}) {
    CAISSON_ASSERT_OK_AND_ASSIGN(user, ParseUser(name));
    EXPECT_EQ(user.user.number, std::nullopt) << name;
    EXPECT_EQ(user.user.name, name);
  }
}

TEST(Utf8Test, IsStrict) {
  for (const char* good : {"", "abc", "\xc3\xa9", "\xe2\x82\xac",
                           "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
        "\xe2\x82", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
        "\xff", "a\xc3", "\xc3\x28", "\xe2\x28\xa1"}) {
    EXPECT_FALSE(IsUtf8(bad)) << testing::PrintToString(bad);
  }
}

}  // namespace
}  // namespace caisson::spec
