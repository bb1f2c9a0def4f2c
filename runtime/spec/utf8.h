// Whether bytes are UTF-8.
//
// Process: daemon. Thread: any; pure.
#ifndef CAISSON_RUNTIME_SPEC_UTF8_H_
#define CAISSON_RUNTIME_SPEC_UTF8_H_

#include <string_view>

namespace caisson::spec {

// Strictly: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

}  // namespace caisson::spec

#endif  // CAISSON_RUNTIME_SPEC_UTF8_H_
