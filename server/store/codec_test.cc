#include "server/store/codec.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_matchers.h"
#include "server/store/network_codec.h"

namespace caisson::store {
namespace {

using base::IsOk;

ExitInfo FullExit() {
  ExitInfo exit;
  exit.kind = ExitInfo::Kind::kSignal;
  exit.code = 9;
  exit.reason = ExitReason::kOomKilled;
  exit.message = "out of memory";
  exit.run = 3;
  exit.core_dumped = true;
  exit.oom = OomInfo{"container", 17, "hog", 1 << 20, 1 << 21, 2};
  exit.completeness = Completeness::kHeldOpen;
  exit.held_by = {{5, "sh"}, {6, "sleep"}};
  exit.cut_reason = "OUTPUT_LIMIT";
  exit.cut_bytes = 0;
  exit.stdout_bytes = 10;
  exit.stderr_bytes = 0;
  exit.end_offset = 10;
  exit.stdout_crc32c = 0xffffffffu;
  exit.stderr_crc32c = 0;
  exit.tree_running = true;
  exit.usage.cpu = absl::Milliseconds(5);
  exit.usage.wall = absl::ZeroDuration();
  exit.usage.memory_peak_bytes = 4096;
  exit.usage.pids_peak = 0;
  exit.start_time = absl::FromUnixNanos(1'600'000'000'123'456'789);
  exit.exit_time = absl::FromUnixNanos(1'600'000'001'123'456'789);
  return exit;
}

void ExpectFullExit(const ExitInfo& exit) {
  const ExitInfo full = FullExit();
  EXPECT_EQ(exit.kind, full.kind);
  EXPECT_EQ(exit.code, full.code);
  EXPECT_EQ(exit.reason, full.reason);
  EXPECT_EQ(exit.message, full.message);
  EXPECT_EQ(exit.run, full.run);
  EXPECT_TRUE(exit.core_dumped);
  ASSERT_TRUE(exit.oom.has_value());
  EXPECT_EQ(exit.oom->level, "container");
  EXPECT_EQ(exit.oom->victim_pid, 17);
  EXPECT_EQ(exit.oom->victim_comm, "hog");
  EXPECT_EQ(exit.oom->limit_bytes, 1 << 20);
  EXPECT_EQ(exit.oom->peak_bytes, 1 << 21);
  EXPECT_EQ(exit.oom->kills, 2);
  EXPECT_EQ(exit.completeness, full.completeness);
  ASSERT_EQ(exit.held_by.size(), 2u);
  EXPECT_EQ(exit.held_by[1].pid, 6);
  EXPECT_EQ(exit.held_by[1].name, "sleep");
  EXPECT_EQ(exit.cut_reason, full.cut_reason);
  EXPECT_EQ(exit.cut_bytes, 0);
  EXPECT_EQ(exit.stdout_bytes, 10);
  EXPECT_EQ(exit.stderr_bytes, 0);
  EXPECT_EQ(exit.end_offset, 10);
  EXPECT_EQ(exit.stdout_crc32c, 0xffffffffu);
  EXPECT_EQ(exit.stderr_crc32c, 0u);
  EXPECT_TRUE(exit.tree_running);
  EXPECT_EQ(exit.usage.cpu, absl::Milliseconds(5));
  EXPECT_EQ(exit.usage.wall, absl::ZeroDuration());
  EXPECT_FALSE(exit.usage.throttled.has_value());
  EXPECT_EQ(exit.usage.memory_peak_bytes, 4096);
  EXPECT_EQ(exit.usage.pids_peak, 0);
  EXPECT_FALSE(exit.usage.io_read_bytes.has_value());
  EXPECT_EQ(exit.start_time, full.start_time);
  EXPECT_EQ(exit.exit_time, full.exit_time);
}

Endpoint FullEndpoint() {
  Endpoint endpoint;
  endpoint.id = "e";
  endpoint.network_id = "n";
  endpoint.network_name = "blue";
  endpoint.interface = "eth1";
  endpoint.mac = "02:42:0a:01:00:02";
  endpoint.addresses = {"10.1.0.2/16", "fd00::2/64"};
  endpoint.gateways = {"10.1.0.1", "fd00::1"};
  endpoint.aliases = {"db", "db.blue"};
  endpoint.announce = true;
  endpoint.default_route = true;
  endpoint.never_default_route = true;
  endpoint.routes = {{"10.9.0.0/16", "10.1.0.9", 50}, {"10.8.0.0/16", "", 0}};
  endpoint.ingress = spec::Bandwidth{8'000'000'000, 65'536};
  endpoint.egress = spec::Bandwidth{};
  endpoint.ports = {{"tcp", "0.0.0.0", 8080, 80, 1},
                    {"udp", "::", 5000, 5000, 10},
                    {"sctp", "127.0.0.1", 9, 9, 0}};
  endpoint.host_link = "cs0";
  endpoint.attached = true;
  return endpoint;
}

TEST(CodecTest, AContainerComesBack) {
  ContainerRecord record;
  record.name = "web";
  record.status.state = ContainerState::kExited;
  record.status.run = 3;
  record.status.pid = 77;
  record.status.start_time = absl::FromUnixNanos(5);
  record.status.exit = FullExit();
  record.status.output_end_offset = 10;
  record.status.effective = {"default/1", {"CAP_KILL"}, -1, "0:0", "/c/x"};
  record.status.networks = {FullEndpoint(), Endpoint()};
  record.status.expire_time = absl::InfiniteFuture();
  record.intent = Intent::kDelete;
  record.kernel = {"boot", 12, "c/x"};
  record.request_id = "r";
  record.start_request = "s";
  record.create_time = absl::FromUnixNanos(1);
  record.create_revision = 4;
  record.revision = 9;

  ContainerRecord back;
  ASSERT_THAT(DecodeContainer(EncodeContainer(record), &back), IsOk());
  EXPECT_EQ(back.name, "web");
  EXPECT_EQ(back.status.state, ContainerState::kExited);
  EXPECT_EQ(back.status.run, 3);
  EXPECT_EQ(back.status.pid, 77);
  EXPECT_EQ(back.status.start_time, absl::FromUnixNanos(5));
  ASSERT_TRUE(back.status.exit.has_value());
  ExpectFullExit(*back.status.exit);
  EXPECT_EQ(back.status.output_end_offset, 10);
  EXPECT_EQ(back.status.effective.seccomp, "default/1");
  EXPECT_THAT(back.status.effective.capabilities,
              testing::ElementsAre("CAP_KILL"));
  EXPECT_EQ(back.status.effective.pids_limit, -1);
  EXPECT_EQ(back.status.effective.user, "0:0");
  EXPECT_EQ(back.status.effective.cgroup_path, "/c/x");
  EXPECT_THAT(back.status.networks,
              testing::ElementsAre(FullEndpoint(), Endpoint()));
  EXPECT_EQ(back.status.delete_time, absl::InfinitePast());
  EXPECT_EQ(back.status.expire_time, absl::InfiniteFuture());
  EXPECT_EQ(back.intent, Intent::kDelete);
  EXPECT_EQ(back.kernel.boot_id, "boot");
  EXPECT_EQ(back.kernel.shim_pid, 12);
  EXPECT_EQ(back.kernel.cgroup_path, "c/x");
  EXPECT_EQ(back.request_id, "r");
  EXPECT_EQ(back.start_request, "s");
  EXPECT_EQ(back.create_time, absl::FromUnixNanos(1));
  EXPECT_EQ(back.create_revision, 4);
  EXPECT_EQ(back.revision, 9);
}

TEST(CodecTest, AnExecComesBack) {
  ExecRecord record;
  record.container_id = "c";
  record.number = 4;
  record.state = ExecState::kExited;
  record.intent = Intent::kStart;
  record.tree_running = true;
  record.pid = 8;
  record.exit = FullExit();
  record.output_end_offset = 10;
  record.request_id = "r";
  record.create_time = absl::FromUnixNanos(1);
  record.start_time = absl::FromUnixNanos(2);
  record.expire_time = absl::FromUnixNanos(3);
  record.create_revision = 5;
  record.revision = 6;

  ExecRecord back;
  ASSERT_THAT(DecodeExec(EncodeExec(record), &back), IsOk());
  EXPECT_EQ(back.container_id, "c");
  EXPECT_EQ(back.number, 4);
  EXPECT_EQ(back.state, ExecState::kExited);
  EXPECT_EQ(back.intent, Intent::kStart);
  EXPECT_TRUE(back.tree_running);
  EXPECT_EQ(back.pid, 8);
  ASSERT_TRUE(back.exit.has_value());
  ExpectFullExit(*back.exit);
  EXPECT_EQ(back.output_end_offset, 10);
  EXPECT_EQ(back.request_id, "r");
  EXPECT_EQ(back.create_time, absl::FromUnixNanos(1));
  EXPECT_EQ(back.start_time, absl::FromUnixNanos(2));
  EXPECT_EQ(back.expire_time, absl::FromUnixNanos(3));
  EXPECT_EQ(back.create_revision, 5);
  EXPECT_EQ(back.revision, 6);
}

TEST(CodecTest, AContainerOfBeforeNetworksHasNone) {
  ContainerRecord back;
  ASSERT_THAT(DecodeContainer(R"({"name":"web","state":1})", &back), IsOk());
  EXPECT_THAT(back.status.networks, testing::IsEmpty());
}

TEST(CodecTest, ANetworkComesBack) {
  auto spec = std::make_shared<spec::NetworkSpec>();
  spec->name = "blue";
  spec->labels = {{"team", "a"}};
  spec->driver = "ipvlan";
  spec->nat4.source = "192.0.2.1";
  spec->subnets = {{"10.1.0.0/16", "", {}, {}}};
  NetworkRecord record;
  record.name = "blue";
  record.spec = spec;
  record.subnets = {
      {"10.1.0.0/16", "10.1.0.1", {{"10.1.2.0", "10.1.2.9"}}, {"10.1.2.5"}},
      {"fd00::/64", "fd00::1", {}, {}}};
  record.intent = Intent::kDelete;
  record.up = true;
  record.lent = {.endpoint_id = "e",
                 .container_id = "c",
                 .interface = "eth1",
                 .endpoint_mac = "02:00:00:00:00:01",
                 .boot_id = "boot-1",
                 .index = 7,
                 .kind = "veth",
                 .mac = "02:00:00:00:00:02",
                 .mtu = 9000,
                 .group = 4294967295,
                 .up = true,
                 .alias = "rack 7",
                 .alternative_names = {"uplink"},
                 .address_generation = 1};
  record.loopback_boot_id = "boot-1";
  record.request_id = "r";
  record.create_time = absl::FromUnixNanos(1);
  record.create_revision = 4;
  record.revision = 9;

  NetworkRecord back;
  ASSERT_THAT(DecodeNetwork(EncodeNetwork(record), &back), IsOk());
  EXPECT_EQ(back.name, "blue");
  ASSERT_NE(back.spec, nullptr);
  EXPECT_EQ(*back.spec, *spec);
  EXPECT_EQ(back.subnets, record.subnets);
  EXPECT_EQ(back.intent, Intent::kDelete);
  EXPECT_TRUE(back.up);
  EXPECT_EQ(back.lent, record.lent);
  EXPECT_EQ(back.loopback_boot_id, "boot-1");
  EXPECT_EQ(back.request_id, "r");
  EXPECT_EQ(back.create_time, absl::FromUnixNanos(1));
  EXPECT_EQ(back.create_revision, 4);
  EXPECT_EQ(back.revision, 9);
}

TEST(CodecTest, ANetworkWithNothingSetComesBack) {
  NetworkRecord back;
  ASSERT_THAT(DecodeNetwork(EncodeNetwork(NetworkRecord()), &back), IsOk());
  EXPECT_EQ(back.spec, nullptr);
  EXPECT_THAT(back.subnets, testing::IsEmpty());
  EXPECT_FALSE(back.up);
  EXPECT_FALSE(back.lent.has_value());
  EXPECT_EQ(back.create_time, absl::InfinitePast());
}

// What a newer version wrote of a network may be its protection.
TEST(CodecTest, ANetworkWithAnUnknownPartOfItsSpecIsAnError) {
  NetworkRecord back;
  EXPECT_EQ(DecodeNetwork(R"({"name":"n","spec":{"wall":1}})", &back).code(),
            absl::StatusCode::kDataLoss);
}

TEST(CodecTest, ARecordedFailureKeepsItsCause) {
  RequestRow row;
  row.method = "CreateContainer";
  row.fingerprint = std::string("\x00\xff\x7f", 3);
  row.fingerprint_version = 2;
  row.outcome = RequestRow::Outcome::kFailed;
  base::ErrorDetail detail;
  detail.reason = "START_FAILED";
  detail.metadata = {{"stage", "MOUNT"}, {"errno", "EINVAL"}};
  detail.violations = {{"spec.name", "is bad"}};
  detail.retry_after = absl::Seconds(2);
  row.failure =
      base::WithDetail(absl::FailedPreconditionError("step 3"), detail);

  RequestRow back;
  ASSERT_THAT(DecodeRequest(EncodeRequest(row), &back), IsOk());
  EXPECT_EQ(back.method, row.method);
  EXPECT_EQ(back.fingerprint, row.fingerprint);
  EXPECT_EQ(back.fingerprint_version, 2);
  EXPECT_EQ(back.outcome, RequestRow::Outcome::kFailed);
  EXPECT_EQ(back.failure.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(back.failure.message(), "step 3");
  EXPECT_EQ(base::DetailOf(back.failure), detail);
}

TEST(CodecTest, EventAttributesComeBack) {
  Event event;
  EXPECT_EQ(EncodeEventExtra(event), "");
  event.attributes = {{"b", "1"}, {"a", "2"}};
  event.request_id = "r";
  Event back;
  ASSERT_THAT(DecodeEventExtra(EncodeEventExtra(event), &back), IsOk());
  EXPECT_EQ(back.attributes, event.attributes);
  EXPECT_EQ(back.request_id, "r");
}

TEST(CodecTest, BytesThatAreNotTextBecomeReadable) {
  ExecRecord record;
  record.exit.emplace();
  record.exit->message = "bad \xff byte";
  ExecRecord back;
  ASSERT_THAT(DecodeExec(EncodeExec(record), &back), IsOk());
  EXPECT_EQ(back.exit->message, "bad \xef\xbf\xbd byte");
}

TEST(CodecTest, WrongTypesAreIgnoredAndUnknownNumbersFallBack) {
  ContainerRecord back;
  ASSERT_THAT(DecodeContainer(R"({"name":5,"run":"x","pid":99999999999,
      "state":77,"exit":[1],"effective":{"capabilities":[1,"CAP_KILL"]},
      "networks":[{"id":5,"aliases":{},"routes":[1],"ingress":2}],
      "start_time":18446744073709551615,"new":{}})",
                              &back),
              IsOk());
  EXPECT_EQ(back.name, "");
  EXPECT_EQ(back.status.run, 0);
  EXPECT_EQ(back.status.pid, 0);
  EXPECT_EQ(back.status.state, ContainerState::kExited);
  EXPECT_EQ(back.status.start_time, absl::InfinitePast());
  EXPECT_THAT(back.status.effective.capabilities,
              testing::ElementsAre("CAP_KILL"));
  ASSERT_EQ(back.status.networks.size(), 1u);
  EXPECT_EQ(back.status.networks[0].id, "");
  EXPECT_EQ(back.status.networks[0].routes.size(), 1u);
}

TEST(CodecTest, WhatIsNoObjectIsAnError) {
  ContainerRecord back;
  for (const char* text : {"", "{", "[]", "null", "{\"a\":}"}) {
    EXPECT_EQ(DecodeContainer(text, &back).code(), absl::StatusCode::kInternal)
        << text;
  }
}

}  // namespace
}  // namespace caisson::store
