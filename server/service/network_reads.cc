#include "server/service/network_reads.h"

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

}  // namespace caisson::service
