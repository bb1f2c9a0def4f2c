// NetworkService with a fake core and a real store behind it, through real
// gRPC.
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "caisson/v1/network_service.pb.h"
#include "runtime/base/status_matchers.h"
#include "runtime/base/str_cat.h"
#include "server/service/bad_input.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kUuid[] = "01234567-89ab-cdef-0123-456789abcdef";

class NetworkTest : public testing::Test {
 protected:
  // The answer to a request in text format; fails when it is refused.
  template <typename Response>
  Response Ask(const std::string& method, const std::string& text,
               Role role = Role::kRead) {
    const std::string full = "NetworkService." + method;
    const Outcome outcome = server_.Call(role, full, {FromText(full, text)});
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.error_message();
    Response response;
    EXPECT_EQ(outcome.responses.size(), 1u);
    if (!outcome.responses.empty()) {
      EXPECT_TRUE(response.ParseFromString(outcome.responses[0]));
    }
    return response;
  }

  static store::NetworkRecord Record(
      const std::string& id, const std::string& name,
      const std::map<std::string, std::string>& labels = {}) {
    store::NetworkRecord record;
    record.id = id + std::string(32 - id.size(), '0');
    record.name = name;
    auto spec = std::make_shared<spec::NetworkSpec>();
    spec->labels = labels;
    record.spec = std::move(spec);
    return record;
  }

  void Put(std::vector<store::NetworkRecord> records) {
    for (store::NetworkRecord& record : records) {
      store::Transaction transaction;
      transaction.put_networks = {std::move(record)};
      CAISSON_EXPECT_OK(server_.store()->Commit(std::move(transaction)));
    }
  }

  TestServer server_;
};

std::vector<std::string> NamesOf(const pb::ListNetworksResponse& response) {
  std::vector<std::string> names;
  for (const auto& network : response.networks()) {
    names.push_back(network.spec().name());
  }
  return names;
}

TEST_F(NetworkTest, IsFoundByIdNameAndTheBeginningOfItsId) {
  Put({Record("abcd1", "lan"), Record("abcd2", "wan")});
  for (const char* reference :
       {"network: 'lan'", "network: 'abcd1'", "network: 'ABCD1'",
        "network: 'abcd1000000000000000000000000000'",
        "network: 'ABCD1000000000000000000000000000'"}) {
    SCOPED_TRACE(reference);
    const auto response = Ask<pb::GetNetworkResponse>("GetNetwork", reference);
    EXPECT_EQ(response.network().spec().name(), "lan");
    EXPECT_EQ(response.network().status().endpoints(), 0);
    EXPECT_TRUE(response.network().status().has_endpoints());
    EXPECT_GE(response.revision(), response.network().revision());
  }
  ExpectAllRefused(&server_, {{"NetworkService.GetNetwork",
                               {"network: 'abcd'"},
                               grpc::StatusCode::INVALID_ARGUMENT,
                               "AMBIGUOUS_REFERENCE",
                               ""},
                              {"NetworkService.GetNetwork",
                               {"network: 'abc'"},
                               grpc::StatusCode::NOT_FOUND,
                               "NETWORK_NOT_FOUND",
                               ""}});
}

TEST_F(NetworkTest, AreListedInPagesAndByFilter) {
  Put({Record("a", "blue", {{"team", "x"}}), Record("b", "black"),
       Record("c", "red", {{"team", "y"}})});
  auto page = Ask<pb::ListNetworksResponse>("ListNetworks", "page_size: 2");
  EXPECT_THAT(NamesOf(page), ElementsAre("blue", "black"));
  EXPECT_EQ(page.store_id(), server_.store()->store_id());
  page = Ask<pb::ListNetworksResponse>(
      "ListNetworks",
      "page_size: 2 page_token: '" + page.next_page_token() + "'");
  EXPECT_THAT(NamesOf(page), ElementsAre("red"));
  EXPECT_EQ(page.next_page_token(), "");
  const std::pair<const char*, std::vector<std::string>> filters[] = {
      {"filter { name_prefix: 'bl' }", {"blue", "black"}},
      {"filter { id_prefix: 'C' }", {"red"}},
      {"filter { label_selector: 'team in (x,z)' }", {"blue"}},
      {"filter { label_selector: 'team' name_prefix: 'r' }", {"red"}},
      {"filter { name_prefix: 'x' }", {}}};
  for (const auto& [text, names] : filters) {
    SCOPED_TRACE(text);
    EXPECT_EQ(NamesOf(Ask<pb::ListNetworksResponse>("ListNetworks", text)),
              names);
  }
}

