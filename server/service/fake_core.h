// Stand-ins for core in the tests of this layer. What a test does not set is
// not expected to be called and fails it.
//
// Process: unit tests. Thread: any.
#ifndef CAISSON_SERVER_SERVICE_FAKE_CORE_H_
#define CAISSON_SERVER_SERVICE_FAKE_CORE_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"

#include "server/core/container_manager.h"
#include "server/core/exec_manager.h"
#include "server/core/network_manager.h"
#include "server/core/system.h"

namespace caisson::service {

inline absl::Status NotExpected(const char* call) {
  ADD_FAILURE() << "the request reached core: " << call;
  return absl::InternalError("not expected");
}

class FakeCall : public core::Call {
 public:
  explicit FakeCall(std::function<void()> on_cancel = [] {})
      : on_cancel_(std::move(on_cancel)) {}
  void Cancel() override { on_cancel_(); }

 private:
  const std::function<void()> on_cancel_;
};

class FakeContainers : public core::ContainerManager {
 public:
  std::function<core::CallPtr(core::CreateArgs,
                              core::Callback<core::CreateResult>)>
      on_create;
  std::function<core::CallPtr(core::WaitArgs, core::Callback<core::WaitResult>)>
      on_wait;
  std::function<core::CallPtr(core::RunArgs, core::Callback<core::Started>)>
      on_run;
  std::function<void(core::AttachArgs, core::Callback<core::Started>)>
      on_attach;
  std::function<absl::StatusOr<core::SessionPtr>(std::string)> on_logs;

  core::CallPtr Create(core::CreateArgs args,
                       core::Callback<core::CreateResult> callback) override {
    if (on_create) return on_create(std::move(args), std::move(callback));
    callback(NotExpected("Create"));
    return std::make_shared<FakeCall>();
  }
  void Start(core::StartArgs,
             core::Callback<core::StartResult> callback) override {
    callback(NotExpected("Start"));
  }
  void Stop(core::StopArgs,
            core::Callback<core::ContainerPtr> callback) override {
    callback(NotExpected("Stop"));
  }
  void Kill(core::KillArgs, core::DoneCallback callback) override {
    callback(NotExpected("Kill"));
  }
  void Delete(core::DeleteArgs,
              core::Callback<core::ContainerPtr> callback) override {
    callback(NotExpected("Delete"));
  }
  core::CallPtr Wait(core::WaitArgs args,
                     core::Callback<core::WaitResult> callback) override {
    if (on_wait) return on_wait(std::move(args), std::move(callback));
    callback(NotExpected("Wait"));
    return std::make_shared<FakeCall>();
  }
  core::CallPtr Run(core::RunArgs args,
                    core::Callback<core::Started> callback) override {
    if (on_run) return on_run(std::move(args), std::move(callback));
    callback(NotExpected("Run"));
    return std::make_shared<FakeCall>();
  }
  void Attach(core::AttachArgs args,
              core::Callback<core::Started> callback) override {
    if (on_attach) return on_attach(std::move(args), std::move(callback));
    callback(NotExpected("Attach"));
  }
  absl::StatusOr<core::SessionPtr> OpenLogs(
      std::string_view container) override {
    if (on_logs) return on_logs(std::string(container));
    return NotExpected("OpenLogs");
  }
  void ListProcesses(
      std::string,
      core::Callback<std::vector<core::ProcessEntry>> callback) override {
    callback(NotExpected("ListProcesses"));
  }
  void Explain(spec::ContainerSpec,
               core::Callback<core::Explanation> callback) override {
    callback(NotExpected("Explain"));
  }
  void ExplainExisting(std::string,
                       core::Callback<core::Explanation> callback) override {
    callback(NotExpected("ExplainExisting"));
  }
  std::optional<core::PendingOperation> Pending(
      std::string_view) const override {
    return std::nullopt;
  }
};

class FakeExecs : public core::ExecManager {
 public:
  std::function<core::CallPtr(core::ExecArgs, core::Callback<core::Started>)>
      on_exec;

