// An image's /etc/passwd and /etc/group: any bytes, no crash, and whatever is
// found points into the text.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "runtime/init/passwd.h"

namespace {

using caisson::init::Text;

void CheckInside(Text whole, Text part) {
  if (part.size == 0) return;
  if (part.data < whole.data ||
      part.data + part.size > whole.data + whole.size) {
    abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Text text{reinterpret_cast<const char*>(data), size};
  caisson::init::PasswdEntry entry;
  if (caisson::init::FindUserByName(text, "a", &entry)) {
    CheckInside(text, entry.name);
    CheckInside(text, entry.home);
  }
  if (caisson::init::FindUserById(text, 0, &entry) && entry.uid != 0) abort();
  uint32_t gid = 0;
  caisson::init::FindGroup(text, "a", &gid);
  uint32_t groups[4];
  size_t count = 0;
  caisson::init::CollectGroups(text, Text{"a", 1}, groups, &count, 4);
  if (count > 4) abort();
  return 0;
}
