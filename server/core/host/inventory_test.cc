#include "server/core/host/inventory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/file.h"
#include "runtime/base/remove_tree.h"
#include "runtime/base/status_matchers.h"
#include "server/shimlink/lock_probe.h"

namespace caisson::core {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::Field;
using ::testing::IsEmpty;

constexpr char kId[] = "0123456789abcdef0123456789abcdef";
constexpr char kOther[] = "ffffffffffffffffffffffffffffffff";

// A root, a state and one cgroup hierarchy made of plain directories.
class InventoryTest : public testing::Test {
 protected:
  InventoryTest() {
    char name[] = "/tmp/inventory_test.XXXXXX";
    top_ = ::mkdtemp(name);
    places_.root = absl::StrCat(top_, "/root");
    places_.state = absl::StrCat(top_, "/state");
    cgroup_ = absl::StrCat(top_, "/cgroup");
    for (const std::string& path :
         {absl::StrCat(places_.root, "/containers"),
          absl::StrCat(places_.root, "/trash"),
          absl::StrCat(places_.state, "/shims"), cgroup_}) {
      EXPECT_TRUE(base::MakeDirectories(path, 0755).ok());
    }
    cgroup::Directory directory;
    directory.what = "memory";
    directory.path = cgroup_;
    places_.base.group.directories.push_back(directory);
  }
  ~InventoryTest() override { EXPECT_TRUE(base::RemoveTree(top_).ok()); }

  std::string ContainerDirectory(const std::string& id) const {
    return absl::StrCat(places_.root, "/containers/", id);
  }
  void MakeContainer(const std::string& id) {
    ASSERT_TRUE(base::MakeDirectories(ContainerDirectory(id), 0755).ok());
  }
  void MakeCgroup(const std::string& id) {
    ASSERT_TRUE(
        base::MakeDirectories(absl::StrCat(cgroup_, "/", id), 0755).ok());
  }
  // A shim that lives, as the lock shows it.
  base::UniqueFd HoldLock(const std::string& id) {
    auto directory = base::Open(ContainerDirectory(id), O_PATH | O_DIRECTORY);
    EXPECT_TRUE(shimlink::CreateLockFile(directory->get()).ok());
    auto lock = shimlink::TakeLock(directory->get());
    EXPECT_TRUE(lock.ok()) << lock.status();
    return *std::move(lock);
  }
  std::vector<AuditObject> Problems(
      const std::vector<ExpectedContainer>& expected) {
    auto objects = TakeInventory(places_, expected);
    EXPECT_TRUE(objects.ok()) << objects.status();
    std::erase_if(*objects, [](const AuditObject& object) {
      return object.state == AuditState::kOk;
    });
    return *objects;
  }
  static ExpectedContainer Running() {
    ExpectedContainer container;
    container.id = kId;
    container.running = true;
    return container;
  }