TEST_F(NetworkTest, ExplainsASpecOrANetwork) {
  std::vector<core::ExplainNetworkArgs> seen;
  server_.networks().on_explain =
      [&](core::ExplainNetworkArgs args,
          core::Callback<core::NetworkExplanation> callback) {
        seen.push_back(std::move(args));
        core::NetworkExplanation result;
        result.network =
            std::make_shared<store::NetworkRecord>(Record("d", "lan"));
        core::PlanStep& step = result.steps.emplace_back();
        step.stage = "NETWORK";
        step.op = "ADD_ADDRESS";
        step.detail["where"] = "host";
        step.text = "host: add address";
        result.present = {"cb0: up"};
        callback(std::move(result));
      };
  const auto response = Ask<pb::ExplainNetworkResponse>(
      "ExplainNetwork", "network: 'lan'", Role::kOperate);
  EXPECT_EQ(response.network().spec().name(), "lan");
  ASSERT_EQ(response.steps_size(), 1);
  EXPECT_EQ(response.steps(0).stage(), "NETWORK");
  EXPECT_EQ(response.steps(0).op(), "ADD_ADDRESS");
  EXPECT_EQ(response.steps(0).detail().at("where"), "host");
  EXPECT_EQ(response.steps(0).text(), "host: add address");
  EXPECT_THAT(response.present(), ElementsAre("cb0: up"));
  Ask<pb::ExplainNetworkResponse>("ExplainNetwork", "spec { name: 'wan' }",
                                  Role::kOperate);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_FALSE(seen[0].spec.has_value());
  EXPECT_EQ(seen[0].network, "lan");
  ASSERT_TRUE(seen[1].spec.has_value());
  EXPECT_EQ(seen[1].spec->name, "wan");
}

TEST_F(NetworkTest, CreateHandsTheSpecToCore) {
  core::CreateNetworkArgs seen;
  server_.networks().on_create =
      [&](core::CreateNetworkArgs args,
          core::Callback<core::CreateNetworkResult> callback) {
        seen = std::move(args);
        core::CreateNetworkResult result;
        result.network =
            std::make_shared<store::NetworkRecord>(Record("d", "lan"));
        callback(std::move(result));
      };
  const auto response = Ask<pb::CreateNetworkResponse>(
      "CreateNetwork",
      "spec { name: 'lan' subnets { cidr: '10.1.0.0/16' } internal: true } "
      "request_id: '" +
          std::string(kUuid) + "'",
      Role::kOperate);
  EXPECT_EQ(response.network().spec().name(), "lan");
  EXPECT_FALSE(response.network().status().has_endpoints());
  EXPECT_EQ(response.plan_size(), 0);
  EXPECT_EQ(seen.spec.name, "lan");
  ASSERT_EQ(seen.spec.subnets.size(), 1u);
  EXPECT_EQ(seen.spec.subnets[0].cidr, "10.1.0.0/16");
  EXPECT_TRUE(seen.spec.internal);
  EXPECT_FALSE(seen.validate_only);
  EXPECT_EQ(seen.request.id, kUuid);
  EXPECT_EQ(seen.request.method, "CreateNetwork");
  EXPECT_EQ(seen.request.fingerprint.size(), 32u);
}

