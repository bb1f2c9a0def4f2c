#include <memory>
#include <optional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "server/translate/record_to_proto.h"

namespace caisson::translate {
namespace {

namespace pb = ::caisson::v1;
using testing::ElementsAre;

store::Endpoint LanEndpoint() {
  store::Endpoint endpoint;
  endpoint.id = "e";
  endpoint.network_id = "n";
  endpoint.network_name = "lan";
  endpoint.interface = "eth0";
  endpoint.mac = "02:00:00:00:00:01";
  endpoint.addresses = {"10.1.0.2/16", "fd00::2/64"};
  endpoint.gateways = {"10.1.0.1", "fd00::1"};
  endpoint.aliases = {"db"};
  endpoint.host_link = "cv0123";
  endpoint.ports = {{"udp", "0.0.0.0", 5353, 53, 2}};
  endpoint.attached = true;
  return endpoint;
}

TEST(RecordTest, ARunningContainerTellsItsNetworksAndPorts) {
  store::ContainerRecord record;
  record.id = "c";
  store::Endpoint pending = LanEndpoint();
  pending.network_name = "wan";
  pending.attached = false;
  record.status.networks = {LanEndpoint(), pending};
  for (const ViewKind view : {ViewKind::kBasic, ViewKind::kFull}) {
    pb::Container out;
    ContainerToProto(record, view, &out);
    // Not the one that is not attached yet.
    ASSERT_EQ(out.status().networks_size(), 1);
    const pb::NetworkEndpoint& network = out.status().networks(0);
    EXPECT_EQ(network.network(), "n");
    EXPECT_EQ(network.name(), "lan");
    EXPECT_EQ(network.interface(), "eth0");
    EXPECT_THAT(network.addresses(), ElementsAre("10.1.0.2/16", "fd00::2/64"));
    EXPECT_THAT(network.gateways(), ElementsAre("10.1.0.1", "fd00::1"));
    EXPECT_EQ(network.mac(), "02:00:00:00:00:01");
    EXPECT_EQ(network.host_link(), "cv0123");
    EXPECT_THAT(network.aliases(), ElementsAre("db"));
    ASSERT_EQ(out.status().ports_size(), 1);
    const pb::PortMapping& port = out.status().ports(0);
    EXPECT_EQ(port.container_port(), 53);
    EXPECT_EQ(port.host_port(), 5353);
    EXPECT_EQ(port.host_ip(), "0.0.0.0");
    EXPECT_EQ(port.protocol(), "udp");
    EXPECT_EQ(port.count(), 2);
    EXPECT_EQ(port.network(), "lan");
  }
}

store::NetworkRecord Lan() {
  store::NetworkRecord record;
  record.id = "n";
  record.name = "lan";
  auto spec = std::make_shared<spec::NetworkSpec>();
  spec->labels["a"] = "b";
  record.spec = spec;
  record.subnets = {{.cidr = "10.1.0.0/16", .gateway = "10.1.0.1"}};
  record.up = true;
  record.create_time = absl::FromUnixSeconds(5);
  record.revision = 7;
  return record;
}

TEST(RecordTest, ANetworkHasItsEffectiveNameAndSubnets) {
  pb::ManagedNetwork out;
  NetworkToProto(Lan(), 3, &out);
  EXPECT_EQ(out.id(), "n");
  EXPECT_EQ(out.spec().name(), "lan");
  EXPECT_EQ(out.spec().labels().at("a"), "b");
  // As asked for: it was not.
  EXPECT_EQ(out.spec().subnets_size(), 0);
  ASSERT_EQ(out.status().subnets_size(), 1);
  EXPECT_EQ(out.status().subnets(0).cidr(), "10.1.0.0/16");
  EXPECT_EQ(out.status().subnets(0).gateway(), "10.1.0.1");
  EXPECT_EQ(out.status().endpoints(), 3);
  EXPECT_TRUE(out.status().up());
  EXPECT_EQ(out.create_time().seconds(), 5);
  EXPECT_EQ(out.revision(), 7);
  EXPECT_EQ(FullSize(Lan()), out.ByteSizeLong());
}

TEST(RecordTest, EventsOfNetworksCarryTheNetwork) {
  store::Event event;
  event.type = "network.created";
  event.network = std::make_shared<store::NetworkRecord>(Lan());
  pb::Event out;
  EventToProto(event, ViewKind::kBasic, &out);
  EXPECT_EQ(out.network().spec().name(), "lan");
  // Nobody looked.
  EXPECT_FALSE(out.network().status().has_endpoints());
}

TEST(RecordTest, AnEventHasItsNetworkNamespace) {
  store::NetworkNamespaceRecord record;
  record.id = "n";
  record.name = "lab";
  record.inode = 4026532345;
  record.boot_id = "b";
  record.create_time = absl::FromUnixSeconds(5);
  record.revision = 7;
  store::Event event;
  event.type = "network_namespace.created";
  event.network_namespace =
      std::make_shared<store::NetworkNamespaceRecord>(record);
  pb::Event out;
  EventToProto(event, ViewKind::kBasic, &out);
  const pb::NetworkNamespace& lab = out.network_namespace();
  EXPECT_EQ(lab.id(), "n");
  EXPECT_EQ(lab.name(), "lab");
  EXPECT_EQ(lab.path(), "/run/netns/lab");
  EXPECT_EQ(lab.inode(), 4026532345);
  EXPECT_EQ(lab.create_time().seconds(), 5);
  EXPECT_EQ(lab.revision(), 7);
  EXPECT_EQ(lab.containers_size(), 0);
}

}  // namespace
}  // namespace caisson::translate
