#include "server/service/catalog_reads.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "server/service/decode.h"
#include "server/service/encode.h"
#include "server/translate/record_to_proto.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;
using translate::Checks;
using translate::ViewKind;

// An exact id or name, the id of a tombstone, or the beginning of one id.
absl::StatusOr<store::ContainerPtr> Find(const store::Catalog& catalog,
                                         const std::string& reference) {
  if (auto found = catalog.Find(reference)) return found;
  if (auto tombstone = catalog.Tombstone(reference)) return tombstone;
  std::vector<store::ContainerPtr> found;
  if (IsIdPrefix(reference)) {
    found = catalog.FindByIdPrefix(absl::AsciiStrToLower(reference), 2);
  }
  if (found.size() == 1) return found[0];
  if (found.empty()) {
    return base::MakeError(absl::StatusCode::kNotFound, "CONTAINER_NOT_FOUND",
                           base::StrCat("no container '", reference, "'"),
                           {{"container", reference}});
  }
  return base::MakeError(
      absl::StatusCode::kInvalidArgument, "AMBIGUOUS_REFERENCE",
      base::StrCat("several ids begin with '", reference, "'"),
      {{"container", reference}});
}

void EncodeContainer(const Backend& backend,
                     const store::ContainerRecord& record, ViewKind view,
                     pb::Container* out) {
  translate::ContainerToProto(record, view, out);
  if (auto pending = backend.containers->Pending(record.id)) {
    PendingToProto(*pending, out->mutable_status());
  }
}

}  // namespace

absl::Status ReadContainer(const Door& door, const Backend& backend,
                           const pb::GetContainerRequest& request,
                           pb::GetContainerResponse* response) {
  Checks checks;
  const std::string reference =
      checks.Container(request.container(), "container");
  CAISSON_ASSIGN_OR_RETURN(const ViewKind view,
                           DecodeView(door, request.view(), true, &checks));
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  const store::Catalog& catalog = backend.store->catalog();
  // Read first: events after it then include every change that the record
  // does not have.
  response->set_revision(catalog.revision());
  CAISSON_ASSIGN_OR_RETURN(const store::ContainerPtr record,
                           Find(catalog, reference));
  EncodeContainer(backend, *record, view, response->mutable_container());
  return absl::OkStatus();
}

absl::Status ReadContainers(const Door& door, const Backend& backend,
                            const pb::ListContainersRequest& request,
                            pb::ListContainersResponse* response) {
  Checks checks;
  const store::ContainerFilter filter =
      checks.Filter(request.filter(), "filter");
  CAISSON_ASSIGN_OR_RETURN(const ViewKind view,
                           DecodeView(door, request.view(), false, &checks));
  CAISSON_ASSIGN_OR_RETURN(
      const store::PageRequest page,
      DecodePage(request.page_size(), request.page_token(), &checks));
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  const store::Catalog::ContainerSize size =
      view == ViewKind::kFull
          ? static_cast<store::Catalog::ContainerSize>(translate::FullSize)
          : static_cast<store::Catalog::ContainerSize>(translate::BasicSize);
  CAISSON_ASSIGN_OR_RETURN(const store::ContainerPage result,
                           backend.store->ListContainers(filter, page, size));
  for (const store::ContainerPtr& record : result.containers) {
    EncodeContainer(backend, *record, view, response->add_containers());
  }
  response->set_next_page_token(result.next_page_token);
  response->set_revision(result.revision);
  response->set_store_id(backend.store->store_id());
  return absl::OkStatus();
}

absl::Status ReadExec(const Door& door, const Backend& backend,
                      const pb::GetExecRequest& request,
                      pb::GetExecResponse* response) {
  Checks checks;
  const std::string id = checks.Exec(request.exec(), "exec");
  CAISSON_ASSIGN_OR_RETURN(const ViewKind view,
                           DecodeView(door, request.view(), true, &checks));
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  const store::Catalog& catalog = backend.store->catalog();
  response->set_revision(catalog.revision());
  const store::ExecPtr record = catalog.ExecById(id);
  if (record == nullptr || record->intent == store::Intent::kCreate) {
    return base::MakeError(absl::StatusCode::kNotFound, "EXEC_NOT_FOUND",
                           base::StrCat("no exec '", id, "'"), {{"exec", id}});
  }
  translate::ExecToProto(*record, view, response->mutable_exec());
  return absl::OkStatus();
}

absl::Status ReadExecs(const Door& door, const Backend& backend,
                       const pb::ListExecsRequest& request,
                       pb::ListExecsResponse* response) {
  Checks checks;
  store::ExecFilter filter(checks.Filter(request.filter(), "filter"));
  for (int i = 0; i < request.states_size(); ++i) {
    if (auto state = translate::StateFromProto(request.states(i))) {
      filter.states.push_back(*state);
    } else {
      checks.Add(base::StrCat("states[", i, "]"), "is no known state");
    }
  }
  filter.labels = checks.Selector(request.label_selector(), "label_selector");
  CAISSON_ASSIGN_OR_RETURN(const ViewKind view,
                           DecodeView(door, request.view(), false, &checks));
  CAISSON_ASSIGN_OR_RETURN(
      const store::PageRequest page,
      DecodePage(request.page_size(), request.page_token(), &checks));
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  const store::Catalog::ExecSize size =
      view == ViewKind::kFull
          ? static_cast<store::Catalog::ExecSize>(translate::FullSize)
          : static_cast<store::Catalog::ExecSize>(translate::BasicSize);
  CAISSON_ASSIGN_OR_RETURN(const store::ExecPage result,
                           backend.store->ListExecs(filter, page, size));
  for (const store::ExecPtr& record : result.execs) {
    translate::ExecToProto(*record, view, response->add_execs());
  }
  response->set_next_page_token(result.next_page_token);
  response->set_revision(result.revision);
  response->set_store_id(backend.store->store_id());
  return absl::OkStatus();
}

}  // namespace caisson::service