TEST_F(NetworkTest, ValidateOnlyReturnsThePlanAndIsNotRemembered) {
  server_.networks().on_create =
      [](core::CreateNetworkArgs args,
         core::Callback<core::CreateNetworkResult> callback) {
        EXPECT_TRUE(args.validate_only);
        EXPECT_EQ(args.request.id, "");
        core::CreateNetworkResult result;
        store::NetworkRecord record = Record("", "lan");
        record.id.clear();
        record.subnets = {{.cidr = "10.1.0.0/16", .gateway = "10.1.0.1"}};
        result.network = std::make_shared<store::NetworkRecord>(record);
        result.plan = {"create the bridge", "set it up \xFF"};
        callback(std::move(result));
      };
  const auto response = Ask<pb::CreateNetworkResponse>(
      "CreateNetwork",
      "validate_only: true request_id: '" + std::string(kUuid) + "'",
      Role::kOperate);
  EXPECT_EQ(response.network().id(), "");
  EXPECT_EQ(response.network().status().subnets(0).gateway(), "10.1.0.1");
  EXPECT_THAT(response.plan(),
              ElementsAre("create the bridge", "set it up \xEF\xBF\xBD"));
}

TEST_F(NetworkTest, AdminsMayUseLinksOfTheHost) {
  server_.networks().on_create =
      [](core::CreateNetworkArgs args,
         core::Callback<core::CreateNetworkResult> callback) {
        EXPECT_EQ(args.spec.driver, "macvlan");
        EXPECT_EQ(args.spec.interface, "eth0");
        core::CreateNetworkResult result;
        result.network =
            std::make_shared<store::NetworkRecord>(Record("d", "lan"));
        callback(std::move(result));
      };
  Ask<pb::CreateNetworkResponse>("CreateNetwork",
                                 "spec { driver: 'macvlan' interface: 'eth0' }",
                                 Role::kAdmin);
}

TEST_F(NetworkTest, DeleteTellsTheLastStateOrThatThereWasNone) {
  bool there = true;
  core::DeleteNetworkArgs seen;
  server_.networks().on_delete =
      [&](core::DeleteNetworkArgs args,
          core::Callback<core::NetworkPtr> callback) {
        seen = std::move(args);
        callback(
            there ? std::make_shared<store::NetworkRecord>(Record("d", "lan"))
                  : core::NetworkPtr());
      };
  auto response = Ask<pb::DeleteNetworkResponse>(
      "DeleteNetwork",
      "network: 'lan' expected_revision: 3 request_id: '" + std::string(kUuid) +
          "'",
      Role::kOperate);
  EXPECT_EQ(response.network().spec().name(), "lan");
  EXPECT_EQ(seen.network, "lan");
  EXPECT_EQ(seen.expected_revision, 3);
  EXPECT_FALSE(seen.allow_missing);
  EXPECT_EQ(seen.request.method, "DeleteNetwork");
  there = false;
  response = Ask<pb::DeleteNetworkResponse>(
      "DeleteNetwork", "network: 'lan' allow_missing: true", Role::kOperate);
  EXPECT_FALSE(response.has_network());
  EXPECT_TRUE(seen.allow_missing);
  EXPECT_EQ(seen.expected_revision, std::nullopt);
}