  core::CallPtr Exec(core::ExecArgs args,
                     core::Callback<core::Started> callback) override {
    if (on_exec) return on_exec(std::move(args), std::move(callback));
    callback(NotExpected("Exec"));
    return std::make_shared<FakeCall>();
  }
  void Kill(core::KillExecArgs, core::DoneCallback callback) override {
    callback(NotExpected("KillExec"));
  }
  core::CallPtr Wait(std::string,
                     core::Callback<core::WaitExecResult> callback) override {
    callback(NotExpected("WaitExec"));
    return std::make_shared<FakeCall>();
  }
  absl::StatusOr<core::SessionPtr> OpenLogs(std::string_view) override {
    return NotExpected("OpenLogs of an exec");
  }
};

class FakeNetworks : public core::NetworkManager {
 public:
  std::function<void(core::CreateNetworkArgs,
                     core::Callback<core::CreateNetworkResult>)>
      on_create;
  std::function<void(core::ExplainNetworkArgs,
                     core::Callback<core::NetworkExplanation>)>
      on_explain;
  std::function<void(core::DeleteNetworkArgs, core::Callback<core::NetworkPtr>)>
      on_delete;
  std::function<void(core::ConnectArgs, core::Callback<core::ContainerPtr>)>
      on_connect;
  std::function<void(core::DisconnectArgs, core::Callback<core::ContainerPtr>)>
      on_disconnect;
  std::function<void(core::PublishArgs, core::Callback<core::ContainerPtr>)>
      on_publish;
  std::function<void(core::UnpublishArgs, core::Callback<core::ContainerPtr>)>
      on_unpublish;

  std::function<void(std::string, core::Callback<core::InterfaceList>)>
      on_interfaces;
  std::function<void(core::CreateNetworkNamespaceArgs,
                     core::Callback<core::NetworkNamespacePtr>)>
      on_create_namespace;
  std::function<void(core::DeleteNetworkNamespaceArgs,
                     core::Callback<core::NetworkNamespacePtr>)>
      on_delete_namespace;

  void Create(core::CreateNetworkArgs args,
              core::Callback<core::CreateNetworkResult> callback) override {
    if (on_create) return on_create(std::move(args), std::move(callback));
    callback(NotExpected("CreateNetwork"));
  }
  void Explain(core::ExplainNetworkArgs args,
               core::Callback<core::NetworkExplanation> callback) override {
    if (on_explain) return on_explain(std::move(args), std::move(callback));
    callback(NotExpected("ExplainNetwork"));
  }
  void Delete(core::DeleteNetworkArgs args,
              core::Callback<core::NetworkPtr> callback) override {
    if (on_delete) return on_delete(std::move(args), std::move(callback));
    callback(NotExpected("DeleteNetwork"));
  }
  void Connect(core::ConnectArgs args,
               core::Callback<core::ContainerPtr> callback) override {
    if (on_connect) return on_connect(std::move(args), std::move(callback));
    callback(NotExpected("ConnectContainer"));
  }
  void Disconnect(core::DisconnectArgs args,
                  core::Callback<core::ContainerPtr> callback) override {
    if (on_disconnect) {
      return on_disconnect(std::move(args), std::move(callback));
    }
    callback(NotExpected("DisconnectContainer"));
  }
  void Publish(core::PublishArgs args,
               core::Callback<core::ContainerPtr> callback) override {
    if (on_publish) return on_publish(std::move(args), std::move(callback));
    callback(NotExpected("PublishPort"));
  }
  void Unpublish(core::UnpublishArgs args,
                 core::Callback<core::ContainerPtr> callback) override {
    if (on_unpublish) return on_unpublish(std::move(args), std::move(callback));
    callback(NotExpected("UnpublishPort"));
  }
  void ListInterfaces(std::string container,
                      core::Callback<core::InterfaceList> callback) override {
    if (on_interfaces) {
      return on_interfaces(std::move(container), std::move(callback));
    }
    callback(NotExpected("ListInterfaces"));
  }
  void CreateNamespace(
      core::CreateNetworkNamespaceArgs args,
      core::Callback<core::NetworkNamespacePtr> callback) override {
    if (on_create_namespace) {
      return on_create_namespace(std::move(args), std::move(callback));
    }
    callback(NotExpected("CreateNetworkNamespace"));
  }
  void DeleteNamespace(
      core::DeleteNetworkNamespaceArgs args,
      core::Callback<core::NetworkNamespacePtr> callback) override {
    if (on_delete_namespace) {
      return on_delete_namespace(std::move(args), std::move(callback));
    }
    callback(NotExpected("DeleteNetworkNamespace"));
  }
};

class FakeSystem : public core::System {
 public:
  core::Info GetInfo() const override {
    NotExpected("GetInfo").IgnoreError();
    return {};
  }
  void Audit(core::AuditArgs,
             core::Callback<core::AuditResult> callback) override {
    callback(NotExpected("Audit"));
  }
  void Repair(core::RepairArgs,
              core::Callback<core::RepairResult> callback) override {
    callback(NotExpected("Repair"));
  }
};

}  // namespace caisson::service

#endif  // CAISSON_SERVER_SERVICE_FAKE_CORE_H_
