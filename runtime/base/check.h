// CAISSON_CHECK: ends the process on a programmer's error. Never for what the
// kernel, the disk or a client can cause.
//
// Process: any. Thread: any.
#ifndef CAISSON_RUNTIME_BASE_CHECK_H_
#define CAISSON_RUNTIME_BASE_CHECK_H_

namespace caisson::base {

[[noreturn]] void CheckFailed(const char* file, int line,
                              const char* condition);

}  // namespace caisson::base

#define CAISSON_CHECK(condition)                                    \
  do {                                                              \
    if (!(condition)) [[unlikely]] {                                \
      ::caisson::base::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                               \
  } while (false)

#endif  // CAISSON_RUNTIME_BASE_CHECK_H_