TEST_F(NetworkTest, ChangesOfContainersReachCoreAndAnswerWithThem) {
  const auto web = [] {
    store::ContainerRecord record;
    record.id = std::string(32, 'c');
    record.name = "web";
    record.spec = std::make_shared<spec::ContainerSpec>();
    return std::make_shared<store::ContainerRecord>(std::move(record));
  };
  const std::string id = base::StrCat(" request_id: '", kUuid, "'");
  FakeNetworks& core = server_.networks();
  core.on_connect = [&](core::ConnectArgs args, auto callback) {
    EXPECT_EQ(args.container, "web");
    EXPECT_EQ(args.attachment.network, "lan");
    EXPECT_THAT(args.attachment.addresses, ElementsAre("10.0.0.9"));
    EXPECT_EQ(args.attachment.default_route, false);
    EXPECT_EQ(args.request.method, "ConnectContainer");
    callback(web());
  };
  EXPECT_EQ(Ask<pb::ConnectContainerResponse>(
                "ConnectContainer",
                "container: 'web' attachment { network: 'lan' addresses: "
                "'10.0.0.9' default_route: false }" +
                    id,
                Role::kOperate)
                .container()
                .spec()
                .name(),
            "web");
  core.on_disconnect = [&](core::DisconnectArgs args, auto callback) {
    EXPECT_EQ(args.container, "web");
    EXPECT_EQ(args.network, "lan");
    EXPECT_EQ(args.request.method, "DisconnectContainer");
    callback(web());
  };
  EXPECT_TRUE(Ask<pb::DisconnectContainerResponse>(
                  "DisconnectContainer", "container: 'web' network: 'lan'" + id,
                  Role::kOperate)
                  .has_container());
  core.on_publish = [&](core::PublishArgs args, auto callback) {
    const spec::PortMapping wanted = {.container_port = 80,
                                      .host_port = 8080,
                                      .host_ip = "::",
                                      .protocol = "udp",
                                      .count = 2,
                                      .network = "lan"};
    EXPECT_EQ(args.port, wanted);
    EXPECT_EQ(args.request.method, "PublishPort");
    callback(web());
  };
  EXPECT_TRUE(Ask<pb::PublishPortResponse>(
                  "PublishPort",
                  "container: 'web' port { container_port: 80 host_port: 8080 "
                  "host_ip: '::' protocol: 'udp' count: 2 network: 'lan' }" +
                      id,
                  Role::kOperate)
                  .has_container());
  core.on_unpublish = [&](core::UnpublishArgs args, auto callback) {
    EXPECT_EQ(args.host_port, 8080);
    EXPECT_EQ(args.host_ip, "::");
    EXPECT_EQ(args.protocol, "udp");
    EXPECT_EQ(args.request.method, "UnpublishPort");
    callback(web());
  };
  EXPECT_TRUE(
      Ask<pb::UnpublishPortResponse>(
          "UnpublishPort",
          "container: 'web' host_port: 8080 host_ip: '::' protocol: 'udp'" + id,
          Role::kOperate)
          .has_container());
}

TEST_F(NetworkTest, NamespacesAreFoundAndListedWithWhoIsInThem) {
  store::Transaction put;
  for (const char* name : {"lab", "lamp", "x"}) {
    store::NetworkNamespaceRecord record;
    record.id = std::string(32, name[2] == 'b' ? 'a' : name[0]);
    record.name = name;
    record.inode = 5;
    put.put_network_namespaces.push_back(std::move(record));
  }
  for (const char id : {'1', '2'}) {
    store::ContainerRecord container;
    container.id = std::string(32, id);
    container.name = container.id;
    auto spec = std::make_shared<spec::ContainerSpec>();
    spec->network.mode = spec::NetworkMode::kNamespace;
    spec->network.namespace_name = "lab";
    container.spec = std::move(spec);
    if (id == '1') {
      container.status.state = store::ContainerState::kRunning;
    }
    put.put_containers.push_back(std::move(container));
  }
  CAISSON_ASSERT_OK(server_.store()->Commit(std::move(put)));
  const auto lab = Ask<pb::GetNetworkNamespaceResponse>("GetNetworkNamespace",
                                                        "name: 'lab'");
  EXPECT_EQ(lab.network_namespace().path(), "/run/netns/lab");
  EXPECT_EQ(lab.network_namespace().inode(), 5);
  EXPECT_THAT(lab.network_namespace().containers(),
              ElementsAre(std::string(32, '1')));
  EXPECT_GE(lab.revision(), lab.network_namespace().revision());
  auto page = Ask<pb::ListNetworkNamespacesResponse>(
      "ListNetworkNamespaces", "name_prefix: 'la' page_size: 1");
  ASSERT_EQ(page.network_namespaces_size(), 1);
  EXPECT_EQ(page.network_namespaces(0).name(), "lab");
  EXPECT_EQ(page.store_id(), server_.store()->store_id());
  page = Ask<pb::ListNetworkNamespacesResponse>(
      "ListNetworkNamespaces",
      "name_prefix: 'la' page_token: '" + page.next_page_token() + "'");
  ASSERT_EQ(page.network_namespaces_size(), 1);
  EXPECT_EQ(page.network_namespaces(0).name(), "lamp");
  EXPECT_EQ(page.next_page_token(), "");
}

