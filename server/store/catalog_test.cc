#include "server/store/catalog.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "runtime/base/status_matchers.h"
#include "server/store/page_token.h"
#include "server/store/test_store.h"

namespace caisson::store {
namespace {

using base::IsOk;
using base::ReasonIs;
using testing::ElementsAre;
using testing::IsEmpty;

ContainerPtr Record(const std::string& id, const std::string& name,
                    int64_t create_revision) {
  auto record = std::make_shared<ContainerRecord>(MakeContainer(id, name));
  record->create_revision = create_revision;
  record->revision = create_revision;
  return record;
}

ExecPtr Exec(const std::string& id, const std::string& container,
             int64_t create_revision) {
  auto record = std::make_shared<ExecRecord>(MakeExec(id, PaddedId(container)));
  record->create_revision = create_revision;
  return record;
}

std::shared_ptr<RequestRow> MakeRequest(const std::string& id,
                                        const std::string& object) {
  auto row = std::make_shared<RequestRow>();
  row->id = id;
  row->object_id = object;
  return row;
}

RequestPtr Finished(const std::string& id, const std::string& object,
                    absl::Time end) {
  auto row = MakeRequest(id, object);
  row->end_time = end;
  return row;
}

RequestPtr Running(const std::string& id, const std::string& object,
                   absl::Time start) {
  auto row = MakeRequest(id, object);
  row->start_time = start;
  return row;
}

std::vector<std::string> Names(const ContainerPage& page) {
  std::vector<std::string> names;
  for (const ContainerPtr& record : page.containers) {
    names.push_back(record->name);
  }
  return names;
}

void Put(Catalog* catalog, std::vector<ContainerPtr> records) {
  CatalogChange change;
  change.revision = records.back()->revision;
  change.put_containers = std::move(records);
  catalog->Apply(change);
}

TEST(CatalogTest, FindsByIdAndName) {
  Catalog catalog;
  Put(&catalog, {Record("a", "web", 1)});
  EXPECT_NE(catalog.Find("web"), nullptr);
  EXPECT_NE(catalog.Find(PaddedId("a")), nullptr);
  EXPECT_EQ(catalog.Find("a"), nullptr) << "prefixes are no references";
  EXPECT_EQ(catalog.Find("we"), nullptr);
  EXPECT_EQ(catalog.FindByIdPrefix("a000", 10).size(), 1u);
  EXPECT_THAT(catalog.FindByIdPrefix("b", 10), IsEmpty());
}

TEST(CatalogTest, AnUnfinishedCreateHoldsItsNameButIsInvisible) {
  Catalog catalog;
  auto record = std::make_shared<ContainerRecord>(*Record("a", "web", 1));
  record->intent = Intent::kCreate;
  Put(&catalog, {record});
  EXPECT_EQ(catalog.Find("web"), nullptr);
  EXPECT_THAT(catalog.List({}, {})->containers, IsEmpty());
  EXPECT_THAT(catalog.FindByIdPrefix("a", 10), IsEmpty());
  EXPECT_NE(catalog.NameHolder("web"), nullptr);
  EXPECT_NE(catalog.ContainerById(PaddedId("a")), nullptr);
  EXPECT_EQ(catalog.AllContainers().size(), 1u);
}

TEST(CatalogTest, PagesGoByCreationAndCarryTheFirstRevision) {
  Catalog catalog;
  Put(&catalog, {Record("c", "one", 1), Record("b", "two", 2),
                 Record("a", "three", 3), Record("f", "three-b", 3)});
  PageRequest request;
  request.max_items = 2;
  absl::StatusOr<ContainerPage> first = catalog.List({}, request);
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(Names(*first), ElementsAre("one", "two"));
  EXPECT_EQ(first->revision, 3);

  // A change between the pages: a deletion before the boundary, a new one.
  CatalogChange change;
  change.revision = 4;
  change.erase_containers = {PaddedId("b")};
  change.put_containers = {Record("0", "four", 4)};
  catalog.Apply(change);
  request.token = first->next_page_token;
  absl::StatusOr<ContainerPage> second = catalog.List({}, request);
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(Names(*second), ElementsAre("three", "three-b"));
  EXPECT_EQ(second->revision, 3) << "of the first page";
  request.token = second->next_page_token;
  absl::StatusOr<ContainerPage> third = catalog.List({}, request);
  ASSERT_THAT(third, IsOk());
  EXPECT_THAT(Names(*third), ElementsAre("four"));
  EXPECT_EQ(third->next_page_token, "");
}

TEST(CatalogTest, AFullLastPageHasNoToken) {
  Catalog catalog;
  Put(&catalog, {Record("a", "one", 1), Record("b", "two", 2)});
  PageRequest request;
  request.max_items = 2;
  EXPECT_EQ(catalog.List({}, request)->next_page_token, "");
}

TEST(CatalogTest, APageEndsAtItsBytesButHasOneItem) {
  Catalog catalog;
  Put(&catalog, {Record("a", "one", 1), Record("b", "two", 2)});
  PageRequest request;
  request.max_bytes = 10;
  const auto size = [](const ContainerRecord&) -> size_t { return 100; };
  absl::StatusOr<ContainerPage> page = catalog.List({}, request, size);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(Names(*page), ElementsAre("one"));
  EXPECT_NE(page->next_page_token, "");
}

TEST(CatalogTest, ForeignTokensAreRefused) {
  Catalog catalog;
  for (const char* token : {"x", "p1.1.2", "p1.1.2.", "p2.1.2.a", "p1.x.2.a",
                            "p1.-1.2.a", "p1.99999999999999999999.2.a"}) {
    PageRequest request;
    request.token = token;
    EXPECT_THAT(catalog.List({}, request), ReasonIs("BAD_PAGE_TOKEN")) << token;
  }
  PageRequest request;
  request.token = "p1.1.2." + std::string(300, 'a');
  EXPECT_THAT(catalog.List({}, request), ReasonIs("BAD_PAGE_TOKEN"));
}

TEST(CatalogTest, TombstonesAppearOnlyWhenAskedFor) {
  Catalog catalog;
  auto last = std::make_shared<ContainerRecord>(*Record("a", "gone", 1));
  last->status.state = ContainerState::kDeleted;
  CatalogChange change;
  change.revision = 3;
  change.put_tombstones = {last};
  change.put_containers = {Record("b", "here", 2)};
  catalog.Apply(change);
  EXPECT_THAT(Names(*catalog.List({}, {})), ElementsAre("here"));
  ContainerFilter filter;
  filter.states = {ContainerState::kDeleted};
  EXPECT_THAT(Names(*catalog.List(filter, {})), ElementsAre("gone"));
  filter.states.push_back(ContainerState::kCreated);
  EXPECT_THAT(Names(*catalog.List(filter, {})), ElementsAre("gone", "here"));
  EXPECT_EQ(catalog.Find(PaddedId("a")), nullptr);
  EXPECT_EQ(catalog.Tombstone(PaddedId("a")), last);
}

TEST(CatalogTest, ARenamedContainerFreesItsOldName) {
  Catalog catalog;
  Put(&catalog, {Record("a", "old", 1)});
  Put(&catalog, {Record("a", "new", 1)});
  EXPECT_EQ(catalog.NameHolder("old"), nullptr);
  EXPECT_NE(catalog.NameHolder("new"), nullptr);
  // Somebody else has the old name: erasing the first keeps it.
  Put(&catalog, {Record("b", "old", 2)});
  CatalogChange change;
  change.erase_containers = {PaddedId("a")};
  catalog.Apply(change);
  EXPECT_NE(catalog.NameHolder("old"), nullptr);
}

TEST(CatalogTest, ExecsGoWithTheirContainer) {
  Catalog catalog;
  CatalogChange change;
  change.put_containers = {Record("a", "web", 1), Record("b", "db", 2)};
  change.put_execs = {Exec("e1", "a", 3), Exec("e2", "a", 4),
                      Exec("e3", "b", 5)};
  catalog.Apply(change);
  EXPECT_EQ(catalog.ExecsOf(PaddedId("a")).size(), 2u);
  ContainerFilter filter;
  filter.name_prefix = "web";
  EXPECT_EQ(catalog.ListExecs(filter, {})->execs.size(), 2u);
  ExecFilter exited(filter);
  exited.states = {ExecState::kExited};
  EXPECT_TRUE(catalog.ListExecs(exited, {})->execs.empty());
  ExecFilter labelled;
  labelled.labels = *LabelSelector::Parse("job=none");
  EXPECT_TRUE(catalog.ListExecs(labelled, {})->execs.empty());

  PageRequest request;
  request.max_items = 2;
  absl::StatusOr<ExecPage> page = catalog.ListExecs({}, request);
  ASSERT_EQ(page->execs.size(), 2u);
  request.token = page->next_page_token;
  EXPECT_EQ(catalog.ListExecs({}, request)->execs.size(), 1u);

  CatalogChange erase;
  erase.erase_containers = {PaddedId("a")};
  catalog.Apply(erase);
  EXPECT_EQ(catalog.ExecById(PaddedId("e1")), nullptr);
  EXPECT_NE(catalog.ExecById(PaddedId("e3")), nullptr);
  EXPECT_EQ(catalog.AllExecs().size(), 1u);
}

NetworkPtr Network(const std::string& id, const std::string& name,
                   int64_t create_revision,
                   const std::map<std::string, std::string>& labels = {}) {
  auto record = std::make_shared<NetworkRecord>(MakeNetwork(id, name));
  auto spec = std::make_shared<spec::NetworkSpec>(*record->spec);
  spec->labels = labels;
  record->spec = std::move(spec);
  record->create_revision = create_revision;
  return record;
}

std::vector<std::string> Names(const NetworkPage& page) {
  std::vector<std::string> names;
  for (const NetworkPtr& record : page.networks) names.push_back(record->name);
  return names;
}

TEST(CatalogTest, NetworksAreListedByCreationNameAndLabels) {
  Catalog catalog;
  auto hidden = std::make_shared<NetworkRecord>(*Network("e", "bold", 5));
  hidden->intent = Intent::kCreate;
  CatalogChange change;
  change.revision = 5;
  change.put_networks = {Network("c", "blue", 1, {{"team", "a"}}),
                         Network("b", "red", 2, {{"team", "a"}}),
                         Network("a", "black", 3), hidden};
  change.put_containers = {Record("c", "blue", 4)};
  catalog.Apply(change);
  EXPECT_THAT(Names(*catalog.ListNetworks({}, {})),
              ElementsAre("blue", "red", "black"));
  NetworkFilter filter;
  filter.name_prefix = "b";
  EXPECT_THAT(Names(*catalog.ListNetworks(filter, {})),
              ElementsAre("blue", "black"));
  filter.labels = *LabelSelector::Parse("team=a");
  EXPECT_THAT(Names(*catalog.ListNetworks(filter, {})), ElementsAre("blue"));
  EXPECT_EQ(catalog.AllNetworks().size(), 4u);
  EXPECT_EQ(catalog.counts().networks, 4u);
}

TEST(CatalogTest, NetworksAreFoundByTheBeginningOfTheirId) {
  CatalogChange change;
  change.revision = 1;
  change.put_networks = {Network("a1", "one", 1), Network("a2", "two", 1)};
  Catalog catalog;
  catalog.Apply(change);
  NetworkFilter filter;
  filter.id_prefix = "a";
  EXPECT_THAT(Names(*catalog.ListNetworks(filter, {})),
              ElementsAre("one", "two"));
  filter.id_prefix = "a2";
  EXPECT_THAT(Names(*catalog.ListNetworks(filter, {})), ElementsAre("two"));
}

TEST(CatalogTest, TheContainersOfANetworkAreCounted) {
  const auto with = [](const std::string& id, std::vector<Endpoint> networks) {
    auto record =
        std::make_shared<ContainerRecord>(MakeContainer(id, "name-" + id));
    record->status.networks = std::move(networks);
    return record;
  };
  Endpoint on_lan;
  on_lan.network_id = "lan";
  Endpoint on_wan;
  on_wan.network_id = "wan";
  on_wan.attached = true;
  Catalog catalog;
  const auto put = [&](ContainerPtr record) {
    CatalogChange change;
    change.put_containers = {std::move(record)};
    catalog.Apply(change);
  };
  put(with("a", {on_lan, on_wan}));
  // Not attached yet.
  EXPECT_EQ(catalog.EndpointsOf("lan"), 0u);
  EXPECT_EQ(catalog.EndpointsOf("wan"), 1u);
  on_lan.attached = true;
  put(with("a", {on_lan, on_wan}));
  put(with("b", {on_lan}));
  EXPECT_EQ(catalog.EndpointsOf("lan"), 2u);
  EXPECT_EQ(catalog.EndpointsOf("wan"), 1u);
  put(with("b", {}));
  CatalogChange change;
  change.erase_containers = {PaddedId("a")};
  catalog.Apply(change);
  EXPECT_EQ(catalog.EndpointsOf("lan"), 0u);
  EXPECT_EQ(catalog.EndpointsOf("wan"), 0u);
}

TEST(CatalogTest, NetworksComeInPages) {
  Catalog catalog;
  CatalogChange change;
  change.revision = 3;
  change.put_networks = {Network("c", "one", 1), Network("b", "two", 2),
                         Network("a", "three", 3)};
  catalog.Apply(change);
  PageRequest request;
  request.max_items = 2;
  absl::StatusOr<NetworkPage> page = catalog.ListNetworks({}, request);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(Names(*page), ElementsAre("one", "two"));
  // The boundary goes away between the pages.
  CatalogChange erase;
  erase.revision = 4;
  erase.erase_networks = {PaddedId("b")};
  catalog.Apply(erase);
  request.token = page->next_page_token;
  page = catalog.ListNetworks({}, request);
  ASSERT_THAT(page, IsOk());
  EXPECT_THAT(Names(*page), ElementsAre("three"));
  EXPECT_EQ(page->revision, 3) << "of the first page";
  EXPECT_EQ(page->next_page_token, "");
  request = {};
  request.max_bytes = 10;
  const auto size = [](const NetworkRecord&) -> size_t { return 100; };
  page = catalog.ListNetworks({}, request, size);
  EXPECT_THAT(Names(*page), ElementsAre("one"));
  request.token = "x";
  EXPECT_THAT(catalog.ListNetworks({}, request), ReasonIs("BAD_PAGE_TOKEN"));
}

TEST(CatalogTest, ARenamedNetworkFreesItsOldName) {
  Catalog catalog;
  CatalogChange change;
  change.put_networks = {Network("a", "old", 1)};
  catalog.Apply(change);
  change.put_networks = {Network("a", "new", 1)};
  catalog.Apply(change);
  EXPECT_EQ(catalog.NetworkNameHolder("old"), nullptr);
  EXPECT_NE(catalog.FindNetwork("new"), nullptr);
  EXPECT_EQ(catalog.AllNetworks().size(), 1u);
}

TEST(CatalogTest, RequestsExpireByAgeUnlessTheirObjectLives) {
  Catalog catalog;
  const absl::Time t0 = absl::UnixEpoch();
  CatalogChange change;
  change.put_containers = {Record("a", "web", 1)};
  change.put_networks = {Network("d", "blue", 2)};
  change.put_requests = {Finished("r1", PaddedId("a"), t0),
                         Finished("r1n", PaddedId("d"), t0),
                         Finished("r2", "gone", t0 + absl::Seconds(1)),
                         Finished("r3", "gone", t0 + absl::Seconds(9)),
                         Running("running", "gone", t0)};
  catalog.Apply(change);
  EXPECT_THAT(catalog.ExpiredRequests(t0 + absl::Seconds(5), 100),
              ElementsAre("r2", "running"));
  EXPECT_THAT(catalog.ExpiredRequests(t0 - absl::Seconds(5), 100), IsEmpty());
  // Too many: the oldest first, alive or not, but none that still runs.
  EXPECT_THAT(catalog.ExpiredRequests(t0 - absl::Seconds(5), 2),
              ElementsAre("r1", "r1n", "r2"));
}

// It was interrupted, and nobody came back to ask what became of it.
TEST(CatalogTest, AnInterruptedRequestExpiresWhenItsObjectIsGone) {
  Catalog catalog;
  const absl::Time t0 = absl::UnixEpoch();
  CatalogChange change;
  change.put_containers = {Record("a", "web", 1)};
  change.put_requests = {Running("old", PaddedId("a"), t0),
                         Running("new", "gone", t0 + absl::Seconds(9))};
  catalog.Apply(change);
  EXPECT_THAT(catalog.ExpiredRequests(t0 + absl::Seconds(5), 100), IsEmpty());
  CatalogChange erase;
  erase.erase_containers = {PaddedId("a")};
  catalog.Apply(erase);
  EXPECT_THAT(catalog.ExpiredRequests(t0 + absl::Seconds(5), 100),
              ElementsAre("old"));
  erase.erase_requests = {"old"};
  catalog.Apply(erase);
  EXPECT_THAT(catalog.ExpiredRequests(t0 + absl::Seconds(5), 100), IsEmpty());
}

TEST(CatalogTest, AFinishedRequestReplacesTheRunningOne) {
  Catalog catalog;
  CatalogChange change;
  change.put_requests = {Running("r", "", absl::UnixEpoch())};
  catalog.Apply(change);
  change.put_requests = {Finished("r", "", absl::UnixEpoch())};
  catalog.Apply(change);
  EXPECT_EQ(catalog.counts().requests, 1u);
  EXPECT_THAT(catalog.ExpiredRequests(absl::InfiniteFuture(), 100),
              ElementsAre("r"));
  CatalogChange erase;
  erase.erase_requests = {"r"};
  catalog.Apply(erase);
  EXPECT_EQ(catalog.Request("r"), nullptr);
  EXPECT_THAT(catalog.ExpiredRequests(absl::InfiniteFuture(), 0), IsEmpty());
}

TEST(CatalogTest, TombstonesExpireByAgeAndByNumber) {
  Catalog catalog;
  const absl::Time t0 = absl::UnixEpoch();
  CatalogChange change;
  for (int i = 0; i < 5; ++i) {
    auto record = std::make_shared<ContainerRecord>(
        *Record(absl::StrCat(i), absl::StrCat("n", i), i + 1));
    record->status.delete_time = t0 + absl::Seconds(i);
    change.put_tombstones.push_back(record);
  }
  catalog.Apply(change);
  EXPECT_THAT(catalog.ExpiredTombstones(t0 + absl::Seconds(2), 100),
              ElementsAre(PaddedId("0"), PaddedId("1")));
  EXPECT_THAT(catalog.ExpiredTombstones(t0, 3),
              ElementsAre(PaddedId("0"), PaddedId("1")));
}

TEST(PageTokenTest, ComesBack) {
  absl::StatusOr<PageToken> token =
      ParsePageToken(EncodePageToken({7, 5, "abc"}));
  ASSERT_THAT(token, IsOk());
  EXPECT_EQ(token->revision, 7);
  EXPECT_EQ(token->create_revision, 5);
  EXPECT_EQ(token->id, "abc");
}

}  // namespace
}  // namespace caisson::store
