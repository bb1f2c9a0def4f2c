#include "server/service/role.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/error_detail.h"
#include "server/service/method_table.h"

namespace caisson::service {
namespace {

Peer Someone(uid_t uid, gid_t gid, std::vector<gid_t> groups = {}) {
  return {.pid = 7, .uid = uid, .gid = gid, .groups = std::move(groups)};
}

TEST(RoleTest, RootAndTheDaemonsUserAreAdmins) {
  const RolePolicy policy{500, std::nullopt, std::nullopt};
  EXPECT_EQ(RoleOf(Someone(0, 0), policy), Role::kAdmin);
  EXPECT_EQ(RoleOf(Someone(500, 1), policy), Role::kAdmin);
  EXPECT_EQ(RoleOf(Someone(501, 0), policy), Role::kNone);
}

TEST(RoleTest, GroupsGiveTheHighestRoleThatApplies) {
  const RolePolicy policy{0, 10, 20};
  EXPECT_EQ(RoleOf(Someone(1, 10), policy), Role::kOperate);
  EXPECT_EQ(RoleOf(Someone(1, 5, {3, 10}), policy), Role::kOperate);
  EXPECT_EQ(RoleOf(Someone(1, 20), policy), Role::kRead);
  EXPECT_EQ(RoleOf(Someone(1, 20, {10}), policy), Role::kOperate);
  EXPECT_EQ(RoleOf(Someone(1, 5, {3}), policy), Role::kNone);
}

TEST(RoleTest, WithoutGroupsNobodyElseHasARole) {
  // A gid of -1 must not match "no group given".
  EXPECT_EQ(RoleOf(Someone(1, static_cast<gid_t>(-1)), {}), Role::kNone);
}

TEST(MethodTableTest, HasEveryMethodWithItsPolicy) {
  const MethodTable table = MethodTable::Build();
  EXPECT_EQ(table.services().size(), 5u);
  EXPECT_EQ(table.All().size(), 37u);
  const MethodPolicy* run = table.Find("ContainerService.Run");
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->role, Role::kOperate);
  EXPECT_EQ(run->on_cancel, caisson::v1::ON_CANCEL_DISCONNECT);
  EXPECT_EQ(run->retry, caisson::v1::RETRY_REQUEST_ID);
}

TEST(MethodTableTest, AllowsFromTheRoleOnAndDeniesTheUnknown) {
  const MethodTable table = MethodTable::Build();
  EXPECT_TRUE(table.Authorize("SystemService.GetInfo", Role::kRead).ok());
  EXPECT_TRUE(table.Authorize("ContainerService.Run", Role::kAdmin).ok());
  const absl::Status denied =
      table.Authorize("ContainerService.Run", Role::kRead);
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(base::DetailOf(denied).reason, "ROLE_TOO_LOW");
  EXPECT_FALSE(table.Authorize("SystemService.GetInfo", Role::kNone).ok());
  EXPECT_FALSE(table.Authorize("ContainerService.Nothing", Role::kAdmin).ok());
}

}  // namespace
}  // namespace caisson::service