  std::string top_;
  std::string cgroup_;
  Places places_;
};

TEST_F(InventoryTest, AnEmptyHostHasNothing) {
  auto objects = TakeInventory(places_, {});
  ASSERT_TRUE(objects.ok());
  EXPECT_THAT(*objects, IsEmpty());
}

TEST_F(InventoryTest, ARunningContainerWithAllItsObjectsIsFine) {
  MakeContainer(kId);
  MakeCgroup(kId);
  const base::UniqueFd lock = HoldLock(kId);
  auto objects = TakeInventory(places_, {Running()});
  ASSERT_TRUE(objects.ok());
  EXPECT_EQ(objects->size(), 3u);  // cgroup, directory, shim
  EXPECT_THAT(*objects, Each(Field(&AuditObject::owner, kId)));
  EXPECT_THAT(Problems({Running()}), IsEmpty());
}

TEST_F(InventoryTest, ProcessesBelongToTheContainerOfTheirCgroup) {
  MakeContainer(kId);
  for (const char* id : {kId, kOther}) {
    MakeCgroup(id);
    ASSERT_TRUE(
        base::WriteFileAtomic(absl::StrCat(cgroup_, "/", id, "/cgroup.procs"),
                              id == kId ? "41\n42\n" : "43\n", 0600)
            .ok());
  }
  const base::UniqueFd lock = HoldLock(kId);
  auto objects = TakeInventory(places_, {Running()});
  ASSERT_TRUE(objects.ok()) << objects.status();
  std::erase_if(*objects, [](const AuditObject& object) {
    return object.kind != "process";
  });
  ASSERT_EQ(objects->size(), 3u);
  EXPECT_EQ((*objects)[1].key, "42");
  EXPECT_EQ((*objects)[1].owner, kId);
  EXPECT_EQ((*objects)[1].state, AuditState::kOk);
  EXPECT_EQ((*objects)[2].owner, kOther);
  EXPECT_EQ((*objects)[2].state, AuditState::kOrphan);
}

TEST_F(InventoryTest, DirectoriesInStockHaveNoOwnerAndAreNoOrphans) {
  ASSERT_TRUE(base::MakeDirectories(places_.root + "/stock/3", 0700).ok());
  const auto objects = TakeInventory(places_, {});
  ASSERT_TRUE(objects.ok());
  ASSERT_EQ(objects->size(), 1u);
  EXPECT_EQ(objects->front().kind, "stock");
  EXPECT_EQ(objects->front().key, places_.root + "/stock/3");
  EXPECT_EQ(objects->front().owner, "");
  EXPECT_NE(objects->front().state, AuditState::kOrphan);
}

TEST_F(InventoryTest, EverythingOfAnUnknownContainerIsAnOrphan) {
  MakeContainer(kOther);
  MakeCgroup(kOther);
  ASSERT_TRUE(
      base::WriteFileAtomic(
          absl::StrCat(places_.state, "/shims/", kOther, ".sock"), "", 0600)
          .ok());
  const std::vector<AuditObject> problems = Problems({});
  EXPECT_EQ(problems.size(), 3u);
  EXPECT_THAT(problems, Each(Field(&AuditObject::state, AuditState::kOrphan)));
  for (const AuditObject& object : problems) {
    // A fixture directory is no cgroup: it has nothing to kill.
    if (object.kind == "cgroup") continue;
    EXPECT_TRUE(RemoveOrphan(places_, object).ok()) << object.key;
    EXPECT_TRUE(RemoveOrphan(places_, object).ok()) << "twice";
    EXPECT_FALSE(base::PathExists(object.key));
  }
}

TEST_F(InventoryTest, ARunningContainerWithoutShimOrCgroupIsMissingThem) {
  MakeContainer(kId);
  const std::vector<AuditObject> problems = Problems({Running()});
  EXPECT_EQ(problems.size(), 2u);
  EXPECT_THAT(problems, Contains(Field(&AuditObject::kind, "shim")));
  EXPECT_THAT(problems, Contains(Field(&AuditObject::kind, "cgroup")));
  EXPECT_THAT(problems, Each(Field(&AuditObject::state, AuditState::kMissing)));
}

TEST_F(InventoryTest, AShimOfAStoppedContainerHasDrifted) {
  MakeContainer(kId);
  const base::UniqueFd lock = HoldLock(kId);
  ExpectedContainer stopped;
  stopped.id = kId;
  const std::vector<AuditObject> problems = Problems({stopped});
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].kind, "shim");
  EXPECT_EQ(problems[0].state, AuditState::kDrifted);
  EXPECT_FALSE(RemoveOrphan(places_, problems[0]).ok());
}

TEST_F(InventoryTest, LostFilesAndUnknownExecsAreFound) {
  MakeContainer(kId);
  ASSERT_TRUE(
      base::MakeDirectories(absl::StrCat(ContainerDirectory(kId), "/x/1"), 0755)
          .ok());
  ASSERT_TRUE(
      base::MakeDirectories(absl::StrCat(ContainerDirectory(kId), "/x/2"), 0755)
          .ok());
  ExpectedContainer known;
  known.id = kId;
  known.execs = {1};
  ExpectedContainer lost;
  lost.id = kOther;
  const std::vector<AuditObject> problems = Problems({known, lost});
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].kind, "directory");
  EXPECT_EQ(problems[0].state, AuditState::kMissing);
  EXPECT_EQ(problems[1].kind, "exec");
  EXPECT_EQ(problems[1].state, AuditState::kOrphan);
  EXPECT_TRUE(problems[1].key.ends_with("/x/2"));
}

TEST_F(InventoryTest, AContainerThatIsChangingIsLeftAlone) {
  MakeCgroup(kId);
  ExpectedContainer changing;
  changing.id = kId;
  changing.changing = true;
  EXPECT_THAT(Problems({changing}), IsEmpty());
}

}  // namespace
}  // namespace caisson::core
