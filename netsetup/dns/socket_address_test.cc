#include "netsetup/dns/socket_address.h"

#include <vector>

#include "gtest/gtest.h"

#include "netsetup/dns/loopback_test.h"
#include "netsetup/dns/query_test.h"

namespace caisson::netsetup::dns {
namespace {

TEST(SocketAddressTest, TheKernelsFormHasAllOfIt) {
  for (const SocketAddress& address : std::vector<SocketAddress>{
           {.address = Address("192.0.2.1"), .port = 5353},
           {.address = Address("fe80::1"), .port = 53, .scope = 7}}) {
    const SocketAddress back = FromRaw(ToRaw(address));
    EXPECT_EQ(back.address, address.address);
    EXPECT_EQ(back.port, address.port);
    EXPECT_EQ(back.scope, address.scope);
  }
  EXPECT_EQ((SocketAddress{.address = Address("fe80::1")}.ToString()),
            "'fe80::1' port 53");
}

TEST(SocketAddressTest, HundredsOfQueriesWaitForABusyServer) {
  TestDatagrams server =
      TestDatagrams::BindTo({.address = Address("127.0.0.1"), .port = 0});
  TestDatagrams client = TestDatagrams::ConnectTo(server.address());
  constexpr int kQueries = 400;
  for (int i = 0; i < kQueries; ++i) client.Send(MakeQuery({.name = "web"}));
  int got = 0;
  while (!server.ReceiveNow().empty()) ++got;
  EXPECT_EQ(got, kQueries);
}

}  // namespace
}  // namespace caisson::netsetup::dns
