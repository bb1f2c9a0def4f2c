// Ids of containers, execs and stores: 128 random bits as 32 hex digits.
//
// Process: daemon. Thread: any.
#ifndef CAISSON_RUNTIME_BASE_RANDOM_ID_H_
#define CAISSON_RUNTIME_BASE_RANDOM_ID_H_

#include <string>
#include <string_view>

namespace caisson::base {

// 32 lower-case hex digits from getrandom(2). Aborts when the kernel has no
// randomness at all, which no request can cause.
std::string RandomId();

// Whether `text` has the form of an id: exactly 32 hex digits, either case.
bool LooksLikeId(std::string_view text);

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_RANDOM_ID_H_
