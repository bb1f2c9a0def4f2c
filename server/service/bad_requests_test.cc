// Bad requests of every method, broken bytes and streams that do not keep to
// the order, each through real gRPC. Nothing may reach core.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "runtime/base/str_cat.h"
#include "server/service/bad_input.h"

namespace caisson::service {
namespace {

constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
constexpr auto kNotFound = grpc::StatusCode::NOT_FOUND;
constexpr char kField[] = "INVALID_FIELD";
constexpr char kId[] = "0123456789abcdef0123456789abcdef";

BadInput Bad(std::string method, std::string text, std::string field) {
  return {
      std::move(method), {std::move(text)}, kInvalid, kField, std::move(field)};
}

// What a change of a container's networks needs besides the container.
std::string GoodChange(std::string_view method) {
  if (method == "ConnectContainer") return "attachment { network: 'lan' }";
  if (method == "DisconnectContainer") return "network: 'lan'";
  if (method == "PublishPort") return "port { container_port: 80 }";
  return "host_port: 8080";
}

class BadRequestsTest : public testing::Test {
 protected:
  TestServer server_;
};

TEST_F(BadRequestsTest, References) {
  std::vector<BadInput> rows;
  for (const char* method :
       {"GetContainer", "DeleteContainer", "StartContainer", "StopContainer",
        "KillContainer", "WaitContainer", "ListProcesses",
        "ExplainContainer"}) {
    for (const char* reference : {"", "a b", "../x", "-a", "a\\000"}) {
      rows.push_back(Bad(base::StrCat("ContainerService.", method),
                         base::StrCat("container: '", reference, "'"),
                         "container"));
    }
  }
  for (const char* method :
       {"NetworkService.GetNetwork", "NetworkService.ExplainNetwork",
        "NetworkService.DeleteNetwork"}) {
    for (const char* reference : {"", "a b", "../x", "-a", "a\\000"}) {
      rows.push_back(
          Bad(method, base::StrCat("network: '", reference, "'"), "network"));
    }
  }
  for (const char* method : {"CreateNetworkNamespace", "GetNetworkNamespace",
                             "DeleteNetworkNamespace"}) {
    for (const char* name : {"", "a b", "../x", ".", "..", "a\\000", "\\n"}) {
      rows.push_back(Bad(base::StrCat("NetworkService.", method),
                         base::StrCat("name: '", name, "'"), "name"));
    }
    rows.push_back(Bad(base::StrCat("NetworkService.", method),
                       base::StrCat("name: '", std::string(256, 'n'), "'"),
                       "name"));
  }
  rows.push_back(Bad("NetworkService.ListInterfaces", "", "container"));
  rows.push_back(
      Bad("NetworkService.ListInterfaces", "container: '../x'", "container"));
  for (const char* method : {"ConnectContainer", "DisconnectContainer",
                             "PublishPort", "UnpublishPort"}) {
    for (const char* reference : {"", "a b", "../x"}) {
      rows.push_back(
          Bad(base::StrCat("NetworkService.", method),
              base::StrCat("container: '", reference, "' ", GoodChange(method)),
              "container"));
    }
  }
  for (const char* method : {"ExecService.GetExec", "ExecService.KillExec",
                             "ExecService.WaitExec"}) {
    for (const char* reference : {"", "web", "0123", "../x"}) {
      rows.push_back(
          Bad(method, base::StrCat("exec: '", reference, "'"), "exec"));
    }
  }
  rows.push_back(Bad("ExecService.ExecSync",
                     "spec { process { command: 'x' } }", "container"));
  rows.push_back(Bad("ExecService.Exec",
                     "start { spec { process { command: 'x' } } }",
                     "start.container"));
  rows.push_back(
      Bad("ContainerService.AttachContainer", "start {}", "start.container"));
  rows.push_back(Bad("ContainerService.StreamLogs", "", "filter"));
  rows.push_back(Bad("ContainerService.StreamLogs", "exec: 'x'", "exec"));
  ExpectAllRefused(&server_, rows);
}

TEST_F(BadRequestsTest, RequestIds) {
  const std::string good_spec = base::StrCat("spec { ", kGoodSpec, " }");
  std::vector<BadInput> rows;
  for (const char* id : {"x", "00000000-0000-0000-0000-000000000000",
                         "0123456789abcdef0123456789abcdef",
                         "01234567-89ab-cdef-0123-456789abcdeg",
                         "01234567-89ab-cdef-0123-456789abcdef0"}) {
    const std::string text = base::StrCat("request_id: '", id, "'");
    rows.push_back(Bad("ContainerService.CreateContainer", good_spec + text,
                       "request_id"));
    rows.push_back(Bad("ContainerService.Run",
                       base::StrCat("start { ", good_spec, text, " }"),
                       "start.request_id"));
    rows.push_back(Bad("ContainerService.DeleteContainer",
                       "container: 'x' " + text, "request_id"));
    rows.push_back(Bad("SystemService.RepairHost", text, "request_id"));
    rows.push_back(Bad("NetworkService.CreateNetwork", text, "request_id"));
    rows.push_back(Bad("NetworkService.DeleteNetwork", "network: 'x' " + text,
                       "request_id"));
    for (const char* method :
         {"CreateNetworkNamespace", "DeleteNetworkNamespace"}) {
      rows.push_back(Bad(base::StrCat("NetworkService.", method),
                         "name: 'x' " + text, "request_id"));
    }
    for (const char* method : {"ConnectContainer", "DisconnectContainer",
                               "PublishPort", "UnpublishPort"}) {
      rows.push_back(
          Bad(base::StrCat("NetworkService.", method),
              base::StrCat("container: 'x' ", GoodChange(method), " ", text),
              "request_id"));
    }
  }
  ExpectAllRefused(&server_, rows);
}

TEST_F(BadRequestsTest, FieldsOfContainerCalls) {
  ExpectAllRefused(
      &server_,
      {Bad("ContainerService.GetContainer", "container: 'x' view: 9", "view"),
       Bad("ContainerService.ListContainers", "page_size: -1", "page_size"),
       Bad("ContainerService.ListContainers", "page_size: 1001", "page_size"),
       Bad("ContainerService.ListContainers", "view: 9", "view"),
       Bad("ContainerService.ListContainers", "filter { states: 0 }",
           "filter.states[0]"),
       Bad("ContainerService.ListContainers", "filter { states: 1 states: 99 }",
           "filter.states[1]"),
       Bad("ContainerService.ListContainers",
           "filter { label_selector: 'a in' }", "filter.label_selector"),
       Bad("ContainerService.ListContainers", "filter { label_selector: '=x' }",
           "filter.label_selector"),
       Bad("ContainerService.ListContainers", "filter { id_prefix: 'xyz' }",
           "filter.id_prefix"),
       Bad("ContainerService.ListContainers", "filter { containers: '' }",
           "filter.containers[0]"),
       Bad("ContainerService.StopContainer", "container: 'x' signal: 'NO'",
           "signal"),
       Bad("ContainerService.StopContainer",
           "container: 'x' timeout { seconds: -1 }", "timeout"),
       Bad("ContainerService.StopContainer",
           "container: 'x' timeout { seconds: 99999999 }", "timeout"),
       Bad("ContainerService.KillContainer", "container: 'x' signal: '0'",
           "signal"),
       Bad("ContainerService.KillContainer", "container: 'x' signal: 'SIG'",
           "signal"),
       Bad("ContainerService.KillContainer", "container: 'x' scope: 7",
           "scope"),
       Bad("ContainerService.WaitContainer", "container: 'x' condition: 4",
           "condition"),
       Bad("ContainerService.WaitContainer", "container: 'x' run: 0", "run"),
       Bad("ContainerService.DeleteContainer",
           "container: 'x' expected_revision: 0", "expected_revision")});
}

TEST_F(BadRequestsTest, FieldsOfOtherCalls) {
  const std::string exec = "container: 'x' spec { process { command: 'x' } } ";
  ExpectAllRefused(
      &server_,
      {Bad("ExecService.ExecSync", exec + "max_output_bytes: -1",
           "max_output_bytes"),
       Bad("ExecService.ExecSync", exec + "max_output_bytes: 3145729",
           "max_output_bytes"),
       Bad("ExecService.ExecSync",
           exec + "stdin_data: '" + std::string((1 << 20) + 1, 'x') + "'",
           "stdin_data"),
       Bad("ExecService.ExecSync",
           "container: 'x' spec { process { command: 'x' stdin: "
           "STDIN_MODE_OPEN } }",
           "spec.process.stdin"),
       Bad("ExecService.ExecSync",
           "container: 'x' spec { process { command: 'x' } on_disconnect {} }",
           "spec.on_disconnect"),
       Bad("ExecService.ListExecs", "states: 7", "states[0]"),
       Bad("ExecService.ListExecs", "page_size: 5000", "page_size"),
       Bad("ExecService.ListExecs", "label_selector: '!'", "label_selector"),
       Bad("ExecService.KillExec",
           base::StrCat("exec: '", kId, "' signal: 'x'"), "signal"),
       Bad("EventService.WatchEvents", "after_revision: -1", "after_revision"),
       Bad("EventService.WatchEvents", "types: ''", "types[0]"),
       Bad("EventService.WatchEvents", "view: 5", "view"),
       Bad("EventService.WatchEvents", "filter { id_prefix: '-' }",
           "filter.id_prefix"),
       Bad("SystemService.Audit", "page_size: -1", "page_size"),
       Bad("SystemService.Audit", "page_size: 10001", "page_size"),
       Bad("ContainerService.StreamLogs", "filter {} tail_lines: -1",
           "tail_lines"),
       Bad("ContainerService.StreamLogs", "filter {} streams: 3", "streams[0]"),
       Bad("ContainerService.StreamLogs", "filter {} since { nanos: -1 }",
           "since"),
       Bad("ContainerService.StreamLogs",
           "filter {} until { seconds: 999999999999 }", "until"),
       Bad("ContainerService.StreamLogs",
           "filter {} positions { container: 'web' }",
           "positions[0].container"),
       Bad("ContainerService.StreamLogs",
           base::StrCat("filter {} positions { container: '", kId,
                        "' offset: -1 }"),
           "positions[0].offset"),
       Bad("ContainerService.StreamLogs",
           "filter {} heartbeat_interval { nanos: 1 }", "heartbeat_interval")});
}

TEST_F(BadRequestsTest, FieldsOfNetworkCalls) {
  ExpectAllRefused(
      &server_,
      {Bad("NetworkService.ListNetworks", "page_size: -1", "page_size"),
       Bad("NetworkService.ListNetworks", "page_size: 1001", "page_size"),
       Bad("NetworkService.ListNetworks", "filter { label_selector: '!' }",
           "filter.label_selector"),
       Bad("NetworkService.ListNetworks", "filter { id_prefix: 'xyz' }",
           "filter.id_prefix"),
       Bad("NetworkService.ListNetworks",
           "filter { name_prefix: '" + std::string(129, 'a') + "' }",
           "filter.name_prefix"),
       Bad("NetworkService.DeleteNetwork", "network: 'x' expected_revision: 0",
           "expected_revision"),
       Bad("NetworkService.DeleteNetworkNamespace",
           "name: 'x' expected_revision: 0", "expected_revision"),
       Bad("NetworkService.ListNetworkNamespaces", "page_size: -1",
           "page_size"),
       Bad("NetworkService.ListNetworkNamespaces",
           "name_prefix: '" + std::string(256, 'a') + "'", "name_prefix")});
}

TEST_F(BadRequestsTest, FieldsOfLiveNetworkCalls) {
  std::vector<BadInput> rows;
  const auto refuse = [&rows](const char* method, const std::string& text,
                              const char* field) {
    rows.push_back(Bad(base::StrCat("NetworkService.", method),
                       "container: 'x' " + text, field));
  };
  refuse("ConnectContainer", "", "attachment.network");
  for (const auto& [text, field] : {
           std::pair("interface: 'lo'", "attachment.interface"),
           std::pair("mac: '01:00:00:00:00:00'", "attachment.mac"),
           std::pair("addresses: 'x'", "attachment.addresses[0]"),
           std::pair("aliases: '-'", "attachment.aliases[0]"),
           std::pair("routes { destination: '10.0.0.1/8' }",
                     "attachment.routes[0].destination"),
           std::pair("ingress {}", "attachment.ingress.bits_per_second"),
       }) {
    refuse("ConnectContainer",
           base::StrCat("attachment { network: 'lan' ", text, " }"), field);
  }
  for (const char* network : {"", "a b", "../x"}) {
    refuse("DisconnectContainer", base::StrCat("network: '", network, "'"),
           "network");
  }
  refuse("PublishPort", "", "port.container_port");
  for (const auto& [text, field] : {
           std::pair("host_port: 65536", "port.host_port"),
           std::pair("host_ip: '::1'", "port.host_ip"),
           std::pair("protocol: 'TCP'", "port.protocol"),
           std::pair("count: 65500 host_port: 80", "port.count"),
           std::pair("network: '../x'", "port.network"),
       }) {
    refuse("PublishPort",
           base::StrCat("port { container_port: 80 ", text, " }"), field);
  }
  refuse("UnpublishPort", "", "host_port");
  refuse("UnpublishPort", "host_port: 65536", "host_port");
  refuse("UnpublishPort", "host_port: 80 host_ip: 'x'", "host_ip");
  refuse("UnpublishPort", "host_port: 80 protocol: 'x'", "protocol");
  ExpectAllRefused(&server_, rows);
}

TEST_F(BadRequestsTest, WhatIsNotThere) {
  ExpectAllRefused(&server_, {{"ContainerService.GetContainer",
                               {"container: 'nobody'"},
                               kNotFound,
                               "CONTAINER_NOT_FOUND",
                               ""},
                              {"ContainerService.GetContainer",
                               {base::StrCat("container: '", kId, "'")},
                               kNotFound,
                               "CONTAINER_NOT_FOUND",
                               ""},
                              {"ContainerService.StreamLogs",
                               {"filter { containers: 'nobody' }"},
                               kNotFound,
                               "CONTAINER_NOT_FOUND",
                               ""},
                              {"NetworkService.GetNetwork",
                               {"network: 'nothing'"},
                               kNotFound,
                               "NETWORK_NOT_FOUND",
                               ""},
                              {"NetworkService.GetNetworkNamespace",
                               {"name: 'nothing'"},
                               kNotFound,
                               "NETWORK_NAMESPACE_NOT_FOUND",
                               ""},
                              {"NetworkService.ListNetworkNamespaces",
                               {"page_token: 'x'"},
                               kInvalid,
                               "BAD_PAGE_TOKEN",
                               ""},
                              {"NetworkService.ListNetworks",
                               {"page_token: 'x'"},
                               kInvalid,
                               "BAD_PAGE_TOKEN",
                               ""},
                              {"ExecService.GetExec",
                               {base::StrCat("exec: '", kId, "'")},
                               kNotFound,
                               "EXEC_NOT_FOUND",
                               ""},
                              {"ContainerService.ListContainers",
                               {"page_token: 'x'"},
                               kInvalid,
                               "BAD_PAGE_TOKEN",
                               ""},
                              {"ExecService.ListExecs",
                               {"page_token: 'AAAA'"},
                               kInvalid,
                               "BAD_PAGE_TOKEN",
                               ""},
                              {"SystemService.Audit",
                               {"page_token: '" + std::string(2000, 'x') + "'"},
                               kInvalid,
                               "BAD_PAGE_TOKEN",
                               ""},
                              {"EventService.WatchEvents",
                               {"after_revision: 99999999999"},
                               grpc::StatusCode::OUT_OF_RANGE,
                               "REVISION_COMPACTED",
                               ""},
                              {"EventService.WatchEvents",
                               {"after_revision: 0 store_id: 'other'"},
                               grpc::StatusCode::OUT_OF_RANGE,
                               "STORE_CHANGED",
                               ""}});
}

TEST_F(BadRequestsTest, FullViewsAreNotForReaders) {
  std::vector<BadInput> rows = {
      {"ContainerService.GetContainer", {"container: 'x' view: VIEW_FULL"}},
      {"ContainerService.ListContainers", {"view: VIEW_FULL"}},
      {"ExecService.ListExecs", {"view: VIEW_FULL"}},
      {"EventService.WatchEvents", {"view: VIEW_FULL"}}};
  for (BadInput& row : rows) {
    row.code = grpc::StatusCode::PERMISSION_DENIED;
    row.reason = "ROLE_TOO_LOW";
    row.field = "";
    row.role = Role::kRead;
  }
  ExpectAllRefused(&server_, rows);
}

TEST_F(BadRequestsTest, OrderOfStreams) {
  std::vector<BadInput> rows;
  for (const char* method :
       {"ContainerService.Run", "ContainerService.AttachContainer",
        "ExecService.Exec"}) {
    for (const char* first : {"", "stdin { data: 'x' }", "close_stdin {}",
                              "resize { rows: 1 }", "kill {}"}) {
      rows.push_back({method, {first}, kInvalid, "MISSING_START", ""});
    }
    rows.push_back({method, {}, kInvalid, "MISSING_START", ""});
  }
  ExpectAllRefused(&server_, rows);
}

TEST_F(BadRequestsTest, OutputOptions) {
  const std::string spec = base::StrCat("start { spec { ", kGoodSpec, " } ");
  ExpectAllRefused(
      &server_,
      {Bad("ContainerService.Run", spec + "output { offset: -1 } }",
           "start.output.offset"),
       Bad("ContainerService.Run", spec + "output { tail_lines: -1 } }",
           "start.output.tail_lines"),
       Bad("ContainerService.Run", spec + "output { now: false } }",
           "start.output.now"),
       Bad("ContainerService.Run", spec + "output { streams: 0 } }",
           "start.output.streams[0]"),
       Bad("ContainerService.Run", spec + "output { stop_at_end: true } }",
           "start.output.stop_at_end"),
       Bad("ContainerService.Run",
           spec + "output { heartbeat_interval { nanos: 5 } } }",
           "start.output.heartbeat_interval"),
       Bad("ContainerService.Run",
           spec + "output { heartbeat_interval { seconds: 3601 } } }",
           "start.output.heartbeat_interval"),
       Bad("ContainerService.Run", spec + "on_disconnect { action: 9 } }",
           "start.on_disconnect.action"),
       Bad("ContainerService.Run",
           spec + "on_disconnect { grace { seconds: -1 } } }",
           "start.on_disconnect.grace"),
       Bad("ContainerService.Run",
           spec + "on_disconnect { grace { seconds: 86401 } } }",
           "start.on_disconnect.grace"),
       Bad("ContainerService.AttachContainer",
           "start { container: 'x' output { offset: -5 } }",
           "start.output.offset")});
}

// A field of a newer client in a spec is refused, at any depth; elsewhere it
// is ignored.
TEST_F(BadRequestsTest, UnknownFields) {
  struct Row {
    const char* method;
    std::string bytes;
    const char* field;
  };
  const std::string unknown = "\xF8\x3F\x01";  // field 1023, varint 1
  const auto nested = [](int field, const std::string& inner) {
    return std::string(1, static_cast<char>(field << 3 | 2)) +
           std::string(1, static_cast<char>(inner.size())) + inner;
  };
  const std::vector<Row> rows = {
      {"ContainerService.CreateContainer", nested(1, unknown), "spec"},
      {"ContainerService.CreateContainer", nested(1, nested(5, unknown)),
       "spec.process"},
      {"ContainerService.CreateContainer",
       nested(1, nested(8, nested(2, unknown))), "spec.mounts[0].bind"},
      {"ContainerService.CreateContainer",
       nested(1, nested(15, nested(4, nested(1, unknown)))),
       "spec.network.attach.networks[0]"},
      {"NetworkService.CreateNetwork", nested(1, unknown), "spec"},
      {"NetworkService.CreateNetwork", nested(1, nested(6, unknown)),
       "spec.subnets[0]"},
      {"NetworkService.ExplainNetwork", nested(1, unknown), "spec"},
      {"ContainerService.ExplainContainer", nested(1, unknown), "spec"},
      {"ContainerService.Run", nested(1, nested(1, unknown)), "start.spec"},
      {"ExecService.Exec", nested(1, nested(2, unknown)), "start.spec"},
      {"ExecService.ExecSync", nested(2, nested(1, unknown)), "spec.process"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.field);
    const Outcome outcome = server_.Call(Role::kAdmin, row.method, {row.bytes});
    EXPECT_EQ(outcome.status.error_code(), kInvalid);
    EXPECT_EQ(outcome.info().reason(), "UNKNOWN_FIELD");
    EXPECT_EQ(outcome.info().metadata().at("number"), "1023");
    ASSERT_EQ(outcome.bad_request().field_violations_size(), 1);
    EXPECT_EQ(outcome.bad_request().field_violations(0).field(), row.field);
  }
  const Outcome ignored =
      server_.Call(Role::kAdmin, "ContainerService.ListContainers", {unknown});
  EXPECT_TRUE(ignored.status.ok());
}

TEST_F(BadRequestsTest, BrokenBytes) {
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "\xA3\x06";
  for (int i = 0; i < 100; ++i) deep += "\xA4\x06";
  const std::vector<std::string> broken = {
      "\xFF",
      std::string("\x0A\x05\x61\x62", 4),  // shorter than it says
      std::string("\x0A\xFF\xFF\xFF\xFF\x0F", 6),
      std::string("\x00\x01", 2),  // field number 0
      std::string("\x0F", 1),      // wire type 7
      std::string("\x0B", 1),      // group without end
      deep,
  };
  for (const char* method :
       {"ContainerService.CreateContainer", "ContainerService.Run",
        "ContainerService.AttachContainer", "ContainerService.StreamLogs",
        "ExecService.Exec", "ExecService.ExecSync", "EventService.WatchEvents",
        "NetworkService.CreateNetwork", "SystemService.Audit"}) {
    for (size_t i = 0; i < broken.size(); ++i) {
      SCOPED_TRACE(base::StrCat(method, " ", i));
      const Outcome outcome = server_.Call(Role::kAdmin, method, {broken[i]});
      EXPECT_EQ(outcome.status.error_code(), kInvalid);
      EXPECT_EQ(outcome.info().reason(), "MALFORMED_MESSAGE");
      EXPECT_TRUE(outcome.responses.empty());
    }
  }
  // A string that is not UTF-8.
  const Outcome outcome = server_.Call(
      Role::kAdmin, "ContainerService.GetContainer", {"\x0A\x01\xFF"});
  EXPECT_EQ(outcome.info().reason(), "MALFORMED_MESSAGE");
}

TEST_F(BadRequestsTest, AMessageBeyondTheLimitIsRefusedByTheLibrary) {
  const Outcome outcome =
      server_.Call(Role::kAdmin, "ContainerService.ListContainers",
                   {std::string((4 << 20) + 1, 'x')});
  EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace caisson::service
