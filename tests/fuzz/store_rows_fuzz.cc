// Rows of the store's file: a damaged one is an error, never a crash, and what
// is read can be written and read again.
#include <stddef.h>
#include <stdint.h>

#include <string>
#include <string_view>

#include "runtime/base/check.h"
#include "server/store/codec.h"
#include "server/store/network_codec.h"
#include "server/store/page_token.h"

namespace caisson::store {
namespace {

void TryEveryRow(std::string_view text) {
  ContainerRecord container;
  if (DecodeContainer(text, &container).ok()) {
    const std::string once = EncodeContainer(container);
    ContainerRecord again;
    CAISSON_CHECK(DecodeContainer(once, &again).ok());
    CAISSON_CHECK(EncodeContainer(again) == once);
  }
  ExecRecord exec;
  if (DecodeExec(text, &exec).ok()) {
    ExecRecord again;
    CAISSON_CHECK(DecodeExec(EncodeExec(exec), &again).ok());
  }
  RequestRow row;
  if (DecodeRequest(text, &row).ok()) {
    RequestRow again;
    CAISSON_CHECK(DecodeRequest(EncodeRequest(row), &again).ok());
  }
  NetworkRecord network;
  if (DecodeNetwork(text, &network).ok()) {
    NetworkRecord again;
    CAISSON_CHECK(DecodeNetwork(EncodeNetwork(network), &again).ok());
  }
  NetworkNamespaceRecord netns;
  if (DecodeNetworkNamespace(text, &netns).ok()) {
    NetworkNamespaceRecord again;
    CAISSON_CHECK(
        DecodeNetworkNamespace(EncodeNetworkNamespace(netns), &again).ok());
    CAISSON_CHECK(again == netns);
  }
  Event event;
  static_cast<void>(DecodeEventExtra(text, &event).ok());
  static_cast<void>(ParsePageToken(text).ok());
}

}  // namespace
}  // namespace caisson::store

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  caisson::store::TryEveryRow({reinterpret_cast<const char*>(data), size});
  return 0;
}
