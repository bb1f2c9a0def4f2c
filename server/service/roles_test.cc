// Every role against every method, through real gRPC: a call that is denied
// does not even reach the parser, one that is allowed does.
#include <string>

#include "gtest/gtest.h"

#include "server/service/test_server.h"

namespace caisson::service {
namespace {

constexpr char kBroken[] = "\xFF";

TEST(RolesTest, EveryCellOfTheTable) {
  TestServer server;
  const MethodTable methods = MethodTable::Build();
  for (const MethodPolicy* method : methods.All()) {
    for (const Role role :
         {Role::kNone, Role::kRead, Role::kOperate, Role::kAdmin}) {
      SCOPED_TRACE(method->name + " as " + std::string(RoleName(role)));
      const Outcome outcome = server.Call(role, method->name, {kBroken});
      EXPECT_TRUE(outcome.responses.empty());
      if (role < method->role) {
        EXPECT_EQ(outcome.status.error_code(),
                  grpc::StatusCode::PERMISSION_DENIED);
        EXPECT_EQ(outcome.info().reason(), "ROLE_TOO_LOW");
        EXPECT_EQ(outcome.info().metadata().at("role"), RoleName(role));
      } else {
        EXPECT_EQ(outcome.status.error_code(),
                  grpc::StatusCode::INVALID_ARGUMENT);
        EXPECT_EQ(outcome.info().reason(), "MALFORMED_MESSAGE");
      }
    }
  }
}

TEST(RolesTest, NearlyAMethodIsNoMethod) {
  TestServer server;
  for (const char* name :
       {"ContainerService.run", "containerService.Run", "ContainerService.Run.",
        "ContainerService.%52un", "SystemService.Run"}) {
    SCOPED_TRACE(name);
    const Outcome outcome = server.Call(Role::kAdmin, name, {""});
    EXPECT_EQ(outcome.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }
}

}  // namespace
}  // namespace caisson::service
