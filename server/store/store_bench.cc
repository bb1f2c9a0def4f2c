// What a commit costs and what a list costs. Run it by hand:
//   store_bench --benchmark_min_time=1
// The file lies in TMPDIR; for numbers of a real disk set it to one.
#include <atomic>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"

#include "runtime/base/check.h"
#include "server/store/store.h"
#include "server/store/test_store.h"

namespace caisson::store {
namespace {

std::unique_ptr<Store> OpenStore(const TempDirectory& directory) {
  StoreOptions options;
  options.path = directory.File("caisson.db");
  options.boot_id = "bench";
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options);
  CAISSON_CHECK(store.ok());
  return *std::move(store);
}

// The commits of one container's life: made, started, exited, deleted.
void CommitLife(Store* store, int64_t number) {
  ContainerRecord record =
      MakeContainer(absl::StrCat(number, "x"), absl::StrCat("n", number));
  record.intent = Intent::kCreate;
  Transaction intent;
  intent.put_containers.push_back(record);
  CAISSON_CHECK(store->Commit(std::move(intent)).ok());
  record.intent = Intent::kNone;
  record.status.state = ContainerState::kRunning;
  record.status.run = 1;
  record.status.pid = 4711;
  record.status.effective = {"default/1", {"CAP_KILL"}, 2048, "0:0", "c/x"};
  Transaction started = PutAndAnnounce(record, "container.created");
  started.AddEvent("container.started", record.id);
  CAISSON_CHECK(store->Commit(std::move(started)).ok());
  record.status.state = ContainerState::kExited;
  record.status.exit.emplace();
  record.status.exit->kind = ExitInfo::Kind::kCode;
  record.status.exit->end_offset = 12;
  CAISSON_CHECK(store->Commit(PutAndAnnounce(record, "container.exited")).ok());
  Transaction deletion;
  deletion.delete_containers.push_back(record);
  deletion.AddEvent("container.deleted", record.id);
  CAISSON_CHECK(store->Commit(std::move(deletion)).ok());
}

void BM_Commit(benchmark::State& state) {
  static TempDirectory* directory = nullptr;
  static std::unique_ptr<Store>* store = nullptr;
  static std::atomic<int64_t> next{0};
  if (state.thread_index() == 0) {
    directory = new TempDirectory();
    store = new std::unique_ptr<Store>(OpenStore(*directory));
  }
  for (auto _ : state) CommitLife(store->get(), ++next);
  state.SetItemsProcessed(state.iterations() * 4);
  if (state.thread_index() == 0) {
    const StoreHealth health = (*store)->health();
    state.counters["commits_per_batch"] = static_cast<double>(health.commits) /
                                          static_cast<double>(health.batches);
    delete store;
    delete directory;
  }
}
BENCHMARK(BM_Commit)->UseRealTime();
BENCHMARK(BM_Commit)->Threads(4)->UseRealTime();

void BM_ListThousand(benchmark::State& state) {
  const TempDirectory directory;
  const std::unique_ptr<Store> store = OpenStore(directory);
  for (int i = 0; i < 1'000; ++i) {
    ContainerRecord record =
        MakeContainer(absl::StrCat(i, "x"), absl::StrCat("n", i));
    record.spec = MakeSpec(record.name, {{"app", i % 2 == 0 ? "a" : "b"}});
    CAISSON_CHECK(
        store->Commit(PutAndAnnounce(record, "container.created")).ok());
  }
  ContainerFilter filter;
  filter.labels = *LabelSelector::Parse("app in (a,c)");
  PageRequest page;
  page.max_items = 1'000;
  for (auto _ : state) {
    absl::StatusOr<ContainerPage> result = store->ListContainers(filter, page);
    CAISSON_CHECK(result.ok() && result->containers.size() == 500);
  }
}
BENCHMARK(BM_ListThousand);

}  // namespace
}  // namespace caisson::store

BENCHMARK_MAIN();