TEST_F(NetworkTest, NamespacesAreMadeAndDeletedByCore) {
  auto record = std::make_shared<store::NetworkNamespaceRecord>();
  record->name = "lab";
  record->inode = 5;
  const std::string id = base::StrCat(" request_id: '", kUuid, "'");
  server_.networks().on_create_namespace = [&](auto args, auto callback) {
    EXPECT_EQ(args.name, "lab");
    EXPECT_EQ(args.request.id, kUuid);
    EXPECT_EQ(args.request.method, "CreateNetworkNamespace");
    callback(record);
  };
  EXPECT_EQ(Ask<pb::CreateNetworkNamespaceResponse>(
                "CreateNetworkNamespace", "name: 'lab'" + id, Role::kOperate)
                .network_namespace()
                .inode(),
            5);
  server_.networks().on_delete_namespace = [&](auto args, auto callback) {
    EXPECT_EQ(args.name, "lab");
    EXPECT_EQ(args.request.method, "DeleteNetworkNamespace");
    EXPECT_TRUE(args.allow_missing || args.expected_revision == 3);
    callback(args.allow_missing ? nullptr : record);
  };
  EXPECT_EQ(Ask<pb::DeleteNetworkNamespaceResponse>(
                "DeleteNetworkNamespace",
                "name: 'lab' expected_revision: 3" + id, Role::kOperate)
                .network_namespace()
                .name(),
            "lab");
  EXPECT_FALSE(Ask<pb::DeleteNetworkNamespaceResponse>(
                   "DeleteNetworkNamespace",
                   "name: 'lab' allow_missing: true" + id, Role::kOperate)
                   .has_network_namespace());
}

TEST_F(NetworkTest, InterfacesComeWithAddressesAndCounters) {
  server_.networks().on_interfaces = [](const std::string& container,
                                        auto callback) {
    EXPECT_EQ(container, "web");
    core::InterfaceEntry entry;
    entry.name = "eth\xff";  // what a container may call its own
    entry.index = 2;
    entry.kind = "veth";
    entry.mac = "02:00:00:00:00:01";
    entry.mtu = 1400;
    entry.up = true;
    entry.state = "up";
    entry.addresses = {"10.1.0.2/16", "fd00::2/64"};
    entry.network_id = "n";
    entry.rx_bytes = 1;
    entry.rx_packets = 2;
    entry.rx_errors = 3;
    entry.rx_dropped = 4;
    entry.tx_bytes = 5;
    entry.tx_packets = 6;
    entry.tx_errors = 7;
    entry.tx_dropped = 8;
    core::InterfaceList list;
    list.interfaces = {entry};
    list.truncated = true;
    list.read_time = absl::FromUnixSeconds(9);
    callback(std::move(list));
  };
  const auto response =
      Ask<pb::ListInterfacesResponse>("ListInterfaces", "container: 'web'");
  EXPECT_TRUE(response.truncated());
  EXPECT_EQ(response.read_time().seconds(), 9);
  ASSERT_EQ(response.interfaces_size(), 1);
  EXPECT_EQ(
      response.interfaces(0).ShortDebugString(),
      "name: \"eth\\357\\277\\275\" index: 2 kind: \"veth\" mac: "
      "\"02:00:00:00:00:01\" mtu: 1400 up: true state: \"up\" addresses: "
      "\"10.1.0.2/16\" addresses: \"fd00::2/64\" network: \"n\" counters { "
      "rx_bytes: 1 rx_packets: 2 rx_errors: 3 rx_dropped: 4 tx_bytes: 5 "
      "tx_packets: 6 tx_errors: 7 tx_dropped: 8 }");
}

TEST_F(NetworkTest, WhatCoreRefusesComesWithItsReason) {
  server_.networks().on_delete = [](core::DeleteNetworkArgs,
                                    core::Callback<core::NetworkPtr> callback) {
    callback(base::MakeError(absl::StatusCode::kFailedPrecondition,
                             "NETWORK_IN_USE", "container 'web' is attached",
                             {{"container", "web"}}));
  };
  const std::string method = "NetworkService.DeleteNetwork";
  const Outcome outcome = server_.Call(Role::kOperate, method,
                                       {FromText(method, "network: 'lan'")});
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(outcome.info().reason(), "NETWORK_IN_USE");
  EXPECT_EQ(outcome.info().metadata().at("container"), "web");
  EXPECT_THAT(outcome.responses, IsEmpty());
}

}  // namespace
}  // namespace caisson::service
