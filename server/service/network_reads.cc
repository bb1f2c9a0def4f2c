#include "server/service/network_reads.h"

#include <map>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "runtime/base/str_cat.h"
#include "server/service/decode.h"
#include "server/translate/checks.h"
#include "server/translate/record_to_proto.h"

namespace caisson::service {
namespace {

namespace pb = ::caisson::v1;
using translate::Checks;

constexpr std::string_view kKey = "network";
constexpr size_t kMaxNamespaceName = 255;

// An exact id or name, or the beginning of one id.
absl::StatusOr<store::NetworkPtr> Find(const store::Catalog& catalog,
                                       const std::string& reference) {
  if (auto found = catalog.FindNetwork(reference)) return found;
  store::NetworkPage found;
  if (IsIdPrefix(reference)) {
    store::NetworkFilter filter;
    filter.id_prefix = absl::AsciiStrToLower(reference);
    store::PageRequest page;
    page.max_items = 2;
    CAISSON_ASSIGN_OR_RETURN(found, catalog.ListNetworks(filter, page));
  }
  if (found.networks.size() == 1) return found.networks[0];
  if (found.networks.empty()) {
    return base::MakeError(absl::StatusCode::kNotFound, "NETWORK_NOT_FOUND",
                           base::StrCat("no network '", reference, "'"),
                           {{std::string(kKey), reference}});
  }
  return base::MakeError(
      absl::StatusCode::kInvalidArgument, "AMBIGUOUS_REFERENCE",
      base::StrCat("several ids of networks begin with '", reference, "'"),
      {{std::string(kKey), reference}});
}

// With what is observed of it beside its record.
void EncodeNetwork(const Backend& backend, const store::NetworkRecord& record,
                   pb::ManagedNetwork* out) {
  const size_t endpoints = backend.store->catalog().EndpointsOf(record.id);
  translate::NetworkToProto(record, static_cast<int32_t>(endpoints), out);
}

// The ids of running containers by the name of what they joined.
using Joined = std::multimap<std::string, std::string>;

Joined JoinedNow(const store::Catalog& catalog) {
  Joined joined;
  for (const store::ContainerPtr& container : catalog.AllContainers()) {
    if (container->status.state == store::ContainerState::kRunning &&
        container->spec->network.mode == spec::NetworkMode::kNamespace) {
      joined.emplace(container->spec->network.namespace_name, container->id);
    }
  }
  return joined;
}

void EncodeNamespace(const store::NetworkNamespaceRecord& record,
                     const Joined& joined, pb::NetworkNamespace* out) {
  translate::NetworkNamespaceToProto(record, out);
  const auto [first, last] = joined.equal_range(record.name);
  for (auto one = first; one != last; ++one) out->add_containers(one->second);
}

}  // namespace

absl::Status ReadNetwork(const Backend& backend,
                         const pb::GetNetworkRequest& request,
                         pb::GetNetworkResponse* response) {
  Checks checks;
  const std::string reference = checks.Network(request.network(), kKey);
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  const store::Catalog& catalog = backend.store->catalog();
  // Read first: events after it then include every change that the record
  // does not have.
  response->set_revision(catalog.revision());
  CAISSON_ASSIGN_OR_RETURN(const store::NetworkPtr record,
                           Find(catalog, reference));
  EncodeNetwork(backend, *record, response->mutable_network());
  return absl::OkStatus();
}

absl::Status ReadNetworks(const Backend& backend,
                          const pb::ListNetworksRequest& request,
                          pb::ListNetworksResponse* response) {
  Checks checks;
  const store::NetworkFilter filter = checks.Filter(request.filter(), "filter");
  CAISSON_ASSIGN_OR_RETURN(
      const store::PageRequest page,
      DecodePage(request.page_size(), request.page_token(), &checks));
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  CAISSON_ASSIGN_OR_RETURN(
      const store::NetworkPage result,
      backend.store->ListNetworks(filter, page, translate::FullSize));
  for (const store::NetworkPtr& record : result.networks) {
    EncodeNetwork(backend, *record, response->add_networks());
  }
  response->set_next_page_token(result.next_page_token);
  response->set_revision(result.revision);
  response->set_store_id(backend.store->store_id());
  return absl::OkStatus();
}

absl::Status ReadNamespace(const Backend& backend,
                           const pb::GetNetworkNamespaceRequest& request,
                           pb::GetNetworkNamespaceResponse* response) {
  Checks checks;
  const std::string name = checks.NetworkNamespace(request.name(), "name");
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  const store::Catalog& catalog = backend.store->catalog();
  response->set_revision(catalog.revision());
  const auto record = catalog.FindNetworkNamespace(name);
  if (record == nullptr) {
    return base::MakeError(absl::StatusCode::kNotFound,
                           "NETWORK_NAMESPACE_NOT_FOUND",
                           base::StrCat("no network namespace '", name, "'"),
                           {{"network_namespace", name}});
  }
  EncodeNamespace(*record, JoinedNow(catalog),
                  response->mutable_network_namespace());
  return absl::OkStatus();
}

absl::Status ReadNamespaces(const Backend& backend,
                            const pb::ListNetworkNamespacesRequest& request,
                            pb::ListNetworkNamespacesResponse* response) {
  Checks checks;
  store::NetworkNamespaceFilter filter;
  filter.name_prefix = request.name_prefix();
  if (filter.name_prefix.size() > kMaxNamespaceName) {
    checks.Add("name_prefix",
               base::StrCat("is longer than ", kMaxNamespaceName, " bytes"));
  }
  CAISSON_ASSIGN_OR_RETURN(
      const store::PageRequest page,
      DecodePage(request.page_size(), request.page_token(), &checks));
  CAISSON_RETURN_IF_ERROR(checks.Finish());
  CAISSON_ASSIGN_OR_RETURN(const store::NetworkNamespacePage result,
                           backend.store->ListNetworkNamespaces(filter, page));
  const Joined joined = JoinedNow(backend.store->catalog());
  for (const auto& record : result.namespaces) {
    EncodeNamespace(*record, joined, response->add_network_namespaces());
  }
  response->set_next_page_token(result.next_page_token);
  response->set_revision(result.revision);
  response->set_store_id(backend.store->store_id());
  return absl::OkStatus();
}

}  // namespace caisson::service
