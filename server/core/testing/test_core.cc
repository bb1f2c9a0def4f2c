#include "server/core/testing/test_core.h"

#include <sched.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/file.h"
#include "server/core/manager/recovery.h"

namespace caisson::core {
namespace {

std::string MakeDirectory(std::string path) {
  EXPECT_TRUE(base::MakeDirectories(path, 0700).ok());
  return path;
}

// A v2 host whose cgroups are empty directories that never exist.
cgroup::Base FakeBase(const std::string& path) {
  cgroup::Base base;
  cgroup::Hierarchy unified;
  unified.version = cgroup::Version::kV2;
  unified.mount_point = path;
  unified.own_path = "/";
  unified.controllers = {"cpu", "memory", "pids"};
  base.facts.hierarchies = {unified};
  base.group.directories = {{std::string(cgroup::kUnified), path}};
  base.group.has_kill = true;
  base.unified_controllers = unified.controllers;
  return base;
}

linux_::HostFacts FakeFacts(int boot) {
  linux_::HostFacts facts;
  for (const std::string_view name :
       {linux_::kFeatureOverlay, linux_::kFeatureOverlayVolatile}) {
    facts.features.push_back({std::string(name), true, ""});
  }
  for (rlimit& limit : facts.rlimits) limit = {RLIM_INFINITY, RLIM_INFINITY};
  facts.nr_open = 1 << 20;
  facts.bounding_capabilities = (uint64_t{1} << 41) - 1;
  facts.effective_capabilities = facts.bounding_capabilities;
  facts.boot_id = absl::StrCat("boot-", boot);
  return facts;
}

}  // namespace

std::string ReasonOf(const absl::Status& status) {
  return base::DetailOf(status).reason;
}

TestCore::TestCore(TestCoreOptions options)
    : open_netns_([](const store::ContainerRecord&) {
        return absl::NotFoundError("no namespace");
      }),
      options_(std::move(options)),
      root_(MakeDirectory(directory_.File("root"))),
      state_(MakeDirectory(directory_.File("state"))),
      keeper_(state_) {
  Open();
}

TestCore::~TestCore() {
  Close();
}

void TestCore::Open(bool same_boot) {
  if (!same_boot) ++boots_;
  output_ = *OutputService::Create();
  store::StoreOptions options;
  options.path = root_ + "/caisson.db";
  options.boot_id = absl::StrCat("boot-", boots_);
  options.background_thread = false;
  options.vfs = options_.vfs.empty() ? disk_.name() : options_.vfs;
  store_ = *store::Store::Open(options);
  executor_ = std::make_unique<Executor>(2, "core");
  blocking_ = std::make_unique<Executor>(2, "blocking");
  lane_ = std::make_unique<SlowLane>(executor_.get(), 1);
  requests_ = std::make_unique<RequestTable>(store_.get());
  registry_ = std::make_unique<Registry>(store_.get());
  env_ = std::make_unique<Env>();
  env_->store = store_.get();
  env_->output = output_.get();
  env_->executor = executor_.get();
  env_->blocking = blocking_.get();
  env_->lane = lane_.get();
  env_->requests = requests_.get();
  env_->places = {.root = root_,
                  .state = state_,
                  .base = FakeBase(directory_.File("cgroup"))};
  env_->facts = FakeFacts(boots_);
  env_->commit_retry = absl::Milliseconds(1);
  env_->forget = [this](const std::string& id) { registry_->Remove(id); };
  ASSERT_TRUE(base::MakeDirectories(root_ + "/containers", 0700).ok());
  trash_ = *Trash::Open(root_);
  env_->trash = trash_.get();
  stock_ = *DirectoryStock::Open(root_);
  env_->stock = stock_.get();
  link_ = *shimlink::Link::Open({.state_directory = state_,
                                 .shim_program = "/nonexistent/shim",
                                 .keeper_arguments = {}});
  env_->link = link_.get();
  keeper_.Accept();
  ASSERT_TRUE(link_->WaitForKeeper(absl::Minutes(1)).ok());
  if (options_.networks) {
    networks_ = std::make_unique<Networks>(
        Networks::Options{.store = store_.get(),
                          .executor = executor_.get(),
                          .boot_id = env_->facts.boot_id,
                          .state = state_,
                          .open_netns = open_netns_});
    env_->networks = networks_.get();
    ASSERT_TRUE(networks_->Recover().ok());
    if (on_networks_recovered_) on_networks_recovered_();
  }
  containers_ = std::make_unique<Containers>(env_.get(), registry_.get());
  execs_ = std::make_unique<Execs>(env_.get(), registry_.get());
  RecoverContainers(env_.get(), registry_.get());
  env_->recovering = false;
}

void TestCore::Close() {
  if (env_ == nullptr) return;
  env_->shutting_down = true;
  for (const ActorPtr& actor : registry_->All()) {
    actor->queue().Post([actor] { actor->BeginShutdown(); });
  }
  if (link_ != nullptr) link_->Stop();
  blocking_->Stop();
  if (networks_ != nullptr) networks_->Stop();
  executor_->Stop();
  link_.reset();
  registry_->Clear();
  execs_.reset();
  containers_.reset();
  lane_.reset();
  stock_.reset();
  trash_.reset();
  networks_.reset();
  env_.reset();
  store_.reset();
  output_.reset();
}

spec::ContainerSpec TestCore::Spec(const std::string& name) {
  spec::ContainerSpec spec;
  spec.name = name;
  spec.rootfs.host_directory = spec::HostDirectory{"/images/a", {}};
  spec.process.command = {"program"};
  return spec;
}

spec::ExecSpec TestCore::ExecSpec() {
  spec::ExecSpec spec;
  spec.process.command = {"program"};
  return spec;
}

RequestKey TestCore::Key(const std::string& method, int number) {
  return {.id = absl::StrFormat("3f2a8c1e-0000-4000-8000-%012d", number),
          .method = method,
          .fingerprint = "same",
          .fingerprint_version = 1};
}

std::string TestCore::Directory(const std::string& id) const {
  return root_ + "/containers/" + id;
}

std::string TestCore::MakeKillFile(const std::string& id) const {
  const std::string path = directory_.File("cgroup/" + id);
  EXPECT_TRUE(base::MakeDirectories(path, 0700).ok());
  std::string file = path + "/cgroup.kill";
  EXPECT_TRUE(base::WriteFileAtomic(file, "", 0600).ok());
  return file;
}

ContainerPtr TestCore::Create(const std::string& name) {
  Result<CreateResult> created;
  containers().Create({.spec = Spec(name), .request = {}}, created.Take());
  EXPECT_TRUE(created.Get().ok()) << created.Get().status().ToString();
  return created.Get()->container;
}

ContainerPtr TestCore::StartNew(FakeShimPtr* shim, const std::string& name) {
  const ContainerPtr container = Create(name);
  Result<StartResult> started;
  containers().Start({.container = container->id, .request = {}},
                     started.Take());
  *shim = keeper_.NextShim();
  EXPECT_TRUE((*shim)->Prepare());
  (*shim)->Started();
  EXPECT_TRUE(started.Get().ok()) << started.Get().status().ToString();
  return started.Get()->container;
}

Started TestCore::RunNew(FakeShimPtr* shim, RunArgs args) {
  Result<Started> started;
  containers().Run(std::move(args), started.Take());
  *shim = keeper_.NextShim();
  EXPECT_TRUE((*shim)->Prepare());
  (*shim)->Started();
  EXPECT_TRUE(started.Get().ok()) << started.Get().status().ToString();
  return *std::move(started.Get());
}

Started TestCore::ExecNew(FakeShim* shim, const std::string& container,
                          uint32_t number) {
  Result<Started> started;
  execs().Exec({.container = container, .spec = ExecSpec(), .request = {}},
               started.Take());
  const TestFrame frame = shim->Receive();
  EXPECT_EQ(frame.type, shim::FrameType::kExec);
  EXPECT_EQ(frame.target, number);
  shim->Started(4712, number);
  EXPECT_TRUE(started.Get().ok()) << started.Get().status().ToString();
  return *std::move(started.Get());
}

ContainerPtr TestCore::WaitExited(const std::string& container) {
  Result<WaitResult> exited;
  const CallPtr call =
      containers().Wait({.container = container, .run = {}}, exited.Take());
  EXPECT_TRUE(exited.Get().ok()) << exited.Get().status().ToString();
  return exited.Get()->container;
}

void TestCore::WaitForgotten(const std::string& id) {
  while (registry_->ById(id) != nullptr) ::sched_yield();
}

}  // namespace caisson::core
