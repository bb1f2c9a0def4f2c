// A crowd on one network: what the last one costs against the first, that all
// reach each other, and that nothing is left once they are gone.
//
// CAISSON_TEST_CROWD=1000 makes it as large as a bridge allows, with 50,000
// published ports; it is small otherwise.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "tests/integration/network_fixture.h"

namespace caisson::testing {
namespace {

using base::StrCat;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int kFirstPort = 10000;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

class NetworkCrowdTest : public NetworkDaemonTest {
 protected:
  static int Count() {
    int count = 0;
    if (absl::SimpleAtoi(EnvironmentOr("CAISSON_TEST_CROWD", ""), &count)) {
      return count;
    }
    return ScaledCount(60, 15);
  }
  static bool IsWhole() { return Count() >= 1000; }
  static int PortsOfEach() { return IsWhole() ? 50 : 5; }

  // Of a small crowd a tenth is too few to say what one costs: it is only told.
  static void ExpectSteady(const std::string& what,
                           const std::vector<double>& all_ms, double most) {
    const auto tenth = static_cast<ptrdiff_t>(all_ms.size() / 10);
    const double first = Median({all_ms.begin(), all_ms.begin() + tenth});
    const double last = Median({all_ms.end() - tenth, all_ms.end()});
    std::printf(
        "%-8s %5d x, p50 of the first tenth %.3f ms, of the last %.3f\n",
        what.c_str(), static_cast<int>(all_ms.size()), first, last);
    if (IsWhole()) {
      EXPECT_LE(last, most * first) << what;
    }
  }

  // For people, as all of the line: "34567 kB".
  static std::string DaemonMemory() {
    const std::string status =
        ReadFileOrEmpty(StrCat("/proc/", daemon().pid(), "/status"));
    for (const absl::string_view line : absl::StrSplit(status, '\n')) {
      absl::string_view value = line;
      if (!absl::ConsumePrefix(&value, "VmRSS:")) continue;
      return std::string(absl::StripLeadingAsciiWhitespace(value));
    }
    return "";
  }

  // Starts one; the time of the call, and what of it is the network's.
  v1::Container StartOne(std::vector<double>* calls,
                         std::vector<double>* attaches) {
    v1::StartContainerRequest request;
    request.set_container(Create(ServerSpec("one", "crowd")).id());
    v1::StartContainerResponse response;
    const absl::Time begin = absl::Now();
    EXPECT_THAT(
        Call(stubs().containers, &v1::ContainerService::Stub::StartContainer,
             request, &response),
        IsOk());
    calls->push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
    for (const v1::Phase& phase : response.timings().phases()) {
      if (phase.name() != "NETWORK") continue;
      attaches->push_back(static_cast<double>(phase.duration().nanos()) / 1e6);
    }
    return response.container();
  }

  static void PublishAll(const std::vector<v1::Container>& all,
                         std::vector<double>* calls) {
    int port = kFirstPort;
    for (const v1::Container& one : all) {
      for (int i = 0; i < PortsOfEach() && !HasFailure(); ++i) {
        v1::PublishPortRequest request;
        request.set_container(one.id());
        request.mutable_port()->set_container_port(kServed);
        request.mutable_port()->set_host_port(port++);
        request.mutable_port()->set_host_ip("0.0.0.0");
        v1::PublishPortResponse response;
        const absl::Time begin = absl::Now();
        EXPECT_THAT(
            Call(stubs().networks, &v1::NetworkService::Stub::PublishPort,
                 request, &response),
            IsOk());
        calls->push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
      }
    }
  }

  static void DeleteEach(const std::vector<v1::Container>& all) {
    std::atomic<size_t> next = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (size_t one = next++; one < all.size(); one = next++) {
          EXPECT_THAT(Delete(all[one].id()), IsOk());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
};

TEST_F(NetworkCrowdTest, TheLastCostsWhatTheFirstDidAndNothingIsLeft) {
  MakeNetwork(NetworkOf("crowd", {"10.80.0.0/16", "fd00:80::/64"}));
  const std::string alone = DaemonMemory();
  std::vector<v1::Container> all;
  std::vector<double> starts;
  std::vector<double> attaches;
  std::set<std::string> addresses;
  for (int i = 0; i < Count() && !HasFailure(); ++i) {
    all.push_back(StartOne(&starts, &attaches));
    for (const int family : {4, 6}) {
      addresses.insert(AddressOf(all.back(), family));
    }
  }
  ASSERT_FALSE(HasFailure());
  EXPECT_THAT(addresses, SizeIs(2 * all.size()));
  ASSERT_THAT(attaches, SizeIs(all.size()));
  ExpectSteady("start", starts, 2.5);
  ExpectSteady("attach", attaches, 2.5);
  std::vector<double> publishes;
  PublishAll(all, &publishes);
  ASSERT_FALSE(HasFailure());
  ExpectSteady("publish", publishes, 2);
  const std::string with_all = DaemonMemory();

  // The first and the last are neighbours, and the last port leads to the last.
  const v1::Container& first = all.front();
  const v1::Container& last = all.back();
  std::vector<Question> questions;
  for (const int family : {4, 6}) {
    questions.push_back({"last", "tcp", AddressOf(last, family), kServed,
                         StrCat("one ", AddressOf(first, family))});
  }
  EXPECT_EQ(WrongAnswers(questions, AskFrom(first, questions)), "");
  const int last_port = kFirstPort + static_cast<int>(publishes.size()) - 1;
  questions = {{"last port", "tcp", kHostAddress, last_port,
                StrCat("one ", kOutsideAddress)},
               {"next port", "tcp", kHostAddress, last_port + 1, ""}};
  EXPECT_EQ(WrongAnswers(questions, AskFrom(Outside(), questions)), "");
  EXPECT_THAT(AuditProblems(), IsEmpty());
  const std::string element = StrCat(" . ", kFirstPort, " :");
  EXPECT_THAT(Run(Host(), {"nft", "list", "ruleset"}), HasSubstr(element));

  const absl::Time begin = absl::Now();
  DeleteEach(all);
  std::printf("delete   %5d x in %s\n", static_cast<int>(all.size()),
              absl::FormatDuration(absl::Now() - begin).c_str());
  EXPECT_TRUE(PollUntil(absl::Seconds(20), [] { return Links("cv").empty(); }))
      << Links("cv").size();
  std::printf("daemon   %s, %s with all, %s after\n", alone.c_str(),
              with_all.c_str(), DaemonMemory().c_str());
  EXPECT_EQ(GetNetwork("crowd").status().endpoints(), 0);
  EXPECT_THAT(AuditProblems(), IsEmpty());
  EXPECT_THAT(Run(Host(), {"nft", "list", "ruleset"}), Not(HasSubstr(element)));
  EXPECT_THAT(DeleteNetwork("crowd"), IsOk());
  EXPECT_EQ(DifferencesFromIdle(), "");
  EXPECT_EQ(absl::StrJoin(Leaks(), "\n"), "");
}

}  // namespace
}  // namespace caisson::testing
